"""Words of a file of tagged words: kept as they are, and found again in raw text."""

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


def words(own, text, given=False):
    return own.joined(tokenize([text], TextSettings()), given).surfaces()


@pytest.fixture
def own():
    found = OwnWords()
    found.learn(tokenize(FILE, TextSettings()))
    return found


def test_the_words_of_the_file_are_kept(own):
    for text in FILE:
        assert words(own, text, given=True) == text.split(" ")
    assert words(own, "Unseen-one A.B.C. .", given=True) == ["Unseen-one", "A.B.C.", "."]


def test_raw_text_is_joined_as_the_file_does_it(own):
    text = "The U.N. met on 2024-05-31. Mr. Smith paid 99.9, he said."
    expected = "The U.N. met on 2024-05-31 . Mr. Smith paid 99.9 , he said ."
    assert words(own, text) == expected.split(" ")
    assert words(own, "u.n. (U.S.-led)") == ["u.n.", "(", "U.S.-led", ")"]
    assert words(own, "") == []


def test_what_the_file_does_not_join_stays_apart():
    apart = OwnWords()
    apart.learn(tokenize(["a well - known man", "it is done ."], TextSettings()))
    assert words(apart, "a well-known man.") == ["a", "well", "-", "known", "man", "."]


def test_chinese_has_no_spaces_to_learn_from():
    own = OwnWords()
    own.learn(tokenize(["我在北京U.N.工作", "他去上海"], TextSettings()))
    assert words(own, "我在北京", given=True) == list("我在北京")


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
