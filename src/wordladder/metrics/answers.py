"""Metrics of answers to questions: exact match and F1, as in the scripts of SQuAD and CMRC 2018.

`squad` compares bags of words without case, punctuation and articles (Rajpurkar et al. 2016, section 6.1;
without an answer, Rajpurkar et al. 2018). `cmrc` compares Han characters and words of other scripts by
their longest common run (Cui et al. 2019, section 3.2). The best match of several right answers counts.
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

_HAN = re.compile("[\u4e00-\u9fa5]")  # as in CMRC's script
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
# CMRC's own list, of single characters: commas, full stops and brackets of ASCII are not in it.
_NO_CMRC_PUNCTUATION = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")

# CMRC's script tokenizes words of other scripts with NLTK. This is the Penn Treebank's convention, which NLTK
# follows: punctuation marks are words, but not a comma or a colon before a digit, and a full stop only at the
# end; the ending of a contraction is a word.
_MARKS = re.compile(r"""(\.{2,}|--|''|[][;@#$%&?!(){}<>«»“”‘’„"*\u2012-\u2015]|[:,](?!\d))""")
_LAST_STOP = re.compile(r"""(?<!\.)\.(?=[])}>"'’»” ]*$)""")
_ENDING = re.compile(r"(.*[^'])('ll|'re|'ve|n't|'[smd]?)")
_OPENING = re.compile(r"'(?=\w)(?!(?:re|ve|ll|[mtsdn])\b)")


def answer_outcomes(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], style: Style
) -> NDArray[np.float64]:
    """Exact match and F1 of each row, float64 `(rows, 2)`; their means times 100 are what the scripts print.

    Args:
        predictions: The predicted answers; empty: there is no answer.
        answers: All right answers of each row; none: the question has no answer, and an empty prediction is
            right.
        style: How they are compared.

    Raises:
        SettingError: the style is unknown.
        ValueError: the numbers of rows differ.
    """
    if style not in get_args(Style):
        raise SettingError(f"The style of answers is {style!r}.{did_you_mean(str(style), get_args(Style))}")
    score = _squad if style == "squad" else _cmrc
    rows = [score(*row) for row in zip(predictions, answers, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)


def style_of(answers: Sequence[Sequence[str]]) -> Style:
    """The style for rows of right answers: `cmrc` if more than half of them contain a Han character."""
    han = [_HAN.search(answer) is not None for row in answers for answer in row]
    return "cmrc" if 2 * sum(han) > len(han) else "squad"


def best_no_answer_threshold(
    no_answer_scores: NDArray[np.float64], values: NDArray[np.float64], has_answer: NDArray[np.bool_]
) -> float:
    """The threshold with the highest mean value if rows that score above it are given no answer.

    The script of SQuAD 2.0 uses the score of a row as threshold; here it is halfway to the next score, or 1
    beyond the outermost, and rows with equal scores stay together. Of equally good thresholds it is the
    lowest.

    Args:
        no_answer_scores: `(rows,)`, higher where the question more probably has no answer.
        values: `(rows,)`, F1 or exact match of each row when its best answer is given.
        has_answer: `(rows,)`, whether the question has an answer; if not, giving none has the value 1.
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


def _squad(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    predicted = _squad_words(prediction)
    # as in the script of 2.0, an answer of which nothing is left means no answer
    right = [words for words in map(_squad_words, answers) if words] or [[]]
    return float(predicted in right), max(_bag_f1(predicted, words) for words in right)


def _squad_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _bag_f1(predicted: list[str], right: list[str]) -> float:
    if not predicted or not right:
        return float(predicted == right)
    return 2 * (Counter(predicted) & Counter(right)).total() / (len(predicted) + len(right))


def _cmrc(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    if not answers:  # not in the script; as in SQuAD 2.0
        correct = float(not prediction.strip())
        return correct, correct
    plain = _cmrc_plain(prediction)
    exact = float(any(_cmrc_plain(answer) == plain for answer in answers))
    predicted = _cmrc_words(prediction)
    return exact, max(_run_f1(predicted, _cmrc_words(answer)) for answer in answers)


def _cmrc_plain(text: str) -> str:
    return text.lower().strip().translate(_NO_CMRC_PUNCTUATION)


def _cmrc_words(text: str) -> list[str]:
    """Every Han character, and the words of the text between them."""
    words: list[str] = []
    for part in re.split(f"({_HAN.pattern})", _cmrc_plain(text)):
        words += [part] if _HAN.match(part) else _treebank_words(part)
    return words


def _treebank_words(text: str) -> list[str]:
    words: list[str] = []
    for chunk in _LAST_STOP.sub(" .", text).split():
        before = ""
        for piece in filter(None, _MARKS.split(chunk)):
            if piece in {'"', "''"}:
                words.append("``" if before in {"", "(", "[", "{", "<"} else "''")
            else:
                words += _split_contraction(piece)
            before = piece
    return words


def _split_contraction(word: str) -> list[str]:
    if opening := _OPENING.match(word):
        return [opening.group(), *_split_contraction(word[1:])]
    ending = _ENDING.fullmatch(word)
    return list(ending.groups()) if ending else [word]


def _run_f1(predicted: list[str], right: list[str]) -> float:
    """F1 by the longest common run of words."""
    run = SequenceMatcher(None, predicted, right, autojunk=False).find_longest_match().size
    return 2 * run / (len(predicted) + len(right)) if run else 0.0
