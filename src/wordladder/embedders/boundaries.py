"""The boundaries embedder: the place of each Chinese character in a segmenter's word. It does not know the
character itself.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import RecipeError
from ..extras import require
from ..kernels.character_classes import HAN
from ..layers.sequence import Sequence, VariationalDropout, pad_words
from ..text.words import TextSettings, Tokens, classes, tokenize
from ._training_text import TrainingText

__all__ = ["Boundaries"]

PLACES = ("padding", "other", "begin", "middle", "end", "single")
_JIEBA = TextSettings(segmenter="jieba")
_REMEMBERED = 20_000_000  # characters of texts in the cache, a byte each
_STARTS, _ENDS = 1, 2  # marks on a word's first character, and on the one after its last


class Prepared(NamedTuple):
    """The place of each word in `PLACES`, the words' mask, and their segment where there are several; all
    `(batch, time)`.
    """

    places: Tensor
    mask: Tensor
    segments: Tensor | None


class Boundaries(nn.Module):
    """A learned vector for the place of a Chinese character in its word, like the segmentation features in
    Chinese named entity recognition (Peng & Dredze 2016; Zhang & Yang 2018): begin, middle, end, or a word by
    itself; one more for what is not Chinese. The words are the segmenter's, of the whole text.

    A word of `[text]` with several Chinese characters gets the place that it has as a whole.

    Args:
        segmenter: What finds words in Chinese text: `"jieba"`.
        dim: Length of a vector.
        dropout: Share of the vector components set to zero in training, the same ones for all words of a
            text.

    Raises:
        RecipeError: `dim` is below 1.
    """

    summary_dim = 0

    def __init__(self, *, segmenter: Literal["jieba"] = "jieba", dim: int = 20, dropout: float = 0.0) -> None:
        super().__init__()
        if dim < 1:
            raise RecipeError(f"[[embedders]]: dim = {dim}: it must be at least 1")
        self.segmenter, self.dim = segmenter, dim
        self.dropout = VariationalDropout(dropout)
        weight = torch.randn(len(PLACES), dim) * dim**-0.5
        weight[PLACES.index("padding")] = 0.0
        self.table = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=PLACES.index("padding"))
        self._cuts: dict[str, bytes] = {}
        self._room = _REMEMBERED

    def initialise(self, text: TrainingText) -> None:
        """Check that the segmenter is there.

        Raises:
            MissingExtraError: it is not installed.
        """
        require("jieba", "chinese", "[[embedders]] kind = 'boundaries'")

    def keep(self, folder: Path) -> None:
        """Write nothing: there are only weights."""

    def restore(self, folder: Path) -> None:
        """Check that the segmenter is there.

        Raises:
            MissingExtraError: it is not installed.
        """
        require("jieba", "chinese", "[[embedders]] kind = 'boundaries'")

    def prepare(self, tokens: Tokens) -> Prepared:
        """The place of each word in the segmenter's words, padded to the longest example."""
        return Prepared(*pad_words(self._places(tokens), tokens))

    def _places(self, tokens: Tokens) -> NDArray[np.int64]:
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

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        vectors = self.dropout(self.table(prepared.places))
        return Sequence(vectors, prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that are Chinese: this embedder knows nothing about the others."""
        chinese = self._places(tokens) != PLACES.index("other")
        return {"chinese_words": float(np.mean(chinese)) if len(chinese) else 0.0}


def _segment(texts: list[str]) -> list[bytes]:
    """Where words of the segmenter start and end in each text, `(characters + 1,)` bytes a text."""
    words = tokenize(texts, _JIEBA)
    marks = [np.zeros(len(text) + 1, dtype=np.uint8) for text in texts]
    for number, own in enumerate(marks):
        here = slice(words.offsets[number], words.offsets[number + 1])
        own[words.starts[here]] |= _STARTS
        own[words.ends[here]] |= _ENDS
    return [own.tobytes() for own in marks]
