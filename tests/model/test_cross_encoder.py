"""Cross-encoders score pairs as in sentence-transformers, and those that are trained here open there."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer
from typer.testing import CliRunner

from tiny_transformers import tiny_albert, tiny_bert, tiny_roberta
from wordladder import Model, Recipe
from wordladder.cli import app
from wordladder.errors import DataError, ModelError
from wordladder.interop.sources import identify

pytest.importorskip("sentence_transformers")
from sentence_transformers import CrossEncoder
from sentence_transformers.sentence_transformer import modules as there

PAIRS = [
    ("The good film, a very bad one!", "a bad story"),
    ("我喜欢 the good电影。", "这个故事真好！"),
    ("", ""),
    ("", "a good film"),
    ("the good story was unbelievable, " * 20, "a bad film"),
    ("a film", "the good story was unbelievable, " * 20),
    ("the bad film " * 15, "the good story " * 20),
]
MAKERS = {"albert": tiny_albert, "bert": tiny_bert, "roberta": tiny_roberta}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def encoder(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp("encoders") / request.param)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


def shaken(model, folder):
    """The model with other weights than it starts with, saved."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(str(folder), create_model_card=False)
    return model


def scores(folder):
    return CrossEncoder(str(folder), device="cpu").predict(PAIRS)


@pytest.mark.parametrize("activation", [None, torch.nn.Identity(), torch.nn.Tanh()])
def test_scores_are_those_of_sentence_transformers(encoder, tmp_path, activation):
    made = CrossEncoder(str(encoder), num_labels=1, max_length=40, device="cpu", activation_fn=activation)
    shaken(made, tmp_path / "made")
    model, expected = Model.load(tmp_path / "made", device="cpu", threads=1), scores(tmp_path / "made")
    assert identify(tmp_path / "made").kind == "cross_encoder"
    np.testing.assert_allclose(model.predict(PAIRS), expected, atol=1e-5)
    assert np.ptp(expected) > 0.01
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert model.texts_truncated == sum(len(tokenizer(*pair)["input_ids"]) > 40 for pair in PAIRS)
    np.testing.assert_allclose([one["value"] for one in model.answers(PAIRS)], expected, atol=1e-5)
    assert model.evaluate(PAIRS, expected.tolist()).value == pytest.approx(1.0)
    model.save(tmp_path / "saved")
    np.testing.assert_allclose(scores(tmp_path / "saved"), expected, atol=1e-6)
    again = Model.load(tmp_path / "saved", device="cpu").predict(PAIRS)
    np.testing.assert_allclose(again, model.predict(PAIRS), atol=1e-6)  # other threads round otherwise


@pytest.mark.parametrize("several", [False, True])
def test_several_labels_are_the_classes_of_pairs(encoder, tmp_path, several):
    activation = torch.nn.Sigmoid() if several else None
    made = CrossEncoder(str(encoder), num_labels=3, max_length=40, device="cpu", activation_fn=activation)
    made.config.id2label = {0: "no", 1: "maybe", 2: "yes"}
    shaken(made, tmp_path / "made")
    model = Model.load(tmp_path / "made")
    twin = CrossEncoder(str(tmp_path / "made"), device="cpu")
    expected = twin.predict(PAIRS, activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(model.scores(PAIRS), expected, atol=1e-5)
    assert (model.recipe_.task, model.task_.labels) == ("pairs", ["no", "maybe", "yes"])
    if several:
        assert model.predict(PAIRS)[0] == tuple(np.array(model.task_.labels)[expected[0] >= 0])
    else:
        found = model.predict(PAIRS)
        assert found.tolist() == [model.task_.labels[row.argmax()] for row in expected]
        softmax = twin.predict(PAIRS, apply_softmax=True)[:, np.argsort(model.task_.labels)]
        np.testing.assert_allclose(model.predict_proba(PAIRS), softmax, atol=1e-5)
        assert model.evaluate(PAIRS, found).value == 1.0
    with pytest.raises(DataError, match="row 1: 2 texts are expected"):
        model.predict(["one text"])


@pytest.mark.parametrize("outputs", [1, 3])
def test_scores_of_a_pooled_vector(encoder, tmp_path, outputs):
    torch.manual_seed(1)
    hidden = there.Dense(32, 5)
    last = there.Dense(5, outputs, activation_function=None, module_output_name="scores")
    transformer = there.Transformer(str(encoder))
    transformer.max_seq_length = 40
    made = CrossEncoder(modules=[transformer, there.Pooling(16, ("cls", "mean")), hidden, last], device="cpu")
    shaken(made, tmp_path / "made")
    model, expected = Model.load(tmp_path / "made"), scores(tmp_path / "made").reshape(len(PAIRS), outputs)
    np.testing.assert_allclose(model.scores(PAIRS), expected, atol=1e-5)
    assert model.recipe_.task == ("similarity" if outputs == 1 else "pairs")
    model.save(tmp_path / "saved")
    np.testing.assert_allclose(scores(tmp_path / "saved").reshape(expected.shape), expected, atol=1e-6)


@pytest.mark.parametrize("key", ["sentence_transformers", "sbert_ce_default_activation_function"])
def test_old_folders_without_modules(bert, tmp_path, key):
    shaken(CrossEncoder(str(bert), num_labels=1, device="cpu"), tmp_path)
    for name in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        (tmp_path / name).unlink()
    name = "torch.nn.modules.linear.Identity"
    config = json.loads((tmp_path / "config.json").read_text())
    config[key] = {"activation_fn": name} if key == "sentence_transformers" else name
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = Model.load(tmp_path).predict(PAIRS)
    twin = CrossEncoder(str(tmp_path), device="cpu")
    np.testing.assert_allclose(found, twin.predict(PAIRS, activation_fn=torch.nn.Identity()), atol=1e-5)
    np.testing.assert_allclose(found, twin.predict(PAIRS), atol=1e-5)


def test_prompts_and_errors(bert, tmp_path):
    shaken(CrossEncoder(str(bert), num_labels=1, device="cpu"), tmp_path)
    settings = tmp_path / "config_sentence_transformers.json"
    facts = json.loads(settings.read_text())
    settings.write_text(json.dumps(facts | {"prompts": {"a": "bad film "}, "default_prompt_name": "a"}))
    model = Model.load(tmp_path)
    np.testing.assert_allclose(model.predict(PAIRS), scores(tmp_path), atol=1e-5)
    with pytest.raises(ModelError, match="reads two texts together, so a text has no vector"):
        model.encode(["a"])
    settings.write_text(json.dumps(facts | {"activation_fn": "their.own.Function"}))
    with pytest.raises(ModelError, match="activation_function 'Function' is not supported"):
        Model.load(tmp_path)


def test_the_commands(bert, tmp_path):
    shaken(CrossEncoder(str(bert), num_labels=1, device="cpu"), tmp_path / "model")
    expected = scores(tmp_path / "model")
    rows = ["a\tb\tscore", *(f"{a}\t{b}\t{score}" for (a, b), score in zip(PAIRS, expected) if a and b)]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows), encoding="utf-8")
    given = ["--text", "a,b", "--json"]
    run = CliRunner().invoke(app, ["predict", str(tmp_path / "model"), str(tmp_path / "pairs.tsv"), *given])
    found = [json.loads(line)["value"] for line in run.stdout.splitlines()]
    np.testing.assert_allclose(found, [s for (a, b), s in zip(PAIRS, expected) if a and b], atol=1e-5)
    given += ["--label", "score"]
    run = CliRunner().invoke(app, ["evaluate", str(tmp_path / "model"), str(tmp_path / "pairs.tsv"), *given])
    assert json.loads(run.stdout)["metrics"]["spearman"] == pytest.approx(1.0)


@pytest.mark.parametrize(("summary", "hidden"), [("cls", 0), ("mean", 5)])
def test_a_trained_cross_encoder_opens_in_sentence_transformers(bert, tmp_path, summary, hidden):
    table = {"kind": "transformer", "source": str(bert), "summary": summary, "tune": True, "overlap": 8}
    task = {"kind": "pairs", "hidden": hidden}
    tables = {"embedders": [table | {"precision": "float32"}], "task": task, "training": {"epochs": 1}}
    labels = ["same", "other", "unclear"] * 10
    model = Model(Recipe.load(tables)).fit([PAIRS[n % 4] for n in range(30)], labels, output=tmp_path / "a")
    short = PAIRS[:4]
    twin = CrossEncoder(str(tmp_path / "a"), device="cpu")
    np.testing.assert_allclose(twin.predict(short), model.scores(short), atol=1e-4)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "recipe.toml").unlink()
    np.testing.assert_allclose(Model.load(tmp_path / "b").scores(short), model.scores(short), atol=1e-4)


def test_a_projection_is_written_as_a_linear_layer(bert, tmp_path):
    from sentence_transformers import SentenceTransformer

    table = {"kind": "transformer", "source": str(bert), "summary": "mean", "overlap": 8}
    tables = {
        "embedders": [table | {"precision": "float32"}],
        "task": {"kind": "similarity", "dim": 5},
        "training": {"epochs": 1},
    }
    model = Model(Recipe.load(tables)).fit([PAIRS[n % 4] for n in range(30)], [1.0, 2.0, 5.0] * 10)
    model.save(tmp_path / "model")
    texts = [text for pair in PAIRS[:4] for text in pair]
    found = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts)
    assert found.shape == (8, 5)
    np.testing.assert_allclose(found, model.encode(texts), atol=1e-4)
