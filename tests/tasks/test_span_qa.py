"""Questions and the places of answers: search against brute force, targets, and what no answer means."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.data.examples import Answer, Examples
from wordladder.errors import DataError
from wordladder.heads.span_qa import SpanQaHead
from wordladder.layers.devices import tensors
from wordladder.layers.sequence import Sequence
from wordladder.tasks._decoding import log_softmax
from wordladder.tasks._word_scores import IGNORED, WordScores
from wordladder.tasks.span_qa import SpanQa, best_spans
from wordladder.text.padding import pad_words
from wordladder.text.words import TextSettings, tokenize

QUESTIONS = ["Who ate ?", "在哪 ?", "Why ?", "", "What ?"]
PASSAGES = ["The  old cat, Tom, ate.", "她住在北京市 。", "", "blue sky", "no idea at all"]
ANSWERS = [(Answer("old cat, Tom", 5),), (Answer("北京", 3),), (), (Answer("sky", 5),), ()]
EXAMPLES = Examples((QUESTIONS, PASSAGES), ANSWERS)


def words_of(examples, **settings):
    return tokenize(examples.flat(), TextSettings(**settings), segments=2)


def made(examples=EXAMPLES, **settings):
    task = SpanQa(**settings)
    task.initialise(examples)
    return task


def head_of(task):
    torch.manual_seed(1)
    return SpanQaHead(task, 6, 0).eval()


def sequence(tokens, seed=0):
    vectors = torch.randn(len(tokens.starts), 6, generator=torch.Generator().manual_seed(seed))
    padded, mask, segments = tensors(pad_words(vectors.numpy(), tokens))
    return Sequence(padded, mask, None, segments)


def said(examples, places, **settings):
    """Scores that speak for the words `(first, last)` of each passage; None for no answer."""
    tokens = words_of(examples, **settings)
    values = np.full((len(tokens.starts), 2), -np.inf, np.float32)
    for row, place in enumerate(places):
        low, high = tokens.example_offsets[row : row + 2]
        first = low + tokens.lengths[2 * row]
        values[first:high] = 0.0
        if high > low:
            values[low] = 20.0 if place is None else -20.0 if low < first else 0.0
        if place is not None and high > first:
            values[first + place[0], 0] = values[first + place[1], 1] = 10.0
    return WordScores(values, tokens)


# The search


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 7), st.integers(1, 9), st.integers(1, 40), st.integers(0, 10))
def test_the_best_spans_are_those_of_a_search_of_all(words, longest, count, seed):
    scores = np.random.default_rng(seed).normal(0, 2, (words, 2))
    chances = log_softmax(scores, axis=0) if words else scores
    everything = {
        (first, last): float(np.exp(chances[first, 0] + chances[last, 1]))
        for first, last in itertools.product(range(words), repeat=2)
        if first <= last < first + longest
    }
    found = best_spans(chances[:, 0], chances[:, 1], longest, count)
    expected = sorted(everything.values(), reverse=True)[:count]
    np.testing.assert_allclose([one.probability for one in found], expected)
    assert len({one[:2] for one in found}) == len(found)
    for one in found:
        assert one.probability == pytest.approx(everything[one.first, one.last])


def test_words_that_cannot_be_ends_are_not():
    chances = log_softmax(np.array([[-np.inf, 0.0], [1.0, -np.inf], [2.0, 3.0]]), axis=0)
    assert [one[:2] for one in best_spans(chances[:, 0], chances[:, 1], 5, 9)] == [(2, 2), (1, 2)]


# Targets


def spelled(examples, targets, tokens):
    """The passages' text from the first to the last word of each target."""
    found = []
    for row, (first, last) in enumerate(targets.tolist()):
        low = int(tokens.example_offsets[row])
        text = examples.segments[1][row]
        found.append(None if first < 0 else text[tokens.starts[low + first] : tokens.ends[low + last]])
    return found


def test_targets_are_the_first_and_the_last_word_of_the_answer():
    examples = EXAMPLES.take([0, 1, 3])
    tokens = words_of(examples)
    targets = made().targets(examples, tokens)
    assert spelled(examples, targets, tokens) == ["old cat, Tom", "北京", "sky"]
    segments = [tokens.segment_numbers[low:high] for low, high in itertools.pairwise(tokens.example_offsets)]
    assert all(here[list(ends)].all() for here, ends in zip(segments, targets.tolist()))


def test_no_answer_is_learned_at_the_questions_first_word():
    targets = made().targets(EXAMPLES, words_of(EXAMPLES))
    assert targets[[2, 4]].tolist() == [[0, 0], [0, 0]]
    unasked = Examples(([""], ["a passage"]), [()])
    assert made().targets(unasked, words_of(unasked)).tolist() == [[IGNORED, IGNORED]]


@pytest.mark.parametrize(
    ("answer", "most", "known"),
    [
        (Answer("b c", 2), 3, True),
        (Answer("b c", 2), 2, False),  # only its first word is read
        (Answer("d", 6), 3, False),
        (Answer("elsewhere"), None, False),
        (Answer("c d", 4), None, True),
    ],
)
def test_answers_that_cannot_be_pointed_at_are_not_learned(answer, most, known):
    examples = Examples((["q ?"], ["a b c d"]), [(answer,)])
    task, tokens = made(), words_of(examples, max_words=most)
    targets = task.targets(examples, tokens)
    assert spelled(examples, targets, tokens) == [answer.text if known else None]
    assert task.facts(examples, tokens) == {"answers": 1, "answers_lost": int(not known)}


def test_the_first_answer_is_learned_and_all_count():
    examples = Examples((["q ?"], ["red or blue"]), [(Answer("blue", 7), Answer("red", 0))])
    task, tokens = made(examples), words_of(examples)
    assert spelled(examples, task.targets(examples, tokens), tokens) == ["blue"]
    assert task.outcomes(said(examples, [(0, 0)]), examples).tolist() == [[1.0, 1.0]]


# From vectors to a loss


def test_only_words_of_the_passage_and_no_answer_are_scored():
    for no_answer in (False, True):
        examples = EXAMPLES if no_answer else EXAMPLES.take([0, 1])
        task, tokens = made(examples), words_of(examples)
        given = sequence(tokens)
        scores = head_of(task)(given)
        allowed = given.mask & (given.segments == 1)
        if no_answer:
            allowed[tokens.lengths[::2] > 0, 0] = True
            allowed[tokens.lengths[::2] == 0, 0] |= False
        assert torch.equal(torch.isfinite(scores[..., 0]), allowed)
        assert torch.equal(torch.isfinite(scores[..., 1]), allowed)


def test_rows_that_are_not_known_give_no_loss_and_no_gradient():
    task, tokens = made(), words_of(EXAMPLES)
    head, given = head_of(task), sequence(tokens)
    vectors = given.vectors.clone().requires_grad_()
    targets = torch.from_numpy(task.targets(EXAMPLES, tokens))
    alone = head.loss(head(given)[[0]], targets[[0]])
    masked = targets.clone()
    masked[1:] = IGNORED
    loss = head.loss(head(given._replace(vectors=vectors)), masked)
    torch.testing.assert_close(loss, alone)
    loss.backward()
    assert vectors.grad.isfinite().all()
    assert vectors.grad[0].any()
    assert not vectors.grad[1:].any()
    nothing = head.loss(head(given._replace(vectors=vectors)), torch.full_like(targets, IGNORED))
    nothing.backward()
    assert nothing.item() == 0.0
    assert all(weight.grad.isfinite().all() for weight in head.parameters())


def test_the_loss_is_the_mean_of_two_cross_entropies():
    task, tokens = made(), words_of(EXAMPLES)
    head, targets = head_of(task), torch.from_numpy(task.targets(EXAMPLES, tokens))
    scores = head(sequence(tokens))
    expected = []
    for row, ends in zip(scores.detach().double().numpy(), targets.tolist()):
        expected += [-log_softmax(row[:, [side]], axis=0)[end, 0] for side, end in enumerate(ends)]
    assert head.loss(scores, targets).item() == pytest.approx(np.mean(expected), rel=1e-5)


# Answers


def test_answers_are_parts_of_the_passage():
    task = made()
    answers = task.answers(said(EXAMPLES, [(1, 4), (3, 4), None, (1, 1), None]))
    for row, text in ((0, "old cat, Tom"), (1, "北京"), (3, "sky")):
        answer = answers[row]["answer"]
        assert answer["text"] == text == PASSAGES[row][answer["start"] : answer["end"]]
        assert answer["score"] > 0.9
    for row in (2, 4):
        assert answers[row]["answer"].items() >= {"text": "", "start": None, "end": None}.items()
    assert answers[2]["answer"]["score"] == 1.0


def test_without_no_answer_something_is_always_answered_but_of_nothing():
    task = made(EXAMPLES.take([0, 1, 3]))
    assert task.no_answer is False
    assert task.predictions(said(EXAMPLES, [None] * 5))[2] == ""
    assert all(task.predictions(said(EXAMPLES, [(0, 0)] * 5))[row] for row in (0, 1, 3, 4))


def test_an_answer_has_at_most_so_many_words():
    task = made(max_answer_words=2)
    found = task.answers(said(EXAMPLES, [(0, 4), (0, 0), None, (0, 1), None]), 50)
    texts = [candidate["text"] for candidate in found[0]["candidates"]]
    assert len(texts) == len(set(texts))
    assert all(len(tokenize([text]).starts) <= 2 for text in texts)
    shares = [candidate["score"] for candidate in found[0]["candidates"]]
    assert shares == sorted(shares, reverse=True)
    assert len(task.answers(said(EXAMPLES.take([0]), [(0, 4)]), 3)[0]["candidates"]) == 3


def test_the_threshold_is_fitted_and_used():
    rows = Examples((["q"] * 4, ["a b"] * 4), [(Answer("a", 0),), (Answer("a", 0),), (), ()])
    task, tokens = made(rows), words_of(rows)
    values = np.full((len(tokens.starts), 2), 0.0, np.float32)
    low = tokens.example_offsets[:-1]
    values[low + 1] = 6.0
    values[low, :] = np.array([7.0, 8.0, 9.0, 10.0])[:, None]  # no answer is the more probable one in all
    scores = WordScores(values, tokens)
    assert task.predictions(scores) == ["", "", "", ""]
    found = task.fit_decoding(scores, rows)
    assert 4.0 < found["no_answer_threshold"] < 6.0  # between 2·(8 − 6) and 2·(9 − 6)
    assert task.predictions(scores) == ["a", "a", "", ""]
    assert task.metrics(scores, rows)["f1"] == 1.0


def test_the_threshold_is_kept(tmp_path):
    task = made(style="cmrc")
    task.threshold = 1.5
    task.keep(tmp_path)
    again = SpanQa()
    again.restore(tmp_path)
    assert (again.threshold, again.no_answer, again.style) == (1.5, True, "cmrc")


def test_exact_match_and_f1_of_each_row():
    task = made()
    scores = said(EXAMPLES, [(1, 2), (3, 4), None, (0, 1), (0, 0)])
    outcomes = task.outcomes(scores, EXAMPLES)
    assert outcomes[:, 0].tolist() == [0, 1, 1, 0, 0]
    np.testing.assert_allclose(outcomes[:, 1], [0.8, 1, 1, 2 / 3, 0])  # "old cat" of "old cat, Tom"
    metrics = task.metrics(scores, EXAMPLES)
    assert metrics["exact_match"] == pytest.approx(2 / 5)
    assert metrics["f1"] == pytest.approx(task.primary(outcomes)) == pytest.approx(outcomes[:, 1].mean())
    assert metrics["f1_answerable"] == pytest.approx(outcomes[[0, 1, 3], 1].mean())
    assert metrics["f1_unanswerable"] == 0.5
    exact = made(metric="exact_match")
    assert exact.primary(outcomes) == pytest.approx(2 / 5)


def test_chinese_answers_are_compared_by_characters():
    chinese = EXAMPLES.take([1])
    assert made(chinese).style == "cmrc"
    outcomes = made(chinese).outcomes(said(chinese, [(3, 5)]), chinese)
    np.testing.assert_allclose(outcomes, [[0.0, 0.8]])  # 北京市 for 北京


@pytest.mark.parametrize(
    ("examples", "settings", "message"),
    [
        (Examples((["q"],), [()]), {}, "a question and a passage are needed"),
        (Examples((["q"], ["p"])), {}, "no answers"),
        (Examples((["q"], ["p"]), ["p"]), {}, "row 1.*list of answers"),
        (Examples((["q"], ["p"]), [(Answer("x"),)]), {}, "no question has an answer that is in its passage"),
        (EXAMPLES, {"no_answer": False}, "no_answer = false, but there are questions without"),
    ],
)
def test_examples_that_cannot_be_learned(examples, settings, message):
    with pytest.raises(DataError, match=message):
        made(examples, **settings)
