"""Regression: numbers of files and of Python, the metrics of SciPy, ordinal levels, and the commands."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from wordladder import Model, Recipe
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.data.reading import read_examples
from wordladder.errors import DataError, ModelError
from wordladder.metrics.numbers import mean_absolute_error, pearson, spearman
from wordladder.recipe import build, component

GOOD, BAD = ["good", "great", "lovely", "fine"], ["bad", "awful", "dull", "poor"]
SMALL = {"embedders.0.source": "random", "embedders.0.dim": 8, "embedders.0.min_count": 1}
SMALL |= {"training.epochs": 12, "training.batch_rows": 8, "training.learning_rate": 0.02}


def stars(rows=200, seed=0):
    """Texts of four words, and one star and another for each that is good."""
    chance = np.random.default_rng(seed)
    texts, numbers = [], []
    for _ in range(rows):
        good = int(chance.integers(0, 5))
        words = [*chance.choice(GOOD, good), *chance.choice(BAD, 4 - good)]
        texts.append(" ".join(chance.permutation(words)))
        numbers.append(good + 1)
    return texts, numbers


def small(name="vectors-regression", **settings):
    recipe = Recipe.load(name, "regression").with_settings(SMALL | settings)
    recipe.tables.pop("vectors")
    return recipe


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_those_of_scipy(seed):
    stats = pytest.importorskip("scipy.stats")
    chance = np.random.default_rng(seed)
    gold, found = chance.integers(0, 6, 50).astype(float), chance.normal(size=50).round(1)
    assert pearson(gold, found) == pytest.approx(stats.pearsonr(gold, found).statistic)
    assert spearman(gold, found) == pytest.approx(stats.spearmanr(gold, found).statistic)
    assert mean_absolute_error(gold, found) == pytest.approx(np.abs(gold - found).mean())
    assert pearson(gold, np.ones(50)) == spearman(np.ones(50), gold) == 0


@pytest.mark.parametrize("objective", ["mse", "ordinal"])
def test_numbers_are_learned_and_kept(objective, tmp_path):
    texts, numbers = stars()
    recipe = small(**{"task.objective": objective})
    model = Model(recipe, device="cpu", threads=1).fit(texts, numbers, output=tmp_path / "model")
    found = model.predict(texts)
    assert found.dtype == np.float64
    assert spearman(np.array(numbers, float), found) > 0.9
    np.testing.assert_allclose(Model.load(tmp_path / "model").predict(texts), found, atol=1e-4)
    assert model.answers(texts[:1]) == [{"value": pytest.approx(found[0])}]
    assert set(model.evaluate(texts, numbers).metrics) == {"spearman", "pearson", "mae"}
    with pytest.raises(ModelError, match="no classes"):
        model.predict_proba(texts)


def test_the_expected_level_is_the_answer():
    task = build("tasks", {"kind": "regression", "objective": "ordinal"})
    task.initialise(Examples((["a", "b", "c"],), [1.0, 3.0, 4.0]))
    assert task.width == 2
    scores = torch.tensor([[-30.0, -30.0], [30.0, -30.0], [30.0, 30.0], [0.0, 0.0]])
    np.testing.assert_allclose(task.values(scores.numpy()), [1, 3, 4, 1 + 0.5 * 2 + 0.5 * 1])
    head = component("heads", "regression")(task, 4, 0)
    targets = torch.from_numpy(task.targets(Examples((["a", "b"],), [1.0, 4.0]), None))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.zeros(2, 2), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    )
    torch.testing.assert_close(head.loss(torch.zeros(2, 2), targets), expected)


def test_the_primary_metric_is_chosen():
    task = build("tasks", {"kind": "regression", "metric": "mae"})
    assert not task.higher_is_better
    assert task.primary(np.array([[1.0, 2.0], [3.0, 3.0]])) == 0.5


def test_ridge_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    texts, numbers = stars(80)
    recipe = Recipe.load("ridge", "regression").with_settings(
        {"shallow.regularisation": 1.0, "shallow.ngrams": 1, "shallow.characters": 0}
    )
    model = Model(recipe).fit(texts, numbers, dev=(texts, numbers))
    shallow = model.engine_.shallow
    bags = shallow.features(shallow.terms, shallow.terms.bags(texts), "tfidf")
    dense = np.zeros((len(texts), len(shallow.terms.hashes)))
    dense[np.repeat(np.arange(len(texts)), np.diff(bags.begins)), bags.ids] = bags.values
    twin = linear_model.Ridge(alpha=1.0).fit(dense, numbers)
    np.testing.assert_allclose(model.predict(texts), twin.predict(dense), atol=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,stars\na,1\nb,many\n", "line 3: column 'stars' has no number, but \"many\""),
        ("text,stars\na,1\nb,\n", "line 3: column 'stars' has no number"),
        ("text,stars\na,1\nb,nan\n", "line 3: column 'stars' has no number, but \"nan\""),
        ("text,stars\na,1\nb,1\n", "the numbers are all the same"),
    ],
)
def test_what_is_no_number_is_told_with_its_line(content, message, tmp_path):
    (tmp_path / "rows.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Model(small(), device="cpu").fit(read_examples(tmp_path / "rows.csv", "regression"))


def test_what_python_gives_is_checked():
    with pytest.raises(DataError, match="row 2: a number is expected, not 'x'"):
        Model(small(), device="cpu").fit(["a", "b"], [1, "x"])
    many = ["a"] * 60
    recipe = small(**{"task.objective": "ordinal"})
    with pytest.raises(DataError, match="60 different numbers, too many for levels"):
        Model(recipe, device="cpu").fit(many, np.arange(60.0), dev=(many, np.arange(60.0)))


def test_the_commands(tmp_path):
    texts, numbers = stars()
    rows = "\n".join(f"{text},{number}" for text, number in zip(texts, numbers))
    (tmp_path / "rows.csv").write_text(f"text,stars\n{rows}\n", encoding="utf-8")

    def run(*args, **more):
        done = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False, **more)
        assert done.exit_code == 0, done.output
        return done.stdout

    file, out = tmp_path / "rows.csv", tmp_path / "climb"
    told = json.loads(
        run("climb", file, "--task", "regression", "--rungs", "ridge", "--seeds", 1, "-o", out, "--json")
    )
    assert (told["metric"], told["recommended"]) == ("spearman", "ridge")
    model = next(out.rglob("model"))
    value, text = run("predict", model, "-", input="good great good fine\n").split("\t")
    assert float(value) > 4
    assert text == "good great good fine\n"
    assert "spearman" in run("evaluate", model, file)
