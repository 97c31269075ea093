"""Similarity of two texts: objectives against loops, towers, cached gradients, saved models, the commands."""

import json
import math

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tiny_transformers import tiny_bert
from wordladder import Model, Recipe
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.embedders._training_text import TrainingText
from wordladder.engines.network import Network
from wordladder.errors import DataError, RecipeError, SettingError
from wordladder.layers.sequence import Sequence
from wordladder.recipe import build, component, rung_names
from wordladder.text.words import tokenize

WORDS = ["red", "blue", "green", "cat", "dog", "house", "tree", "run", "walk"]
SMALL = {"embedders.0.source": "random", "embedders.0.dim": 8, "embedders.0.min_count": 1}
SMALL |= {"training.epochs": 8, "training.precision": "float32", "training.learning_rate": 0.01}


def made(rows=160, seed=0):
    """Pairs of four words each, and how many they share."""
    chance = np.random.default_rng(seed)
    pairs, scores = [], []
    for row in range(rows):
        first = chance.choice(WORDS, 4, replace=False)
        others = [word for word in WORDS if word not in first]
        shared = row % 5
        other = chance.permutation([*first[:shared], *chance.choice(others, 4 - shared, replace=False)])
        pairs.append((" ".join(first), " ".join(other)))
        scores.append(float(shared))
    return pairs, scores


def small(name="bilstm-towers", **settings):
    recipe = Recipe.load(name, "similarity").with_settings(SMALL | settings)
    for table in recipe.tables.get("encoders", ()):
        table["hidden"] = 6
    recipe.tables.pop("vectors", None)
    return recipe


def head(**settings):
    task = build("tasks", {"kind": "similarity", **settings})
    task.initialise(Examples((["a", "b"], ["c", "d"]), [0.0, 5.0]))
    return component("heads", "similarity")(task, 4, 0).train()


def cosine(first, second):
    return float(first @ second / (first.norm() * second.norm()))


VECTORS = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
SCORES = [0.0, 1.0, 0.4, 0.6, 0.4]
TEXTS = [(0, 1), (2, 3), (2, 4), (5, 3), (3, 6)]  # which texts the pairs are made of
TARGETS = torch.tensor([[score, *texts] for score, texts in zip(SCORES, TEXTS)])


def test_cosine_is_a_squared_distance():
    made = head(objective="cosine")
    pairs = VECTORS.unflatten(0, (5, 2))
    expected = np.mean([(cosine(*pair) - goal) ** 2 for pair, goal in zip(pairs, SCORES)])
    assert made.loss(made.compare(VECTORS), TARGETS).item() == pytest.approx(expected, rel=1e-5)


def test_cosent_orders_every_two_pairs():
    made = head(objective="cosent", temperature=0.1)
    cosines = [cosine(*pair) for pair in VECTORS.unflatten(0, (5, 2))]
    total = 1.0
    for one, goal in zip(cosines, SCORES):
        for other, other_goal in zip(cosines, SCORES):
            if goal > other_goal:
                total += math.exp((other - one) / 0.1)
    assert made.loss(made.compare(VECTORS), TARGETS).item() == pytest.approx(math.log(total), rel=1e-5)


def test_ranking_finds_the_partner_among_all():
    made = head(objective="ranking", temperature=0.1)
    first, second = VECTORS.unflatten(0, (5, 2)).unbind(1)
    losses = []
    for row, (goal, (own, partner)) in enumerate(zip(SCORES, TEXTS)):
        if goal >= 0.5:
            cosines = [cosine(first[row], other) / 0.1 for other in second]
            wrong = [c for c, (_, text) in zip(cosines, TEXTS) if text not in (own, partner)]
            losses.append(math.log(sum(map(math.exp, [cosines[row], *wrong]))) - cosines[row])
    assert made.loss(made.compare(VECTORS), TARGETS).item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_another_partner_of_the_same_text_is_no_wrong_answer():
    made = head(objective="ranking")
    targets = torch.tensor([[1.0, 0, 1], [1.0, 0, 2], [0.0, 0, 3], [1.0, 4, 5], [1.0, 6, 7]])
    one = made._ranking(made.compare(VECTORS) / 0.05, *(targets[:, 0] >= 0.5, *targets[:, 1:].unbind(1)))
    first, second = VECTORS.unflatten(0, (5, 2)).unbind(1)
    losses = []
    for row, others in ((0, [2, 3, 4]), (1, [2, 3, 4]), (3, [0, 1, 2, 4]), (4, [0, 1, 2, 3])):
        logits = [cosine(first[row], second[other]) / 0.05 for other in [row, *others]]
        losses.append(math.log(sum(map(math.exp, logits))) - logits[0])
    assert one.item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_triplet_compares_the_partners_of_one_text():
    made = head(objective="triplet", margin=0.3)
    cosines = [cosine(*pair) for pair in VECTORS.unflatten(0, (5, 2))]
    expected = max(0.0, 0.3 + cosines[2] - cosines[1])  # the only text with two partners
    assert made.loss(made.compare(VECTORS), TARGETS).item() == pytest.approx(expected, rel=1e-5)


def test_softmax_takes_scores_for_classes():
    task = build("tasks", {"kind": "similarity", "objective": "softmax"})
    examples = Examples((list("abcde"), list("fghij")), [0.0, 1.0, 0.5, 0.5, 1.0])
    task.initialise(examples)
    targets = torch.from_numpy(task.targets(examples, None))
    assert targets[:, 0].tolist() == [0, 2, 1, 1, 2]
    made = component("heads", "similarity")(task, 4, 0).train()
    u, v = VECTORS.unflatten(0, (5, 2)).unbind(1)
    scores = made.classes[0](torch.cat([u, v, (u - v).abs()], dim=1))
    expected = torch.nn.functional.cross_entropy(scores, targets[:, 0].long())
    torch.testing.assert_close(made.loss(made.compare(VECTORS), targets), expected)
    with pytest.raises(DataError, match="25 different scores"):
        build("tasks", {"kind": "similarity", "objective": "softmax"}).initialise(
            Examples((["a"] * 25, ["b"] * 25), list(map(float, range(25))))
        )


@pytest.mark.parametrize("objective", ["cosine", "cosent", "ranking"])
def test_matryoshka_is_the_mean_over_the_lengths(objective):
    made = head(objective=objective, matryoshka=[2, 3])
    losses = [
        (plain := head(objective=objective)).loss(plain.compare(VECTORS[:, :length]), TARGETS).item()
        for length in (2, 3, 4)
    ]
    assert made.loss(made.compare(VECTORS), TARGETS).item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("dim", [None, 2])
def test_layers_are_on_top_of_the_pooled_vector(dim):
    made = head(pooling="sum", layers=[5, 3], dim=dim).eval()
    given = torch.randn(4, 6, 4, generator=torch.Generator().manual_seed(0))
    expected = given.sum(dim=1).detach().numpy()
    linear = [part for part in made.projection if isinstance(part, torch.nn.Linear)]
    assert [len(part.bias) for part in linear] == [5, 3, *([] if dim is None else [dim])]
    for number, part in enumerate(linear):
        expected = expected @ part.weight.detach().numpy().T + part.bias.detach().numpy()
        expected = np.tanh(expected) if number < 2 else expected
    pooled = made.pooled(Sequence(given, torch.ones(4, 6, dtype=torch.bool)))
    np.testing.assert_allclose(pooled.detach().numpy(), expected, atol=1e-5)
    assert made.dim == expected.shape[1]


@pytest.mark.parametrize("objective", ["cosent", "ranking"])
def test_cached_gradients_are_those_of_the_whole_batch(objective):
    pairs, scores = made(20)
    examples = Examples(tuple(map(list, zip(*pairs))), scores)
    tokens = tokenize(examples.flat(), segments=2)
    gradients = []
    for cached in (None, 6):
        settings = {"task.objective": objective, "embedders.0.dropout": 0.0, "task.dropout": 0.0}
        recipe = small(**settings | ({} if cached is None else {"task.cached_rows": cached}))
        task = build("tasks", recipe.tables["task"])
        task.initialise(examples)
        torch.manual_seed(3)
        network = Network(recipe, task).initialise(TrainingText(tokens)).train()
        batch = network.prepare(tokens, task.targets(examples, tokens))
        assert len(batch.parts) == (0 if cached is None else 4)
        network(batch).backward()
        gradients.append(
            {name: p.grad.to_dense() for name, p in network.named_parameters() if p.grad is not None}
        )
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("objective", ["cosine", "cosent", "ranking"])
def test_towers_learn_and_are_saved(objective, tmp_path):
    pairs, scores = made()
    recipe = small(**{"task.objective": objective, "task.cached_rows": 20})
    model = Model(recipe, device="cpu", threads=1).fit(pairs, scores, output=tmp_path / "model")
    assert model.evaluate(pairs, scores).metrics["spearman"] > (0.6 if objective != "ranking" else 0.4)
    again = Model.load(tmp_path / "model")
    np.testing.assert_allclose(again.predict(pairs), model.predict(pairs), atol=1e-4)
    first, second = (model.encode([pair[side] for pair in pairs]) for side in (0, 1))
    cosines = [cosine(*map(torch.from_numpy, both)) for both in zip(first, second)]
    np.testing.assert_allclose(model.scores(pairs)[:, 0], cosines, atol=1e-5)
    swapped = model.scores([pair[::-1] for pair in pairs])
    np.testing.assert_allclose(swapped, model.scores(pairs), atol=1e-6)
    assert 0 < model.predict(pairs).mean() < 4
    assert model.similarity(["red cat", "dog"], ["cat red"]).shape == (2, 1)
    cosines = model.similarity(texts := list(dict.fromkeys(text for pair in zip(*pairs) for text in pair)))
    mean = (cosines.sum() - len(texts)) / (len(texts) * (len(texts) - 1))
    assert model.evaluate(pairs, scores).metrics["anisotropy"] == pytest.approx(mean, abs=1e-3)
    assert -1 <= again.evaluation_.metrics["anisotropy"] <= 1


def test_a_transformer_reads_each_text_alone(tmp_path):
    tiny_bert(tmp_path / "bert")
    settings = {"embedders.0.source": str(tmp_path / "bert"), "embedders.0.max_pieces": 32}
    settings["embedders.0.precision"] = "float32"
    recipe = Recipe.load("sbert", "similarity").with_settings(settings | {"training.epochs": 1})
    pairs, scores = made(40)
    model = Model(recipe, device="cpu", threads=1).fit(pairs, scores, output=tmp_path / "model")
    assert model.engine_.network.reads_apart
    assert (tmp_path / "model" / "modules.json").is_file()
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = [text for pair in pairs[:4] for text in pair]
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts)
    np.testing.assert_allclose(model.encode(texts), theirs, atol=1e-4)


def test_a_frozen_encoder_is_read_once_a_text(tmp_path):
    tiny_bert(tmp_path / "bert")
    settings = {"embedders.0.source": str(tmp_path / "bert"), "embedders.0.max_pieces": 32}
    settings |= {"embedders.0.tune": False, "task.dim": 4, "training.epochs": 2, "task.objective": "cosine"}
    recipe = Recipe.load("sbert", "similarity").with_settings(settings)
    pairs, scores = made(40)
    model = Model(recipe, device="cpu", threads=1).fit(pairs, scores, cache=tmp_path / "cache")
    embedder = model.engine_.network.embedders[0]
    tokens = tokenize([text for pair in pairs for text in pair], segments=2)
    assert type(embedder.prepare(tokens.apart())).__name__ == "Features"


def test_lengths_are_checked():
    for name in ("matryoshka", "layers"):
        with pytest.raises(SettingError, match=f"{name} is 0"):
            build("tasks", {"kind": "similarity", name: [4, 0]})


def test_nothing_may_compare_the_texts():
    recipe = small()
    recipe.tables["encoders"].append({"kind": "alignment"})
    pairs, scores = made(40)
    with pytest.raises(RecipeError, match="reads each text alone"):
        Model(recipe, device="cpu").fit(pairs, scores)


def test_scores_are_needed():
    with pytest.raises(DataError, match="a number is expected, not 'high'"):
        Model(small(), device="cpu").fit([("a", "b"), ("c", "d")], [1, "high"])


def test_the_commands(tmp_path):
    pairs, scores = made()
    rows = "\n".join(f"{a}\t{b}\t{score}" for (a, b), score in zip(pairs, scores))
    (tmp_path / "sts.tsv").write_text(f"sentence1\tsentence2\tscore\n{rows}\n", encoding="utf-8")

    def run(*args, **more):
        done = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False, **more)
        assert done.exit_code == 0, done.output
        return done.stdout

    file, out = tmp_path / "sts.tsv", tmp_path / "climb"
    told = run(
        "climb",
        file,
        "--task",
        "similarity",
        "--rungs",
        "tfidf-similarity",
        "--seeds",
        1,
        "-o",
        out,
        "--json",
    )
    assert json.loads(told)["metric"] == "spearman"
    model = next(out.rglob("model"))
    value, *texts = run("predict", model, "-", input="red cat dog run\tcat red dog run\n").split("\t")
    assert float(value) > 3
    assert texts == ["red cat dog run", "cat red dog run\n"]


def test_the_rungs_are_recipes_of_the_task():
    for name in rung_names("similarity"):
        assert Recipe.load(name, "similarity").task == "similarity"


def positives(rows=120, seed=0):
    """Texts and partners that share three of four words."""
    pairs, scores = made(rows * 5, seed)
    return [pair for pair, score in zip(pairs, scores) if score == 3.0]


def test_pairs_that_belong_together_need_no_scores(tmp_path):
    pairs = positives()
    model = Model(small(**{"task.negatives": 2}), device="cpu", threads=1)
    model.fit(pairs, dev=positives(40, 1), output=tmp_path / "model")
    assert (model.task_.objective, model.task_.metric) == ("ranking", "ap")
    assert model.report_["rows"]["train"] == 120
    found = Model.load(tmp_path / "model").evaluate(positives(60, 2))
    assert found.metric == "ap"
    assert found.rows > 300
    assert found.value > 0.25  # a tenth of the pairs belong together
    assert 0.5 < found.metrics["accuracy"] <= 1
    assert 0.3 < found.metrics["f1"] <= 1


def test_single_texts_teach_by_dropout_alone():
    texts = [first for first, _ in made()[0]]
    settings = {"embedders.0.dropout": 0.3, "training.epochs": 2}
    model = Model(small(**settings), device="cpu", threads=1).fit(list(zip(texts, texts)), dev=made(60, 5))
    assert model.task_.objective == "ranking"
    assert model.evaluate(*made(80, 6)).metrics["spearman"] > 0.4


def test_triplets_are_ranked_and_scores_are_not():
    anchors, partners = ["a", "a", "b", "b"], ["c", "d", "e", "f"]
    for scores, objective in (
        ([1.0, 0.0, 1.0, 0.0], "ranking"),
        ([1.0, 0.0, 0.0, 0.0], "cosent"),
        ([1.0, 2.0, 3.0, 4.0], "cosent"),
    ):
        task = build("tasks", {"kind": "similarity"})
        task.initialise(Examples((anchors, partners), scores))
        assert task.objective == objective
    with pytest.raises(DataError, match="all the same"):
        build("tasks", {"kind": "similarity", "objective": "cosent"}).initialise(
            Examples((anchors, partners), [1.0] * 4)
        )


@pytest.mark.parametrize("objective", ["cosine", "softmax"])
def test_mined_negatives_have_the_lowest_score_of_the_scale(objective, monkeypatch):
    pairs, scores = made(60)
    seen = []
    monkeypatch.setattr(
        type(build("tasks", {"kind": "similarity"})),
        "facts",
        lambda self, examples, tokens: seen.append(self.targets(examples, tokens)) or {},
    )
    settings = {"task.objective": objective, "task.negatives": 2, "training.epochs": 1}
    Model(small(**settings), device="cpu", threads=1).fit(
        pairs, [score + 1 for score in scores], dev=made(20, 4)
    )
    train = max(seen, key=len)
    near = sum(score >= 2 for score in scores)
    assert 60 + near < len(train) <= 60 + 2 * near
    assert set(train[60:, 0]) == {0.0}  # of a scale from 1 to 5
