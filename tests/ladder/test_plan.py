"""Which recipes a climb runs."""

import pytest

from wordladder.errors import MissingExtraError, RecipeError
from wordladder.ladder import plan
from wordladder.ladder.plan import plan_recipes
from wordladder.recipe import rung_names

TFIDF = '[shallow]\nkind = "tfidf"\n'


def names(planned):
    return [recipe.name for recipe in planned.recipes]


def test_all_rungs_in_the_order_of_the_ladder(monkeypatch):
    monkeypatch.setattr(plan, "hub_error", lambda name: "")
    everything = plan_recipes("classification", None, None)
    left_out = [one.name for one in everything.left_out]
    assert sorted(names(everything) + left_out) == sorted(rung_names("classification"))
    assert all(name.startswith("elmo") for name in left_out), "no hub has one"
    assert names(plan_recipes("classification", ["bilstm", "tfidf"], None)) == ["bilstm", "tfidf"]


def test_rungs_that_need_an_extra_are_left_out_unless_asked_for(monkeypatch):
    def lacking(*_):
        raise MissingExtraError("a network needs 'torch'")

    monkeypatch.setattr("wordladder.recipe.require", lacking)
    found = plan_recipes("classification", None, None)
    assert names(found) == ["tfidf", "fasttext"]
    assert ("bilstm", "a network needs 'torch'") in found.left_out
    for asked in (("classification", ["tfidf", "bilstm"]), ("span_qa", None)):
        with pytest.raises(MissingExtraError):
            plan_recipes(*asked, None)


def test_a_folder_of_recipes(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.toml").write_text(TFIDF, encoding="utf-8")
    assert names(plan_recipes("classification", None, tmp_path)) == ["a", "b"]
    assert names(plan_recipes("classification", ["b"], tmp_path)) == ["b"]
    with pytest.raises(RecipeError, match="no recipe for c"):
        plan_recipes("classification", ["a", "c"], tmp_path)
    with pytest.raises(RecipeError, match=r"no recipe \(\*.toml\)"):
        plan_recipes("classification", None, tmp_path / "nowhere")


def test_names_are_known_and_differ(tmp_path):
    with pytest.raises(RecipeError, match="Did you mean 'bilstm'"):
        plan_recipes("classification", ["bilstn"], None)
    (tmp_path / "tfidf.toml").write_text(TFIDF, encoding="utf-8")
    with pytest.raises(RecipeError, match="two rungs or models have the name 'tfidf'"):
        plan_recipes("classification", ["tfidf", str(tmp_path / "tfidf.toml")], None)
    with pytest.raises(RecipeError, match="no rung is given"):
        plan_recipes("classification", [], None)


def test_settings_change_every_rung():
    planned = plan_recipes("classification", ["tfidf", "gru"], None, settings={"training.epochs": 7})
    for recipe in planned.recipes:
        assert recipe.flat()["training.epochs"] == 7


def test_a_file_of_vectors_stands_in_for_trained_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tfidf, gru = plan_recipes("classification", ["tfidf", "gru"], None, vectors="mine.vec").recipes
    assert tfidf == plan_recipes("classification", ["tfidf"], None).recipes[0]
    assert gru.flat()["embedders.0.source"] == str(tmp_path / "mine.vec")
    assert not gru.table("vectors")
    (gru,) = plan_recipes(
        "classification", ["gru"], None, vectors="mine.vec", unicode_errors="replace"
    ).recipes
    assert gru.flat()["embedders.0.unicode_errors"] == "replace"


def test_a_corpus_for_the_rungs_that_train_vectors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = ["a.txt", tmp_path / "b.txt"]
    tfidf, gru = plan_recipes("classification", ["tfidf", "gru"], None, corpus=corpus).recipes
    assert gru.table("vectors")["corpus"] == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert not tfidf.table("vectors")
