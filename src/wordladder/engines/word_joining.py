"""Joins tokens to the words of a file of tagged words, in which U.N. and 1996-08-22 are single words; or cuts
texts into pieces.

Texts that come as words keep them. In other texts, tokens are joined as in the training file.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..files.json_files import read_validated, write_json
from ..kernels.character_classes import HAN
from ..text.cutting import cut_to_pieces
from ..text.pieces import PieceVocabulary
from ..text.words import TextSettings, Tokens, classes, lower, merge_words, tokenize

PIECES = "pieces.json"
_DIGITS, _LETTERS = re.compile(r"[0-9]+"), re.compile(r"[^\W\d_]+")
_LONGEST = 8  # the most tokens in a word
_OFTEN = 3  # the different words of a shape from which on all tokens of the shape are joined


@dataclass(frozen=True)
class _Saved:
    """The content of `words.json`."""

    forms: list[str]
    shapes: list[str]


class WordJoiner:
    """Joins tokens to words. It learns nothing from Chinese, which has no spaces.

    Args:
        text: How texts become tokens.

    Attributes:
        forms: Words of the training file with several tokens, in lower case.
        shapes: Shapes of such words that begin and end with a letter or a digit, such as d-d-d.
        pieces: What texts are cut into; None: words.
    """

    def __init__(self, text: TextSettings) -> None:
        self.text = text
        self.forms: set[str] = set()
        self.shapes: set[str] = set()
        self.pieces: PieceVocabulary | None = None

    def learn(self, examples: Examples) -> None:
        """Learn which tokens are joined, from examples that come as words."""
        letters = set("".join(examples.texts))
        if examples.words is None or any(classes()[ord(letter)] == HAN for letter in letters):
            return
        tokens = tokenize(examples.texts, self.text)
        is_first = _word_starts(tokens, examples.words)
        several = np.diff(np.append(np.flatnonzero(is_first), len(is_first))) > 1
        words = set(np.array(merge_words(tokens, is_first).surfaces(), object)[several].tolist())
        self.forms = set(map(lower, words))
        shapes = Counter(_shape(word) for word in words if word[0].isalnum() and word[-1].isalnum())
        self.shapes = {shape for shape, count in shapes.items() if count >= _OFTEN}

    def learn_pieces(self, texts: Sequence[str], folder: Path, run: Path | None = None) -> None:
        """Learn what texts are cut into, if they are, or read it from a saved model.

        Args:
            texts: The training texts.
            folder: Where the path of the model starts, if it is relative.
            run: Where an unfinished run keeps what it has learned, if it does.
        """
        kept = None if run is None else run / PIECES
        if isinstance(self.text.pieces, str):
            self.pieces = PieceVocabulary.load(folder / self.text.pieces / PIECES)
        elif kept is not None and kept.is_file():
            self.pieces = PieceVocabulary.load(kept)
        elif self.text.pieces is not None:
            self.pieces = PieceVocabulary.learn(texts, self.text.pieces, self.text.piece_kind)
            if kept is not None:
                self.pieces.save(kept)

    def tokens(self, examples: Examples) -> Tokens:
        """The words of examples: their own, if they come as words, else joined tokens, or pieces."""
        if self.pieces is not None:
            texts, segments = examples.flat(), len(examples.segments)
            return cut_to_pieces(texts, self.pieces, self.text, segments=segments)
        tokens = tokenize(examples.flat(), self.text, segments=len(examples.segments))
        if not self.forms or not len(tokens.starts):
            return tokens
        if examples.words is not None:
            return join_to_given_words(tokens, examples.words)
        return merge_words(tokens, self._find_words(tokens))

    def _find_words(self, tokens: Tokens) -> NDArray[np.bool_]:
        """Which tokens begin a word: the longest known word of tokens without spaces between them."""
        is_first, separate = np.ones(len(tokens.starts), bool), _after_space(tokens)
        starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
        for text, (first, last) in zip(tokens.texts, zip(tokens.offsets[:-1], tokens.offsets[1:])):
            at = int(first)
            while at < last:
                end = at + 1
                while end < last and end - at < _LONGEST and not separate[end]:
                    end += 1
                while end > at + 1 and not self._is_word(text[starts[at] : ends[end - 1]]):
                    end -= 1
                is_first[at + 1 : end] = False
                at = end
        return is_first

    def _is_word(self, word: str) -> bool:
        return lower(word) in self.forms or _shape(word) in self.shapes

    def keep(self, folder: Path) -> None:
        """Write `words.json`, if any tokens are joined, and `pieces.json`, if there are pieces."""
        if self.pieces is not None:
            self.pieces.save(folder / PIECES)
        if self.forms:
            words = _Saved(sorted(self.forms), sorted(self.shapes))
            write_json(folder / "words.json", vars(words))

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote, if it wrote anything."""
        if self.text.pieces is not None:
            self.pieces = PieceVocabulary.load(folder / PIECES)
        if (folder / "words.json").is_file():
            saved = read_validated(folder / "words.json", _Saved)
            self.forms, self.shapes = set(saved.forms), set(saved.shapes)


def join_to_given_words(tokens: Tokens, starts: Sequence[Sequence[int]]) -> Tokens:
    """Tokens joined to the words that begin at `starts` in each text."""
    return merge_words(tokens, _word_starts(tokens, starts))


def _word_starts(tokens: Tokens, starts: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Which tokens are the first of a word."""
    is_first = np.zeros(len(tokens.starts) + 1, bool)
    for text_starts, first, last in zip(starts, tokens.offsets[:-1], tokens.offsets[1:]):
        is_first[first + np.searchsorted(tokens.starts[first:last], text_starts)] = True
        is_first[first] = True
    return is_first[:-1]


def _after_space(tokens: Tokens) -> NDArray[np.bool_]:
    """Which tokens begin a text or follow a space."""
    separate = np.ones(len(tokens.starts), bool)
    separate[1:] = tokens.starts[1:] != tokens.ends[:-1]
    begins = tokens.offsets[:-1]
    separate[begins[begins < len(separate)]] = True
    return separate


def _shape(word: str) -> str:
    return _DIGITS.sub("d", _LETTERS.sub("x", word))
