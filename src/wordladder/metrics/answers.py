"""Metrics of answers to questions: exact match and F1, as the scripts of SQuAD and of CMRC 2018 count them.

`squad` compares bags of words without case, punctuation and articles (Rajpurkar et al. 2016, section 6.1;
without an answer, Rajpurkar et al. 2018). `cmrc` compares Han characters and words of other scripts by
their longest common run (Cui et al. 2019, section 3.2). The best of several right answers counts.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError, did_you_mean

Style = Literal["squad", "cmrc"]

_HAN = re.compile("[\u4e00-\u9fa5]")  # what CMRC's script takes for one
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
# CMRC's own list, of single characters: commas, full stops and brackets of ASCII are not in it.
_NO_CMRC_PUNCTUATION = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")

# CMRC's script takes words of other scripts apart with NLTK. This is the Penn Treebank's convention, which
# NLTK follows: marks stand alone, but not a comma or a colon before a digit, and a full stop at the end only;
# what a contraction ends with is a word.
_MARKS = re.compile(r"""(\.{2,}|--|''|[][;@#$%&?!(){}<>«»“”‘’„"*\u2012-\u2015]|[:,](?!\d))""")
_LAST_STOP = re.compile(r"""(?<!\.)\.(?=[])}>"'’»” ]*$)""")
_ENDING = re.compile(r"(.*[^'])('ll|'re|'ve|n't|'[smd]?)")
_OPENING = re.compile(r"'(?=\w)(?!(?:re|ve|ll|[mtsdn])\b)")


def exact_match(prediction: str, answers: Sequence[str], style: Style) -> float:
    """1.0 where the prediction is one of the right answers, else 0.0.

    Args:
        prediction: The answer given; empty: that there is none.
        answers: All right answers; none: the question has no answer, and an empty prediction is right.
        style: How they are compared.

    Raises:
        SettingError: the style is unknown.
    """
    return float(_outcome(prediction, answers, _checked(style))[0])


def f1(prediction: str, answers: Sequence[str], style: Style) -> float:
    """How much of the most similar right answer the prediction has, from 0.0 to 1.0.

    Arguments and errors are those of `exact_match`.
    """
    return float(_outcome(prediction, answers, _checked(style))[1])


def answer_outcomes(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], style: Style
) -> NDArray[np.float64]:
    """Exact match and F1 of each row, float64 `(rows, 2)`; their means are what the scripts print, over 100.

    Raises:
        SettingError: the style is unknown.
        ValueError: there are not as many predictions as rows of answers.
    """
    style = _checked(style)
    rows = [_outcome(*row, style) for row in zip(predictions, answers, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)


def style_of(answers: Sequence[Sequence[str]]) -> Style:
    """The style that suits rows of right answers: `cmrc` where more than half of all have a Han character."""
    han = [_HAN.search(answer) is not None for row in answers for answer in row]
    return "cmrc" if 2 * sum(han) > len(han) else "squad"


def best_no_answer_threshold(
    no_answer_scores: NDArray[np.float64], values: NDArray[np.float64], has_answer: NDArray[np.bool_]
) -> float:
    """The threshold with the highest mean value when rows that score above it are left without an answer.

    The script of SQuAD 2.0 stops at the score of a row; here the threshold lies halfway to the next, or 1
    beyond the outermost, and rows with equal scores stay together. Of thresholds that are equally good it is
    the lowest.

    Args:
        no_answer_scores: `(rows,)`, higher: the question rather has no answer.
        values: `(rows,)`, F1 or exact match of each row when its best answer is given.
        has_answer: `(rows,)`, whether the question has an answer. If not, silence is worth 1.
    """
    if not len(no_answer_scores):
        return 0.0
    order = np.argsort(no_answer_scores, kind="stable")
    scores = no_answer_scores[order].astype(np.float64)
    gains = np.cumsum((values - ~has_answer)[order])
    separable = np.append(scores[:-1] < scores[1:], True)
    reached = np.concatenate([[0.0], np.where(separable, gains, -np.inf)])
    edges = np.concatenate([[scores[0] - 2.0], scores, [scores[-1] + 2.0]])
    answered = int(np.argmax(reached))
    return float(edges[answered] / 2 + edges[answered + 1] / 2)


def _checked(style: Style) -> Style:
    if style not in get_args(Style):
        raise SettingError(f"The style of answers is {style!r}.{did_you_mean(str(style), get_args(Style))}")
    return style


def _outcome(prediction: str, answers: Sequence[str], style: Style) -> tuple[float, float]:
    return _squad(prediction, answers) if style == "squad" else _cmrc(prediction, answers)


def _squad(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    given = _squad_words(prediction)
    # As the script of 2.0 has it, an answer of which nothing is left says that there is none.
    right = [words for words in map(_squad_words, answers) if words] or [[]]
    return float(given in right), max(_bag_f1(given, words) for words in right)


def _squad_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _bag_f1(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    return 2 * (Counter(given) & Counter(right)).total() / (len(given) + len(right))


def _cmrc(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    if not answers:  # the script knows no such questions; taken as SQuAD 2.0 does
        silent = float(not prediction.strip())
        return silent, silent
    plain = _cmrc_plain(prediction)
    exact = float(any(_cmrc_plain(answer) == plain for answer in answers))
    given = _cmrc_words(prediction)
    return exact, max(_run_f1(given, _cmrc_words(answer)) for answer in answers)


def _cmrc_plain(text: str) -> str:
    return text.lower().strip().translate(_NO_CMRC_PUNCTUATION)


def _cmrc_words(text: str) -> list[str]:
    """Every Han character, and the words of what stands between."""
    words: list[str] = []
    for part in re.split(f"({_HAN.pattern})", _cmrc_plain(text)):
        words += [part] if _HAN.match(part) else _treebank_words(part)
    return words


def _treebank_words(text: str) -> list[str]:
    words: list[str] = []
    for chunk in _LAST_STOP.sub(" .", text).split():
        before = ""
        for piece in filter(None, _MARKS.split(chunk)):
            words += _quotation_mark(before) if piece in {'"', "''"} else _contraction(piece)
            before = piece
    return words


def _quotation_mark(before: str) -> list[str]:
    return ["``" if before in {"", "(", "[", "{", "<"} else "''"]


def _contraction(word: str) -> list[str]:
    if opening := _OPENING.match(word):
        return [opening.group(), *_contraction(word[1:])]
    ending = _ENDING.fullmatch(word)
    return list(ending.groups()) if ending else [word]


def _run_f1(given: list[str], right: list[str]) -> float:
    """F1 by the longest run of words that both have."""
    run = SequenceMatcher(None, given, right, autojunk=False).find_longest_match().size
    return 2 * run / (len(given) + len(right)) if run else 0.0
