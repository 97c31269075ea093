"""What words count: against sums, contributions written out, and texts with the word taken out."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from conftest import reviews
from tiny_transformers import tiny_bert
from wordladder import Model, Recipe
from wordladder.cli import app
from wordladder.data.examples import Answer, Examples, Span
from wordladder.errors import ModelError, SettingError

STATIC = {"kind": "static", "dim": 8, "min_count": 1}
LSTM = {"kind": "recurrent", "hidden": 8}
TRAINING = {"epochs": 30, "batch_rows": 8, "learning_rate": 0.01, "precision": "float32"}
PLANTED = {"zork": "positive", "blip": "negative"}
RECIPES = {
    "tfidf": {"shallow": {"kind": "tfidf"}},
    "fasttext": {"shallow": {"kind": "fasttext", "epochs": 40, "max_n": 0}},
    "mean": {"embedders": [STATIC], "task": {"kind": "classification", "pooling": "mean"}},
    "bilstm": {"embedders": [STATIC], "encoders": [LSTM]},
    "letters": {
        "embedders": [STATIC, {"kind": "characters", "dim": 5, "filters": 6, "min_count": 1}],
        "fusion": {"kind": "gate"},
        "encoders": [{"kind": "convolution", "filters": 8}],
    },
    "bert": {
        "embedders": [{"kind": "transformer", "source": "bert", "tune": True, "summary": "mean"}],
        "training": {"learning_rate": 0.01},
    },
    "frozen bert": {
        "embedders": [{"kind": "transformer", "source": "bert", "max_pieces": 12}],
        "encoders": [LSTM],
    },
}


def planted(rows, seed):
    """Texts of words without meaning, but for one, which decides the label."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for row in range(rows):
        words = random.choice(
            ["film", "the", "plot", "was", "a", "story", ",", "very"], random.integers(3, 15)
        )
        word = list(PLANTED)[row % 2]
        texts.append(" ".join(np.insert(words.astype(object), random.integers(len(words) + 1), word)))
        labels.append(PLANTED[word])
    return texts, labels


def recipe(name, folder, **task):
    tables = {**RECIPES[name]}
    tables["task"] = {"kind": "classification", "dropout": 0.0, **tables.get("task", {}), **task}
    if "shallow" in tables:
        tables["task"].pop("dropout")
    else:
        tables["training"] = {
            "epochs": 8,
            "batch_rows": 16,
            "learning_rate": 0.01,
            "precision": "float32",
        } | tables.get("training", {})
        tables["embedders"] = [
            one | ({"source": str(folder / "bert")} if one["kind"] == "transformer" else {})
            for one in tables["embedders"]
        ]
    return Recipe.load(tables)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("explained"), {}
    tiny_bert(folder / "bert")

    def model(name):
        if name not in found:
            found[name] = Model(recipe(name, folder), device="cpu", threads=1).fit(*planted(300, 1))
        return found[name]

    return model


@pytest.mark.parametrize("name", ["tfidf", "fasttext", "mean", "bilstm", "letters"])
@pytest.mark.parametrize("method", ["auto", "occlusion"])
def test_the_word_that_decides_counts_most(name, method, models):
    texts = planted(60, 5)[0]
    found = models(name).explain(texts, method=method)
    heaviest = [max(one.words, key=lambda word: word.weight) for one in found]
    words = [text[word.start : word.end] for text, word in zip(texts, heaviest)]
    assert np.mean([word in PLANTED for word in words]) >= 0.98, words
    assert [PLANTED.get(word) for word in words] == [one.target for one in found]


@pytest.mark.parametrize("name", ["mean", "bilstm", "letters", "bert", "frozen bert"])
def test_weights_sum_up_to_the_difference(name, models):
    texts = [*planted(6, 7)[0], "one", " ".join(planted(6, 8)[0])]
    found = models(name).explain(texts, method="gradients", steps=200)
    scores = models(name).scores(texts).max(axis=1)
    for one, score in zip(found, scores):
        assert one.score == pytest.approx(score, abs=5e-2)  # a transformer predicts in bfloat16
        total = sum(word.weight for word in one.words)
        assert total == pytest.approx(one.score - one.base, abs=2e-2 * (1 + abs(one.score - one.base)))
        if name == "mean":
            assert total == pytest.approx(one.score - one.base, abs=1e-5)


def test_of_a_linear_model_they_are_its_contributions(models):
    network, text = models("mean").engine_.network, "the film was great and dull"
    (one,) = models("mean").explain([text])
    batch = network.prepare(models("mean").engine_.words.tokens(Examples(([text],))))
    vectors = network.embed(batch).vectors[0].detach().numpy()
    column = models("mean").task_.labels.index(one.target)
    weight = next(part for name, part in network.task.named_parameters() if part.ndim == 2)
    contributions = vectors @ weight.detach().numpy()[column] / len(vectors)
    assert [word.weight for word in one.words] == pytest.approx(contributions.tolist(), abs=1e-5)


@pytest.mark.parametrize("shallow", [
    {"kind": "tfidf", "ngrams": 3, "characters": 4},
    {"kind": "tfidf", "weighting": "bayes"},
    {"kind": "fasttext", "epochs": 4, "word_ngrams": 3, "max_n": 4, "min_n": 3},
    {"kind": "ridge"},
])  # fmt: skip
def test_of_shallow_models_they_sum_up_to_the_score(shallow):
    texts, labels = reviews(120)
    given = [float(label == "positive") for label in labels] if shallow["kind"] == "ridge" else labels
    kind = "regression" if shallow["kind"] == "ridge" else "classification"
    model = Model(Recipe.load({"shallow": shallow, "task": {"kind": kind}}), threads=1).fit(texts, given)
    new = [*reviews(20, seed=9)[0], "unknown wordlings", "", "great"]
    for one, score in zip(model.explain(new), model.scores(new).max(axis=1)):
        assert one.method == "weights"
        assert one.base + sum(word.weight for word in one.words) == pytest.approx(score, abs=1e-5)
        assert one.score == pytest.approx(score, abs=1e-5)


def test_occlusion_is_what_the_score_loses(models):
    text = "the film was zork, and so-so"
    (one,) = models("tfidf").explain([text], target="negative", method="occlusion")
    column = models("tfidf").task_.labels.index("negative")
    for word in one.words:
        without = f"{text[: word.start]} {text[word.end :]}"
        whole, left = models("tfidf").scores([text, without])[:, column]
        assert word.weight == pytest.approx(whole - left, abs=1e-6)
    assert one.base is None


def test_an_entity(tmp_path):
    texts = [f"{'Ann' if n % 3 else 'Bo'} met mister {'Lee' if n % 2 else 'Kim'} in town" for n in range(60)]
    labels = [(Span((at := text.index("mister") + 7), at + 3, "PER"),) for text in texts]
    for tables in (
        {"shallow": {"kind": "crf"}},
        {"embedders": [STATIC], "encoders": [LSTM], "training": TRAINING},
    ):
        model = Model(Recipe.load(tables | {"task": {"kind": "tagging"}}), device="cpu", threads=1)
        model.fit(Examples((texts,), labels), dev=Examples((texts[:10],), labels[:10]))
        entity, nothing = model.explain([texts[0], "nobody here"])
        assert entity.method == ("weights" if "shallow" in tables else "gradients")
        assert entity.base + sum(word.weight for word in entity.words) == pytest.approx(
            entity.score, rel=0.02
        )
        scores = model.scores([texts[0]])
        tag = model.task_.predicted(scores)[3]
        assert entity.score == pytest.approx(float(scores.values[3, tag]), abs=1e-3)
        (left,) = model.explain([texts[0]], method="occlusion")
        assert left.target == entity.target
        assert entity.target == "Kim (PER)"
        words = {texts[0][word.start : word.end]: word.weight for word in entity.words}
        assert max(words, key=words.get) in ("Kim", "mister")
        assert nothing is None
        with pytest.raises(SettingError, match="there is no label 'LOC'"):
            model.explain([texts[0]], target="LOC")


def test_an_answer_and_a_pair(tmp_path):
    asked = [(f"who has the {thing}?", f"the {thing} is with {name} now") for thing in ("cup", "map", "box")
             for name in ("Ann", "Bo", "Lee", "Kim")]  # fmt: skip
    answers = [(Answer((name := row[1].split()[4]), row[1].index(name)),) for row in asked]
    bidaf = {"kind": "alignment", "form": "bidaf"}
    tables = {"embedders": [STATIC], "encoders": [LSTM, bidaf, LSTM], "task": {"kind": "span_qa"}}
    model = Model(Recipe.load(tables | {"training": TRAINING}), device="cpu", threads=1)
    examples = Examples(tuple(map(list, zip(*asked))), answers)
    model.fit(examples, dev=examples)
    (one,) = model.explain(asked[:1], steps=64)
    assert one.target == model.answers(asked[:1])[0]["answer"]["text"]
    assert {word.text for word in one.words} == {0, 1}
    total = sum(word.weight for word in one.words)
    assert total == pytest.approx(one.score - one.base, rel=0.02, abs=0.02)

    pairs = [(f"a {a} here", f"the {b} there") for a in ("cat", "dog") for b in ("cat", "dog")] * 15
    scores = [float(a.split()[1] == b.split()[1]) for a, b in pairs]
    towers = {"embedders": [STATIC], "task": {"kind": "similarity"}, "training": TRAINING}
    similar = Model(Recipe.load(towers), device="cpu", threads=1).fit(pairs, scores)
    (alike,) = similar.explain([("a cat here", "the cat there")])
    assert alike.method == "occlusion"
    for text in (0, 1):
        own = [word for word in alike.words if word.text == text]
        best = max(own, key=lambda word: word.weight)
        assert alike.texts[text][best.start : best.end] == "cat"


def test_what_cannot_be_explained(models):
    with pytest.raises(ModelError, match="the method 'gradients' does not fit it; these do: weights, occl"):
        models("tfidf").explain(["a film"], method="gradients")
    with pytest.raises(SettingError, match="there is no label 'none'; the labels are negative, positive"):
        models("tfidf").explain(["a film"], target="none")
    with pytest.raises(SettingError, match="method"):
        models("tfidf").explain(["a film"], method="lime")
    assert models("tfidf").explain([]) == []
    assert models("bilstm").explain("").words == ()
    assert models("bilstm").explain("a zork film").target == "positive"


def test_the_command(models, tmp_path):
    models("bilstm").save(tmp_path / "model")
    path, run = tmp_path / "texts.txt", CliRunner()
    path.write_text("the film was zork\na blip <b>story</b>\n", encoding="utf-8")
    explain = ["predict", str(tmp_path / "model"), str(path), "--explain"]
    done = run.invoke(app, explain)
    assert done.exit_code == 0, done.output
    first, second = done.output.splitlines()
    assert first.startswith("positive\t")
    assert first.split("\t")[2].startswith("zork +")
    assert second.split("\t")[2].startswith("blip +")
    done = run.invoke(app, [*explain, "--json", "--target", "negative", "--method", "occlusion"])
    found = [json.loads(line) for line in done.output.splitlines()]
    assert [one["target"] for one in found] == ["negative", "negative"]
    assert found[0]["words"][3] == {"word": "zork", "text": 0, "start": 13, "end": 17} | {
        "weight": found[0]["words"][3]["weight"]
    }
    assert found[0]["words"][3]["weight"] < 0
    done = run.invoke(app, [*explain, "--html", str(tmp_path / "page.html")])
    assert "2 texts explained" in done.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ">zork</span>" in page
    assert "&lt;" in page
    assert "<b>" not in page
