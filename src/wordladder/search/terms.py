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
        texts_words = _words(texts, "characters")
        term_of = self._stems({word for words in texts_words for word in words})
        found = []
        for text, words in zip(texts, texts_words):
            terms = [term_of[word] for word in words if word in term_of]
            if text.isascii():
                found.append(terms)
                continue
            characters = [term for term in terms if is_han(term)]
            others = [term for term in terms if not is_han(term)]
            if self.chinese and characters:
                (joined,) = _words([text], "jieba")
                others += [word for word in joined if len(word) > 1 and all(map(is_han, word))]
            found.append(characters + others)
        return found

    def _stems(self, words: set[str]) -> dict[str, str]:
        """The terms of words, of those that have a letter or a digit."""
        plain = {word: word.replace("’", "'") for word in words if any(map(str.isalnum, word))}
        if self.stemmer == "none":
            return plain
        return dict(zip(plain, _stemmer(self.stemmer).stemWords(list(plain.values()))))


def _words(texts: Sequence[str], segmenter: Any) -> list[list[str]]:
    tokens = tokenize(texts, TextSettings(segmenter=segmenter))
    words, offsets = tokens.surfaces(lowercase=True), tokens.offsets.tolist()
    return [words[start:end] for start, end in pairwise(offsets)]


def is_han(word: str) -> bool:
    """Whether a word is a Chinese character."""
    return len(word) == 1 and _is_han(word)


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
