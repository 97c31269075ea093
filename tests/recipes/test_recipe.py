"""Recipes: what is accepted, what is refused and with which words, and that nothing is lost on the way."""

import pytest

from wordladder import Recipe
from wordladder.errors import RecipeError
from wordladder.recipe import component, rung_names, rung_tasks

STACK = {"embedders": [{"kind": "static"}], "encoders": [{"kind": "recurrent", "hidden": 8}]}


@pytest.mark.parametrize("name", rung_names())
def test_every_rung_is_valid_and_survives_a_round_trip(name, tmp_path):
    recipe = Recipe.load(name)
    path = tmp_path / f"{name}.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.load(path) == Recipe(recipe.tables, name, tmp_path)


def test_settings_can_be_changed():
    recipe = Recipe.load(STACK).with_settings({"training.epochs": 3, "encoders.0.hidden": 64})
    assert recipe.flat()["training.epochs"] == 3
    assert recipe.tables["encoders"][0]["hidden"] == 64
    assert Recipe.load(STACK).tables["encoders"][0]["hidden"] == 8, "the original stays"


def test_several_embedders_are_concatenated_by_default():
    recipe = Recipe.load({"embedders": [{"kind": "static"}, {"kind": "static"}]})
    assert recipe.tables["fusion"] == {"kind": "concatenate"}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "either"),
        ({**STACK, "shallow": {"kind": "tfidf"}}, "either"),
        ({"shallow": {"kind": "tfidf"}, "encoders": STACK["encoders"]}, "takes no encoders"),
        ({**STACK, "enconders": []}, "Did you mean 'encoders'"),
        ({**STACK, "format": 2}, "reads format 1"),
        ({"embedders": {"kind": "static"}}, r"\[\[embedders\]\]"),
        ({"embedders": [{"kind": "statc"}]}, "Did you mean 'static'"),
        ({"embedders": [{}]}, "kind is missing"),
        ({"embedders": [{"kind": "static", "dims": 3}]}, "dims: there is no such key. Did you mean 'dim'"),
        ({"embedders": [{"kind": "static", "dim": "3"}]}, "dim = '3'"),
        ({**STACK, "training": {"epoch": 3}}, "Did you mean 'epochs'"),
        ({**STACK, "task": {"kind": "classification", "metric": "f2"}}, "metric = 'f2'"),
    ],
)
def test_what_is_wrong_is_named(tables, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.load(tables)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("format = ", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"mine\.toml: not valid TOML"):
        Recipe.load(path)


def test_only_files_of_the_folder_are_ever_imported():
    for kind in ("os", "..text", "_material", "static.os"):
        with pytest.raises(RecipeError, match="there is no kind"):
            component("embedders", kind)


def test_a_rung_has_its_name_alone():
    """So that `train NAME` needs no task."""
    names = [name for task in rung_tasks() for name in rung_names(task)]
    assert len(names) == len(set(names))
