"""Words of a file of tagged words: kept as they are, and found again in raw text."""

import re

import numpy as np
import pytest

from wordladder import Model
from wordladder.data.reading import read_examples
from wordladder.shallow._own_words import OwnWords
from wordladder.text import TextSettings, merged, tokenize

FILE = [
    "The U.N. met on 1996-08-22 in St. Paul .",
    "Prices rose 12.5 % from 11.8 and 10.1 , Mr. Lee said .",
    "On 1997-01-03 , 1998-12-30 and 1999-10-11 the U.S.-led talks failed .",
]


def starts(text):
    """Where the words of a file begin: a space stands between any two."""
    return [found.start() for found in re.finditer(r"\S+", text)]


def learned(*texts):
    found = OwnWords()
    found.learn(tokenize(texts, TextSettings()), [*map(starts, texts)])
    return found


def words(own, text, given=None):
    return own.joined(tokenize([text], TextSettings()), given and [given]).surfaces()


@pytest.fixture
def own():
    return learned(*FILE)


def test_the_words_of_the_file_are_kept(own):
    for text in FILE:
        assert words(own, text, starts(text)) == text.split(" ")
    assert words(own, "Unseen-one A.B.C. .", [0, 11, 18]) == ["Unseen-one", "A.B.C.", "."]


def test_words_that_touch_are_kept(own):
    assert words(own, "(Unseen-one).", [0, 1, 11, 12]) == ["(", "Unseen-one", ")", "."]
    assert words(own, "don't - one", [0, 2, 6, 8]) == ["don't", "-", "one"]  # ours may be coarser
    assert words(own, "a   b", [0, 2, 4]) == ["a", "b"]  # a word may be white space
    tokens = tokenize(["U.N. a", "", "b-c", "d"], TextSettings())
    assert own.joined(tokens, [[0, 5], [], [0], [0]]).surfaces() == ["U.N.", "a", "b-c", "d"]
    short = tokenize(["U.N. met the-man"], TextSettings(max_words=5))
    assert own.joined(short, [[0, 5, 9]]).surfaces() == ["U.N.", "met"]


def test_raw_text_is_joined_as_the_file_does_it(own):
    text = "The U.N. met on 2024-05-31. Mr. Smith paid 99.9, he said."
    expected = "The U.N. met on 2024-05-31 . Mr. Smith paid 99.9 , he said ."
    assert words(own, text) == expected.split(" ")
    assert words(own, "u.n. (U.S.-led)") == ["u.n.", "(", "U.S.-led", ")"]
    assert words(own, "") == []


def test_what_the_file_does_not_join_stays_apart():
    apart = learned("a well - known man", "it is done .")
    assert words(apart, "a well-known man.") == ["a", "well", "-", "known", "man", "."]


def test_chinese_has_no_spaces_to_learn_from():
    own = learned("我在北京U.N.工作", "他去上海")
    assert words(own, "我在北京", [0, 1, 2]) == list("我在北京")


def test_merged_words_are_runs_of_words():
    tokens = tokenize(["a-b c", "", "d"], TextSettings())
    found = merged(tokens, np.array([True, False, False, True, True]))
    assert [found.words_of(row) for row in range(3)] == [["a-b", "c"], [], ["d"]]
    assert merged(tokens, np.ones(5, bool)).surfaces() == tokens.surfaces()


def test_a_saved_tagger_knows_them(tmp_path):
    lines = [f"Mr. O\nLee-{n} B-PER\npaid O\n1{n}.5 O\n. O\n" for n in range(10, 40)]
    (tmp_path / "t.conll").write_text("\n".join(lines), encoding="utf-8")
    examples = read_examples(tmp_path / "t.conll", "tagging")
    model = Model("crf").fit(examples, output=tmp_path / "model")
    assert model.report_["text"]["train"]["spans_within_words"] == 0
    again = Model.load(tmp_path / "model")
    assert again.engine_.words.forms == model.engine_.words.forms != set()
    raw = ["Mr. Lee-77 paid 12.5."]
    assert again.answers(raw)[0]["entities"][0]["text"] == "Lee-77"
