"""How long a network is trained, and which of its weights are kept."""

import numpy as np
import pytest
import torch

from wordladder import Model
from wordladder.errors import SettingError
from wordladder.tasks._decoding import fit_temperature, log_losses
from wordladder.training.loop import Average
from wordladder.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("batches", "given", "epochs", "patience"),
    [
        (14, {}, 60, 20),  # 450 rows: as often as is useful
        (100, {}, 15, 5),  # as many as make 1,500 steps
        (2000, {}, 7, 3),  # much data is read a few times
        (100, {"steps": 750}, 8, 3),
        (14, {"epochs": 3}, 3, 1),
        (14, {"patience": 4}, 60, 4),
        (14, {"epochs": [3, 8]}, 8, 3),
        (300, {"epochs": [3, 8]}, 5, 2),
        (3000, {"epochs": [3, 8]}, 3, 1),
    ],
)
def test_the_data_decide_how_often_they_are_read(batches, given, epochs, patience):
    assert TrainingSettings(**given).planned(batches) == (epochs, patience)


def test_many_words_are_read_less_often():
    assert TrainingSettings().planned(700, words=5_000_000) == (5, 2)
    assert TrainingSettings(epochs=6).planned(700, words=5_000_000) == (6, 2)


@pytest.mark.parametrize("wrong", [[], [3], [8, 3], [0, 3], [1, 2, 3]])
def test_epochs_are_a_number_or_the_least_and_the_most(wrong):
    with pytest.raises(SettingError, match=r"training.epochs is .* the least and the most"):
        TrainingSettings(epochs=wrong)


def test_the_mean_fades_as_an_exponential_mean_does():
    generator = torch.Generator().manual_seed(1)
    path = torch.randn(400, 3, generator=generator)
    weights = {"w": path[0].clone()}
    average = Average(weights, {}, horizon=40)
    expected = path[0].clone()
    for step in range(1, 400):
        weights["w"].copy_(path[step])
        average.update(step)
        if step % 5 == 0:
            taken = step // 5
            share = 1 - min(np.exp(-5 / 40), taken / (taken + 9))
            expected = expected + share * (path[step] - expected)
    torch.testing.assert_close(average.mean["w"], expected)
    assert average.mean["w"].std() < path.std() / 2
    before = weights["w"].clone()
    average.swap()
    torch.testing.assert_close(weights["w"], expected)
    average.swap()
    torch.testing.assert_close(weights["w"], before)


def test_without_a_horizon_no_mean_is_kept():
    average = Average({"w": torch.ones(2)}, {}, horizon=0.0)
    average.update(1)
    average.swap()
    assert average.mean == {}


def test_an_epoch_that_is_only_surer_is_not_a_worse_one():
    generator = np.random.default_rng(1)
    gold = generator.integers(0, 3, 200)
    scores = generator.normal(size=(200, 3)) + 1.5 * np.eye(3)[gold]
    best = log_losses(scores, gold, fit_temperature(scores, gold, multi_label=False)).mean()
    surer = 8 * scores
    assert log_losses(surer, gold).mean() > 2 * log_losses(scores, gold).mean()
    at_its_best = log_losses(surer, gold, fit_temperature(surer, gold, multi_label=False)).mean()
    assert at_its_best == pytest.approx(best, 1e-4)


def test_a_fit_tells_each_epoch_and_keeps_the_one_of_the_best_criterion():
    recipe = {
        "embedders": [{"kind": "static", "source": "random", "dim": 8, "min_count": 1}],
        "training": {"batch_rows": 4, "learning_rate": 1e-2, "dev_share": 0.25},
    }
    texts, labels = (
        [f"good {i}" for i in range(20)] + [f"bad {i}" for i in range(20)],
        ["y"] * 20 + ["n"] * 20,
    )
    report = Model(recipe, device="cpu", threads=1).fit(texts, labels).report_
    criteria = [epoch["criterion"] for epoch in report["history"]]
    assert report["best_epoch"] == 1 + int(np.argmax(criteria))
    assert len(criteria) <= 60
