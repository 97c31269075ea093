"""Answers out of several passages, against a softmax over all spans of all of them."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wordladder import Model
from wordladder.errors import ModelError, SettingError
from wordladder.search.answering import answer
from wordladder.search.passages import Hit
from wordladder.tasks._word_scores import WordScores
from wordladder.tasks.span_qa import SpanQa
from wordladder.text.words import tokenize

SAVED = Path(__file__).parents[1] / "model" / "saved_by_0_1" / "span_qa"
DOCUMENTS = {"a": "zero. The wing is red. It flies", "b": "a green boat", "c": "nothing at all here"}
HITS = [
    Hit("a", 3.0, DOCUMENTS["a"][6:22], 6, 22, {"year": 1950}),
    Hit("b", 2.0, DOCUMENTS["b"], 0, 12),
    Hit("c", 1.0, DOCUMENTS["c"], 0, 19),
]
QUESTION = "which colour ?"


class Reader:
    """A reader whose scores are drawn."""

    def __init__(self, seed, no_answer=False, longest=3):
        self.task_ = SpanQa(no_answer=no_answer, max_answer_words=longest)
        self.recipe_ = SimpleNamespace(task="span_qa")
        self.seed = seed

    def scores(self, pairs):
        assert [question for question, _ in pairs] == [QUESTION] * len(pairs)
        tokens = tokenize([text for pair in pairs for text in pair], segments=2)
        values = np.random.default_rng(self.seed).normal(size=(len(tokens.starts), 2), scale=2).astype("f4")
        first = np.isin(np.arange(len(values)), tokens.example_offsets[:-1])
        hidden = (tokens.segment_numbers == 0) & ~(first & self.task_.no_answer)
        values[hidden] = -np.inf
        return WordScores(values, tokens)


def spans(reader, hits):
    """Every span with its scores and place."""
    scores = reader.scores([(QUESTION, hit.text) for hit in hits])
    tokens = scores.tokens
    for row, hit in enumerate(hits):
        low, high = tokens.offsets[2 * row + 1], tokens.offsets[2 * row + 2]
        for i, j in itertools.product(range(low, high), repeat=2):
            if 0 <= j - i < reader.task_.max_answer_words:
                place = hit.start + int(tokens.starts[i]), hit.start + int(tokens.ends[j])
                yield row, place, scores.values[i, 0].astype(float), scores.values[j, 1].astype(float)


@pytest.mark.parametrize("seed", range(8))
def test_the_best_of_all_spans_and_its_probability(seed):
    reader = Reader(seed)
    scores = reader.scores([(QUESTION, hit.text) for hit in HITS]).values.astype(float)
    total = np.logaddexp.reduce(scores, axis=0).sum()
    row, (start, end), first, last = max(spans(reader, HITS), key=lambda span: span[2] + span[3])
    found = answer(reader, QUESTION, HITS)
    assert (found.hit, found.id, found.start, found.end) == (row, HITS[row].id, start, end)
    assert found.text == DOCUMENTS[found.id][start:end]
    assert found.score == pytest.approx(np.exp(first + last - total), rel=1e-6)
    assert found.fields == HITS[row].fields


@pytest.mark.parametrize("seed", range(8))
def test_a_reader_that_knows_no_answer(seed):
    reader = Reader(seed, no_answer=True)
    scores = reader.scores([(QUESTION, hit.text) for hit in HITS])
    said = [one["answer"] for one in reader.task_.answers(scores)]
    best = max((one["score"] for one in said if one["text"]), default=None)
    found = answer(reader, QUESTION, HITS)
    assert (found and found.score) == (best and pytest.approx(best))
    reader.task_.threshold = -np.inf
    assert answer(reader, QUESTION, HITS) is None


def test_only_the_first_passages_are_read():
    reader = Reader(1)
    assert answer(reader, QUESTION, HITS, top=1).hit == 0
    assert answer(reader, QUESTION, []) is None
    with pytest.raises(SettingError, match="top is 0"):
        answer(reader, QUESTION, HITS, top=0)


def test_passages_without_words_have_no_answer():
    empty = Hit("d", 4.0, "", 0, 0)
    assert answer(Reader(1), QUESTION, [empty]) is None
    assert answer(Reader(1), QUESTION, [empty, HITS[1]]).id == "b"


def test_a_saved_reader_answers_and_others_are_refused():
    found = answer(Model.load(SAVED), "wing ?", HITS)
    assert found.text == DOCUMENTS[found.id][found.start : found.end]
    assert 0 < found.score < 1
    with pytest.raises(ModelError, match="span_qa is needed, not 'classification'"):
        answer(Model.load(SAVED.parent / "tfidf"), "wing ?", HITS)
    with pytest.raises(ModelError, match="a model of span_qa is needed"):
        answer(object(), "wing ?", HITS)
