"""Scores of answers, with cases worked out by hand and slow twins of what SQuAD's and CMRC's scripts do."""

import re
import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.errors import SettingError
from wordladder.metrics.answers import (
    _cmrc_words,
    _treebank_words,
    answer_outcomes,
    best_no_answer_threshold,
    style_of,
)


def exact_match(prediction, answers, style):
    return answer_outcomes([prediction], [answers], style)[0, 0]


def f1(prediction, answers, style):
    return answer_outcomes([prediction], [answers], style)[0, 1]


SQUAD = [
    # prediction, right answers, exact match, F1
    ("The Eiffel Tower", ["eiffel tower!"], 1, 1),
    ("in  Paris,\nFrance", ["Paris"], 0, 2 * 1 / (3 + 1)),
    ("Paris", ["London", "Paris, France"], 0, 2 * 1 / (1 + 2)),
    ("a cat and a dog", ["the cat", "cat and dog"], 1, 1),
    ("Theatre", ["a theatre", "the atre"], 1, 1),  # articles go as whole words
    ("co-operation", ["cooperation"], 1, 1),  # punctuation leaves no space behind
    ("don’t", ["dont"], 0, 0),  # only marks of ASCII are punctuation
    ("to be to be", ["to be or not to be"], 0, 2 * 4 / (4 + 6)),  # a word counts as often as both have it
    ("", [], 1, 1),
    ("Paris", [], 0, 0),
    ("", ["Paris"], 0, 0),
    ("the", [], 1, 1),  # nothing is left of it
    ("", ["The."], 1, 1),
    ("Paris", ["the", "Paris"], 1, 1),
]

CMRC = [
    ("1999年，北京。", ["1999年北京"], 1, 1),
    ("北京市海淀区", ["海淀区"], 0, 2 * 3 / (6 + 3)),
    ("北京的海淀", ["北京市海淀"], 0, 2 * 2 / (5 + 5)),  # the longest run, not all characters that both have
    ("Windows 10系统", ["windows 10"], 0, 2 * 2 / (4 + 2)),  # words of other scripts are single words
    ("WINDOWS", ["windows"], 1, 1),
    ("3,000人", ["3000人"], 0, 2 * 1 / (2 + 2)),  # a comma of ASCII stays, within a number
    ("（《红楼梦》）", ["红楼梦"], 1, 1),
    ("上海", ["北京", "上海市"], 0, 2 * 2 / (2 + 3)),
    ("广州", ["北京", "上海"], 0, 0),
    ("", ["北京"], 0, 0),
    ("", [], 1, 1),
    ("北京", [], 0, 0),
    ("。", ["，"], 1, 0),  # as the script has it: equal, but without a common run
    ("a-b", ["ab"], 1, 1),
]


@pytest.mark.parametrize(("prediction", "answers", "exact", "overlap"), SQUAD)
def test_squad_by_hand(prediction, answers, exact, overlap):
    assert exact_match(prediction, answers, "squad") == exact
    assert f1(prediction, answers, "squad") == pytest.approx(overlap)


@pytest.mark.parametrize(("prediction", "answers", "exact", "overlap"), CMRC)
def test_cmrc_by_hand(prediction, answers, exact, overlap):
    assert exact_match(prediction, answers, "cmrc") == exact
    assert f1(prediction, answers, "cmrc") == pytest.approx(overlap)


def squad_twin(prediction, answers):
    """Step by step, each answer for itself."""

    def plain(text):
        kept = [" " if character.isspace() else character for character in text.lower()]
        kept = [character for character in kept if character not in string.punctuation]
        return [word for word in re.sub(r"\b(?:an?|the)\b", " ", "".join(kept)).split(" ") if word]

    def overlap(given, right):
        if not given or not right:
            return float(given == right)
        same = sum(min(count, Counter(right)[word]) for word, count in Counter(given).items())
        if not same:
            return 0.0
        precision, recall = same / len(given), same / len(right)
        return 2 * precision * recall / (precision + recall)

    right = [plain(answer) for answer in answers if plain(answer)] or [[]]
    given = plain(prediction)
    return float(any(given == words for words in right)), max(overlap(given, words) for words in right)


def cmrc_twin(prediction, answers):
    """The longest common run from the table of all pairs of words."""

    def overlap(given, right):
        table = np.zeros((len(given) + 1, len(right) + 1), int)
        for i, a in enumerate(given):
            for j, b in enumerate(right):
                table[i + 1, j + 1] = table[i, j] + 1 if a == b else 0
        longest = table.max()
        if not longest:
            return 0.0
        precision, recall = longest / len(given), longest / len(right)
        return 2 * precision * recall / (precision + recall)

    given = _cmrc_words(prediction)
    return max(overlap(given, _cmrc_words(answer)) for answer in answers)


english = st.lists(
    st.sampled_from(["the", "a", "An", "cat", "Dog", "dog.", "it's", ",", "\n", "x-y"]), max_size=6
)
chinese = st.lists(st.sampled_from([*"北京海淀区，。《a1", " ", "NBA ", "3.5", "％"]), max_size=12)


@given(english, st.lists(english, max_size=3))
@settings(max_examples=80, deadline=None)
def test_squad_agrees_with_its_twin(prediction, answers):
    given, right = " ".join(prediction), [" ".join(words) for words in answers]
    assert answer_outcomes([given], [right], "squad")[0] == pytest.approx(squad_twin(given, right))


@given(chinese, st.lists(chinese, min_size=1, max_size=3))
@settings(max_examples=80, deadline=None)
def test_cmrc_agrees_with_its_twin(prediction, answers):
    given, right = "".join(prediction), ["".join(words) for words in answers]
    assert f1(given, right, "cmrc") == pytest.approx(cmrc_twin(given, right))


def test_words_of_chinese_and_english():
    assert _cmrc_words(" 在Windows 95 （1995年）上，CPU'S 3.5% ") == [
        "在", "windows", "95", "1995", "年", "上", "cpu", "'s", "3.5", "%",
    ]  # fmt: skip
    assert _cmrc_words("95（1995") == ["951995"]  # the script's punctuation goes before words are taken apart


LATIN = [
    ("he didn't say 'no', it's 3,000.50 at 10:30.", "he did n't say ' no ' , it 's 3,000.50 at 10:30 ."),
    (
        '"i.b.m." (new york, u.s.) paid $5; or more...',
        "`` i.b.m. '' ( new york , u.s. ) paid $ 5 ; or more ...",
    ),
    ("rock'n'roll -- o'neil’s 5–4 win: yes!", "rock'n'roll -- o'neil ’ s 5 – 4 win : yes !"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "words"), LATIN)
def test_words_as_the_treebank_has_them(text, words):
    assert _treebank_words(text) == words.split()


@pytest.mark.parametrize(("text", "words"), LATIN)
def test_words_as_nltk_has_them(text, words):
    nltk = pytest.importorskip("nltk.tokenize")
    assert nltk.NLTKWordTokenizer().tokenize(text) == words.split()


def test_rows_of_outcomes():
    found = answer_outcomes(["Paris", "in Rome", ""], [["paris"], ["Rome"], []], "squad")
    assert found.dtype == np.float64
    assert found == pytest.approx(np.array([[1, 1], [0, 2 / 3], [1, 1]]))
    assert answer_outcomes([], [], "cmrc").shape == (0, 2)
    with pytest.raises(ValueError, match="longer"):
        answer_outcomes([""], [[], []], "squad")


def test_the_style_is_that_of_most_answers():
    assert style_of([["1999年", "二"], ["12"], []]) == "cmrc"
    assert style_of([["Mao (毛)"], ["Beijing"], ["Tokyo"]]) == "squad"
    assert style_of([[], []]) == "squad"


@pytest.mark.parametrize("score", [exact_match, f1])
def test_an_unknown_style(score):
    with pytest.raises(SettingError, match="Did you mean 'squad'"):
        score("a", ["a"], "sqad")


def reached(threshold, scores, values, has_answer):
    return np.where(scores > threshold, ~has_answer, values).mean()


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_threshold_is_better(seed, ties):
    chance = np.random.default_rng(seed)
    rows = chance.integers(1, 12)
    scores = chance.integers(-2, 3, rows).astype(float) if ties else chance.normal(size=rows)
    has_answer = chance.random(rows) < 0.6
    values = np.where(has_answer, chance.choice([0.0, 0.4, 1.0], rows), 0.0)
    best = best_no_answer_threshold(scores, values, has_answer)
    others = [reached(t, scores, values, has_answer) for t in [scores.min() - 1, *scores]]
    assert reached(best, scores, values, has_answer) == pytest.approx(max(others))
    if not ties:
        assert reached(best, scores, values, has_answer) * rows == pytest.approx(
            squad_threshold(scores, values, has_answer)
        )


def squad_threshold(scores, values, has_answer):
    """The best sum as SQuAD 2.0's script finds it: rows get their answers one by one, the surest first."""
    best = current = np.sum(~has_answer)
    for row in np.argsort(scores):
        current = current + values[row] if has_answer[row] else current - 1
        best = max(best, current)
    return best


def test_a_threshold_lies_halfway():
    scores = np.array([0.1, 0.9, 0.3, 0.6])
    has_answer = np.array([True, False, True, False])
    assert best_no_answer_threshold(scores, np.array([1, 0, 0.5, 0]), has_answer) == pytest.approx(0.45)
    assert best_no_answer_threshold(scores, np.ones(4), np.ones(4, bool)) == pytest.approx(1.9)
    assert best_no_answer_threshold(scores, np.zeros(4), np.zeros(4, bool)) == pytest.approx(-0.9)
    assert best_no_answer_threshold(np.zeros(0), np.zeros(0), np.zeros(0, bool)) == 0.0
