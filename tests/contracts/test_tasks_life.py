"""The contract of every task and every shallow kind: one file in a kind folder, and these tests run over
it.
"""

import numpy as np
import pytest
import torch

from wordladder.data.examples import Answer, Examples, Span
from wordladder.layers.devices import tensors
from wordladder.layers.sequence import Sequence
from wordladder.recipe import build, component, kinds
from wordladder.tasks._word_scores import WordScores
from wordladder.tasks.translation import Translations
from wordladder.text.padding import pad
from wordladder.text.words import TextSettings, tokenize

TEXTS = ["the good film", "a bad film, a very bad one!", "", "我喜欢 the good 电影", "good"]
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
        [(Answer("film", 9),), (Answer("very bad", 14),), (), (Answer("我", 0), Answer("电影", 13)), ()],
    ),
    "texts": Examples((TEXTS,), [(Answer(text.upper()),) for text in TEXTS]),
    "nothing": Examples((TEXTS,)),
}


WEIGHTS = {
    "classification": "head.0.weight head.0.bias",
    "pairs": "head.0.weight head.0.bias",
    "regression": "head.0.weight head.0.bias cuts",
    "similarity": "",
    "tagging": "chain.transitions chain.starts chain.ends head.weight head.bias",
    "span_qa": "pointers.weight pointers.bias nothing.weight nothing.bias",
    "translation": "table.weight bias decoder.start.weight decoder.start.bias decoder.keys.weight "
    "decoder.output.weight decoder.output.bias decoder.cells.0.weight_ih_l0 decoder.cells.0.weight_hh_l0 "
    "decoder.cells.0.bias_ih_l0 decoder.cells.0.bias_hh_l0",
    "language_model": "start bias table.weight project.weight project.bias",
}

SETTINGS = {
    "similarity": {"objective": "cosine"},  # the loss of a pair is its own
    "translation": {"dim": 8, "hidden": 8, "dropout": 0.0},
    "language_model": {"min_count": 1, "dropout": 0.0},
}


def new(kind):
    """A task that has learned its labels, and its examples."""
    examples = EXAMPLES[kind if kind in EXAMPLES else component("tasks", kind).labels_are]
    task = build("tasks", {"kind": kind} | SETTINGS.get(kind, {}))
    task.initialise(examples)
    if hasattr(task, "learn_words"):
        task.learn_words(words_of(examples))
    return task, examples


def new_head(kind, task, seed=1):
    torch.manual_seed(seed)
    return component("heads", kind)(task, 6, 0).eval()


def words_of(examples):
    return tokenize(examples.flat(), segments=len(examples.segments))


def sequence(examples, extra=0):
    """Vectors for the words of the examples, with more padding if asked for."""
    tokens, generator = words_of(examples), torch.Generator().manual_seed(0)
    words = torch.randn(len(tokens.starts), 6, generator=generator).numpy()
    vectors, mask = tensors(pad(words, tokens.example_offsets))
    segments, _ = tensors(pad(tokens.segment_numbers, tokens.example_offsets))
    wide = torch.nn.functional.pad
    return Sequence(wide(vectors, (0, 0, 0, extra)), wide(mask, (0, extra)), None, wide(segments, (0, extra)))


def scores_of(task, head, examples, extra=0):
    """The scores as an engine gives them to the task."""
    given = sequence(examples, extra)
    if hasattr(head, "write"):
        longest = torch.full((len(TEXTS),), 6)
        return Translations(head.write(head(given), longest), words_of(examples))
    if hasattr(head, "log_probabilities"):
        goal = targets_of(task, examples, range(len(TEXTS)))
        return head.log_probabilities(head(given), goal).detach().numpy()
    scores = head(given).detach()
    if not task.per_word:
        return scores.numpy()
    chain = head.chain.chain if hasattr(head, "chain") else None
    return WordScores(scores[given.mask].numpy(), words_of(examples), chain)


def targets_of(task, examples, rows):
    return torch.from_numpy(task.targets(examples, words_of(examples))[np.array(rows)])


@pytest.mark.parametrize("kind", kinds("tasks"))
class TestTasks:
    def test_scores_loss_and_answers(self, kind):
        task, examples = new(kind)
        head = new_head(kind, task)
        read = sequence(examples)
        read.vectors.requires_grad_()  # not every head has weights
        scores = head(read)
        assert hasattr(head, "write") or len(scores) == len(TEXTS)
        loss = head.loss(scores, targets_of(task, examples, range(len(TEXTS))))
        loss.backward()
        assert loss.ndim == 0
        assert torch.isfinite(loss)
        assert all(p.grad is not None for p in head.parameters() if p.requires_grad)
        given = scores_of(task, head, examples)
        assert len(task.answers(given)) == len(TEXTS)
        assert len(task.answers(given, 3)) == len(TEXTS)
        assert len(task.predictions(given)) == len(TEXTS)

    def test_the_weights_of_a_head_have_the_names_that_saved_models_have(self, kind, small_model):
        assert set(new_head(kind, new(kind)[0]).state_dict()) == set(WEIGHTS[kind].split())
        assert {"task.head.0.weight", "task.head.0.bias"} <= small_model.engine_.network.weights().keys()

    def test_padding_changes_nothing(self, kind):
        task, examples = new(kind)
        head = new_head(kind, task)
        narrow, wide = (head(sequence(examples, extra)) for extra in (0, 3))
        if hasattr(head, "write") or hasattr(head, "log_probabilities"):
            goal = targets_of(task, examples, range(len(TEXTS)))
            torch.testing.assert_close(head.loss(narrow, goal), head.loss(wide, goal))
            return
        if not task.per_word:
            torch.testing.assert_close(narrow, wide)
            return
        goal = targets_of(task, examples, range(len(TEXTS)))
        wider = goal if goal.shape[1] == 2 else torch.nn.functional.pad(goal, (0, 3), value=-100)
        torch.testing.assert_close(head.loss(narrow, goal), head.loss(wide, wider))
        narrow, wide = (scores_of(task, head, examples, extra) for extra in (0, 3))
        assert task.answers(narrow) == task.answers(wide)

    def test_the_loss_of_a_batch_is_made_of_its_rows(self, kind):
        task, examples = new(kind)
        head = new_head(kind, task)
        rows = [row for row in range(len(TEXTS)) if TEXTS[row]]
        *losses, together = (
            head.loss(head(sequence_rows(examples, some)), targets_of(task, examples, some)).item()
            for some in [*([row] for row in rows), rows]
        )
        assert min(losses) - 1e-5 <= together <= max(losses) + 1e-5

    def test_the_primary_metric_is_one_of_the_metrics(self, kind):
        task, examples = new(kind)
        scores = scores_of(task, new_head(kind, task), examples)
        outcomes = task.outcomes(scores, examples)
        assert len(outcomes) == len(TEXTS)
        assert task.primary(outcomes) == pytest.approx(task.metrics(scores, examples)[task.metric])

    def test_facts_are_numbers(self, kind):
        task, examples = new(kind)
        facts = task.facts(examples, words_of(examples))
        assert all(isinstance(value, int | float) for value in facts.values())

    def test_keep_and_restore(self, kind, tmp_path):
        task, examples = new(kind)
        head = new_head(kind, task)
        scores = scores_of(task, head, examples)
        task.fit_decoding(scores, examples)
        task.keep(tmp_path)
        again = build("tasks", {"kind": kind} | SETTINGS.get(kind, {}))
        again.restore(tmp_path)
        other = new_head(kind, again, seed=2)
        other.load_state_dict(head.state_dict())
        assert task.answers(scores) == again.answers(scores_of(again, other, examples))


def sequence_rows(examples, rows):
    """Some rows of the whole batch's sequence."""
    whole = sequence(examples)
    longest = int(whole.lengths[rows].max())
    return Sequence(
        whole.vectors[rows, :longest], whole.mask[rows, :longest], None, whole.segments[rows, :longest]
    )


@pytest.mark.parametrize("kind", kinds("shallow"))
class TestShallow:
    def test_scores_and_keep_and_restore(self, kind, tmp_path):
        texts = TEXTS * 4
        if component("shallow", kind).serves == "language_model":
            task, examples = new("language_model")
            numbers = task.targets(examples, words_of(examples))
            shallow = build("shallow", {"kind": kind}, TextSettings())
            shallow.fit(numbers.values, numbers.offsets, len(task.vocabulary))
            scores = shallow.log_probabilities(numbers.values, numbers.offsets)
            assert scores.shape == (len(TEXTS),)
            shallow.keep(tmp_path)
            again = build("shallow", {"kind": kind}, TextSettings())
            again.restore(tmp_path)
            assert (again.log_probabilities(numbers.values, numbers.offsets) == scores).all()
            return
        if component("shallow", kind).serves == "tagging":
            task, examples = new("tagging")
            given = words_of(examples.take([*range(len(TEXTS))] * 4))
            targets = task.targets(examples.take([*range(len(TEXTS))] * 4), given).values
            learned = (given, targets, task.allowed)
            one, size = tokenize(texts[:1]), 3
        else:
            serves = component("shallow", kind).serves
            given = list(zip(texts, texts[::-1])) if serves in ("pairs", "similarity") else texts
            targets = np.array([1, 0, 0, 1, 1] * 4)
            if serves == "similarity":  # a column of scores, and the numbers of both texts
                targets = np.column_stack([targets, *np.arange(2 * len(texts)).reshape(2, -1)])
            learned = (given, targets)
            one, size = given[:1], 1
        shallow = build("shallow", {"kind": kind}, TextSettings())
        shallow.fit(*learned, seed=1)
        scores = shallow.scores(given)
        assert scores.shape[0] == len(targets)
        shallow.keep(tmp_path)
        again = build("shallow", {"kind": kind}, TextSettings())
        again.restore(tmp_path)
        np.testing.assert_allclose(again.scores(given), scores, rtol=1e-6)
        np.testing.assert_allclose(again.scores(one), scores[:size], rtol=1e-6)
