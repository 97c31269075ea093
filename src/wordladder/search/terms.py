"""The terms of a text for search by words, and their weights in BM25."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any
from zlib import crc32

from ..errors import SettingError, did_you_mean
from ..extras import require
from ..text.words import TextSettings, tokenize

K1, B = 1.2, 0.75


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How the terms of a text are found: its words in lower case, without marks.

    Args:
        stemmer: The Snowball stemmer of words that are not Chinese, such as `english`; `none` leaves them
            whole.
        chinese: Whether a Chinese word is a term too (by jieba), besides its characters.

    Raises:
        SettingError: there is no such stemmer.
    """

    stemmer: str = "english"
    chinese: bool = True

    def __post_init__(self) -> None:
        if self.stemmer != "none":
            known = _snowball().algorithms()
            if self.stemmer not in known:
                hint = did_you_mean(self.stemmer, [*known, "none"])
                raise SettingError(f"stemmer: there is no {self.stemmer!r}.{hint}")

    def of(self, texts: Sequence[str]) -> list[list[str]]:
        """The terms of each text, in order, as often as they occur."""
        stem = (lambda words: words) if self.stemmer == "none" else _stemmer(self.stemmer).stemWords
        found = []
        for text, words in zip(texts, _words(texts, "characters")):
            terms = [_plain(word) for word in words if any(map(str.isalnum, word))]
            if text.isascii():
                found.append(stem(terms))
                continue
            han = [len(term) == 1 and _is_han(term) for term in terms]
            stems = stem([term for term, one in zip(terms, han) if not one])
            if self.chinese and any(han):
                (joined,) = _words([text], "jieba")
                stems += [word for word in joined if len(word) > 1 and all(map(_is_han, word))]
            found.append([*(term for term, one in zip(terms, han) if one), *stems])
        return found


def _words(texts: Sequence[str], segmenter: Any) -> list[list[str]]:
    tokens = tokenize(texts, TextSettings(segmenter=segmenter))
    words, offsets = tokens.surfaces(lowercase=True), tokens.offsets.tolist()
    return [words[start:end] for start, end in pairwise(offsets)]


def _plain(word: str) -> str:
    return word.replace("’", "'")


@cache
def _is_han(character: str) -> bool:
    from ..kernels.character_classes import HAN
    from ..text.words import classes

    return bool(classes()[ord(character)] == HAN)


def _snowball() -> Any:
    return require("Stemmer", "search", "Search by words")


@cache
def _stemmer(name: str) -> Any:
    return _snowball().Stemmer(name)


def number_of(term: str) -> int:
    """The 32-bit number that stands for a term; two terms rarely share one."""
    return crc32(term.encode("utf-8", "surrogatepass"))


def document_weights(terms: Sequence[str], mean_length: float) -> dict[int, float]:
    """What each term of a document counts in BM25 without its inverse document frequency (Robertson and
    Zaragoza 2009, equation 3.15; k1 = 1.2, b = 0.75), by the number of the term.

    Args:
        terms: The terms of the document.
        mean_length: The mean number of terms of a document.
    """
    norm = K1 * (1 - B + B * len(terms) / mean_length)
    return {number_of(term): (K1 + 1) * count / (count + norm) for term, count in Counter(terms).items()}


def query_weights(terms: Sequence[str]) -> dict[int, float]:
    """How often each term occurs in a query, by the number of the term."""
    return {number_of(term): float(count) for term, count in Counter(terms).items()}
