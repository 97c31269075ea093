"""The boundaries embedder: where in a segmenter's word each Chinese character stands. It tells nothing of the
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
from ..layers.dropout import VariationalDropout
from ..layers.padding import pad
from ..layers.sequence import Sequence
from ..text.words import TextSettings, Tokens, classes, tokenize
from ._training_text import Material

__all__ = ["Boundaries"]

PLACES = ("padding", "other", "begin", "middle", "end", "single")
_JIEBA = TextSettings(segmenter="jieba")
_REMEMBERED = 20_000_000  # characters of texts whose cuts are kept, a byte each
_STARTS, _ENDS = 1, 2  # marks on the character where a word of the segmenter starts, and behind its last one


class Prepared(NamedTuple):
    """The place of each word in `PLACES`, the words' mask, and their segment where there are several; all
    `(batch, time)`.
    """

    places: Tensor
    mask: Tensor
    segments: Tensor | None


class Boundaries(nn.Module):
    """A learned vector for the place of a Chinese character in its word, as features of segmentation in
    Chinese named entity recognition (Peng & Dredze 2016; Zhang & Yang 2018): begin, middle, end, or a word by
    itself; one more for what is not Chinese. The words are the segmenter's, of the whole text.

    A word of `[text]` that has several Chinese characters gets the place that it has as a whole.

    Args:
        segmenter: What finds words in Chinese text: `"jieba"`.
        dim: Length of a vector.
        dropout: Share of the vector components set to zero while training, the same ones at all words of a
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

    def initialise(self, material: Material) -> None:
        """See that the segmenter is there.

        Raises:
            MissingExtraError: it is not installed.
        """
        _need_jieba()

    def keep(self, folder: Path) -> None:
        """Nothing but weights."""

    def restore(self, folder: Path) -> None:
        """See that the segmenter is there.

        Raises:
            MissingExtraError: it is not installed.
        """
        _need_jieba()

    def prepare(self, tokens: Tokens) -> Prepared:
        """Where each word stands in the segmenter's words, padded to the longest example."""
        padded, mask = pad(torch.from_numpy(self._places(tokens)), tokens.example_offsets)
        segments = None
        if tokens.segments > 1:
            segments = pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)[0]
        return Prepared(padded, mask, segments)

    def _places(self, tokens: Tokens) -> NDArray[np.int64]:
        """The place of every word in `PLACES`, `(words,)`."""
        marks = np.frombuffer(b"".join(self._marks(tokens.texts)), dtype=np.uint8)
        sizes = np.fromiter(map(len, tokens.texts), np.int64, len(tokens.texts)) + 1
        shift = np.repeat(np.cumsum(sizes) - sizes, tokens.lengths)
        starts = (marks[tokens.starts + shift] & _STARTS) > 0
        ends = (marks[tokens.ends + shift] & _ENDS) > 0
        names = np.array([[PLACES.index("middle"), PLACES.index("end")],
                          [PLACES.index("begin"), PLACES.index("single")]])  # fmt: skip
        places = names[starts.astype(int), ends.astype(int)]
        places[~_chinese(tokens, shift)] = PLACES.index("other")
        return places

    def _marks(self, texts: tuple[str, ...]) -> list[bytes]:
        """The segmenter's cuts of each text, a byte a character and one more; they are remembered, as every
        epoch asks again.
        """
        known = self._cuts
        found = {text: known[text] for text in texts if text in known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        for text, marks in zip(new, _cut(new), strict=True):
            found[text] = marks
            if len(marks) > self._room:
                self._cuts, self._room = {}, _REMEMBERED
            if len(marks) <= self._room:
                self._cuts[text] = marks
                self._room -= len(marks)
        return [found[text] for text in texts]

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        vectors = self.dropout(self.table(prepared.places))
        return Sequence(vectors, prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that are Chinese: of the others this embedder has nothing to say."""
        places = self._places(tokens)
        chinese = places != PLACES.index("other")
        return {"chinese_words": float(np.mean(chinese)) if len(places) else 0.0}


def _need_jieba() -> None:
    require("jieba", "chinese", "[[embedders]] kind = 'boundaries'")


def _cut(texts: list[str]) -> list[bytes]:
    """Where words of the segmenter start and end in each text, `(characters + 1,)` bytes a text."""
    words = tokenize(texts, _JIEBA)
    marks = [np.zeros(len(text) + 1, dtype=np.uint8) for text in texts]
    for number, own in enumerate(marks):
        here = slice(words.offsets[number], words.offsets[number + 1])
        own[words.starts[here]] |= _STARTS
        own[words.ends[here]] |= _ENDS
    return [own.tobytes() for own in marks]


def _chinese(tokens: Tokens, shift: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which words start with a Han character, `(words,)`; text `t` starts at its `shift` in all texts, with a
    line end behind each.
    """
    joined = "".join(f"{text}\n" for text in tokens.texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return classes()[codes[tokens.starts + shift]] == HAN
