from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.data.tagged.schemes import (
    UNTYPED,
    detect_scheme,
    find_tag_errors,
    spans_of_tags,
    tags_of_spans,
)
from wordladder.errors import DataError, SettingError

SENTENCE = {
    "iob1": "I-PER I-PER B-PER O I-LOC I-ORG I-ORG I-ORG",
    "bio": "B-PER I-PER B-PER O B-LOC B-ORG I-ORG I-ORG",
    "bioes": "B-PER E-PER S-PER O S-LOC B-ORG I-ORG E-ORG",
    "bilou": "B-PER L-PER U-PER O U-LOC B-ORG I-ORG L-ORG",
}
SPANS = [(0, 2, "PER"), (2, 3, "PER"), (4, 5, "LOC"), (5, 8, "ORG")]


@pytest.mark.parametrize("scheme", SENTENCE)
def test_a_scheme_is_told_and_read(scheme):
    tags = SENTENCE[scheme].split()
    assert detect_scheme([tags, ["O"], []]) == scheme
    assert spans_of_tags(tags, scheme) == SPANS
    assert find_tag_errors(tags, scheme) == []


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("DET NOUN VERB O", "words"),
        ("O O PER O PER O LOC", "iob1"),  # types without letters
        ("O O O", "bio"),
        ("B-PER O B-LOC I-LOC", "bio"),
        ("B-PER O I-LOC", "bio"),  # as many tags speak against either
        ("I-PER O I-LOC B-LOC O I-PER O B-PER", "iob1"),  # one B that is wrong
        ("I-PER I-PER O", "iob1"),
        ("B-PER E-PER O", "bioes"),
        ("S-PER O", "bioes"),
        ("U-PER O", "bilou"),
        ("B_PER M_PER E_PER S_LOC O", "bilou"),
        ("B-PER M-PER E-PER W-LOC O", "bilou"),
        ("B M E S S B E", "bilou"),
        ("B I O B O", "bio"),
    ],
)
def test_the_likeliest_scheme(tags, scheme):
    assert detect_scheme([tags.split()]) == scheme


def test_other_ways_of_writing_tags():
    spans = [(0, 3, "PER"), (3, 4, "LOC")]
    assert spans_of_tags(["B-PER", "M-PER", "E-PER", "W-LOC", "O"], "bilou") == spans
    assert spans_of_tags(["B_PER", "I_PER", "I_PER", "B_LOC", "O"], "bio") == spans
    assert spans_of_tags(["PER", "PER", "PER", "LOC", "O"], "iob1") == spans
    assert spans_of_tags(["B", "M", "E", "S", "O"], "bilou") == [(0, 3, UNTYPED), (3, 4, UNTYPED)]
    assert spans_of_tags(["B-TIME-range", "I-TIME-range"], "bio") == [(0, 2, "TIME-range")]
    assert spans_of_tags(["DET", "O"], "words") == [(0, 1, "DET"), (1, 2, "O")]
    assert spans_of_tags([], "bio") == find_tag_errors([], "bio") == []


@pytest.mark.parametrize(
    ("tags", "scheme", "faults"),
    [
        ("O I-PER I-PER", "bio", [(1, "I-PER after O")]),
        ("I-PER B-LOC I-PER", "bio", [(0, "I-PER after the sentence's beginning"), (2, "I-PER after B-LOC")]),
        ("O B-PER B-PER I-PER", "iob1", [(1, "B-PER after O")]),
        ("B-PER O", "bioes", [(0, "B-PER before O")]),
        ("O E-PER S-PER I-PER", "bioes", [(1, "E-PER after O"), (3, "I-PER after S-PER")]),
        ("B-PER I-PER", "bioes", [(1, "I-PER before the sentence's end")]),
        ("B-PER L-LOC", "bilou", [(0, "B-PER before L-LOC"), (1, "L-LOC after B-PER")]),
        ("B-PER E-PER", "bio", [(1, "E-PER, a letter that BIO does not have")]),
        ("B-PER PER", "bio", [(1, "PER without a letter")]),
        ("DET I-PER", "words", []),
    ],
)
def test_tags_that_do_not_follow_their_scheme(tags, scheme, faults):
    assert find_tag_errors(tags.split(), scheme) == faults


TAGS = ["O", *(f"{letter}-{type_}" for letter in "BIES" for type_ in "XY")]
tags = st.lists(st.sampled_from(TAGS))


def ends(before, here):
    """Whether a span ends between two tags: conlleval's endOfChunk."""
    pairs = ("BB", "BS", "BO", "IB", "IS", "IO", "EB", "ES", "EI", "EE", "EO", "SB", "SS", "SI", "SE", "SO")
    return before[0] + here[0] in pairs or (before[0] != "O" and before[2:] != here[2:])


def starts(before, here):
    """Whether a span starts between two tags: conlleval's startOfChunk."""
    pairs = ("BB", "IB", "EB", "SB", "OB", "BS", "IS", "ES", "SS", "OS")
    more = ("OI", "OE", "EI", "EE", "SI", "SE")
    return before[0] + here[0] in pairs + more or (here[0] != "O" and before[2:] != here[2:])


@settings(deadline=None)
@given(tags)
def test_any_tags_are_read_as_conlleval_reads_them(sequence):
    expected, first = [], 0
    for place, (before, here) in enumerate(pairwise(["O", *sequence, "O"])):
        if ends(before, here):
            expected.append((first, place, before[2:]))
        if starts(before, here):
            first = place
    for scheme in SENTENCE:
        assert spans_of_tags(sequence, scheme) == expected
    lettered = [tag.translate(str.maketrans("ES", "LU")) for tag in sequence]
    assert spans_of_tags(lettered, "bilou") == expected


def test_tags_are_read_as_seqeval_reads_them():
    twin = pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities
    for sequence in map(list, product(TAGS, repeat=4)):
        expected = [(first, last + 1, type_) for type_, first, last in twin(sequence)]
        assert spans_of_tags(sequence, "bio") == expected


@settings(deadline=None)
@given(tags, st.sampled_from(["bio", "bioes"]))
def test_spans_and_tags_round_trip(sequence, scheme):
    spans = spans_of_tags(sequence, scheme)
    written = tags_of_spans(reversed(spans), len(sequence), scheme)
    assert spans_of_tags(written, scheme) == spans
    assert find_tag_errors(written, scheme) == []
    assert tags_of_spans(spans_of_tags(written, scheme), len(written), scheme) == written
    # Tags without a fault are the only ones for their spans.
    assert (find_tag_errors(sequence, scheme) == []) == (written == sequence)


@pytest.mark.parametrize("span", [(0, 0, "X"), (-1, 1, "X"), (1, 4, "X"), (0, 2, "X")])
def test_spans_that_cannot_be_written(span):
    with pytest.raises(DataError, match=r"span -?\d:\d \(X\) (does not lie within 3 words|overlaps)"):
        tags_of_spans([span, (1, 2, "X")], 3, "bio")


def test_unknown_schemes():
    for call in (spans_of_tags, find_tag_errors):
        with pytest.raises(SettingError, match=r"'bioe' is not a scheme of tags. Did you mean 'bioes'"):
            call(["O"], "bioe")
    with pytest.raises(SettingError, match="written as 'bio' or 'bioes', not as 'iob1'"):
        tags_of_spans([], 1, "iob1")
