"""What a word without a vector gets: a vector of its n-grams, of its lower-case form, its own at random, one
for all such words, or zero.

Vectors are made when words are met, kept for the next time, and never tuned.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..errors import ModelError, RecipeError
from ..files.json_files import read_validated, write_json
from ..text.subwords import Subwords
from ..text.vocabulary import Vocabulary
from ..text.words import lower

Policy = Literal["auto", "subwords", "lowercase", "random", "shared", "zero"]

PADDING, UNKNOWN, SPECIAL = 0, 1, 2

_REMEMBERED = 1 << 16  # words whose answer is kept
_ROWS = 1 << 14
_CHAINS: dict[str, tuple[str, ...]] = {
    "auto": ("subwords", "lowercase", "shared"),
    "subwords": ("subwords", "shared"),
    "lowercase": ("lowercase", "shared"),
    "random": ("random",),
    "shared": ("shared",),
    "zero": ("zero",),
}


class Found(NamedTuple):
    """What each word got.

    Attributes:
        rows: Rows of the table, (words,) int64; from the table's end on they are rows of `made`.
        made: Vectors that are not in the table, (made, dim) float32, or None.
    """

    rows: NDArray[np.int64]
    made: NDArray[np.float32] | None


def steps_of(policy: Policy, subwords: Subwords | None, lowercase: bool, source: str) -> tuple[str, ...]:
    """What is tried for a word without a vector, one after the other.

    Args:
        policy: What the recipe says.
        subwords: What the source has.
        lowercase: Whether all words are looked up in lower case anyway.
        source: The recipe's source, for the message.

    Raises:
        RecipeError: subwords are asked for and the source has none.
    """
    if policy == "subwords" and subwords is None:
        raise RecipeError(
            f'embedders: unknown = "subwords" needs vectors with subwords, such as those of fastText; '
            f'source = "{source}" has none. "auto" takes them where there are any.'
        )
    chain = _CHAINS[policy]
    if policy == "auto" and source == "random":
        return ("shared",)
    if subwords is None:
        chain = tuple(step for step in chain if step != "subwords")
    return tuple(step for step in chain if step != "lowercase" or not lowercase)


def makes(steps: tuple[str, ...]) -> bool:
    """Whether there are vectors of words' own among the answers."""
    return steps[0] in ("subwords", "random")


def savable(word: str) -> bool:
    """Whether a vocabulary file can hold the word: not with half a surrogate pair in it."""
    return not any("\ud800" <= letter <= "\udfff" for letter in word)


def halved(subwords: Subwords | None, scale: float) -> Subwords | None:
    """The n-grams alone, divided by `scale`, in half precision: half the size on the disk."""
    if subwords is None:
        return None
    rows = np.empty((len(subwords.buckets), subwords.buckets.shape[1]), np.float16)
    for start in range(0, len(rows), _ROWS):
        rows[start : start + _ROWS] = subwords.buckets[start : start + _ROWS] / np.float32(scale)
    total = subwords.total or len(subwords.buckets)
    return replace(subwords, own=np.zeros((0, rows.shape[1]), np.float32), buckets=rows, total=total)


@dataclass(frozen=True)
class _Parts:
    """How n-grams are found."""

    min_n: int
    max_n: int
    han: bool
    total: int | None


@dataclass(frozen=True)
class _Facts:
    """What `unknown.json` holds."""

    steps: tuple[Literal["subwords", "lowercase", "random", "shared", "zero"], ...]
    dim: Annotated[int, Field(ge=0, lt=1 << 20)]
    spread: float
    subwords: _Parts | None = None


class Unknown:
    """Answers for words that are not in a vocabulary.

    Args:
        steps: What is tried, one after the other: the last one always answers.
        vocabulary: The words of the table.
        dim: Numbers in a vector.
        spread: Standard deviation of the components of random vectors.
        subwords: What gives vectors to words, as `halved` makes it.
    """

    def __init__(
        self,
        steps: tuple[str, ...] = ("shared",),
        vocabulary: Vocabulary | None = None,
        *,
        dim: int = 0,
        spread: float = 1.0,
        subwords: Subwords | None = None,
    ) -> None:
        self.steps, self.dim, self.spread, self.subwords = steps, dim, spread, subwords
        self.vocabulary = Vocabulary([]) if vocabulary is None else vocabulary
        self._answers: dict[str, int | NDArray[np.float32]] = {}

    def keep(self, folder: Path) -> None:
        """Write the n-grams, where there are any, and how they are found."""
        facts: dict[str, Any] = {"steps": self.steps, "dim": self.dim, "spread": self.spread}
        if (parts := self.subwords) is not None:
            facts["subwords"] = {key: getattr(parts, key) for key in ("min_n", "max_n", "han", "total")}
            np.save(folder / "ngrams.npy", parts.buckets, allow_pickle=False)
            if parts.used is not None:
                np.save(folder / "ngrams_used.npy", parts.used, allow_pickle=False)
        write_json(folder / "unknown.json", facts)

    @classmethod
    def restore(cls, folder: Path, vocabulary: Vocabulary) -> "Unknown":
        """Read what `keep` wrote, n-grams memory-mapped; a model without it has one vector for all."""
        if not (folder / "unknown.json").is_file():
            return cls(vocabulary=vocabulary)
        facts = read_validated(folder / "unknown.json", _Facts)
        if facts.steps[-1:] not in (("random",), ("shared",), ("zero",)):  # which answer every word
            raise ModelError(f"{folder / 'unknown.json'}: the saved model is damaged: steps")
        subwords = None
        if facts.subwords is not None:
            rows = np.load(folder / "ngrams.npy", mmap_mode="r", allow_pickle=False)
            used = folder / "ngrams_used.npy"
            subwords = Subwords(
                np.zeros((0, facts.dim), np.float32),
                rows,
                used=np.load(used, mmap_mode="r", allow_pickle=False) if used.is_file() else None,
                **asdict(facts.subwords),
            )
        return cls(facts.steps, vocabulary, dim=facts.dim, spread=facts.spread, subwords=subwords)

    def find(self, words: list[str]) -> Found:
        """What each of these words gets; none of them is in the vocabulary."""
        if self.steps in (("shared",), ("zero",)):
            row = UNKNOWN if self.steps == ("shared",) else PADDING
            return Found(np.full(len(words), row, np.int64), None)
        answers, size = self._answers_to(words), len(self.vocabulary) + SPECIAL
        rows: dict[str, int] = {}
        vectors: list[NDArray[np.float32]] = []
        for word in dict.fromkeys(words):
            answer = answers[word]
            if isinstance(answer, int):
                rows[word] = answer
            else:
                rows[word] = size + len(vectors)
                vectors.append(answer)
        ids = np.fromiter(map(rows.__getitem__, words), np.int64, len(words))
        return Found(ids, np.stack(vectors) if vectors else None)

    def _answers_to(self, words: list[str]) -> dict[str, int | NDArray[np.float32]]:
        answers = self._answers
        new = [word for word in dict.fromkeys(words) if word not in answers]
        if len(answers) + len(new) > _REMEMBERED:
            answers = self._answers = {}
            new = list(dict.fromkeys(words))
        for start in range(0, len(new), _ROWS):
            for found in self._tried(new[start : start + _ROWS]).values():
                answers.update(found)
        return answers

    def _tried(self, words: list[str]) -> dict[str, dict[str, Any]]:
        """Each step with the words that it answers."""
        tried = {}
        for step in self.steps:
            tried[step] = found = _STEPS[step](self, words)
            words = [word for word in words if word not in found]
        return tried

    def made(self, words: list[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors for those of these words that the first step can make one for: where tuning starts from."""
        found: dict[str, NDArray[np.float32]] = {}
        if makes(self.steps):
            for start in range(0, len(words), _ROWS):
                found |= _STEPS[self.steps[0]](self, words[start : start + _ROWS])
        return found

    def shares(self, words: list[str]) -> dict[str, int]:
        """How many of these words each step answers."""
        counts = dict.fromkeys(self.steps, 0)
        many = Vocabulary.count(words)
        assert many.counts is not None
        for step, found in self._tried(many.words).items():
            counts[step] += int(many.counts[many.ids(found)].sum())
        return counts

    def _of_subwords(self, words: list[str]) -> dict[str, NDArray[np.float32]]:
        parts = self.subwords
        if parts is None:
            return {}
        offsets, rows = parts.ngrams(words)
        met = np.unique(rows[rows >= 0])
        if not len(met):
            return {}
        used = met if parts.used is None else np.asarray(parts.used[met])
        few = replace(parts, buckets=parts.buckets[met].astype(np.float32), used=used)
        has = np.add.reduceat(np.append(rows >= 0, False), offsets[:-1]) * np.diff(offsets) > 0
        vectors = few.vectors(words)
        return {word: vector for word, vector, any_ in zip(words, vectors, has.tolist()) if any_}

    def _of_lowercase(self, words: list[str]) -> dict[str, int]:
        index = self.vocabulary.index
        return {word: index[form] + SPECIAL for word in words if (form := lower(word)) in index}

    def _at_random(self, words: list[str]) -> dict[str, NDArray[np.float32]]:
        """Uniform numbers that depend on the letters of the word alone."""
        found = {}
        for word in words:
            digest = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(4 * self.dim)
            share = np.frombuffer(digest, "<u4").astype(np.float64) / 2**32
            found[word] = ((share - 0.5) * (12**0.5 * self.spread)).astype(np.float32)
        return found

    def _shared(self, words: list[str]) -> dict[str, int]:
        return dict.fromkeys(words, UNKNOWN)

    def _zero(self, words: list[str]) -> dict[str, int]:
        return dict.fromkeys(words, PADDING)


_STEPS: dict[str, Callable[[Unknown, list[str]], dict[str, Any]]] = {
    "subwords": Unknown._of_subwords,
    "lowercase": Unknown._of_lowercase,
    "random": Unknown._at_random,
    "shared": Unknown._shared,
    "zero": Unknown._zero,
}
