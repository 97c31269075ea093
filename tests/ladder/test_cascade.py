"""Cascades: routes, promises that hold, and the saved model."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model, climb
from wordladder.data.examples import Examples
from wordladder.engines.cascade_engine import CascadeEngine
from wordladder.errors import ModelError, SettingError
from wordladder.evaluation.promises import p_value_of_mean
from wordladder.ladder.cascade import Candidate, Chain, candidates_of, promise, route
from wordladder.ladder.cascade_model import add_cascade
from wordladder.ladder.climb_folder import ClimbFolder
from wordladder.ladder.report import write_report
from wordladder.ladder.runner import Runner
from wordladder.ladder.split import split_data
from wordladder.model.inputs import examples_of
from wordladder.tasks._decoding import confidence


def rungs(rows, seed, gains=(0.80, 0.86, 0.90)):
    """Three rungs of growing cost whose confidence is honest."""
    random = np.random.default_rng(seed)
    hard = random.random(rows)  # shared by all
    found = []
    for number, gain in enumerate(gains):
        sure = np.clip(gain + 0.3 * (0.5 - hard) + 0.05 * random.normal(size=rows), 0.5, 0.999)
        found.append(Candidate("abc"[number], 10.0**number, sure, random.random(rows) < sure))
    return found


def test_a_row_is_answered_by_the_first_stage_that_is_sure():
    some = rungs(200, 1)
    chain = Chain(("a", "b", "c"), (0.85, 0.9))
    found = route(chain, some)
    for row in range(200):
        stage = 0 if some[0].sure[row] >= 0.85 else 1 if some[1].sure[row] >= 0.9 else 2
        assert found.stages[row] == stage
        assert found.right[row] == some[stage].right[row]
        assert found.costs[row] == (1, 11, 111)[stage]


def test_candidates_are_the_front_on_dev_the_dearest_first():
    dev = rungs(500, 2)
    found = [route(chain, dev) for chain in candidates_of(dev, "c", 0.02)]
    costs = [one.costs.mean() for one in found]
    rights = [one.right.mean() for one in found]
    assert len(found) > 3
    assert costs == sorted(costs, reverse=True)
    assert costs[0] < dev[2].cost
    assert rights == sorted(rights, reverse=True)
    assert min(rights) >= dev[2].right.mean() - 0.02
    # No chain of two rungs on a grid of its own is better in both.
    for first, threshold in product((0, 1), np.quantile(dev[0].sure, np.linspace(0, 1, 41))):
        other = route(Chain((dev[first].name, "c"), (float(threshold),)), dev)
        if first == 0 and other.costs.mean() < 111:
            assert not any(
                other.costs.mean() < cost - 1e-9 and other.right.mean() > right + 1e-9
                for cost, right in zip(costs, rights)
            )


@pytest.mark.parametrize(("mean", "share"), [(0.01, 0.0), (0.02, 0.02), (0.01, 0.4)])
def test_the_p_value_is_rarely_small_where_the_mean_is_the_limit(mean, share):
    """`share` of the rows lose or win by chance besides."""
    random, wrong = np.random.default_rng(3), 0
    for trial in range(400):
        draws = random.random(800)
        losses = np.where(
            draws < mean, 1.0, np.where(draws < mean + share, random.choice([-1.0, 1.0], 800), 0)
        )
        wrong += p_value_of_mean(losses, mean, seed=trial) <= 0.05
    assert wrong / 400 <= 0.05 + 0.02


def test_the_p_value_is_small_where_the_mean_is_far_below():
    random = np.random.default_rng(4)
    losses = random.choice([-1.0, 0.0, 1.0], 2000, p=[0.02, 0.96, 0.02])
    assert p_value_of_mean(losses, 0.03) < 1e-3
    assert p_value_of_mean(losses, -0.03) > 0.5
    assert p_value_of_mean(np.zeros(0), 0.1) == 1
    assert p_value_of_mean(np.zeros(60), 0.01) > 0.05, "too few rows"


def test_what_is_promised_holds_on_new_rows():
    population = rungs(200_000, 5)
    broken, found = 0, 0
    for trial in range(60):
        dev, test = rungs(400, 100 + trial), rungs(1500, 1000 + trial)
        one = promise(dev, test, "c", 0.015)
        if one is not None:
            found += 1
            loss = population[2].right.mean() - route(one.chain, population).right.mean()
            broken += loss > 0.015
    assert found > 30
    assert broken / 60 <= 0.05 + 0.05


def test_a_cascade_is_a_model(tmp_path):
    texts, labels = reviews(120)
    noisy = [labels[row + 1 if row % 4 == 0 else row] for row in range(119)] + labels[:1]
    first = Model("tfidf").fit(texts[:60], noisy[:60], dev=(texts[60:], noisy[60:]))
    second = Model("fasttext").fit(texts, noisy, dev=(texts[40:80], noisy[40:80]))
    engine = CascadeEngine(second.recipe_)
    certainty = first.predict_proba(texts).max(axis=1)
    threshold = float(np.median(certainty)) + 1e-9
    engine.set_stages([first, second], ["tfidf", "fasttext"], [threshold])
    model = Model.of_engine(engine, {"warnings": []}, second.label_kind_)
    stages = engine.route(Examples((texts,)))
    assert (stages == (certainty < threshold)).all()
    assert 0 < stages.sum() < len(texts)
    answers = [first.predict(texts), second.predict(texts)]
    assert list(model.predict(texts)) == [answers[stage][row] for row, stage in enumerate(stages)]
    chances = np.stack([first.predict_proba(texts), second.predict_proba(texts)])
    assert model.predict_proba(texts) == pytest.approx(chances[stages, np.arange(len(texts))], abs=1e-9)
    loaded = Model.load(model.save(tmp_path / "cascade"))
    assert np.array_equal(loaded.scores(texts), model.scores(texts))
    assert loaded.answers(texts[:1])[0] == model.answers(texts[:1])[0]
    assert (loaded.engine_.cascade.names, loaded.engine_.cascade.thresholds) == (
        ["tfidf", "fasttext"],
        [threshold],
    )
    assert list(model.predict([])) == []
    with pytest.raises(ModelError, match="no vectors"):
        loaded.encode(texts)
    other = Model("tfidf").fit(texts, ["x", "y"] * 60)
    with pytest.raises(ModelError, match="other labels than fasttext"):
        engine.set_stages([other, second], ["tfidf", "fasttext"], [0.5])


def test_a_cascade_of_taggers(tmp_path):
    random = np.random.default_rng(5)
    names = ["Anna", "Bo", "Cleo", "Dan"]
    words = [
        [names[random.integers(4)] if random.random() < 0.3 else f"w{random.integers(30)}" for _ in range(8)]
        for _ in range(80)
    ]
    tags = [["B-PER" if word in names else "O" for word in row] for row in words]
    models = [Model({"shallow": {"kind": "crf"}, "task": {"kind": "tagging"}}) for _ in range(2)]
    few = [["B-PER" if word in names[:2] else "O" for word in row] for row in words]
    models[0].fit(words, few, dev=(words[:20], few[:20]))
    models[1].fit(words, tags, dev=(words[:20], tags[:20]))
    sure = models[0].task_.sure(models[0].scores(words))
    best = [one["alternatives"][0]["probability"] for one in models[0].answers(words, top=2)]
    assert sure == pytest.approx(best)
    threshold = float(np.median(sure))
    engine = CascadeEngine(models[1].recipe_)
    engine.set_stages(models, ["few", "many"], [threshold])
    cascade = Model.of_engine(engine, {"warnings": []}, models[1].label_kind_)
    examples = examples_of(words, tags, models[1].task_)
    stages = engine.route(examples)
    assert (stages == (sure < threshold)).all()
    answers = [model.predict(words) for model in models]
    assert answers[0] != answers[1]
    assert cascade.predict(words) == [answers[stage][row] for row, stage in enumerate(stages)]
    outcomes = np.stack([model.outcomes(examples) for model in models])
    assert np.array_equal(cascade.outcomes(examples), outcomes[stages, np.arange(80)])
    assert cascade.evaluate(words, tags).value == models[0].task_.primary(outcomes[stages, np.arange(80)])
    loaded = Model.load(cascade.save(tmp_path / "cascade"))
    assert loaded.answers(words[:9]) == cascade.answers(words[:9])
    assert loaded.task_.sure(loaded.scores(words)).min() > 0
    assert loaded.predict([]) == []


def test_a_cascade_has_no_sets_of_labels_of_its_own():
    texts, labels = reviews(80)
    recipe = {"shallow": {"kind": "tfidf"}, "task": {"kind": "classification", "guarantee": 0.9}}
    model = Model(recipe).fit(texts, labels, dev=(texts, labels))
    assert "set" in model.answers(texts[:1])[0]
    engine = CascadeEngine(model.recipe_)
    engine.set_stages([model, model], ["one", "two"], [0.9])
    cascade = Model.of_engine(engine, {"warnings": []}, model.label_kind_)
    assert "set" not in cascade.answers(texts[:1])[0]
    assert "coverage" not in cascade.evaluate(texts, labels).metrics


def test_several_labels_and_f1_keep_their_decisions():
    texts, labels = reviews(120)
    several = [(label, "long") if len(text) > 40 else (label,) for text, label in zip(texts, labels)]
    model = Model("tfidf").fit(texts, several, dev=(texts, several))
    decided = model.task_.decisions(model.scores(texts))
    assert np.array_equal(decided >= 0, model.task_.predicted(model.scores(texts)) == 1)
    sure = confidence(decided, several=True)
    assert ((sure >= 0.5) & (sure <= 1)).all()
    f1 = Model({"shallow": {"kind": "tfidf"}, "task": {"kind": "classification", "metric": "f1"}})
    f1.fit(texts, labels, dev=(texts[:30], labels[:30]))
    f1.task_.thresholds[1] = 0.3
    decided = f1.task_.decisions(f1.scores(texts))
    assert np.array_equal(decided.argmax(axis=1), f1.task_.predicted(f1.scores(texts)))


def test_a_climb_with_a_cascade(tmp_path):
    texts, labels = reviews(900, seed=2)
    rows, out, recipes = Examples((texts,), labels), tmp_path / "c", tmp_path / "recipes"
    recipes.mkdir()
    task = 'format = 1\n[task]\nkind = "classification"\n'
    (recipes / "tfidf.toml").write_text(f'{task}[shallow]\nkind = "tfidf"\n')
    network = '[[embedders]]\nkind = "static"\ndim = 16\nmin_count = 1\n[training]\nlearning_rate = 0.02\n'
    (recipes / "mean.toml").write_text(task + network)
    found = climb(rows, output=out, recipes=recipes, seeds=1, cascade=True, margin=0.05, threads=1)
    assert found.best == "tfidf", "both are always right, and it is cheaper"
    assert "No cascade: tfidf is both the best rung on dev and the cheapest." in found.notes
    assert json.loads((out / "climb.json").read_text())["cascade"] is None
    dear = replace(found, choice=replace(found.choice, best="mean"))
    runner = Runner(folder=ClimbFolder(out), threads=1)
    split = split_data(rows, None, None, task="classification", seed=1, columns={})
    with runner.data_files(split):
        made, why = add_cascade(dear, split.test, runner)
        assert why == ""
        groups = replace(split.test, groups=["one"] * len(split.test))
        assert add_cascade(dear, groups, runner)[0] is None
    assert made.names == ("tfidf", "mean")
    assert sum(made.shares) == pytest.approx(1)
    assert made.value == 1
    assert made.latency_mean < made.best_latency_mean
    assert Model.load(out / "cascade").evaluate(split.test).value == made.value
    write_report(replace(dear, cascade=made), out)
    assert "Cascade tfidf → mean: 1.000" in (out / "report.html").read_text(encoding="utf-8")
    with pytest.raises(SettingError, match="cascade is for classification, pairs, tagging, not for span_qa"):
        climb(rows, output=tmp_path / "t", task="span_qa", cascade=True)
