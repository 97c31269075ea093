"""What the boundaries embedder reads of texts, without PyTorch: the place of each character in a word."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..extras import require
from ..kernels.character_classes import HAN
from ..text.padding import pad_words
from ..text.words import TextSettings, Tokens, classes, tokenize

PLACES = ("padding", "other", "begin", "middle", "end", "single")
_JIEBA = TextSettings(segmenter="jieba")
_REMEMBERED = 20_000_000  # characters of texts in the cache, a byte each
_STARTS, _ENDS = 1, 2  # marks on a word's first character, and on the one after its last


class Prepared(NamedTuple):
    """The place of each word in `PLACES`, the words' mask, and their segment where there are several; all
    `(batch, time)`.
    """

    places: Any
    mask: Any
    segments: Any


class WordBoundaries:
    """Places of characters in the words of a segmenter.

    Raises:
        MissingExtraError: the segmenter is not installed.
    """

    def __init__(self) -> None:
        require("jieba", "chinese", "[[embedders]] kind = 'boundaries'")
        self._cuts: dict[str, bytes] = {}
        self._room = _REMEMBERED

    def read(self, tokens: Tokens, *, whole: bool = False) -> Prepared:
        """The place of each word in the segmenter's words, padded to the longest example."""
        return Prepared(*pad_words(self.places(tokens), tokens))

    def keep(self, folder: Path) -> dict[str, Any]:
        """Write nothing; returns the arguments of `restore`."""
        return {}

    @classmethod
    def restore(cls, folder: Path) -> "WordBoundaries":
        """A new one."""
        return cls()

    def places(self, tokens: Tokens) -> NDArray[np.int64]:
        """The place of every word in `PLACES`, `(words,)`."""
        marks = np.frombuffer(b"".join(self._marks(tokens.texts)), dtype=np.uint8)
        sizes = np.fromiter(map(len, tokens.texts), np.int64, len(tokens.texts)) + 1
        shift = np.repeat(np.cumsum(sizes) - sizes, tokens.lengths)
        starts = (marks[tokens.starts + shift] & _STARTS) > 0
        ends = (marks[tokens.ends + shift] & _ENDS) > 0
        numbers = np.array([PLACES.index(name) for name in ("middle", "end", "begin", "single")])
        places = numbers[2 * starts + ends]
        joined = "".join(f"{text}\n" for text in tokens.texts)
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        places[classes()[codes[tokens.starts + shift]] != HAN] = PLACES.index("other")
        return places

    def _marks(self, texts: tuple[str, ...]) -> list[bytes]:
        """The segmenter's marks of each text, a byte a character and one more; cached, as every epoch needs
        them.
        """
        cuts = self._cuts  # several threads may be here
        result = {text: cuts[text] for text in texts if text in cuts}
        new = [text for text in dict.fromkeys(texts) if text not in result]
        for text, marks in zip(new, _segment(new), strict=True):
            result[text] = marks
            if len(marks) > self._room:
                self._cuts, self._room = {}, _REMEMBERED
            if len(marks) <= self._room:
                self._cuts[text] = marks
                self._room -= len(marks)
        return [result[text] for text in texts]


def _segment(texts: list[str]) -> list[bytes]:
    """Where words of the segmenter start and end in each text, `(characters + 1,)` bytes a text."""
    words = tokenize(texts, _JIEBA)
    marks = [np.zeros(len(text) + 1, dtype=np.uint8) for text in texts]
    for number, own in enumerate(marks):
        here = slice(words.offsets[number], words.offsets[number + 1])
        own[words.starts[here]] |= _STARTS
        own[words.ends[here]] |= _ENDS
    return [own.tobytes() for own in marks]
