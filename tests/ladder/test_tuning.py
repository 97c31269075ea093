"""The search for settings: what is searched, what is found, and that an interrupted search goes on."""

import json

import pytest

from conftest import reviews
from wordladder import climb
from wordladder.data.examples import Examples
from wordladder.errors import DataError, SettingError
from wordladder.ladder.tuning import TRIALS, Choices, search, search_space
from wordladder.recipe import Recipe, rung_names, rung_tasks

SPACE = {
    "training.learning_rate": Choices(0.01, low=0.001, high=0.1, log=True),
    "shallow.ngrams": Choices(None, (None, 1, 2, 3)),
}


def value(settings):
    """Best at a rate of 0.03 and bigrams."""
    from math import log

    return -abs(log(settings["training.learning_rate"] / 0.03)) + (settings["shallow.ngrams"] == 2)


def test_the_best_settings_are_found_and_the_default_is_tried_first(tmp_path):
    seen = []

    def fit(settings, report):
        seen.append(dict(settings))
        return value(settings)

    found = search(SPACE, fit, tmp_path, trials=25)
    assert seen[0] == {"training.learning_rate": 0.01, "shallow.ngrams": None}
    assert len(seen) == found.trials == 25
    assert found.default == value(seen[0])
    assert found.value == max(map(value, seen))
    assert found.settings["shallow.ngrams"] == 2
    assert 0.015 < found.settings["training.learning_rate"] < 0.06


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path):
    def fit(settings, report):
        for epoch in range(1, 4):
            report(epoch, value(settings) - 1 / epoch)
        return value(settings)

    whole = search(SPACE, fit, tmp_path / "whole", trials=12)

    calls = []

    def breaks(settings, report):
        calls.append(settings)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return fit(settings, report)

    with pytest.raises(KeyboardInterrupt):
        search(SPACE, breaks, tmp_path / "broken", trials=12)
    log = tmp_path / "broken" / TRIALS
    log.write_text(log.read_text(encoding="utf-8") + '{"params": {"tra', encoding="utf-8")
    again = search(SPACE, fit, tmp_path / "broken", trials=12)
    assert (again.settings, again.value, again.pruned) == (whole.settings, whole.value, whole.pruned)
    lines = [
        [json.loads(line) | {"seconds": 0} for line in (tmp_path / one / TRIALS).read_text().splitlines()]
        for one in ("whole", "broken")
    ]
    assert lines[0] == lines[1]
    assert whole.pruned > 0


def test_settings_that_fail_are_left_out(tmp_path):
    def fit(settings, report):
        if settings["shallow.ngrams"] == 2:
            raise DataError("no bigrams")
        return value(settings)

    assert search(SPACE, fit, tmp_path / "some", trials=10).settings.get("shallow.ngrams") != 2
    bad = {"shallow.ngrams": Choices(2, (2, 3)), "training.learning_rate": Choices(0.01, (0.01,))}
    assert search(bad, fit, tmp_path / "none", trials=3) is None
    assert search({}, fit, tmp_path / "empty", trials=3) is None


@pytest.mark.parametrize("task", rung_tasks())
def test_every_recipe_stays_valid_with_what_is_searched(task):
    for name in rung_names(task):
        recipe = Recipe.load(name, task)
        space = search_space(recipe)
        for key, one in space.items():
            for choice in one.values or (one.low, one.high):
                recipe.with_settings({key: choice})
            assert one.default in one.values if one.values else one.low <= one.default <= one.high
            assert key not in search_space(recipe, [key])


def test_a_climb_with_tuned_rungs(tmp_path):
    texts, labels = reviews(200)
    out = tmp_path / "c"
    rows = Examples((texts,), labels)
    asked = {"rungs": ["tfidf"], "seeds": 1, "threads": 1, "settings": {"shallow.lowercase": True}}
    found = climb(rows, output=out, tune=3, **asked)
    (rung,) = found.rungs
    assert rung.tuned.trials == 3
    assert "shallow.lowercase" not in rung.tuned.settings
    for key, one in rung.tuned.settings.items():
        assert f"{key.split('.')[1]} = " in rung.recipe, one
    kept = json.loads((out / "climb.json").read_text(encoding="utf-8"))["rungs"][0]["tuned"]
    assert kept["trials"] == 3
    assert "What other settings brought" in (out / "report.html").read_text(encoding="utf-8")
    with pytest.raises(SettingError, match="began with tune = 3, not None"):
        climb(rows, output=out, resume=True, **asked)
    with pytest.raises(SettingError, match="tune = 0"):
        climb(rows, output=tmp_path / "d", tune=0, **asked)
