"""Words of a file of tagged words: kept as they are, and found again in raw text."""

import re

import numpy as np
import pytest

from wordladder import Model
from wordladder.data.examples import Examples
from wordladder.data.reading import read_examples
from wordladder.engines.word_joining import WordJoiner
from wordladder.text.words import TextSettings, merge_words, tokenize

FILE = [
    "The U.N. met on 1996-08-22 in St. Paul .",
    "Prices rose 12.5 % from 11.8 and 10.1 , Mr. Lee said .",
    "On 1997-01-03 , 1998-12-30 and 1999-10-11 the U.S.-led talks failed .",
]


def given(*texts, words=None):
    """Texts of a file: where nothing is said, a space stands between any two words."""
    starts = words or [[found.start() for found in re.finditer(r"\S+", text)] for text in texts]
    return Examples((list(texts),), words=starts)


def learned(*texts):
    joiner = WordJoiner(TextSettings())
    joiner.learn(given(*texts))
    return joiner


def words(joiner, text):
    return joiner.tokens(Examples(([text],))).surfaces()


@pytest.fixture
def joiner():
    return learned(*FILE)


def test_the_words_of_the_file_are_kept(joiner):
    for text in FILE:
        assert joiner.tokens(given(text)).surfaces() == text.split(" ")
    assert joiner.tokens(given("Unseen-one A.B.C. .")).surfaces() == ["Unseen-one", "A.B.C.", "."]


@pytest.mark.parametrize(
    ("text", "starts", "found"),
    [
        ("(Unseen-one).", [0, 1, 11, 12], ["(", "Unseen-one", ")", "."]),
        ("don't - one", [0, 2, 6, 8], ["don't", "-", "one"]),  # ours may be coarser
        ("a   b", [0, 2, 4], ["a", "b"]),  # a word may be white space
        ("", [], []),
    ],
)
def test_words_that_touch_are_kept(joiner, text, starts, found):
    assert joiner.tokens(given(text, words=[starts])).surfaces() == found
    assert joiner.tokens(given("U.N. a", text, "b-c", words=[[0, 5], starts, [0]])).words_of(1) == found


def test_words_behind_the_last_that_is_read(joiner):
    joiner.text = TextSettings(max_words=5)
    assert joiner.tokens(given("U.N. met the-man")).surfaces() == ["U.N.", "met"]


def test_raw_text_is_joined_as_the_file_does_it(joiner):
    text = "The U.N. met on 2024-05-31. Mr. Smith paid 99.9, he said."
    expected = "The U.N. met on 2024-05-31 . Mr. Smith paid 99.9 , he said ."
    assert words(joiner, text) == expected.split(" ")
    assert words(joiner, "u.n. (U.S.-led)") == ["u.n.", "(", "U.S.-led", ")"]
    assert words(joiner, "") == []


def test_what_the_file_does_not_join_stays_apart():
    apart = learned("a well - known man", "it is done .")
    assert words(apart, "a well-known man.") == ["a", "well", "-", "known", "man", "."]


def test_chinese_has_no_spaces_to_learn_from():
    joiner = learned("我在北京U.N.工作", "他去上海")
    assert joiner.tokens(given("我在北京", words=[[0, 1, 2]])).surfaces() == list("我在北京")


def test_texts_without_words_have_none_to_learn():
    joiner = WordJoiner(TextSettings())
    joiner.learn(Examples((["U.N."],)))
    assert joiner.forms == set()


def test_merged_words_are_runs_of_words():
    tokens = tokenize(["a-b c", "", "d"], TextSettings())
    found = merge_words(tokens, np.array([True, False, False, True, True]))
    assert [found.words_of(row) for row in range(3)] == [["a-b", "c"], [], ["d"]]
    assert merge_words(tokens, np.ones(5, bool)).surfaces() == tokens.surfaces()


CHARACTERS = {
    "embedders": [{"kind": "characters", "form": "cnn", "dim": 4, "filters": 4}],
    "task": {"kind": "tagging"},
    "training": {"epochs": 8, "learning_rate": 0.03, "batch_rows": 8},
}


@pytest.mark.parametrize("recipe", ["crf", CHARACTERS], ids=["crf", "characters"])
def test_a_saved_tagger_knows_them(recipe, tmp_path):
    lines = [f"Mr. O\nLee-{n} B-PER\npaid O\n1{n}.5 O\n. O\n" for n in range(10, 40)]
    (tmp_path / "t.conll").write_text("\n".join(lines), encoding="utf-8")
    examples = read_examples(tmp_path / "t.conll", "tagging")
    model = Model(recipe).fit(examples, output=tmp_path / "model")
    assert model.report_["text"]["train"]["spans_within_words"] == 0
    again = Model.load(tmp_path / "model")
    assert again.engine_.words.forms == model.engine_.words.forms != set()
    raw = ["Mr. Lee-77 paid 12.5."]
    assert again.answers(raw)[0]["entities"][0]["text"] == "Lee-77"
    assert again.predict([["Mr.", "Lee-77", "paid", "12.5", "."]]) == [["O", "B-PER", "O", "O", "O"]]


def test_vectors_of_our_words_have_ours():
    static = {**CHARACTERS, "embedders": [{"kind": "static", "dim": 4}], "training": {"epochs": 0}}
    model = Model(static).fit([["U.N.", "met"]] * 4, [["B-ORG", "O"]] * 4)
    assert model.engine_.words.forms == set()
    assert model.report_["text"]["train"]["words"] > 8
