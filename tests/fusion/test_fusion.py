"""Fusion by a gate and by attention, against their formulas in NumPy; and in a whole model."""

import numpy as np
import pytest
import torch
from torch import nn

from conftest import reviews
from wordladder import Model
from wordladder.errors import ModelError, NotFittedError, RecipeError
from wordladder.fusion.attention import Attention
from wordladder.fusion.concatenate import Concatenate
from wordladder.fusion.gate import Gate
from wordladder.layers.sequence import Sequence

LENGTHS = (4, 9, 0, 6, 1)
VARIANTS = [
    (Gate, {}),
    (Gate, {"per": "word"}),
    (Gate, {"dim": 5}),
    (Attention, {}),
    (Attention, {"context": True}),
    (Attention, {"dim": 5, "context": True, "hidden": 3}),
]


def sequences(*dims, summaries=None, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    found = []
    for number, dim in enumerate(dims):
        vectors = torch.randn(*mask.shape, dim, generator=generator, dtype=dtype) * mask[..., None]
        size = summaries[number] if summaries else 0
        summary = torch.randn(len(mask), size, generator=generator, dtype=dtype) if size else None
        found.append(Sequence(vectors, mask, summary))
    return found


def new(cls, dims, settings, dtype=torch.float64):
    """A fusion in which no weight is zero any more."""
    torch.manual_seed(1)
    fusion = cls(dims, [0] * len(dims), **settings).to(dtype)
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.5)
    return fusion


def numbers(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def projections(w, vectors):
    return [
        w[f"projections.layers.{i}.weight"] @ v + w[f"projections.layers.{i}.bias"]
        for i, v in enumerate(vectors)
    ]


def gate_twin(fusion, vectors):
    """The gates `(embedders, dim or 1)` and the mixture `(dim,)` of one word."""
    w = numbers(fusion)
    scores = w["gate.weight"] @ np.concatenate(vectors) + w["gate.bias"]
    if len(vectors) == 2:
        gates = np.stack([sigmoid(scores), 1 - sigmoid(scores)])
    else:
        gates = softmax(scores.reshape(len(vectors), -1).T).T
    return gates, sum(g * p for g, p in zip(gates, projections(w, vectors)))


def lstm_twin(w, place, words):
    """Hidden vectors `(words, hidden)` of one direction, torch's order of gates."""
    hidden = w[f"{place}.weight_hh_l0"].shape[1]
    h, c, found = np.zeros(hidden), np.zeros(hidden), []
    for x in words:
        z = w[f"{place}.weight_ih_l0"] @ x + w[f"{place}.bias_ih_l0"]
        z = z + w[f"{place}.weight_hh_l0"] @ h + w[f"{place}.bias_hh_l0"]
        i, f, g, o = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        found.append(h)
    return np.array(found)


def attention_twin(fusion, words, context):
    """The weights `(words, embedders)` and mixtures `(words, dim)` of a text, with a bias as in the paper."""
    w = numbers(fusion)
    projected = np.array([projections(w, vectors) for vectors in words])
    read = projected
    if context:
        chains = []
        for embedder in range(projected.shape[1]):
            there = lstm_twin(w, "cells.0", projected[:, embedder])
            back = lstm_twin(w, "cells.1", projected[::-1, embedder])[::-1]
            chains.append(np.concatenate([there, back], axis=-1))
        read = np.stack(chains, axis=1)
    weights = softmax(read @ w["score.weight"][0] + 0.7)
    return weights, np.einsum("we,wed->wd", weights, projected)


def words_of(given, row):
    return [[s.vectors[row, place].numpy() for s in given] for place in range(LENGTHS[row])]


@pytest.mark.parametrize("per", ["dimension", "word"])
@pytest.mark.parametrize("dims", [(6, 4), (6, 4, 3), (3, 3, 3, 3)])
def test_the_gate_is_its_formula(dims, per):
    given, fusion = sequences(*dims), new(Gate, dims, {"per": per, "dim": 5})
    out, weights = fusion(given).vectors.detach(), fusion.weights(given).detach()
    assert out.shape[2] == fusion.dim == 5
    for row in range(len(LENGTHS)):
        for place, vectors in enumerate(words_of(given, row)):
            gates, mixture = gate_twin(fusion, vectors)
            assert gates.shape == (len(dims), 5 if per == "dimension" else 1)
            np.testing.assert_allclose(out[row, place], mixture, atol=1e-12)
            np.testing.assert_allclose(weights[row, place], gates.mean(1), atol=1e-12)


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize("dims", [(6, 4), (6, 4, 3)])
def test_attention_is_its_formula(dims, context):
    """The twin has the paper's bias, which changes nothing."""
    given, fusion = sequences(*dims), new(Attention, dims, {"context": context, "dim": 5})
    out, weights = fusion(given).vectors.detach(), fusion.weights(given).detach()
    assert out.shape[2] == fusion.dim == 5
    for row, length in enumerate(LENGTHS):
        if length:
            shares, mixtures = attention_twin(fusion, words_of(given, row), context)
            np.testing.assert_allclose(weights[row, :length], shares, atol=1e-12)
            np.testing.assert_allclose(out[row, :length], mixtures, atol=1e-12)


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
@pytest.mark.parametrize("dims", [(6, 4), (6, 4, 3)])
def test_weights_add_up_to_one_and_padding_is_zero(cls, settings, dims):
    given, fusion = sequences(*dims), new(cls, dims, settings)
    out, weights, mask = fusion(given), fusion.weights(given), given[0].mask
    torch.testing.assert_close(weights.sum(-1), mask.double())
    assert (weights[mask] > 0).all()
    assert out.vectors[mask].any(-1).all()
    assert not out.vectors[~mask].any()
    assert out.mask is mask


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
def test_an_answer_depends_on_neither_padding_nor_batch(cls, settings):
    given, fusion = sequences(6, 4, 3), new(cls, (6, 4, 3), settings)
    noise = [
        Sequence(
            nn.functional.pad(s.vectors.masked_fill(~s.mask[..., None], 9.0), (0, 0, 0, 4), value=-7.0),
            nn.functional.pad(s.mask, (0, 4)),
        )
        for s in given
    ]
    for compute in (lambda s: fusion(s).vectors, fusion.weights):
        plain, padded = compute(given), compute(noise)
        torch.testing.assert_close(padded[:, : plain.shape[1]], plain)
        assert not padded[:, plain.shape[1] :].any()
        for row, length in enumerate(LENGTHS):
            n = max(length, 1)
            alone = [Sequence(s.vectors[row : row + 1, :n], s.mask[row : row + 1, :n]) for s in given]
            torch.testing.assert_close(compute(alone)[0], plain[row, :n])


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
@pytest.mark.parametrize("dims", [(6, 4), (6, 4, 3)])
def test_gradients_are_those_of_finite_differences(cls, settings, dims):
    """In double precision; no parameter is without effect."""
    given, fusion = sequences(*dims), new(cls, dims, settings)
    fusion(given).vectors.square().sum().backward()
    step = 1e-5
    for parameter in fusion.parameters():
        place = parameter.grad.abs().argmax()
        assert parameter.grad.flatten()[place].abs() > 1e-4
        values = []
        with torch.no_grad():
            for change in (step, -2 * step, step):
                parameter.view(-1)[place] += change
                values.append(fusion(given).vectors.square().sum())
        slope = float(values[0] - values[1]) / (2 * step)
        assert float(parameter.grad.flatten()[place]) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
def test_single_precision_trains_like_double(cls, settings):
    """Recurrent layers compute single precision in a way of their own."""
    found = []
    for dtype in (torch.float32, torch.float64):
        given, fusion = sequences(6, 4, 3), new(cls, (6, 4, 3), settings, torch.float64).to(dtype)
        out = fusion([s._replace(vectors=s.vectors.to(dtype)) for s in given]).vectors
        assert out.dtype == dtype
        found.append([out.detach(), *torch.autograd.grad(out.square().sum(), list(fusion.parameters()))])
    for single, double in zip(*found, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
def test_half_precision_trains(cls, settings):
    given, fusion = sequences(6, 4, 3, dtype=torch.float32), new(cls, (6, 4, 3), settings, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out, weights = fusion(given).vectors, fusion.weights(given)
    torch.testing.assert_close(out.float(), fusion(given).vectors, rtol=0.05, atol=0.05)
    torch.testing.assert_close(weights.float(), fusion.weights(given), rtol=0.05, atol=0.05)
    out.float().square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in fusion.parameters())


def test_context_is_read_and_nothing_else_is():
    """A changed last word changes the first word's weights only where attention has context."""
    given = sequences(6, 4)
    other = [s._replace(vectors=s.vectors.clone()) for s in given]
    for s in other:
        s.vectors[1, LENGTHS[1] - 1] += 1.0
    for cls, settings in VARIANTS:
        fusion = new(cls, (6, 4), settings)
        before, after = fusion.weights(given)[1, 0], fusion.weights(other)[1, 0]
        assert torch.equal(before, after) != settings.get("context", False)


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
def test_one_embedder_is_projected_or_left_as_it_is(cls, settings):
    given = sequences(6)
    fusion = new(cls, (6,), settings)
    if "dim" in settings:
        w = numbers(fusion)
        (layer,) = fusion.projections.layers
        assert len(w) == 2
        expected = layer(given[0].vectors) * given[0].mask[..., None]
    else:
        assert not list(fusion.parameters())
        expected = given[0].vectors
    torch.testing.assert_close(fusion(given).vectors, expected)
    assert torch.equal(fusion.weights(given)[..., 0], given[0].mask.double())


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
def test_summaries_are_side_by_side_as_in_concatenation(cls, settings):
    given, sizes = sequences(6, 4, 3, summaries=(5, 0, 2)), [5, 0, 2]
    fusion, plain = cls([6, 4, 3], sizes, **settings).double(), Concatenate([6, 4, 3], sizes)
    assert fusion.summary_dim == plain.summary_dim == 7
    assert torch.equal(fusion(given).summary, plain(given).summary)
    assert fusion(sequences(6, 4, 3)).summary is None


def test_sizes():
    for cls in (Gate, Attention):
        assert cls([6, 4], [0, 0]).dim == 6
        assert cls([6, 4], [0, 0], dim=9).dim == 9
        with pytest.raises(RecipeError, match="dim = 0: it must be at least 1"):
            cls([6, 4], [0, 0], dim=0)
    assert [cell.hidden_size for cell in Attention([6, 4], [0, 0], context=True).cells] == [2, 2]


def test_hidden_is_at_least_one():
    with pytest.raises(RecipeError, match="hidden = 0: it must be at least 1"):
        Attention([6, 4], [0, 0], context=True, hidden=0)


def test_hidden_without_context_is_told():
    with pytest.warns(UserWarning, match="context = true"):
        Attention([6, 4], [0, 0], hidden=3)


@pytest.mark.parametrize(("cls", "settings"), VARIANTS)
def test_it_learns_which_embedder_to_trust(cls, settings):
    """Where the first embedder's mark is 1 its signal is the answer, elsewhere the second one's."""
    torch.manual_seed(0)
    fusion, head = cls([3, 2], [0, 0], **(settings | {"dim": 8})), nn.Linear(8, 1)
    mask = torch.ones(64, 6, dtype=torch.bool)
    first, second = torch.randn(64, 6, 3), torch.randn(64, 6, 2)
    trust = (first[..., 0] > 0).float()
    first[..., 0], first[..., 2] = 2 * trust - 1, 2 * trust - 1
    answer = torch.where(trust > 0, first[..., 1], second[..., 1])
    given = [Sequence(first, mask), Sequence(second, mask)]
    optimizer = torch.optim.Adam([*fusion.parameters(), *head.parameters()], lr=0.03)
    for _ in range(300):
        loss = (head(fusion(given).vectors)[..., 0] - answer).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    first_share = fusion.weights(given)[..., 0].detach()
    assert loss < 0.1
    assert first_share[trust == 1].mean() > first_share[trust == 0].mean() + 0.2


def recipe(**fusion):
    return {
        "embedders": [
            {"kind": "static", "dim": 10, "min_count": 1},
            {"kind": "static", "dim": 14, "min_count": 1},
        ],
        "fusion": fusion,
        "training": {"epochs": 4, "batch_rows": 8, "learning_rate": 0.03},
    }


@pytest.mark.parametrize(
    "fusion",
    [
        {"kind": "gate"},
        {"kind": "gate", "per": "word", "dim": 12},
        {"kind": "attention"},
        {"kind": "attention", "context": True},
    ],
)
def test_a_model_trains_saves_and_loads(fusion, tmp_path):
    torch.manual_seed(0)
    model = Model(recipe(**fusion)).fit(*reviews())
    texts, labels = reviews(60, seed=1)
    assert model.score(texts, labels) > 0.9
    assert model.encode(texts).shape == (60, fusion.get("dim", 14))
    again = Model.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(texts), model.predict_proba(texts))

    asked = ["the good film", "", "我 thought it was dull, really", *texts]
    found, loaded = model.fusion_weights(asked), again.fusion_weights(asked)
    assert found[0].words == ["the", "good", "film"]
    assert found[0].embedders == ["static 1", "static 2"]
    for text, one, same in zip(asked, found, loaded, strict=True):
        assert one.weights.shape == (len(one.words), 2)
        np.testing.assert_allclose(one.weights.sum(1), 1, rtol=1e-5)
        np.testing.assert_array_equal(one.weights, same.weights)
        np.testing.assert_allclose(model.fusion_weights([text])[0].weights, one.weights, atol=1e-6)


def test_the_weights_of_a_model_are_those_of_its_fusion():
    from wordladder.text.words import tokenize

    model = Model(recipe(kind="attention")).fit(*reviews(40))
    network, tokens = model.engine_.network, tokenize(["a good plot", "dull"])
    with torch.no_grad():
        parts = [embedder(embedder.prepare(tokens)) for embedder in network.embedders]
        expected = network.fusion.weights(parts).numpy()
    for row, found in enumerate(model.fusion_weights(list(tokens.texts))):
        np.testing.assert_allclose(found.weights, expected[row, : len(found.words)], atol=1e-6)
    assert model.fusion_weights([]) == []


def test_a_kind_that_occurs_once_has_no_number():
    model = Model(recipe(kind="gate") | {"embedders": [{"kind": "static", "dim": 5}]}).fit(*reviews(40))
    (found,) = model.fusion_weights(["a film"])
    assert found.embedders == ["static"]
    assert found.weights.tolist() == [[1.0], [1.0]]


def test_equal_seeds_give_equal_models():
    first, second = (Model(recipe(kind="attention", context=True)).fit(*reviews(40)) for _ in range(2))
    weights = [model.engine_.network.state_dict() for model in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_model_without_weights_says_so(small_model):
    with pytest.raises(ModelError, match=r"the model has no \[fusion\]; use the kind 'gate' or 'attention'"):
        small_model.fusion_weights(["a"])
    with pytest.raises(ModelError, match="kind = 'concatenate' has no weights"):
        Model(recipe(kind="concatenate")).fit(*reviews(40)).fusion_weights(["a"])
    with pytest.raises(ModelError, match=r"tfidf: the model has no \[fusion\]"):
        Model("tfidf").fit(*reviews(40)).fusion_weights(["a"])
    with pytest.raises(NotFittedError):
        Model(recipe(kind="gate")).fusion_weights(["a"])
