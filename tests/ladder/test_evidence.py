"""What lies behind a figure: labels, confusions, calibration, and texts on which rungs differ."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_climb

from wordladder import climb
from wordladder.data.examples import Examples
from wordladder.ladder.choice import budget_classes
from wordladder.ladder.climb_folder import ClimbFolder
from wordladder.ladder.cost import energy_joules
from wordladder.ladder.evidence import calibration, find_evidence
from wordladder.ladder.price import format_number
from wordladder.ladder.report import report
from wordladder.ladder.run import ANSWERS


def test_bins_have_equally_many_rows_from_the_least_to_the_most_sure():
    random = np.random.default_rng(1)
    sure = random.random(5000)
    right = random.random(5000) < sure
    bins = calibration(sure, right)
    assert [one.rows for one in bins] == [500] * 10
    assert np.average([one.sure for one in bins]) == pytest.approx(sure.mean())
    assert np.average([one.right for one in bins]) == pytest.approx(right.mean())
    assert all(abs(one.sure - one.right) < 0.07 for one in bins)
    assert calibration(sure[:30], right[:30]) == ()


def test_the_evidence_of_a_climb_and_its_page(tmp_path):
    random = np.random.default_rng(2)
    topics = {"fruit": "apple pear plum", "metal": "iron zinc lead", "bird": "crow wren kite"}
    rows = [
        (" ".join(random.choice(f"{topics[label]} some more words here".split(), 6)), label)
        for label in random.choice(list(topics), 600)
    ]
    texts, labels = map(list, zip(*rows))
    labels = [labels[0] if n % 9 == 0 else label for n, label in enumerate(labels)]  # noise
    out = tmp_path / "c"
    settings = {"rungs": ["tfidf", "fasttext"], "seeds": 1, "threads": 1, "price_per_hour": 0.5}
    found = climb(Examples((texts,), labels), output=out, **settings)
    one = found.evidence
    assert {one.rung, one.other} == {"tfidf", "fasttext"}
    figures = one.labels[one.rung]
    assert set(figures) == set(topics)
    assert sum(label["support"] for label in figures.values()) == found.rule.rows
    with np.load(out / "runs" / one.rung / "seed-1" / ANSWERS) as arrays:
        gold, answers = arrays["test_outcomes"].T
        wrong = {}
        for pair in zip(arrays["labels"][gold].tolist(), arrays["labels"][answers].tolist()):
            wrong[pair] = wrong.get(pair, 0) + (pair[0] != pair[1])
    assert {pair[:2]: pair[2] for pair in one.confusions} == {k: v for k, v in wrong.items() if v}
    right = {
        name: np.load(out / "runs" / name / "seed-1" / ANSWERS)["test_right"]
        for name in (one.rung, one.other)
    }
    alone = {one.rung: right[one.rung] & ~right[one.other], one.other: right[one.other] & ~right[one.rung]}
    assert one.only == {name: int(rows.sum()) for name, rows in alone.items()}
    for row in one.disagreements:
        assert row.answers[row.right] == row.gold
        assert row.text in texts
    page = report(found)
    for title in (f"Each label by {one.rung}", f"What {one.rung} confuses", f"How sure {one.rung} may be"):
        assert title in page
    per_million = 1e6 / found.rung("tfidf").price.throughput / 3600 * 0.5
    assert format_number(per_million) in page
    assert ">A million</th>" in page


def test_without_kept_answers_there_is_no_evidence(tmp_path):
    made = made_up_climb(tmp_path, {"tfidf": (0.9, 0.4)})
    assert find_evidence(made, Examples((["a"] * 400,)), ClimbFolder(tmp_path)) is None
    assert "Each label" not in report(made)


def test_a_class_of_budget_has_its_best_rung(tmp_path):
    made = made_up_climb(tmp_path, {"a": (0.8, 0.5), "b": (0.9, 5.0), "c": (0.95, 50.0)})
    found = [(limit, rung.name) for cost, limit, rung in budget_classes(made) if cost == "latency"]
    assert found == [("1 ms a text", "a"), ("10 ms a text", "b"), ("100 ms a text", "c")]
    worse = replace(made, rungs=(made.rungs[1], made.rungs[0]))
    assert [rung.name for cost, _, rung in budget_classes(worse) if cost == "latency"] == ["a", "b"]


def test_energy_is_read_where_the_machine_tells_it(tmp_path):
    assert energy_joules(tmp_path) is None
    for package, microjoules in enumerate((1_500_000, 2_000_000)):
        (tmp_path / f"intel-rapl:{package}").mkdir()
        (tmp_path / f"intel-rapl:{package}" / "energy_uj").write_text(f"{microjoules}\n")
    (tmp_path / "intel-rapl:0" / "intel-rapl:0:0").mkdir()
    assert energy_joules(tmp_path) == 3.5
