"""The words of a query in a passage, and the part to show, against brute force."""

import random

import pytest

from wordladder.search.highlight import GRAMMAR, Mark, marks, snippet
from wordladder.search.terms import Terms

TERMS = Terms()
WORDS = [
    "run",
    "runs",
    "running",
    "Runner's",
    "wing",
    "wings",
    "heat",
    "heated",
    "of",
    "the",
    "Über",
    "naïve",
]
WORDS += ["3", "co2", "don’t", "don't"]


def marked(query, text, terms=TERMS):
    return [text[one.start : one.end] for one in marks(terms, query, text)]


def test_words_are_marked_by_their_stems():
    assert marked("running water", "He runs; the WATERS’ rerun. Water") == ["runs", "WATERS", "Water"]
    assert marked("running", "run runs", Terms(stemmer="none")) == []
    assert marked("don't", "I don’t") == ["don’t"]
    assert marked("water", "") == marked("!", "water!") == []


def test_marks_are_those_of_brute_force():
    chance = random.Random(1)
    for _ in range(200):
        query, text = (" ".join(chance.choices(WORDS, k=count)) for count in (3, 12))
        asked = {TERMS.of([word])[0][0] for word in query.split() if word not in GRAMMAR}
        asked = asked or {TERMS.of([word])[0][0] for word in query.split()}
        expected = [word for word in text.split() if TERMS.of([word])[0][0] in asked]
        assert marked(query, text) == expected, (query, text)


def test_grammatical_words_count_in_a_query_of_nothing_else():
    assert marked("what is the wing of it", "the wing is of wood") == ["wing"]
    assert marked("to be or not to be", "To be, or not") == ["To", "be", "or", "not"]
    assert marked("what is 红楼梦", "what is 红楼梦?") == ["红楼梦"]
    assert marked("die of it", "die of", Terms(stemmer="german")) == ["die", "of"]


@pytest.mark.parametrize("chinese", [True, False])
def test_chinese_characters_that_stand_together(chinese):
    terms = Terms(chinese=chinese)
    text = "《红楼梦》的作者是曹雪芹，他写了红色的梦，不是北京大学的梦。"
    assert marked("谁写红楼梦", text, terms) == ["红楼梦"]
    assert marked("北京有大学", text, terms) == ["北京大学"]
    assert marked("猫 and dogs", "一只猫和两只狗, dog", terms) == ["猫", "dog"]
    assert marked("梦", text, terms) == ["梦"] * 3


def test_marks_of_chinese_are_joined_where_they_touch():
    (one,) = marks(TERMS, "红楼梦", "读红楼梦")
    assert one == Mark(1, 4, "红楼梦")


def windows(text, found, length):
    """The most different terms, and then the most marks, that a window of that length holds."""
    return max(
        (len({mark.term for mark in inside}), len(inside))
        for start in range(len(text))
        for inside in [[mark for mark in found if start <= mark.start and mark.end <= start + length]]
    )


def test_a_snippet_is_the_densest_part():
    chance = random.Random(2)
    for _ in range(200):
        text = " ".join(chance.choices([*WORDS, "a b. C d", "x, y"], k=60))
        found = marks(TERMS, "wing heat run", text)
        length = chance.randint(20, 150)
        start, end = snippet(text, found, length)
        inside = [mark for mark in found if start <= mark.start and mark.end <= end]
        assert end - start <= length
        assert (len({mark.term for mark in inside}), len(inside)) >= (windows(text, found, length)[0], 0)
        assert start == 0 or not (text[start - 1].isalnum() and text[start].isalnum()), "a word is cut"
        assert end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum()), "a word is cut"


def test_a_snippet_begins_with_the_sentence_of_its_marks():
    text = "Something else is said here. " * 9 + "The wing is heated. " + "And then more follows here. " * 9
    start, end = snippet(text, marks(TERMS, "wing heat", text), 60)
    assert text[start:end] == "The wing is heated. And then more follows here. And then"
    assert snippet("short", [], 10) == (0, 5)
    assert text[slice(*snippet(text, [], 40))] == "Something else is said here. Something"


def test_room_at_the_end_is_filled_with_the_sentences_before():
    text = "One is here. " * 20 + "Two was there. The wing is heated."
    start, end = snippet(text, marks(TERMS, "wing heat", text), 45)
    assert text[start:end] == "Two was there. The wing is heated."


def test_a_word_that_is_longer_than_the_room_is_not_shown():
    assert snippet("x" * 500, [Mark(0, 500, "x")], 60) == (0, 0)
    assert snippet("x" * 500 + " a wing", [Mark(503, 507, "wing")], 60) == (501, 507)
