"""The alignment encoder against loops over the formulas of the papers, word by word."""

import numpy as np
import pytest
import torch

from wordladder.encoders.alignment import Alignment
from wordladder.errors import RecipeError
from wordladder.layers.sequence import Sequence

DIM = 5
FIRST, SECOND = (4, 1, 7, 0, 3, 0), (6, 9, 2, 5, 0, 0)


def text(lengths, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(len(lengths), max(*lengths, 0), DIM, generator=generator, dtype=dtype)
    mask = torch.arange(vectors.shape[1]) < torch.tensor(lengths)[:, None]
    return Sequence(vectors * mask[..., None], mask, summary=torch.ones(len(lengths), 2))


def texts():
    return text(FIRST, 1), text(SECOND, 2)


def made(form="bidaf", **settings):
    torch.manual_seed(0)
    return Alignment(DIM, form=form, **settings).double().eval()


def softmax(scores):
    powers = np.exp(np.array(scores) - max(scores))
    return powers / powers.sum()


def weighted(shares, vectors):
    return sum((share * vector for share, vector in zip(shares, vectors)), np.zeros(DIM))


def attended(vectors, scores):
    return weighted(softmax(scores), vectors) if len(vectors) else np.zeros(DIM)


def bidaf_twin(passage, question, similarity):
    """G of Seo et al. (2017), one row a word of the passage; the similarity is of the question first."""

    def score(p, q):
        return np.concatenate(list(similarity)) @ np.concatenate([q, p, q * p])

    table = [[score(p, q) for q in question] for p in passage]
    whole = attended(passage, [max(row) for row in table]) if len(question) else np.zeros(DIM)
    rows = []
    for p, row in zip(passage, table):
        said = attended(question, row)
        rows.append(np.concatenate([p, said, p * said, p * whole]))
    return rows


def esim_twin(own, other):
    """m of Chen et al. (2017), one row a word."""
    rows = []
    for a in own:
        said = attended(other, [a @ b for b in other])
        rows.append(np.concatenate([a, said, a - said, a * said]))
    return rows


def words_of(sequence, row):
    return sequence.vectors[row][sequence.mask[row]].detach().numpy()


def twin(encoder, own, other, number):
    """What each text should get, `number` 0 for the first text of an example."""
    if encoder.form == "esim":
        return esim_twin(own, other)
    weights = encoder.similarity.detach().numpy()
    return bidaf_twin(own, other, weights[[1, 0, 2]] if number == 0 else weights)


@pytest.mark.parametrize("form", ["bidaf", "esim"])
class TestBothForms:
    def test_the_formulas_of_the_papers(self, form):
        encoder, given = made(form), texts()
        out = encoder(given)
        assert encoder.dim == 4 * DIM
        for number in (0, 1):
            for row in range(len(FIRST)):
                own, other = words_of(given[number], row), words_of(given[1 - number], row)
                expected = np.array(twin(encoder, own, other, number)).reshape(-1, 4 * DIM)
                np.testing.assert_allclose(words_of(out[number], row), expected, rtol=1e-12, atol=1e-14)
            assert not out[number].vectors[~out[number].mask].any()
            assert out[number].summary is None

    def test_a_projection_stands_on_top(self, form):
        encoder = made(form, projection=3)
        plain = made(form)
        if form == "bidaf":
            plain.similarity.data = encoder.similarity.data
        for projected, wide in zip(encoder(texts()), plain(texts())):
            expected = torch.relu(wide.vectors @ encoder.projection.weight.T + encoder.projection.bias)
            torch.testing.assert_close(projected.vectors[projected.mask], expected[projected.mask])
            assert not projected.vectors[~projected.mask].any(), "a bias must not reach the padding"
        assert encoder.dim == 3

    def test_other_texts_that_are_all_empty(self, form):
        first, nothing = text((4, 1), 1), text((0, 0), 2)
        assert nothing.vectors.shape == (2, 0, DIM)
        for out, empty in (made(form)((first, nothing)), made(form)((nothing, first))[::-1]):
            assert empty.vectors.shape == (2, 0, 4 * DIM)
            words = out.vectors[out.mask]
            assert torch.equal(words[:, :DIM], first.vectors[first.mask])
            own = words[:, 2 * DIM : 3 * DIM]
            assert torch.equal(own, words[:, :DIM] if form == "esim" else torch.zeros_like(own))
            assert not words[:, DIM : 2 * DIM].any()
            assert not words[:, 3 * DIM :].any()

    def test_large_scores_do_not_overflow(self, form):
        first, second = (part._replace(vectors=part.vectors * 1e4) for part in texts())
        out = made(form)((first, second))
        assert all(torch.isfinite(part.vectors).all() for part in out)

    def test_gradients_are_those_of_small_steps(self, form):
        encoder = made(form, projection=2)
        first, second = text((3, 2, 0), 1), text((2, 4, 3), 2)
        names = [name for name, _ in encoder.named_parameters()]

        def answer(a, b, *weights):
            call = torch.func.functional_call
            out = call(
                encoder, dict(zip(names, weights)), ((first._replace(vectors=a), second._replace(vectors=b)),)
            )
            return out[0].vectors, out[1].vectors

        given = [first.vectors, second.vectors, *encoder.parameters()]
        given = [tensor.detach().clone().requires_grad_() for tensor in given]
        assert torch.autograd.gradcheck(answer, given)

    def test_dropout_while_training(self, form):
        encoder = made(form, dropout=0.5)
        assert torch.equal(encoder(texts())[0].vectors, encoder(texts())[0].vectors)
        encoder.train()
        out = encoder(texts())[1]
        lost = [row[mask] == 0 for row, mask in zip(out.vectors, out.mask) if mask.sum() > 1]
        assert all((row == row[0]).all() for row in lost[:2]), "the same numbers at every word"
        assert any(row.any() for row in lost)


def test_as_wide_as_before_and_not_a_number_a_pair_of_words():
    """No tensor of `(batch, time, time, dim)` is made: on the way forward nothing is larger than the scores
    or the answer.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(
                part.numel() for part in (out if isinstance(out, tuple) else (out,)) if torch.is_tensor(part)
            )
            return out

    first, second = text((40, 40), 1), text((50, 50), 2)
    encoder = made("bidaf")
    with Sizes(), torch.no_grad():
        encoder((first, second))
    assert max(sizes) <= 2 * 50 * max(40, 4 * DIM)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_texts_is_an_error(count):
    with pytest.raises(RecipeError, match=f"compares two texts; an example here has {count}"):
        made()((text(FIRST, 1),) * count)


def test_a_wrong_projection_is_an_error():
    with pytest.raises(RecipeError, match="projection = -1"):
        made(projection=-1)
