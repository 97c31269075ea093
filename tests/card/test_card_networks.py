"""Every kind on a card: nothing has stayed on the processor, the numbers are the processor's, and a step of
training does not wait for the card.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cards import card
from tiny_elmo import tiny_elmo
from tiny_transformers import tiny_albert, tiny_bert
from wordladder import Recipe
from wordladder.data.examples import Answer, Examples, Span
from wordladder.engines.engine import FitRun
from wordladder.engines.network_engine import NetworkEngine
from wordladder.layers.devices import to_device
from wordladder.recipe import component, kinds
from wordladder.tasks.translation import Translations
from wordladder.training.loop import Average
from wordladder.training.optimizer import build_optimizers, clip_gradients
from wordladder.training.run import tunable

TEXTS = ["the good film", "a bad film, a very bad one!", "", "我喜欢 the good 电影", "good Unheard-of words"]
EXAMPLES = {
    "names": Examples((TEXTS,), ["yes", "no", "no", "yes", "yes"]),
    "pairs": Examples((TEXTS, TEXTS[::-1]), ["yes", "no", "no", "yes", "yes"]),
    "numbers": Examples((TEXTS,), [1.0, 2.0, 2.0, 5.0, 4.0]),
    "similarity": Examples((TEXTS, TEXTS[::-1]), [1.0, 2.0, 2.0, 5.0, 4.0]),
    "spans": Examples(
        (TEXTS,),
        [(Span(4, 8, "GOOD"),), (Span(2, 10, "BAD"), Span(12, 18, "BAD")), (), (Span(0, 3, "HAN"),), ()],
    ),
    "answers": Examples(
        (["what ?", "how bad ?", "why ?", "谁", "good ?"], TEXTS),
        [
            (Answer("film", 9),),
            (Answer("very bad", 14),),
            (),
            (Answer("我", 0),),
            (Answer("elsewhere", None),),
        ],
    ),
    "texts": Examples((TEXTS,), [(Answer(text.upper()),) for text in TEXTS]),
    "nothing": Examples((TEXTS,)),
}
PLAIN = {"kind": "characters", "dim": 4, "filters": 5}
ALSO = {"kind": "static", "dim": 6, "min_count": 1, "tune": False}

# The settings that take other ways through a kind; of a kind that is not here, those that it has by itself.
SETTINGS = {
    ("embedders", "static"): [
        {"dim": 6, "min_count": 1},
        {"source": "vectors.txt", "unknown": "random"},
        {"source": "vectors.txt", "unknown": "random", "tune": False},
    ],
    ("embedders", "characters"): [{"casing": True, "widths": [2, 3]}, {"form": "lstm", "hidden": 5}],
    ("embedders", "transformer"): [
        {"source": source, "overlap": 4, "hidden_dropout": 0.0, "precision": "float32", **settings}
        for source in ("bert", "albert")
        for settings in (
            {"tune": True, "max_pieces": 16},
            {"tune": True, "layers": "mix", "pooling": "mean", "summary": "mean"},
            {"layers": "mix", "pooling": "mean", "summary": "cls"},
            {"layers": "last4", "cache_gb": 0.0},
        )
    ],
    ("embedders", "elmo"): [
        {"source": "elmo", "tune": True, "window": 4},
        {"source": "clipped", "tune": True},
        {"source": "elmo"},
        {"source": "clipped", "layers": 1, "cache_gb": 0.0},
    ],
    ("fusion", "gate"): [{}, {"per": "word"}],
    ("fusion", "attention"): [{}, {"context": True}],
    ("encoders", "recurrent"): [
        {"cell": cell, "hidden": 5, "bidirectional": both, "layers": 1 + both}
        for cell in ("rnn", "gru", "lstm")
        for both in (False, True)
    ],
    ("encoders", "alignment"): [{}, {"form": "esim", "projection": 5}],
    ("tasks", "classification"): [
        *({"pooling": pooling} for pooling in ("max", "mean", "first", "last")),
        {"multi_label": True, "class_weights": "balanced"},
        {"hidden": 4, "class_weights": "balanced", "label_smoothing": 0.1},
    ],
    ("tasks", "tagging"): [{}, {"crf": False}, {"scheme": "bio"}],
    ("tasks", "span_qa"): [{}, {"no_answer": True}],
    ("encoders", "self_attention"): [{"dropout": 0.0}],
    ("tasks", "pairs"): [{}, {"symmetric": True, "hidden": 4, "pooling": "mean+max"}],
    ("tasks", "regression"): [{}, {"objective": "ordinal"}],
    ("tasks", "translation"): [
        {"dim": 8, "hidden": 8, "decoder": decoder, "attention": attention, "heads": 2}
        for decoder, attention in (("gru", "luong"), ("lstm", "bahdanau"), ("transformer", "luong"))
    ],
    ("tasks", "language_model"): [{"min_count": 1}, {"min_count": 1, "samples": 2}],
    ("tasks", "similarity"): [
        {"objective": "cosent", "matryoshka": [2], "cached_rows": 2},
        {"objective": "ranking", "dim": 3, "pooling": "sum", "layers": [5]},
    ],
}
CASES = [
    pytest.param(folder, kind, settings, id=f"{kind}-{number}")
    for folder in ("embedders", "fusion", "encoders", "tasks")
    for kind in kinds(folder)
    for number, settings in enumerate(SETTINGS.get((folder, kind), [{}]))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the sources of recipes lie."""
    made = tmp_path_factory.mktemp("sources")
    tiny_bert(made / "bert")
    tiny_albert(made / "albert")
    for name, clips in (("elmo", {}), ("clipped", {"memory_clip": 0.5, "hidden_clip": 0.3})):
        (made / name).mkdir()
        tiny_elmo(made / name, **clips)
    rows = enumerate(["the", "good", "words"])
    lines = [f"{word} {' '.join(map(str, np.sin(np.arange(6) + row)))}" for row, word in rows]
    (made / "vectors.txt").write_text("\n".join(lines), encoding="utf-8")
    return made


def recipe_of(of, kind, settings, folder):
    """A recipe around one kind, without dropout; and the examples of its task."""
    table = {"kind": kind, **settings}
    pair = of == "encoders" and component(of, kind).reads == "example"
    task = table if of == "tasks" else {"kind": "span_qa" if pair else "classification"}
    tables = {
        "embedders": [PLAIN],
        "task": {**task, "dropout": 0.0},
        "training": {"learning_rate": 0.001, "precision": "float32"},
    }
    if of == "embedders":
        tables["embedders"] = [table]
    elif of == "fusion":
        tables |= {"embedders": [PLAIN, ALSO], "fusion": table}
    elif of == "encoders":
        tables["encoders"] = [table]
    kind = task["kind"]
    examples = EXAMPLES[kind if kind in EXAMPLES else component("tasks", kind).labels_are]
    if "class_weights" in settings:
        examples = replace(examples, weights=[1.0, 0.5, 2.0, 1.5, 1.0])
    return Recipe(tables, folder=folder), examples


def learned(recipe, examples, device, waits=list, half=False):
    """What three steps from the same weights on came to, and what they waited for."""
    engine = NetworkEngine(recipe, str(device))
    engine.task.initialise(examples)
    tokens = engine.words.tokens(examples)
    if hasattr(engine.task, "learn_words"):
        engine.task.learn_words(tokens)
    torch.manual_seed(1)
    with FitRun() as run:
        engine._initialise_network(examples, tokens, run)
        network = engine.network.to(device)
        engine._cache_features([tokens], run.features_folder(network))
        optimizers = build_optimizers(network, engine.settings)
        average = Average(tunable(network), {}, horizon=8.0)
        targets = engine.task.targets(examples, tokens)[np.arange(len(tokens))]
        weights = None if examples.weights is None else np.asarray(examples.weights, np.float32)
        found, waited = {}, []
        for step in range(3):
            network.train()
            for optimizer in optimizers:
                optimizer.zero_grad()
            batch = network.prepare(tokens, targets, weights)
            waits()
            torch.manual_seed(step)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss = network(to_device(batch, device))
            loss.backward()
            clip_gradients(network.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
            average.update(step + 1)
            waited += waits()
            found[f"loss {step}"] = loss.item()
            if step == 0:
                given = ((name, weight.grad) for name, weight in network.named_parameters())
                found |= {name: grad.cpu().to_dense().numpy() for name, grad in given if grad is not None}
        if any(getattr(part, "sparse", False) for part in network.modules()):
            waited = []  # PyTorch looks how many rows a sparse gradient has
        average.swap()
        scores = engine._scores(tokens)
        if isinstance(scores, Translations):
            found["scores"] = np.array([best.score for best, *_ in scores.found])
        else:
            found["scores"] = scores if isinstance(scores, np.ndarray) else scores.values
        found["vectors"] = engine.encode(examples)
        if hasattr(network.fusion, "weights"):
            found["shares"] = np.concatenate([one.weights for one in engine.fusion_weights(examples)])
    return found, waited


@pytest.mark.parametrize(("of", "kind", "settings"), CASES)
def test_the_numbers_are_those_of_the_processor(of, kind, settings, folder):
    recipe, examples = recipe_of(of, kind, settings, folder)
    expected, _ = learned(recipe, examples, torch.device("cpu"))
    with card() as there:
        found, waited = learned(recipe, examples, there.device, there.waits)
        near, waited_half = learned(recipe, examples, there.device, there.waits, half=True)
    assert found.keys() == near.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    assert near["loss 2"] == pytest.approx(expected["loss 2"], rel=0.05)
    assert waited == waited_half == []


def test_dropout_is_drawn_there(folder):
    tables = {"embedders": [{**ALSO, "dropout": 0.5}, {**PLAIN, "dropout": 0.5}], "fusion": {"kind": "gate"}}
    tables["encoders"] = [{"kind": "recurrent", "hidden": 5, "layers": 2, "dropout": 0.5}]
    tables["task"] = {"kind": "classification", "dropout": 0.5}
    with card() as there:
        found, waited = learned(Recipe(tables), EXAMPLES["names"], there.device, there.waits)
    assert np.isfinite(found["loss 2"])
    assert waited == []
