"""Scores of entities agree with seqeval, and with tags counted one by one as conlleval counts them."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.data.tagged.schemes import spans_of_tags
from wordladder.metrics.labels import per_type, span_counts, span_f1

TAGS = ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC"]
sentences = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=9),
    min_size=1,
    max_size=5,
)


def taken_apart(pairs):
    gold = [[right for right, _ in sentence] for sentence in pairs]
    predicted = [[found for _, found in sentence] for sentence in pairs]
    return gold, predicted


def spans(tags):
    return spans_of_tags(tags, "bioes")


def begins(before, tag):
    """Whether an entity begins at a tag: an I or E does so too after O, E, S or another type."""
    return tag != "O" and (tag[0] in "BS" or before[0] in "OES" or before[2:] != tag[2:])


def walked(gold, predicted):
    """Hits, predicted and gold entities in one pass over both sequences of tags, without any spans."""
    hits = found = right = 0
    open_hit = False
    gold_before = predicted_before = "O"
    for gold_tag, predicted_tag in zip([*gold, "O"], [*predicted, "O"]):
        gold_begins, predicted_begins = begins(gold_before, gold_tag), begins(predicted_before, predicted_tag)
        gold_ends = gold_before != "O" and (gold_begins or gold_tag == "O")
        predicted_ends = predicted_before != "O" and (predicted_begins or predicted_tag == "O")
        if open_hit and (gold_ends or predicted_ends):
            hits += gold_ends and predicted_ends
            open_hit = False
        if gold_begins and predicted_begins and gold_tag[2:] == predicted_tag[2:]:
            open_hit = True
        right += gold_begins
        found += predicted_begins
        gold_before, predicted_before = gold_tag, predicted_tag
    return hits, found, right


@given(sentences)
@settings(max_examples=80, deadline=None)
def test_counts_are_those_of_a_walk_over_the_tags(pairs):
    gold, predicted = taken_apart(pairs)
    counts = span_counts([spans(tags) for tags in gold], [spans(tags) for tags in predicted])
    assert counts.tolist() == [list(walked(*row)) for row in zip(gold, predicted)]


@given(sentences)
@settings(max_examples=30, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_scores_are_those_of_seqeval(pairs):
    seqeval = pytest.importorskip("seqeval.metrics")
    gold, predicted = taken_apart(pairs)
    gold_spans, predicted_spans = [spans(tags) for tags in gold], [spans(tags) for tags in predicted]
    f1 = span_f1(span_counts(gold_spans, predicted_spans))
    assert f1 == pytest.approx(seqeval.f1_score(gold, predicted, zero_division=0))
    by_type = per_type(gold_spans, predicted_spans)
    if not by_type:
        return
    expected = seqeval.classification_report(gold, predicted, output_dict=True, zero_division=0)
    for type in by_type:
        twin = {name.removesuffix("-score"): value for name, value in expected[type].items()}
        assert by_type[type] == pytest.approx(twin)
    assert set(by_type) == {name for name in expected if not name.endswith("avg")}


def test_odd_tags_counted_by_hand():
    gold = ["B-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-PER"]
    assert spans(gold) == [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "LOC"), (5, 6, "PER")]
    predicted = ["I-PER", "I-PER", "I-PER", "I-LOC", "I-LOC", "B-PER"]
    counts = span_counts([spans(gold)], [spans(predicted)])
    assert counts.tolist() == [[1, 3, 4]]
    assert span_f1(counts) == pytest.approx(2 / 7)


def test_start_end_and_type_all_count():
    gold = [[(0, 5, "PER"), (6, 9, "LOC")], [], [(1, 2, "ORG")]]
    predicted = [[(0, 5, "LOC"), (6, 9, "LOC"), (6, 8, "LOC")], [(0, 1, "ORG")], []]
    counts = span_counts(gold, predicted)
    assert counts.dtype == np.int64
    assert counts.tolist() == [[1, 3, 2], [0, 1, 0], [0, 0, 1]]
    assert span_f1(counts) == pytest.approx(2 * 1 / (4 + 3))
    assert per_type(gold, predicted) == {
        "LOC": {"precision": pytest.approx(1 / 3), "recall": 1.0, "f1": pytest.approx(0.5), "support": 1},
        "ORG": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "PER": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
    }


def test_f1_of_drawn_rows_is_f1_of_their_sums():
    chance = random.Random(4)
    gold, predicted = (
        [[(s, s + 1, chance.choice("ab")) for s in range(6) if chance.random() < 0.5] for _ in range(20)]
        for _ in range(2)
    )
    counts, drawn = span_counts(gold, predicted), [3, 3, 17, 0]
    again = span_counts([gold[row] for row in drawn], [predicted[row] for row in drawn])
    assert span_f1(counts[drawn]) == span_f1(again)


def test_nothing_there():
    assert span_counts([], []).shape == (0, 3)
    assert span_f1(span_counts([], [])) == 0.0
    assert span_f1(span_counts([[], []], [[], []])) == 0.0
    assert per_type([[]], [[]]) == {}


def test_one_row_too_few_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        span_counts([[], []], [[]])
    with pytest.raises(ValueError, match="shorter"):
        per_type([[], []], [[]])
