"""Pairs of texts: the ways they are read, the formulas of the papers, both orders, files, and leaks."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from tiny_transformers import tiny_bert
from wordladder import Model, Recipe
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.data.reading import read_examples
from wordladder.data.split_checks import shared_texts
from wordladder.errors import DataError, UserError
from wordladder.layers.sequence import Pooling, Sequence
from wordladder.recipe import build, component, rung_names
from wordladder.text.words import TextSettings

WORDS = ["red", "blue", "green", "cat", "dog", "house", "tree", "run", "walk"]
SMALL = {"embedders.0.source": "random", "embedders.0.dim": 8, "embedders.0.min_count": 1}
SMALL |= {"training.epochs": 3, "task.hidden": 8, "training.precision": "float32"}


def made(rows=160, seed=0):
    """Pairs that are the same words in another order, or not."""
    chance = np.random.default_rng(seed)
    pairs, labels = [], []
    for row in range(rows):
        first = chance.choice(WORDS, 4, replace=False)
        other = chance.permutation(first) if row % 2 else chance.choice(WORDS, 4, replace=False)
        pairs.append((" ".join(first), " ".join(other)))
        labels.append("same" if row % 2 else "other")
    return pairs, labels


def small(name, **settings):
    recipe = Recipe.load(name, "pairs").with_settings(SMALL | settings)
    for table in recipe.tables.get("encoders", ()):
        table.update({"hidden": 6} if table["kind"] == "recurrent" else {"projection": 6})
    recipe.tables.pop("vectors", None)
    return recipe


@pytest.mark.parametrize("name", ["vectors-pairs", "infersent", "esim"])
def test_a_rung_learns_and_is_saved(name, tmp_path):
    pairs, labels = made()
    model = Model(small(name), device="cpu", threads=1).fit(pairs, labels, output=tmp_path / "model")
    again = Model.load(tmp_path / "model")
    np.testing.assert_allclose(again.scores(pairs), model.scores(pairs), atol=1e-5)
    assert set(model.predict(pairs[:4])) <= {"same", "other"}
    assert again.answers(pairs[:1])[0]["label"] in ("same", "other")


def test_texts_read_apart_do_not_see_each_other():
    pairs, labels = made()
    model = Model(small("infersent"), device="cpu", threads=1).fit(pairs, labels)
    assert model.engine_.network.reads_apart
    share = model.report_["decoding"]["order_matters"]
    assert bool(share) == any("texts swapped" in line for line in model.report_["warnings"])
    vectors = model.encode([text for pair in pairs[:5] for text in pair])
    assert vectors.shape == (10, 12)
    first, second = torch.from_numpy(vectors).unflatten(0, (5, 2)).unbind(1)
    seen = torch.cat([first, second, (first - second).abs(), first * second], dim=1)  # Conneau et al. 2017
    expected = model.engine_.network.task.head(seen).detach()
    np.testing.assert_allclose(model.scores(pairs[:5]), expected, atol=1e-5)


def test_esim_is_what_its_equations_say():
    pairs, labels = made()
    network = Model(small("esim"), device="cpu", threads=1).fit(pairs, labels).engine_.network.eval()
    lower, alignment, upper = network.encoders
    head, chance = network.task, torch.Generator().manual_seed(1)
    texts = [torch.randn(1, time, 8, generator=chance) for time in (3, 5)]

    def plain(vectors):
        return Sequence(vectors, torch.ones(vectors.shape[:2], dtype=torch.bool))

    with torch.no_grad():
        a, b = (lower(plain(text)).vectors[0] for text in texts)
        found = alignment((plain(a[None]), plain(b[None])))
        pooled = []
        for own, other, result in ((a, b, found[0]), (b, a, found[1])):
            rows = []
            for word in own:  # equations 11 to 15
                weights = torch.stack([word @ one for one in other]).softmax(dim=0)
                soft = sum(weight * one for weight, one in zip(weights, other))
                rows.append(torch.cat([word, soft, word - soft, word * soft]))
            compared = alignment.projection(torch.stack(rows)).relu()  # before equation 16
            torch.testing.assert_close(result.vectors[0], compared, atol=1e-5, rtol=1e-4)
            composed = upper(plain(compared[None])).vectors[0]
            pooled += [composed.mean(dim=0), composed.max(dim=0).values]  # equations 18 to 20
        hidden, _, out = head.head
        expected = out(torch.tanh(hidden(torch.cat(pooled))))
        joined = torch.cat([upper(one).vectors for one in found], dim=1)
        segments = torch.tensor([[0] * 3 + [1] * 5])
        scores = head(Sequence(joined, torch.ones_like(segments).bool(), None, segments))
    torch.testing.assert_close(scores[0], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["vectors-pairs", "esim"])
def test_symmetric_scores_are_the_same_both_ways_round(name):
    pairs, labels = made()
    swapped = [pair[::-1] for pair in pairs]
    recipe = small(name, **{"task.symmetric": True})
    model = Model(recipe, device="cpu", threads=1).fit(pairs, labels)
    np.testing.assert_allclose(model.scores(swapped), model.scores(pairs), atol=1e-5)
    assert model.report_["decoding"]["order_matters"] == 0
    plain = Model(small(name), device="cpu", threads=1).fit(pairs, labels)
    assert np.abs(plain.scores(swapped) - plain.scores(pairs)).max() > 1e-3


def test_a_transformer_reads_both_texts_together(tmp_path):
    tiny_bert(tmp_path)
    settings = {"embedders.0.source": str(tmp_path), "embedders.0.max_pieces": 32, "training.epochs": 1}
    recipe = Recipe.load("cross-encoder", "pairs").with_settings(settings)
    pairs, labels = made(40)
    model = Model(recipe, device="cpu", threads=1).fit(pairs, labels)
    assert not model.engine_.network.reads_apart
    alone, other = model.scores([("red cat", "red cat"), ("red cat", "blue dog")])
    assert np.abs(alone - other).max() > 1e-6
    swapped = model.scores([pair[::-1] for pair in pairs])
    assert np.abs(swapped - model.scores(pairs)).max() > 1e-6
    both = Model(recipe.with_settings({"task.symmetric": True}), device="cpu", threads=1).fit(pairs, labels)
    assert both.report_["decoding"]["order_matters"] == 0
    both.save(tmp_path / "both")
    one_order = Model.load(tmp_path / "both", device="cpu", threads=1)
    one_order.engine_.task.symmetric = False
    mean = (one_order.scores(pairs) + one_order.scores([pair[::-1] for pair in pairs])) / 2
    np.testing.assert_allclose(both.scores(pairs), mean, atol=1e-6)


@pytest.mark.parametrize("kind", ["max", "mean", "mean+max", "first", "last"])
def test_pooling_takes_the_words_under_the_mask(kind):
    vectors = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]]).bool()
    inside = vectors[0, 2:5]
    parts = {"max": inside.max(0).values, "mean": inside.mean(0), "first": inside[0], "last": inside[-1]}
    parts["mean+max"] = torch.cat([parts["mean"], parts["max"]])
    pooled = Pooling(kind)(Sequence(vectors, mask))
    torch.testing.assert_close(pooled[0], parts[kind])
    assert not pooled[1].any()


def test_cosines_are_those_of_scikit_learn():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    pairs, labels = made(60)
    shallow = build("shallow", {"kind": "tfidf_cosine"}, TextSettings())
    shallow.fit(pairs, np.array([label == "same" for label in labels], np.int64))
    twin = text.TfidfVectorizer(sublinear_tf=True).fit([text for pair in pairs for text in pair])
    first, second = (twin.transform([pair[side] for pair in pairs]) for side in (0, 1))
    cosines = np.asarray(first.multiply(second).sum(axis=1)).ravel()
    np.testing.assert_allclose(shallow.features(pairs)[:, 0], cosines, atol=1e-5)
    np.testing.assert_allclose(shallow.features([("", "red"), ("red", "red")])[:, 0], [0, 1], atol=1e-6)


FILES = {
    "mrpc.tsv": 'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tA "b\tc d\n0\t9\t10\te\tf\n',
    "sick.txt": "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
    "1\tone\ttwo\t4.5\tNEUTRAL\n2\tthree\tfour\t1\tENTAILMENT\n",
    "afqmc.txt": "花呗怎么还\t如何还花呗\t1\n借呗额度\t花呗额度\t0\n",
    "snli.jsonl": '{"gold_label": "neutral", "sentence1": "a", "sentence2": "b", "sentence1_parse": "(a)"}\n'
    '{"gold_label": "-", "sentence1": "e", "sentence2": "f", "sentence1_parse": "(e)"}\n'
    '{"gold_label": "entailment", "sentence1": "c", "sentence2": "d", "sentence1_parse": "(c)"}\n',
    "plain.csv": "text_a,text_b,label\nx,y,yes\nz,w,no\n",
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_as_they_are(name, tmp_path):
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    found = read_examples(tmp_path / name, "pairs")
    assert len(found.segments) == 2
    assert len(found) == 2
    assert len(set(found.labels)) == 2
    assert ('1 row with the gold_label "-" left out.' in found.notes) == (name == "snli.jsonl")


def test_two_columns_of_texts_are_needed(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("text,label,note\na,x,m\nb,y,n\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a pair has two texts, but 1 column .*--text FIRST,SECOND"):
        read_examples(path, "pairs")
    assert read_examples(path, "pairs", text="text,note").segments == (["a", "b"], ["m", "n"])


def test_leaks_of_pairs_and_of_texts_are_told():
    train = Examples((["a", "b"], ["x", "y"]), ["1", "0"])
    test = Examples((["x", "a", "new"], ["a", "new", "other"]), ["1", "0", "1"])
    assert shared_texts(train, test, "test", "pairs") == [
        "Of the 3 test pairs, 1 also occur in the training pairs, and 1 more have a text of one."
    ]
    assert shared_texts(train, test.take([2]), "test", "pairs") == []


def test_f1_is_that_of_the_second_label_at_the_best_threshold(tmp_path):
    random = np.random.default_rng(0)
    texts = [f"good film {i}" if i % 3 else f"bad film {i}" for i in range(90)]
    labels = ["yes" if ("good" in text) != (random.random() < 0.3) else "no" for text in texts]
    recipe = {"shallow": {"kind": "tfidf"}, "task": {"kind": "classification", "metric": "f1"}}
    model = Model(recipe).fit(texts, labels, dev=(texts, labels), output=tmp_path / "model")
    found = model.evaluate(texts, labels)
    predicted, gold = np.array(model.predict(texts)) == "yes", np.array(labels) == "yes"
    assert found.metric == "f1"
    assert found.value == found.metrics["f1"] == pytest.approx(f1_score(gold, predicted))
    chances = model.predict_proba(texts)[:, 1]
    assert found.value == pytest.approx(max(f1_score(gold, chances >= level) for level in chances))
    assert Model.load(tmp_path / "model").predict(texts).tolist() == model.predict(texts).tolist()
    with pytest.raises(DataError, match="for one of two labels a row; these have 3"):
        Model(recipe).fit(["a", "b", "c"] * 4, ["x", "y", "z"] * 4)


def test_the_commands(tmp_path):
    pairs, labels = made()
    rows = [json.dumps({"text_a": a, "text_b": b, "label": label}) for (a, b), label in zip(pairs, labels)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(rows), encoding="utf-8")

    def run(*args, **more):
        done = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False, **more)
        assert done.exit_code == 0, done.output
        return done.stdout

    out = tmp_path / "climb"
    file = tmp_path / "pairs.jsonl"
    told = run("climb", file, "--task", "pairs", "--rungs", "tfidf-cosine", "--seeds", 1, "-o", out, "--json")
    assert json.loads(told)["recommended"] == "tfidf-cosine"
    model = next(out.rglob("model"))
    line = run("predict", model, "-", input="red cat\tcat red\n")
    assert line.split("\t")[2:] == ["red cat", "cat red\n"]
    assert json.loads(run("evaluate", model, file, "--json"))["task"] == "pairs"
    with pytest.raises(UserError, match="with a tab between"):
        run("predict", model, "-", input="red cat\n")


def test_the_rungs_are_recipes_of_the_task():
    for name in rung_names("pairs"):
        assert Recipe.load(name, "pairs").task == "pairs"
    assert component("tasks", "pairs").segments == 2
    assert build("tasks", {"kind": "pairs"}).metric == "accuracy"
