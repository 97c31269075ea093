"""Sets of labels that contain the right one as often as was promised."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from conftest import reviews
from wordladder import Model, climb
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.errors import DataError, SettingError
from wordladder.tasks._decoding import least_for_recall, least_probability

RECIPE = {"shallow": {"kind": "tfidf"}, "task": {"kind": "classification", "guarantee": 0.8}}


@pytest.mark.parametrize("guarantee", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("rows", [19, 100, 333])
def test_sets_of_new_rows_cover_as_often_as_promised(rows, guarantee):
    random, covered = np.random.default_rng(1), []
    for _ in range(3000):
        chances = random.beta(3, 1, rows + 1)
        covered.append(chances[-1] >= least_probability(chances[:-1], guarantee))
    share = np.mean(covered)
    assert guarantee - 0.03 <= share <= guarantee + 1 / (rows + 1) + 0.03


def test_the_least_probability_is_the_quantile_of_the_paper():
    chances = np.random.default_rng(2).random(50)
    for guarantee in (0.1, 0.5, 0.9, 0.97):
        place = int(np.ceil(round(51 * guarantee, 9)))
        expected = 1 - np.sort(1 - chances)[place - 1]
        assert least_probability(chances, guarantee) == pytest.approx(expected)
    assert least_probability(chances, 0.99) == 0, "50 rows promise 0.98 at most, so sets have all labels"


@pytest.mark.parametrize("guarantee", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("rows", [19, 100])
def test_sets_of_entities_of_new_rows_hold_as_many_as_promised(rows, guarantee):
    random, held = np.random.default_rng(3), []
    for _ in range(2000):
        chances = [random.beta(3, 1, random.integers(1, 5)) for _ in range(rows + 1)]
        held.append(np.mean(chances[-1] >= least_for_recall(chances[:-1], guarantee)))
    assert guarantee - 0.03 <= np.mean(held) <= guarantee + 2 / (rows + 1) + 0.03


def test_the_least_probability_of_entities_is_that_of_the_paper():
    random = np.random.default_rng(4)
    chances = [random.random(random.integers(1, 4)).round(1) for _ in range(40)]
    for guarantee in (0.3, 0.7, 0.9):
        fine = [
            least
            for least in np.unique(np.concatenate(chances))
            if (40 * np.mean([np.mean(row < least) for row in chances]) + 1) / 41 <= 1 - guarantee
        ]
        assert least_for_recall(chances, guarantee) == max(fine, default=0.0)
    assert least_for_recall(chances, 0.99) == 0
    assert least_for_recall([], 0.9) == 0


def test_taggers_answer_with_sets_of_entities(tmp_path):
    random = np.random.default_rng(5)
    names = ["Ann", "Bo", "may", "will"]
    words = [[*random.choice([*names, "we", "see", "it"], 5)] for _ in range(300)]
    chance = {"Ann": 1.0, "Bo": 0.9, "may": 0.4, "will": 0.5}  # of being a name
    tags = [["B-PER" if random.random() < chance.get(word, 0) else "O" for word in row] for row in words]
    recipe = {"shallow": {"kind": "crf"}, "task": {"kind": "tagging", "guarantee": 0.9}}
    model = Model(recipe).fit(words[:100], tags[:100], dev=(words[100:200], tags[100:200]))
    loaded = Model.load(model.save(tmp_path / "model"))
    assert loaded.task_.least == model.task_.least > 0
    found = loaded.evaluate(words[200:], tags[200:]).metrics
    assert found["coverage"] == pytest.approx(0.9, abs=0.06)
    answers = loaded.answers(words[200:])
    assert np.mean([len(one["set"]) for one in answers]) == pytest.approx(found["labels_a_set"])
    assert any(len(one["set"]) > len(one["entities"]) for one in answers)
    for one in answers:
        assert all(entity["confidence"] >= loaded.task_.least for entity in one["set"])
        known = {(entity["start"], entity["type"]): entity["confidence"] for entity in one["set"]}
        for entity in one["entities"]:
            if entity["confidence"] >= loaded.task_.least:
                assert known[entity["start"], entity["type"]] == pytest.approx(entity["confidence"])
    with pytest.raises(SettingError, match="guarantee is 2"):
        Model({"shallow": {"kind": "crf"}, "task": {"kind": "tagging", "guarantee": 2}}).fit(words, tags)


@pytest.fixture(scope="module")
def noisy():
    """Texts with labels of which some are wrong."""
    texts, labels = reviews(400, seed=4)
    return texts, [labels[(row + 1) % 400] if row % 3 == 0 else label for row, label in enumerate(labels)]


@pytest.fixture(scope="module")
def model(noisy):
    texts, labels = noisy
    return Model(RECIPE).fit(texts[:150], labels[:150], dev=(texts[150:280], labels[150:280]))


def test_a_model_answers_with_sets(model, noisy, tmp_path):
    texts, labels = (part[280:] for part in noisy)
    loaded = Model.load(model.save(tmp_path / "model"))
    chances = model.predict_proba(texts)
    assert loaded.task_.least == model.task_.least > 0
    for answer, row in zip(loaded.answers(texts), chances):
        expected = [label for label, chance in zip(model.classes_, row) if chance >= model.task_.least]
        assert sorted(answer["set"]) == sorted(expected)
        assert answer["set"] == sorted(answer["set"], key=lambda label: -answer["probabilities"][label])
    found = loaded.evaluate(texts, labels).metrics
    sets = [answer["set"] for answer in loaded.answers(texts)]
    assert found["coverage"] == pytest.approx(np.mean([label in one for label, one in zip(labels, sets)]))
    assert found["labels_a_set"] == pytest.approx(np.mean(list(map(len, sets))))
    assert found["coverage"] > 0.65


def test_the_command_refuses_where_a_set_has_not_one_label(model, noisy, tmp_path):
    model.save(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("\n".join(noisy[0][280:330]), encoding="utf-8")
    command = ["predict", str(tmp_path / "model"), str(tmp_path / "texts.txt"), "--refuse"]
    rows = [json.loads(line) for line in CliRunner().invoke(app, [*command, "--json"]).stdout.splitlines()]
    assert all((row["label"] is None) == (len(row["set"]) != 1) for row in rows)
    lines = CliRunner().invoke(app, command).stdout.splitlines()
    assert [line.startswith("–") for line in lines] == [row["label"] is None for row in rows]
    assert any(row["label"] is None for row in rows)
    Model("tfidf").fit(*reviews(40)).save(tmp_path / "plain")
    done = CliRunner().invoke(app, ["predict", str(tmp_path / "plain"), command[2], "--refuse"])
    assert isinstance(done.exception, SettingError)


def test_a_climb_reports_the_coverage(noisy, tmp_path):
    found = climb(
        Examples((noisy[0],), noisy[1]), output=tmp_path / "climb", rungs=["tfidf"], seeds=2, guarantee=0.8
    )
    assert 0.5 < found.rungs[0].coverage <= 1
    assert 0 < found.rungs[0].labels_a_set <= 2
    assert "The sets of labels of tfidf" in (tmp_path / "climb" / "report.html").read_text(encoding="utf-8")


def test_what_cannot_be_promised(noisy):
    with pytest.raises(SettingError, match="between 0 and 1"):
        Model(RECIPE | {"task": {"kind": "classification", "guarantee": 1.5}}).fit(*noisy)
    with pytest.raises(DataError, match="one label a row"):
        Model(RECIPE).fit(noisy[0], [(label,) for label in noisy[1]])
