"""Words as a file of tagged words has them, which may be several of ours: U.N. and 1996-08-22 are one.

Texts that are given as words keep them. In others, words are joined where the file does it.
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
from ..text.words import TextSettings, Tokens, classes, lower, merge_words, tokenize

_DIGITS, _LETTERS = re.compile(r"[0-9]+"), re.compile(r"[^\W\d_]+")
_LONGEST = 8  # of our words that are one of the file's
_OFTEN = 3  # different words of a shape, which then stands for others


@dataclass(frozen=True)
class _Facts:
    """What `words.json` holds."""

    forms: list[str]
    shapes: list[str]


class WordJoiner:
    """How a file's words are put together from ours; nothing for Chinese, which has no spaces.

    Args:
        text: How texts become words of ours.

    Attributes:
        forms: Words of the file that are several of ours, in lower case.
        shapes: Shapes of such words that begin and end with a letter or a digit, such as d-d-d.
    """

    def __init__(self, text: TextSettings) -> None:
        self.text = text
        self.forms: set[str] = set()
        self.shapes: set[str] = set()

    def learn(self, examples: Examples) -> None:
        """See how words are put together in examples that are given as words."""
        letters = set("".join(examples.texts))
        if examples.words is None or any(classes()[ord(letter)] == HAN for letter in letters):
            return
        tokens = tokenize(examples.texts, self.text)
        opens = _opens(tokens, examples.words)
        several = np.diff(np.append(np.flatnonzero(opens), len(opens))) > 1
        words = set(np.array(merge_words(tokens, opens).surfaces(), object)[several].tolist())
        self.forms = set(map(lower, words))
        shapes = Counter(_shape(word) for word in words if word[0].isalnum() and word[-1].isalnum())
        self.shapes = {shape for shape, count in shapes.items() if count >= _OFTEN}

    def tokens(self, examples: Examples) -> Tokens:
        """The words of examples: those given, or ours, put together as the file does it."""
        tokens = tokenize(examples.flat(), self.text, segments=len(examples.segments))
        if not self.forms or not len(tokens.starts):
            return tokens
        if examples.words is not None:
            return join_to_given_words(tokens, examples.words)
        return merge_words(tokens, self._as_learned(tokens))

    def _as_learned(self, tokens: Tokens) -> NDArray[np.bool_]:
        """Which of our words begin one, in text where words touch: the longest that is known."""
        opens, apart = np.ones(len(tokens.starts), bool), _apart(tokens)
        starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
        for text, (first, last) in zip(tokens.texts, zip(tokens.offsets[:-1], tokens.offsets[1:])):
            at = int(first)
            while at < last:
                end = at + 1
                while end < last and end - at < _LONGEST and not apart[end]:
                    end += 1
                while end > at + 1 and not self._is_one(text[starts[at] : ends[end - 1]]):
                    end -= 1
                opens[at + 1 : end] = False
                at = end
        return opens

    def _is_one(self, word: str) -> bool:
        return lower(word) in self.forms or _shape(word) in self.shapes

    def keep(self, folder: Path) -> None:
        """Write `words.json`, if words are put together."""
        if self.forms:
            facts = {"forms": sorted(self.forms), "shapes": sorted(self.shapes)}
            write_json(folder / "words.json", facts)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote; nothing in a model that has none."""
        if (folder / "words.json").is_file():
            facts = read_validated(folder / "words.json", _Facts)
            self.forms, self.shapes = set(facts.forms), set(facts.shapes)


def join_to_given_words(tokens: Tokens, starts: Sequence[Sequence[int]]) -> Tokens:
    """Our words put together to those that the texts are given as, which begin at `starts`."""
    return merge_words(tokens, _opens(tokens, starts))


def _opens(tokens: Tokens, starts: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Which of our words are the first of a given one."""
    opens = np.zeros(len(tokens.starts) + 1, bool)
    for given, first, last in zip(starts, tokens.offsets[:-1], tokens.offsets[1:]):
        opens[first + np.searchsorted(tokens.starts[first:last], given)] = True
        opens[first] = True
    return opens[:-1]


def _apart(tokens: Tokens) -> NDArray[np.bool_]:
    """Which words do not touch the one before in their text."""
    apart = np.ones(len(tokens.starts), bool)
    apart[1:] = tokens.starts[1:] != tokens.ends[:-1]
    begins = tokens.offsets[:-1]
    apart[begins[begins < len(apart)]] = True
    return apart


def _shape(word: str) -> str:
    return _DIGITS.sub("d", _LETTERS.sub("x", word))
