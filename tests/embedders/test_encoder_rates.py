"""How fast an encoder is tuned: the rule against published rates, and what of it reaches the optimizer."""

import pytest
from torch import nn

from tiny_transformers import embedder, tiny_albert, tiny_bert
from wordladder import Model, Recipe
from wordladder.embedders.transformer import encoder_rates
from wordladder.training.optimizer import rates_by_part
from wordladder.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("width", "depth", "lowest", "highest"),
    [
        (768, 12, 2e-5, 5e-5),  # BERT base (Devlin et al. 2019)
        (1024, 24, 1e-5, 3e-5),  # RoBERTa large (Liu et al. 2019)
        (4096, 12, 1e-5, 1e-5),  # ALBERT xxlarge (Lan et al. 2020)
        (256, 12, 2e-4, 3e-4),  # ELECTRA small (Clark et al. 2020)
        (512, 4, 1e-4, 3e-4),  # BERT small (Turc et al. 2019)
    ],
)
def test_the_rule_gives_the_rates_that_are_published(width, depth, lowest, highest):
    rate, _ = encoder_rates(width, depth, shared=False)
    assert lowest <= rate <= highest


def rates(folder, **settings):
    """The lowest and the highest rate of a network's parts, of which the first is a tuned encoder."""
    parts = nn.ModuleList([embedder(folder, tune=True), nn.Embedding(5, 3)])
    network = nn.ModuleDict({"embedders": parts, "task": nn.Linear(3, 2)})
    return {
        part: tuple(of.values()) for part, of in rates_by_part(network, TrainingSettings(**settings)).items()
    }


def test_left_out_the_rates_follow_the_shape(tmp_path):
    rate, decay = encoder_rates(16, 3, shared=False)
    deep = rates(tiny_bert(tmp_path / "bert"), head_learning_rate=2e-3)
    assert deep["embedders.0"] == (pytest.approx(rate * decay**3), rate)
    assert deep["embedders.1"] == deep["task"] == (2e-3, 2e-3)
    shared = rates(tiny_albert(tmp_path / "albert"))
    assert shared["embedders.0"] == (rate, rate)
    assert shared["task"] == (1e-3, 1e-3)


def test_without_an_encoder_all_learn_at_the_usual_rate():
    network = nn.ModuleDict({"embedders": nn.ModuleList([nn.Embedding(5, 3)]), "task": nn.Linear(3, 2)})
    every = {"lowest": 1e-3, "highest": 1e-3}
    assert rates_by_part(network, TrainingSettings()) == {"embedders.0": every, "task": every}
    head = rates_by_part(network, TrainingSettings(head_learning_rate=2e-3))
    assert head == {"embedders.0": every, "task": {"lowest": 2e-3, "highest": 2e-3}}


def test_a_fit_reports_the_rates(tmp_path):
    table = {"kind": "transformer", "source": str(tiny_bert(tmp_path)), "tune": True, "overlap": 8}
    recipe = Recipe(
        {"embedders": [table], "training": {"epochs": 1, "dev_share": 0.0, "learning_rate": 7e-5}}
    )
    found = Model(recipe, device="cpu", threads=1).fit(["good", "bad"] * 4, ["yes", "no"] * 4).report_
    assert found["learning_rates"]["embedders.0"]["highest"] == 7e-5
    assert found["learning_rates"]["task"] == {"lowest": 7e-5, "highest": 7e-5}
