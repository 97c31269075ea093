"""What a word without a vector gets: the vector of its n-grams, that of its lower-case form, a random one of
its own, one for all such words, or zero.

Vectors are computed when words are first seen, cached, and never tuned.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..errors import ModelError, RecipeError
from ..files.json_files import read_validated, write_json
from ..text.subwords import Subwords
from ..text.vocabulary import Vocabulary
from ..text.words import lower

Policy = Literal["auto", "subwords", "lowercase", "random", "shared", "zero"]
Step = Literal["subwords", "lowercase", "random", "shared", "zero"]

PADDING, UNKNOWN, SPECIAL = 0, 1, 2

_REMEMBERED = 1 << 16  # words in the cache
_ROWS = 1 << 14
_CHAINS: dict[Policy, tuple[Step, ...]] = {
    "auto": ("subwords", "lowercase", "shared"),
    "subwords": ("subwords", "shared"),
    "lowercase": ("lowercase", "shared"),
    "random": ("random",),
    "shared": ("shared",),
    "zero": ("zero",),
}


def policy_steps(policy: Policy, subwords: Subwords | None, lowercase: bool, source: str) -> tuple[Step, ...]:
    """What is tried for a word without a vector, in order.

    Args:
        policy: The recipe's setting.
        subwords: Those of the source.
        lowercase: Whether all words are looked up in lower case in any case.
        source: The recipe's source, for the message.

    Raises:
        RecipeError: subwords are asked for and the source has none.
    """
    if policy == "subwords" and subwords is None:
        raise RecipeError(
            f'embedders: unknown = "subwords" needs vectors with subwords, such as those of fastText; '
            f'source = "{source}" has none. "auto" uses them where there are any.'
        )
    if policy == "auto" and source == "random":
        return ("shared",)
    useless = {"subwords": subwords is None, "lowercase": lowercase}
    return tuple(step for step in _CHAINS[policy] if not useless.get(step))


def tunable_words(words: list[str], steps: tuple[Step, ...]) -> list[str]:
    """The words that may get a vector of their own, and can be saved: not with half a surrogate pair."""
    if steps[0] not in ("subwords", "random"):
        return []
    return [word for word in words if not any("\ud800" <= letter <= "\udfff" for letter in word)]


def compress_subwords(subwords: Subwords, scale: float) -> Subwords:
    """The n-grams alone, divided by `scale`, in half precision: half the size on disk."""
    rows = np.empty((len(subwords.buckets), subwords.buckets.shape[1]), np.float16)
    for start in range(0, len(rows), _ROWS):
        rows[start : start + _ROWS] = subwords.buckets[start : start + _ROWS] / np.float32(scale)
    total = subwords.total or len(subwords.buckets)
    return replace(subwords, own=np.zeros((0, rows.shape[1]), np.float32), buckets=rows, total=total)


@dataclass(frozen=True)
class _Ngrams:
    """The settings of n-grams."""

    min_n: int
    max_n: int
    han: bool
    total: int | None


@dataclass(frozen=True)
class _Facts:
    """The content of `unknown.json`."""

    steps: tuple[Step, ...]
    dim: Annotated[int, Field(ge=0, lt=1 << 20)]
    spread: float
    subwords: _Ngrams | None = None


class Unknown:
    """Vectors for words that are not in a vocabulary.

    Args:
        steps: What is tried, in order: the last one takes every word.
        vocabulary: The words of the table.
        dim: Numbers in a vector.
        spread: Standard deviation of the components of random vectors.
        subwords: The n-grams, as `compress_subwords` makes them.
    """

    def __init__(
        self,
        steps: tuple[Step, ...] = ("shared",),
        vocabulary: Vocabulary | None = None,
        *,
        dim: int = 0,
        spread: float = 1.0,
        subwords: Subwords | None = None,
    ) -> None:
        self.steps, self.dim, self.spread, self.subwords = steps, dim, spread, subwords
        self.vocabulary = Vocabulary([]) if vocabulary is None else vocabulary
        self._answers: dict[str, int | NDArray[np.float32]] = {}

    @property
    def makes_vectors(self) -> bool:
        """Whether a word may get a vector that is not in the table."""
        return bool({"subwords", "random"} & set(self.steps))

    def keep(self, folder: Path) -> None:
        """Write the n-grams, where there are any, and their settings."""
        facts: dict[str, Any] = {"steps": self.steps, "dim": self.dim, "spread": self.spread}
        if (subwords := self.subwords) is not None:
            facts["subwords"] = {key: getattr(subwords, key) for key in ("min_n", "max_n", "han", "total")}
            np.save(folder / "ngrams.npy", subwords.buckets, allow_pickle=False)
            if subwords.used is not None:
                np.save(folder / "ngrams_used.npy", subwords.used, allow_pickle=False)
        write_json(folder / "unknown.json", facts)

    @classmethod
    def restore(cls, folder: Path, vocabulary: Vocabulary) -> "Unknown":
        """Read what `keep` wrote, n-grams memory-mapped; without it, there is one vector for all words."""
        if not (folder / "unknown.json").is_file():
            return cls(vocabulary=vocabulary)
        facts = read_validated(folder / "unknown.json", _Facts)
        if facts.steps[-1:] not in (("random",), ("shared",), ("zero",)):  # which take every word
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

    def look_up(self, words: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
        """The row of each of these words, none of which is in the vocabulary, `(words,)`, and vectors that
        are not in the table, `(vectors, dim)`, or None: their rows follow those of the table.
        """
        if self.steps in (("shared",), ("zero",)):
            row = UNKNOWN if self.steps == ("shared",) else PADDING
            return np.full(len(words), row, np.int64), None
        answers, size = self._cached_answers(words), len(self.vocabulary) + SPECIAL
        new = [word for word, answer in answers.items() if not isinstance(answer, int)]
        rows = answers | {word: size + number for number, word in enumerate(new)}
        ids = np.fromiter((rows[word] for word in words), np.int64, len(words))
        return ids, np.stack([answers[word] for word in new]) if new else None

    def _cached_answers(self, words: list[str]) -> dict[str, Any]:
        """Of each different word the row of the table or the vector."""
        distinct = list(dict.fromkeys(words))
        known = self._answers  # several threads may be here
        new = [word for word in distinct if word not in known]
        if len(known) + len(new) > _REMEMBERED:
            known, new = {}, distinct
        known |= {word: answer for word, (_, answer) in self._compute(new).items()}
        self._answers = known
        return {word: known[word] for word in distinct}

    def _compute(self, words: list[str]) -> dict[str, tuple[Step, Any]]:
        """Of each of these different words the step that takes it, and the row of the table or the vector."""
        result: dict[str, tuple[Step, Any]] = {}
        for start in range(0, len(words), _ROWS):
            rest = words[start : start + _ROWS]
            for step in self.steps:
                answers = self._try(step, rest)
                result |= {word: (step, answer) for word, answer in answers.items()}
                rest = [word for word in rest if word not in answers]
        return result

    def _try(self, step: Step, words: list[str]) -> dict[str, Any]:
        if step == "subwords":
            return self._subword_vectors(words)
        if step == "lowercase":
            index = self.vocabulary.index
            return {word: index[form] + SPECIAL for word in words if (form := lower(word)) in index}
        if step == "random":
            return {word: self._random_vector(word) for word in words}
        return dict.fromkeys(words, UNKNOWN if step == "shared" else PADDING)

    def own_vectors(self, words: list[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors for those of these tunable words that get one of their own: where tuning starts from."""
        answers = self._compute(words).items()
        return {word: answer for word, (step, answer) in answers if step == self.steps[0]}

    def step_counts(self, words: list[str]) -> dict[str, int]:
        """How many of these words each step takes."""
        counts, steps = dict.fromkeys(map(str, self.steps), 0), self._compute(list(dict.fromkeys(words)))
        for word in words:
            counts[steps[word][0]] += 1
        return counts

    def _subword_vectors(self, words: list[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors for the words that have n-grams with a row."""
        subwords = self.subwords
        if subwords is None:
            return {}
        offsets, rows = subwords.ngrams(words)
        needed = np.unique(rows[rows >= 0])
        if not len(needed):
            return {}
        used = needed if subwords.used is None else np.asarray(subwords.used[needed])
        part = replace(subwords, buckets=subwords.buckets[needed].astype(np.float32), used=used)
        has_row = np.add.reduceat(np.append(rows >= 0, False), offsets[:-1]) * np.diff(offsets) > 0
        return {word: vector for word, vector, any_ in zip(words, part.vectors(words), has_row) if any_}

    def _random_vector(self, word: str) -> NDArray[np.float32]:
        """Uniform numbers that depend only on the letters of the word."""
        digest = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(4 * self.dim)
        share = np.frombuffer(digest, "<u4").astype(np.float64) / 2**32
        return ((share - 0.5) * (12**0.5 * self.spread)).astype(np.float32)
