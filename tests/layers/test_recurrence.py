"""Recurrent layers give what torch gives for a packed batch: with gradients, without, in double precision."""

import threading

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from wordladder.layers.recurrence import flip_by_length, run_layer

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
LENGTHS = (9, 30, 1, 17, 30, 8, 5)


@pytest.fixture(params=[1, 2, 4])
def threads(request):
    """torch with that many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def batch(lengths=LENGTHS, dim=7, time=None, dtype=torch.float32, seed=0):
    """Random words and their mask."""
    generator = torch.Generator().manual_seed(seed)
    time = max(lengths) if time is None else time
    vectors = torch.randn(len(lengths), time, dim, generator=generator, dtype=dtype)
    return vectors, torch.arange(time) < torch.tensor(lengths)[:, None]


def layer(cell="lstm", dim=7, hidden=10, directions=2, dtype=torch.float32, seed=0):
    """One torch layer a direction."""
    torch.manual_seed(seed)
    return [CELLS[cell](dim, hidden, batch_first=True).to(dtype) for _ in range(directions)]


def packed(cells, vectors, mask):
    """The slow twin: torch on a packed batch."""
    whole = type(cells[0])(
        vectors.shape[2], cells[0].hidden_size, batch_first=True, bidirectional=len(cells) == 2
    )
    names = zip(("", "_reverse"), cells)
    own = {name + end: weights for end, cell in names for name, weights in cell.named_parameters()}
    given = pack_padded_sequence(vectors, mask.sum(1), batch_first=True, enforce_sorted=False)
    out, _ = torch.func.functional_call(whole.to(vectors.dtype), own, (given,))
    return pad_packed_sequence(out, batch_first=True, total_length=vectors.shape[1])[0]


def gradients(run, cells, vectors, mask):
    """The answer, and the gradients of the words and of all weights."""
    vectors = vectors.clone().requires_grad_()
    out = run(cells, vectors, mask)
    weights = [weights for cell in cells for weights in cell.parameters()]
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    return out.detach(), *torch.autograd.grad((out * direction).sum(), [vectors, *weights])


def assert_near(ours, theirs, tolerance):
    for a, b in zip(ours, theirs, strict=True):
        a, b = a.detach(), b.detach()
        assert a.shape == b.shape
        assert (a - b).abs().max() <= tolerance * max(1.0, float(b.abs().max()))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
class TestPackedTwin:
    def test_with_gradients(self, cell, directions, threads):
        cells, given = layer(cell, directions=directions), batch()
        assert_near(gradients(run_layer, cells, *given), gradients(packed, cells, *given), 1e-6)

    @pytest.mark.parametrize(("dim", "hidden", "texts"), [(1, 1, 3), (33, 32, 9), (5, 40, 70)])
    def test_sizes(self, cell, directions, dim, hidden, texts):
        lengths = [1 + 5 * i % 13 for i in range(texts)]
        cells, given = layer(cell, dim, hidden, directions), batch(lengths, dim)
        assert_near(gradients(run_layer, cells, *given), gradients(packed, cells, *given), 1e-6)

    def test_without_gradients(self, cell, directions, threads):
        cells, given = layer(cell, directions=directions), batch()
        with torch.no_grad():
            ours = run_layer(cells, *given)
        assert_near([ours], [packed(cells, *given)], 1e-6)
        with torch.inference_mode():
            assert torch.equal(run_layer(cells, *given), ours)

    def test_in_double_precision(self, cell, directions):
        double = torch.float64
        cells, given = layer(cell, directions=directions, dtype=double), batch(dtype=double)
        assert_near(gradients(run_layer, cells, *given), gradients(packed, cells, *given), 1e-13)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
class TestWideLayersUnderAutocast:
    def half(self, *given):
        with torch.autocast("cpu", torch.bfloat16):
            return run_layer(*given)

    def test_near_the_packed_twin(self, cell, directions, threads):
        cells, given = layer(cell, 40, 256, directions), batch((9, 30, 1, 0, 17, 30, 8, 5) * 3, 40)
        ours, theirs = (gradients(run, cells, *given) for run in (self.half, packed_or_empty))
        assert_near(ours, theirs, 0.02)
        for a, b in zip(ours[1:], theirs[1:], strict=True):
            assert torch.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.9999
        assert not torch.equal(ours[0], run_layer(cells, *given))  # it is another way

    def test_narrow_ones_are_float32(self, cell, directions):
        cells, given = layer(cell, directions=directions), batch()
        assert torch.equal(self.half(cells, *given), run_layer(cells, *given))


def packed_or_empty(cells, vectors, mask):
    """`packed`, also where texts have no words."""
    some = mask.any(dim=1)
    out = vectors.new_zeros(*mask.shape, len(cells) * cells[0].hidden_size)
    return out.index_put((some.nonzero()[:, 0],), packed(cells, vectors[some], mask[some]))


def test_at_full_size():
    cells, given = layer(dim=100, hidden=128), batch([60, 48, 31, 60, 22], 100)
    assert_near([run_layer(cells, *given)], [packed(cells, *given)], 1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_is_the_slope(cell):
    cells = layer(cell, 3, 4, dtype=torch.float64)
    vectors, mask = batch((4, 2, 0), 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: run_layer(cells, v, mask), vectors.requires_grad_())


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("cell", CELLS)
class TestPadding:
    def run(self, train, *given):
        with torch.set_grad_enabled(train):
            return run_layer(*given).detach()

    def test_it_is_never_read(self, cell, train):
        cells, (vectors, mask) = layer(cell), batch()
        wider, wide_mask = batch(time=34)
        wider.fill_(torch.nan)[:, : vectors.shape[1]][mask] = vectors[mask]
        plain, padded = self.run(train, cells, vectors, mask), self.run(train, cells, wider, wide_mask)
        assert_near([padded[:, : plain.shape[1]]], [plain], 1e-6)
        assert not padded[~wide_mask].any()

    def test_a_batch_of_one_equals_its_row(self, cell, train):
        cells, (vectors, mask) = layer(cell), batch()
        whole = self.run(train, cells, vectors, mask)
        for row, length in enumerate(LENGTHS):
            one = slice(row, row + 1)
            alone = self.run(train, cells, vectors[one, :length], mask[one, :length])
            assert_near([alone[0]], [whole[row, :length]], 1e-6)

    @pytest.mark.parametrize("lengths", [(3, 0, 5), (0, 0), (0,), ()])
    @pytest.mark.parametrize("time", [5, 0])
    def test_a_text_may_have_no_words(self, cell, train, lengths, time):
        cells, (vectors, mask) = layer(cell), batch(lengths, time=time)
        out = self.run(train, cells, vectors, mask)
        assert out.shape == (len(lengths), time, 20)
        assert torch.isfinite(out).all()
        assert not out[~mask].any()


def test_gradients_where_texts_have_no_words():
    cells, (vectors, mask) = layer(), batch((3, 0, 5))
    _, d_vectors, *d_weights = gradients(run_layer, cells, vectors, mask)
    assert d_vectors[mask].any(dim=-1).all()
    assert not d_vectors[~mask].any()
    assert all(torch.isfinite(gradient).all() and gradient.any() for gradient in d_weights)
    none = gradients(run_layer, cells, vectors, torch.zeros_like(mask))
    assert not any(gradient.any() for gradient in none)


@pytest.mark.parametrize("cell", CELLS)
def test_only_what_is_tunable_gets_a_gradient(cell):
    cells, (vectors, mask) = layer(cell), batch()
    run_layer(cells, vectors, mask).sum().backward()
    assert vectors.grad is None
    frozen = [inner.requires_grad_(False) for inner in layer(cell)]
    ours, theirs = (run(frozen, vectors.requires_grad_(), mask).sum() for run in (run_layer, packed))
    assert_near(torch.autograd.grad(ours, vectors), torch.autograd.grad(theirs, vectors), 1e-6)


def test_going_back_twice():
    cells, given = layer(), batch()
    out = run_layer(cells, *given).sum()
    first, again = (
        torch.autograd.grad(out, list(cells[0].parameters()), retain_graph=True) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again))


def test_same_bytes_again_and_from_many_threads(threads):
    cells, given = layer(dim=20, hidden=24), batch([12, 40, 33, 5] * 8, 20)
    expected = gradients(run_layer, cells, *given)
    found = [[] for _ in range(4)]

    def work(number):
        for _ in range(3):
            found[number] += gradients(run_layer, cells, *given)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for results in found:
        assert len(results) == 3 * len(expected)
        assert all(torch.equal(a, b) for a, b in zip(results, expected * 3))


@pytest.mark.parametrize("train", [True, False])
def test_autocast_leaves_the_recurrence_in_the_precision_of_its_weights(train):
    cells, (vectors, mask) = layer(), batch()
    with torch.set_grad_enabled(train):
        plain = run_layer(cells, vectors, mask)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(run_layer(cells, vectors, mask), plain)
            halves = vectors.bfloat16().requires_grad_(train)
            out = run_layer(cells, halves, mask)
    assert out.dtype == torch.float32
    assert_near([out], [run_layer(cells, vectors.bfloat16().float(), mask)], 1e-6)
    if train:
        out.sum().backward()
        assert halves.grad.dtype == torch.bfloat16


def test_nan_is_not_hidden():
    cells, (vectors, mask) = layer(), batch()
    vectors[0, 0, 0] = torch.nan
    out = run_layer(cells, vectors, mask)
    assert out[0, : LENGTHS[0]].isnan().any()
    assert not out[1:].isnan().any()


def test_flip_by_length():
    given = torch.arange(10.0).view(2, 5, 1)
    flipped = flip_by_length(given, torch.tensor([3, 0]))
    assert flipped.flatten().tolist() == [2, 1, 0, 3, 4, 5, 6, 7, 8, 9]
