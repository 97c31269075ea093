"""How fast an encoder is tuned: the rule against published rates, and what of it reaches the optimizer."""


import pytest
from torch import nn

from tiny_transformers import embedder, tiny_albert, tiny_bert
from wordladder import Model, Recipe
from wordladder.embedders._rates import encoder_rates
from wordladder.recipe import rung_names, rung_tasks
from wordladder.training.optimizer import build_optimizers, rates_by_part
from wordladder.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("encoders")
    return {"bert": tiny_bert(home / "bert"), "albert": tiny_albert(home / "albert")}


@pytest.mark.parametrize(
    ("width", "depth", "lowest", "highest"),
    [
        (768, 12, 2e-5, 5e-5),  # BERT base (Devlin et al. 2019)
        (1024, 24, 1e-5, 3e-5),  # RoBERTa large (Liu et al. 2019)
        (4096, 12, 1e-5, 1e-5),  # ALBERT xxlarge (Lan et al. 2020)
        (768, 6, 5e-5, 7e-5),  # DistilBERT
        (256, 12, 2e-4, 3e-4),  # ELECTRA small (Clark et al. 2020)
        (512, 4, 1e-4, 3e-4),  # BERT small (Turc et al. 2019)
        (384, 6, 2e-4, 3e-4),  # MiniLM
        (300, 8, 2e-4, 3e-4),
        (128, 2, 5e-4, 5e-4),  # BERT tiny
    ],
)
def test_the_rule_gives_the_rates_that_are_published(width, depth, lowest, highest):
    rate = encoder_rates(width, depth, shared=False).learning_rate
    assert lowest <= rate <= highest


def test_between_its_bounds_the_rate_is_inverse_to_the_weights_of_the_layers():
    def rate(width, depth):
        return encoder_rates(width, depth, shared=True).learning_rate

    assert rate(384, 12) == pytest.approx(4 * rate(768, 12))
    assert rate(768, 6) == pytest.approx(2 * rate(768, 12))


def test_what_reaches_the_embeddings_is_the_same_at_every_depth_and_whole_where_layers_are_shared():
    for depth in (2, 6, 12, 24):
        deep, shared = (encoder_rates(768, depth, shared=shared) for shared in (False, True))
        assert deep.layer_decay**depth == pytest.approx(0.5)
        assert shared == deep._replace(layer_decay=1.0)


def found(folder, settings, **given):
    """The rates of each part of a network whose first embedder is tuned, as the optimizer has them."""
    parts = nn.ModuleList([embedder(folder, tune=True, layers="mix", **given), nn.Embedding(5, 3)])
    network = nn.ModuleDict({"embedders": parts, "task": nn.Linear(3, 2)})
    (optimizer,) = build_optimizers(network, settings)
    rates = {p: group["peak"] for group in optimizer.param_groups for p in group["params"]}
    named = {name: rates[p] for name, p in network.named_parameters() if p in rates}
    encoder = {name: rate for name, rate in named.items() if name.startswith("embedders.0.model")}
    others = {rate for name, rate in named.items() if name not in encoder}
    return min(encoder.values()), max(encoder.values()), others


def test_left_out_the_rates_are_those_of_the_shape(folders):
    rate, decay = encoder_rates(16, 3, shared=False)
    lowest, highest, others = found(folders["bert"], TrainingSettings(head_learning_rate=2e-3))
    assert (lowest, highest) == (pytest.approx(rate * decay**3), rate)
    assert others == {2e-3}
    lowest, highest, others = found(folders["albert"], TrainingSettings())
    assert lowest == highest == rate
    assert others == {1e-3}


def test_what_is_given_is_taken(folders):
    lowest, highest, others = found(folders["bert"], TrainingSettings(learning_rate=7e-5), layer_decay=0.9)
    assert (lowest, highest) == (pytest.approx(7e-5 * 0.9**3), 7e-5)
    assert others == {7e-5}


def test_without_an_encoder_all_learn_at_the_usual_rate():
    network = nn.ModuleDict({"embedders": nn.ModuleList([nn.Embedding(5, 3)]), "task": nn.Linear(3, 2)})
    every = {"lowest": 1e-3, "highest": 1e-3}
    assert rates_by_part(network, TrainingSettings()) == {"embedders.0": every, "task": every}
    head = rates_by_part(network, TrainingSettings(head_learning_rate=2e-3))
    assert head == {"embedders.0": every, "task": {"lowest": 2e-3, "highest": 2e-3}}


def test_a_fit_reports_the_rates(folders):
    table = {"kind": "transformer", "source": str(folders["bert"]), "tune": True, "overlap": 8}
    recipe = Recipe({"embedders": [table], "training": {"epochs": 1, "dev_share": 0.0}})
    model = Model(recipe, device="cpu", threads=1).fit(["good", "bad"] * 4, ["yes", "no"] * 4)
    rate, decay = encoder_rates(16, 3, shared=False)
    assert model.report_["learning_rates"] == {
        "embedders.0": {"lowest": pytest.approx(rate * decay**3), "highest": rate},
        "task": {"lowest": 1e-3, "highest": 1e-3},
    }


def test_rungs_leave_the_rates_of_encoders_to_the_rule():
    recipes = [Recipe.load(name, task) for task in rung_tasks() for name in rung_names(task)]
    tuned = [one for one in recipes if any(t.get("tune") for t in one.tables.get("embedders", ()))]
    assert tuned
    for recipe in tuned:
        assert "learning_rate" not in recipe.tables["training"]
        assert not any("layer_decay" in table for table in recipe.tables["embedders"])
