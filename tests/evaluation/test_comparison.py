"""Two models on the same rows."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from conftest import reviews
from wordladder import Model, compare
from wordladder.cli import app
from wordladder.data.examples import Examples, Span
from wordladder.errors import SettingError
from wordladder.evaluation.comparison import mcnemar


@pytest.mark.parametrize("counts", [(0, 0), (0, 5), (3, 9), (9, 3), (40, 41), (700, 900)])
def test_mcnemar_is_the_exact_test_of_a_coin(counts):
    expected = binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0
    assert mcnemar(*counts) == pytest.approx(expected, rel=1e-6)


@pytest.fixture(scope="module")
def models():
    """One that has learned half of it wrongly, and one that has learned."""
    texts, labels = reviews(80)
    mixed = [*labels[:40], *np.random.default_rng(1).permutation(labels[40:]).tolist()]
    return [Model("tfidf").fit(texts, one) for one in (mixed, labels)]


def test_classifiers(models):
    texts, labels = reviews(60, seed=5)
    found = compare(*models, texts, labels)
    answers = [model.predict(texts) for model in models]
    right = [np.array(one) == np.array(labels) for one in answers]
    assert found.counts == {
        "both": int((right[0] & right[1]).sum()),
        "only_first": int((right[0] & ~right[1]).sum()),
        "only_second": int((right[1] & ~right[0]).sum()),
        "neither": int((~right[0] & ~right[1]).sum()),
    }
    assert found.first == models[0].evaluate(texts, labels)
    assert found.second == models[1].evaluate(texts, labels)
    assert found.difference.value == pytest.approx(found.second.value - found.first.value)
    assert found.difference.low <= found.difference.value <= found.difference.high
    rows = [row for row, (one, other) in enumerate(zip(*answers), start=1) if one != other]
    assert sorted(one.row for one in found.changed) == rows
    assert rows
    for one in found.changed:
        row = one.row - 1
        assert (one.texts, one.gold) == ((texts[row],), labels[row])
        assert one.verdict == {(True, False): "broken", (False, True): "fixed"}[right[0][row], right[1][row]]
    same = compare(models[0], models[0], texts, labels)
    assert same.difference.low == same.difference.high == 0
    assert (same.p_value, same.changed) == (1, [])


def test_taggers_and_numbers():
    texts = reviews(40)[0]
    tagged = Examples((texts,), [(Span(0, len(text.split()[0]), "X"),) for text in texts])
    tables = {"embedders": [{"kind": "static", "dim": 8, "min_count": 1}], "task": {"kind": "tagging"}}
    taggers = [Model(tables | {"training": {"epochs": n}}).fit(tagged, dev=tagged) for n in (1, 40)]
    found = compare(*taggers, tagged)
    exact = sum(
        tuple(map(tuple, one)) == tuple(gold) for one, gold in zip(taggers[1].predict(texts), tagged.labels)
    )
    assert found.counts["both"] + found.counts["only_second"] == exact
    numbers = [float(len(text)) for text in texts]
    ridge = [Model("ridge").fit(texts[:some], numbers[:some]) for some in (20, 40)]
    found = compare(*ridge, texts, numbers)
    assert found.counts is found.p_value is None
    gaps = [abs(one.first - one.second) for one in found.changed]
    assert gaps == sorted(gaps, reverse=True)
    with pytest.raises(SettingError, match="one is for tagging, the other for regression"):
        compare(taggers[0], ridge[0], texts)


def test_the_command(models, tmp_path):
    texts, labels = reviews(60, seed=5)
    rows = "\n".join(["text,label", *(f'"{text}",{label}' for text, label in zip(texts, labels))])
    (tmp_path / "test.csv").write_text(rows, encoding="utf-8")
    for number, model in enumerate(models):
        model.save(tmp_path / str(number))
    command = ["compare", *(str(tmp_path / name) for name in ("0", "1", "test.csv"))]
    done = CliRunner().invoke(app, [*command, "--json"])
    found = json.loads(done.stdout)
    assert found["difference"]["value"] == pytest.approx(compare(*models, texts, labels).difference.value)
    shown = CliRunner().invoke(app, [*command, "--changed", "2"]).stdout
    assert "McNemar p" in shown
    assert f"{len(found['changed'])} answers change, the first 2:" in shown
