"""Model: fit, predict, evaluate, save, load, for single and several labels, network and shallow."""

import json

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model, Recipe
from wordladder.errors import DataError, ModelError, NotFittedError, OutputError, RecipeError


def test_it_learns(small_model):
    texts, labels = reviews(60, seed=1)
    assert small_model.score(texts, labels) > 0.95
    assert set(small_model.predict(texts)) == {"negative", "positive"}


def test_probabilities(small_model):
    texts, _ = reviews(20, seed=2)
    p = small_model.predict_proba(texts)
    assert p.shape == (20, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert small_model.classes_.tolist() == ["negative", "positive"]
    assert (small_model.classes_[p.argmax(1)] == small_model.predict(texts)).all()


def test_a_text_alone_gets_the_answer_it_gets_in_a_batch(small_model):
    texts, _ = reviews(30, seed=3)
    together = small_model.predict_proba([*texts, ""])
    alone = np.concatenate([small_model.predict_proba([text]) for text in [*texts, ""]])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_encode(small_model):
    assert small_model.encode(["a good film", ""]).shape == (2, 16)


def test_evaluate(small_model):
    found = small_model.evaluate(*reviews(60, seed=4))
    assert found.metric == "accuracy"
    assert found.rows == 60
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.metrics["accuracy"] == found.value
    json.dumps(found.to_dict())


def test_save_and_load(small_model, tmp_path):
    texts, _ = reviews(30, seed=5)
    small_model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    np.testing.assert_array_equal(small_model.predict_proba(texts), again.predict_proba(texts))
    assert again.predict(texts).tolist() == small_model.predict(texts).tolist()
    written = {path.name for path in (tmp_path / "model").iterdir()}
    assert written >= {"recipe.toml", "weights.safetensors", "labels.json", "metrics.json", "report.json"}
    report = json.loads((tmp_path / "model" / "report.json").read_text(encoding="utf-8"))
    assert {"calibration_error_before", "calibration_error_after", "temperature"} <= report["decoding"].keys()


def test_a_loaded_model_opens_no_path_of_its_recipe(tmp_path):
    from wordladder import WordVectors

    words = sorted({word for text in reviews()[0] for word in text.split()})
    WordVectors(words, np.random.default_rng(0).normal(size=(len(words), 8)).astype("f4")).save(
        tmp_path / "v.safetensors"
    )
    recipe = {
        "embedders": [{"kind": "static", "source": str(tmp_path / "v.safetensors")}],
        "training": {"epochs": 2},
    }
    Model(recipe).fit(*reviews()).save(tmp_path / "model")
    (tmp_path / "v.safetensors").unlink()
    assert len(Model.load(tmp_path / "model").predict(["good"])) == 1


def test_shallow_model(tmp_path):
    model = Model("tfidf").fit(*reviews(), output=tmp_path / "model")
    texts, labels = reviews(40, seed=6)
    assert model.score(texts, labels) > 0.95
    again = Model.load(tmp_path / "model")
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=1e-6)
    with pytest.raises(ModelError, match="shallow"):
        again.encode(texts)


@pytest.mark.parametrize("recipe", ["tfidf", "small"])
def test_several_labels(recipe, small_recipe, tmp_path):
    texts, labels = reviews(160)
    several = [(label, "film") if "film" in text else (label,) for text, label in zip(texts, labels)]
    several[0] = ()
    model = Model(small_recipe.with_settings({"training.epochs": 12}) if recipe == "small" else recipe)
    model.fit(texts, several, output=tmp_path / "model")
    assert model.task_.metric == "macro_f1"
    assert model.score(texts[1:], several[1:]) > 0.9
    predicted = Model.load(tmp_path / "model").predict(["the good film film film"])
    assert predicted == [("film", "positive")]


def test_labels_come_back_as_they_were_given(small_recipe, tmp_path):
    texts, labels = reviews()
    numbers = np.array([10 if label == "positive" else 2 for label in labels])
    model = Model(small_recipe).fit(texts, numbers)
    assert model.classes_.tolist() == [2, 10]
    assert model.predict(texts[:4]).tolist() == [2, 10, 2, 10]
    assert model.predict_proba(["very good great"])[0].argmax() == 1
    model.save(tmp_path / "model")
    assert Model.load(tmp_path / "model").predict(texts[:2]).tolist() == [2, 10]


def test_an_indicator_matrix(small_recipe):
    texts, labels = reviews(160)
    matrix = np.array(
        [[label == "positive", "film" in text] for text, label in zip(texts, labels)], dtype=int
    )
    model = Model("tfidf").fit(texts, matrix)
    assert (model.predict(texts) == matrix).mean() > 0.95
    assert model.predict_proba(texts).shape == matrix.shape


def test_class_weights_are_balanced(small_recipe):
    texts, labels = reviews(200)
    keep = [i for i, label in enumerate(labels) if label == "positive" or i % 10 == 0]
    model = Model(small_recipe.with_settings({"task.class_weights": "balanced", "task.metric": "macro_f1"}))
    model.fit([texts[i] for i in keep], [labels[i] for i in keep])
    weights, counts = model.task_.weights, [20, 100]
    assert weights[0] / weights[1] == pytest.approx(counts[1] / counts[0], rel=0.2)


def test_vectors_trained_here_are_kept_in_the_cache(tmp_path):
    recipe = Recipe.load("vectors-mean").with_settings(
        {"vectors.min_count": 1, "vectors.dim": 8, "vectors.epochs": 1, "training.epochs": 1}
    )
    first = Model(recipe).fit(*reviews(), cache=tmp_path / "cache")
    second = Model(recipe).fit(*reviews(), cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert first.report_["vectors_seconds"] == second.report_["vectors_seconds"]


def test_what_is_wrong_is_told(small_recipe, small_model, tmp_path):
    texts, labels = reviews()
    with pytest.raises(NotFittedError):
        Model(small_recipe).predict(texts)
    with pytest.raises(DataError, match="all the same"):
        Model(small_recipe).fit(texts, ["one"] * len(texts))
    with pytest.raises(DataError, match="put it in a list"):
        Model(small_recipe).fit("one text", ["one"])
    with pytest.raises(DataError, match="must be a string, not int"):
        small_model.predict([3])
    with pytest.raises(DataError, match="'neutral' does not occur in the training data"):
        small_model.evaluate(["a"], ["neutral"])
    with pytest.raises(DataError, match="each text needs a label"):
        Model(small_recipe).fit(texts, labels[:-1])
    with pytest.raises(RecipeError, match=r"no rung 'bilst'.* Did you mean 'bilstm'"):
        Model("bilst").fit(texts, labels)
    with pytest.raises(ModelError, match="no such folder"):
        Model.load(tmp_path / "nothing")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="something else is there"):
        Model(small_recipe).fit(texts, labels, output=tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_damaged_model_is_told(small_model, tmp_path):
    small_model.save(tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="damaged"):
        Model.load(tmp_path / "model")


def test_weights_of_another_shape_are_told(small_model, tmp_path):
    small_model.save(tmp_path / "model")
    labels = tmp_path / "model" / "labels.json"
    facts = json.loads(labels.read_text(encoding="utf-8"))
    facts |= {"labels": [*facts["labels"], "one more"], "thresholds": [*facts["thresholds"], 0.5]}
    labels.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError, match="do not fit the recipe"):
        Model.load(tmp_path / "model")


def test_the_figures_are_those_of_the_fit(small_model, small_recipe, tmp_path):
    """They outlive a second saving, and end with a second fit."""
    small_model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.evaluation_ == small_model.evaluation_
    again.save(tmp_path / "again")
    first, second = (tmp_path / name / "metrics.json" for name in ("model", "again"))
    assert first.read_text(encoding="utf-8") == second.read_text(encoding="utf-8")
    model = Model({"shallow": {"kind": "tfidf"}}).fit(*reviews())
    assert hasattr(model, "evaluation_")
    model.recipe = {"shallow": {"kind": "tfidf"}, "training": {"dev_share": 0.0}}
    model.fit(*reviews())
    assert not hasattr(model, "evaluation_")


def test_a_run_stopped_while_it_wrote_its_beginning_is_resumed(small_recipe, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    output = tmp_path / "model"
    monkeypatch.setattr("wordladder.engines.network_engine.save_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        Model(small_recipe).fit(*reviews(), output=output)
    monkeypatch.undo()
    assert (tmp_path / "model.training" / "start.new").is_dir()
    Model(small_recipe).fit(*reviews(), output=output, resume=True)
    assert Model.load(output).predict(["a good film"]).shape == (1,)


def test_no_texts_have_no_rows(small_model):
    assert small_model.scores([]).shape == (0, len(small_model.task_.labels))
    assert small_model.encode([]).shape == (0, small_model.encode(["a"]).shape[1])


def test_a_wrong_dev_label_is_found_before_the_fit(monkeypatch):
    monkeypatch.setattr("wordladder.shallow.tfidf.Tfidf.fit", None)
    with pytest.raises(DataError, match="'neutral' does not occur"):
        Model({"shallow": {"kind": "tfidf"}}).fit(*reviews(), dev=(["a"], ["neutral"]))


def test_groups_are_held_out_whole():
    texts, labels = reviews(80)
    groups = [n // 4 for n in range(80)]  # two of each label
    model = Model({"shallow": {"kind": "tfidf"}}).fit(texts, labels, groups=np.array(groups))
    assert model.report_["rows"] == {"train": 72, "dev": 8}
    assert model.report_["split"] == ["Groups: 18 in train, 2 in dev; intervals draw whole groups."]
    with pytest.raises(DataError, match="80 texts, but 79 groups"):
        Model({"shallow": {"kind": "tfidf"}}).fit(texts, labels, groups=groups[1:])


def test_a_label_of_one_text_is_told():
    texts, labels = reviews(80)
    model = Model({"shallow": {"kind": "tfidf"}}).fit(texts, ["rare", *labels[1:]])
    told = ["The label 'rare' occurs once in train.", "The label 'rare' does not occur in dev."]
    assert model.report_["split"] == told
