"""The convolution encoder against loops over words and filters, one text at a time."""

import numpy as np
import pytest
import torch
from torch import nn

from conftest import reviews
from wordladder import Model, Recipe
from wordladder.encoders.convolution import Convolution
from wordladder.errors import RecipeError
from wordladder.layers.sequence import Pooling, Sequence

DIM = 5
LENGTHS = (4, 1, 7, 0, 2)
WIDTHS = [[3, 4, 5], [1], [2], [2, 2, 9], [16]]


def texts(lengths=LENGTHS, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(len(lengths), max(lengths), DIM, generator=generator, dtype=dtype)
    mask = torch.arange(vectors.shape[1]) < torch.tensor(lengths)[:, None]
    return Sequence(vectors * mask[..., None], mask, summary=torch.ones(len(lengths), 2))


def made(**settings):
    torch.manual_seed(0)
    encoder = Convolution(DIM, **{"filters": 6, **settings}).double().eval()
    for layer in encoder.convolutions:
        nn.init.normal_(layer.bias)
    return encoder


def twin(encoder, words):
    """What a text's words should get, `(words, dim)`: loops over words, windows and filters."""
    rows = []
    for place in range(len(words)):
        row = []
        for layer in encoder.convolutions:
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            width = weight.shape[2]
            first = place - (width - 1) // 2
            for number in range(len(bias)):
                total = bias[number]
                for step in range(width):
                    if 0 <= first + step < len(words):
                        total += weight[number, :, step] @ words[first + step]
                row.append(max(total, 0.0))
        rows.append(row)
    return np.array(rows).reshape(len(words), encoder.dim)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
class TestAnswers:
    def test_the_twin(self, widths):
        encoder, given = made(widths=widths), texts()
        out = encoder(given)
        assert encoder.dim == 6 * len(widths)
        for row, length in enumerate(LENGTHS):
            expected = twin(encoder, given.vectors[row, :length].numpy())
            np.testing.assert_allclose(out.vectors[row, :length].detach().numpy(), expected, atol=1e-13)
            assert not out.vectors[row, length:].any()
        assert out.mask is given.mask
        assert out.summary is None

    def test_the_maximum_over_time_is_that_of_the_paper(self, widths):
        """Of convolutions over each text by itself."""
        encoder, given = made(widths=widths), texts()
        pooled = Pooling("max")(encoder(given))
        for row, length in enumerate(LENGTHS):
            parts = []
            for layer in encoder.convolutions:
                width = layer.kernel_size[0]
                before = (width - 1) // 2
                text = nn.functional.pad(given.vectors[row, :length].T, (before, width - 1 - before))
                found = nn.functional.conv1d(text, layer.weight, layer.bias) if length else torch.zeros(6, 1)
                parts.append(found.relu().amax(dim=1))
            torch.testing.assert_close(pooled[row], torch.cat(parts).to(pooled.dtype))

    def test_padding_changes_nothing(self, widths):
        """However wide it is, and whatever it holds."""
        encoder, given = made(widths=widths), texts()
        whole = encoder(given).vectors
        wide = nn.functional.pad(given.vectors, (0, 0, 0, 20))
        mask = nn.functional.pad(given.mask, (0, 20))
        noisy = encoder(Sequence(wide.masked_fill(~mask[..., None], 9.0), mask)).vectors
        torch.testing.assert_close(noisy[:, : max(LENGTHS)], whole)
        assert not noisy[:, max(LENGTHS) :].any()
        for row, length in enumerate(LENGTHS):
            alone = encoder(
                Sequence(given.vectors[row : row + 1, :length], given.mask[row : row + 1, :length])
            )
            torch.testing.assert_close(alone.vectors[0], whole[row, :length])

    def test_gradients_are_those_of_small_steps(self, widths):
        encoder, given = made(widths=widths, filters=2), texts((3, 1, 0))
        names = [name for name, _ in encoder.named_parameters()]

        def answer(vectors, *weights):
            call = torch.func.functional_call
            return call(encoder, dict(zip(names, weights)), (given._replace(vectors=vectors),)).vectors

        tensors = [given.vectors, *encoder.parameters()]
        assert torch.autograd.gradcheck(answer, [one.detach().clone().requires_grad_() for one in tensors])


@pytest.mark.parametrize(
    ("width", "before", "after"), [(1, 0, 0), (2, 0, 1), (3, 1, 1), (4, 1, 2), (5, 2, 2)]
)
def test_the_words_that_a_window_holds(width, before, after):
    encoder, given = made(widths=[width], filters=50), texts((9,))
    given.vectors.requires_grad_()
    (read,) = torch.autograd.grad(encoder(given).vectors[0, 4].sum(), given.vectors)
    assert read[0].any(dim=1).nonzero().ravel().tolist() == list(range(4 - before, 4 + after + 1))


@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0)])
def test_no_words_at_all(shape):
    given = Sequence(torch.zeros(*shape, DIM, dtype=torch.float64), torch.zeros(shape, dtype=torch.bool))
    out = made()(given)
    assert out.vectors.shape == (*shape, 18)
    assert out.vectors.dtype == torch.float64


def test_its_defaults_are_those_of_the_paper():
    encoder = Convolution(DIM)
    assert [layer.kernel_size for layer in encoder.convolutions] == [(3,), (4,), (5,)]
    assert encoder.dim == 300
    assert not any(layer.bias.any() for layer in encoder.convolutions)


def test_dropout_while_training():
    encoder, given = made(dropout=0.5), texts()
    plain = encoder(given).vectors
    assert torch.equal(plain, encoder(given).vectors)
    encoder.train()
    out = encoder(given).vectors
    kept = (out != 0).any(dim=1, keepdim=True)
    torch.testing.assert_close(out, 2 * plain * kept, msg="the same numbers at every word")
    assert kept.any()
    assert (plain.any(dim=1, keepdim=True) & ~kept).any()


def test_it_learns_the_order_of_two_words():
    """Which of two words comes first: a sum of words cannot tell."""
    torch.manual_seed(0)
    encoder, pooling, head = Convolution(4, widths=[2], filters=8), Pooling("max"), nn.Linear(8, 1)
    labels = torch.arange(64) % 2
    vectors = 0.1 * torch.randn(64, 12, 4)
    rows, places = torch.arange(64), torch.randint(0, 11, (64,))
    vectors[rows, places + labels, 0] += 1.0
    vectors[rows, places + 1 - labels, 1] += 1.0
    given, goal = Sequence(vectors, torch.ones(64, 12, dtype=torch.bool)), labels[:, None].float()
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.02)
    for _ in range(120):
        loss = nn.functional.binary_cross_entropy_with_logits(head(pooling(encoder(given))), goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def test_a_whole_model(tmp_path):
    texts_, labels = reviews(120)
    recipe = Recipe.load(
        {
            "embedders": [{"kind": "static", "dim": 16, "min_count": 1}],
            "encoders": [{"kind": "convolution", "widths": [2, 3], "filters": 12, "dropout": 0.1}],
            "training": {"epochs": 20, "batch_rows": 16, "learning_rate": 0.01},
        }
    )
    model = Model(recipe).fit(texts_, labels)
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    asked = [*texts_[:5], "good", ""]
    np.testing.assert_array_equal(model.predict_proba(asked), loaded.predict_proba(asked))
    unseen, gold = reviews(60, seed=1)
    assert np.mean(np.array(model.predict(unseen)) == np.array(gold)) > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": []}, r"widths = \[\]: one or more numbers of at least 1, such as \[3, 4, 5\]"),
        ({"widths": [3, 0]}, r"widths = \[3, 0\]"),
        ({"filters": 0}, "filters = 0: it must be at least 1"),
        ({"dropout": 1.0}, "dropout = 1.0: it is a share"),
        ({"dropout": -0.1}, "dropout = -0.1: it is a share"),
    ],
)
def test_wrong_numbers(settings, message):
    with pytest.raises(RecipeError, match=message):
        Convolution(DIM, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": 3}, "widths = 3"),
        ({"widths": [2.5]}, "widths.0 = 2.5"),
        ({"width": [3]}, "width: there is no such key. Did you mean 'widths'"),
    ],
)
def test_wrong_keys_of_a_recipe(settings, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.load({"embedders": [{"kind": "static"}], "encoders": [{"kind": "convolution", **settings}]})
