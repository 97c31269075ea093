"""Decoders: all steps at once equal one step after another; batches equal single texts; search is exhaustive
search where it can be.
"""

import itertools

import pytest
import torch
from torch.nn import functional

from wordladder.layers.beam_search import best_of_rows, search
from wordladder.layers.recurrent_decoder import RecurrentDecoder
from wordladder.layers.search_settings import Search
from wordladder.layers.sequence import Sequence
from wordladder.layers.smoothed_loss import smoothed_loss
from wordladder.layers.transformer_decoder import TransformerDecoder

RECURRENT = {"hidden": 8, "dropout": 0.0}
DECODERS = {
    f"{cell}-{attention}-{layers}{'-feeding' * feeding}": dict(
        cell=cell, attention=attention, layers=layers, feeding=feeding
    )
    for cell, attention, layers, feeding in itertools.product(
        ("gru", "lstm"), ("luong", "gnmt", "bahdanau"), (1, 2), (False, True)
    )
}
DECODERS["transformer"] = {"layers": 2, "heads": 2, "inner": 12, "dropout": 0.0}


def new_decoder(name, seed=1):
    torch.manual_seed(seed)
    if name == "transformer":
        return TransformerDecoder(6, 10, **DECODERS[name]).eval()
    return RecurrentDecoder(6, 10, **RECURRENT, **DECODERS[name]).eval()


def source(lengths=(3, 5, 0, 1), extra=0, seed=0):
    draws = torch.Generator().manual_seed(seed)
    vectors = functional.pad(torch.randn(len(lengths), max(lengths), 10, generator=draws), (0, 0, 0, extra))
    mask = torch.arange(vectors.shape[1]) < torch.tensor(lengths)[:, None]
    return Sequence(vectors * mask[..., None], mask)


def inputs(rows=4, steps=6, seed=3):
    return torch.randn(rows, steps, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", DECODERS)
class TestDecoders:
    def test_all_steps_at_once_are_one_step_after_another(self, name):
        decoder, given = new_decoder(name), inputs()
        memory = decoder.memory(source())
        state, outputs = decoder.initial(memory), []
        for step in range(given.shape[1]):
            output, state, weights = decoder.step(given[:, step], state, memory, first=step == 0)
            outputs.append(output)
            torch.testing.assert_close(weights.sum(1), torch.ones(4))
            assert not weights[~memory.mask & memory.mask.any(1, keepdim=True)].any(), "padding is never seen"
        mask = torch.ones(given.shape[:2], dtype=torch.bool)
        torch.testing.assert_close(decoder(given, mask, memory), torch.stack(outputs, 1))

    def test_padding_of_the_source_changes_nothing(self, name):
        decoder, given = new_decoder(name), inputs()
        mask = torch.ones(given.shape[:2], dtype=torch.bool)
        narrow, wide = (decoder(given, mask, decoder.memory(source(extra=extra))) for extra in (0, 3))
        torch.testing.assert_close(narrow, wide)

    def test_no_step_sees_what_comes_after(self, name):
        decoder, given = new_decoder(name), inputs()
        mask, memory = torch.ones(given.shape[:2], dtype=torch.bool), decoder.memory(source())
        changed = given.clone()
        changed[:, 4:] += 1
        torch.testing.assert_close(decoder(given, mask, memory)[:, :4], decoder(changed, mask, memory)[:, :4])

    def test_gradients_reach_every_parameter(self, name):
        decoder, given = new_decoder(name).train(), inputs()
        mask = torch.ones(given.shape[:2], dtype=torch.bool)
        decoder(given, mask, decoder.memory(source())).square().sum().backward()
        for key, parameter in decoder.named_parameters():
            assert parameter.grad is not None, key


def toy(pieces=4, seed=1):
    """Scores of the next piece that depend on the last two and on the source, for sources of any number."""
    table = torch.randn(3, pieces, pieces, pieces, generator=torch.Generator().manual_seed(seed)) * 2

    def step(last, state, memory, first):
        beams = len(last) // len(memory.numbers)
        numbers = memory.numbers.repeat_interleave(beams)
        return table[numbers, state.last, last].clone(), Last(last), torch.ones(len(last), 1)

    return step, table


class Last:
    def __init__(self, last):
        self.last = last

    def take(self, rows):
        return Last(self.last[rows])


class Sources:
    def __init__(self, numbers):
        self.numbers = numbers

    def take(self, rows):
        return Sources(self.numbers[rows])


START, END = 0, 1


def exhaustive(table, source, longest, penalty):
    """All texts with their scores, the best first."""
    found = []
    for length in range(longest + 1):
        for numbers in itertools.product([2, 3], repeat=length):
            total, before, last = 0.0, START, START
            for piece in (*numbers, END):
                logs = table[source, before, last].clone()
                logs[START] = float("-inf")
                total += float(logs.log_softmax(0)[piece])
                before, last = last, piece
            found.append((list(numbers), total / ((6 + length) / 6) ** penalty))
    return sorted(found, key=lambda one: -one[1])


def found_by(step, numbers, longest, **how):
    settings = Search(**how)
    rows = len(numbers) * settings.beams
    state = Last(torch.full((rows,), START))
    memory = Sources(torch.tensor(numbers))
    bias = torch.tensor([-torch.inf, 0.0, 0.0, 0.0])
    return search(step, memory, state, torch.tensor(longest), settings, start=START, end=END, bias=bias)


class TestSearch:
    @pytest.mark.parametrize("penalty", [0.0, 1.0])
    def test_wide_beams_find_what_exhaustive_search_finds(self, penalty):
        # Where a text has its full length, only its end follows: that is not what `exhaustive` has.
        step, table = toy()
        table[..., END] += 4
        wide = found_by(step, [0, 1, 2], [5, 4, 3], beams=70, length_penalty=penalty)
        for source, (several, longest) in enumerate(zip(wide, (5, 4, 3))):
            best = exhaustive(table, source, longest, penalty)
            short = [one for one in best if len(one[0]) < longest]
            mine = [one for one in several if len(one.numbers) < longest]
            assert [one.numbers for one in mine[:5]] == [numbers for numbers, _ in short[:5]]
            assert [one.score for one in mine[:5]] == pytest.approx(
                [score for _, score in short[:5]], abs=1e-5
            )

    def test_one_beam_takes_the_best_piece_at_each_step(self):
        step, table = toy()
        for source in range(3):
            ((one, *_),) = found_by(step, [source], [6], beams=1)
            before, last, numbers = START, START, []
            while len(numbers) < 6:
                scores = table[source, before, last].clone()
                scores[START] = float("-inf")
                piece = int(scores.argmax())
                if piece == END:
                    break
                numbers.append(piece)
                before, last = last, piece
            assert one.numbers == numbers

    @pytest.mark.parametrize("how", [{"beams": 3}, {"beams": 1}, {"beams": 4, "length_penalty": 0.0}])
    def test_a_batch_is_its_texts(self, how):
        step, _ = toy()
        together = found_by(step, [0, 1, 2, 0], [6, 2, 0, 4], **how)
        alone = [found_by(step, [n], [m], **how)[0] for n, m in zip([0, 1, 2, 0], [6, 2, 0, 4])]
        assert [[one.numbers for one in several] for several in together] == [
            [one.numbers for one in several] for several in alone
        ]
        assert all(
            len(one.numbers) <= most for several, most in zip(together, [6, 2, 0, 4]) for one in several
        )

    def test_what_is_drawn_repeats_with_the_seed_and_has_the_right_frequencies(self):
        step, table = toy()
        how = {"sample": True, "beams": 4000}
        first, again, other = (found_by(step, [1], [4], **how, seed=seed) for seed in (1, 1, 2))
        assert first == again
        assert first != other
        best, score = exhaustive(table, 1, 4, 0.0)[0]
        share = sum(one.numbers == best for one in first[0]) / 4000
        assert share == pytest.approx(float(torch.tensor(score).exp()), abs=0.03)

    @pytest.mark.parametrize("how", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}])
    def test_the_narrowest_draw_is_greedy(self, how):
        step, _ = toy()
        greedy = found_by(step, [0, 1, 2], [6, 6, 6], beams=1)
        drawn = found_by(step, [0, 1, 2], [6, 6, 6], beams=3, sample=True, **how)
        for (one, *_), several in zip(greedy, drawn):
            assert all(other.numbers == one.numbers for other in several)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs(smoothing, monkeypatch):
    monkeypatch.setattr("wordladder.layers.smoothed_loss._SCORES", 30)
    torch.manual_seed(0)
    given = [torch.randn(7, 4), torch.randn(9, 4), torch.randn(9)]
    targets, results = torch.randint(9, (7,)), []
    for function in (
        lambda v, w, b: smoothed_loss(v, w, b, targets, smoothing),
        lambda v, w, b: functional.cross_entropy(v @ w.T + b, targets, label_smoothing=smoothing),
    ):
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        loss = function(*leaves) * 3
        loss.backward()
        results.append([loss, *(leaf.grad for leaf in leaves)])
    for mine, theirs in zip(*results):
        torch.testing.assert_close(mine, theirs)


class TestBestOfRows:
    @pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize(("rows", "pieces", "count"), [(1, 3, 3), (7, 511, 4), (5, 1300, 10), (0, 9, 2)])
    def test_it_is_topk_and_logsumexp(self, kind, rows, pieces, count):
        draws = torch.Generator().manual_seed(pieces)
        scores = (5 * torch.randn(rows, pieces, generator=draws)).to(kind)
        bias = torch.randn(pieces, generator=draws)
        bias[1] = -torch.inf
        best, ids, whole = best_of_rows(scores, bias, count)
        sums = scores.float() + bias
        assert torch.equal(best, sums.topk(count, dim=1).values)
        assert torch.equal(best[:, :2], sums.gather(1, ids)[:, :2])
        assert torch.allclose(whole, sums.logsumexp(dim=1), atol=1e-5)
