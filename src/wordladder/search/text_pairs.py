"""Texts of a corpus that say nearly the same: pairs by the cosine of their vectors, and exact duplicates."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError, check_at_least
from ..evaluation.anisotropy import anisotropy
from ..formats import check_finite
from ..model.inputs import examples_of, unit_vectors
from ..progress import Progress, quiet
from .nearest import nearest


@dataclass(frozen=True)
class TextPair:
    """Two different texts that are near in meaning.

    Attributes:
        score: The cosine of their vectors.
        line: The first line of the text that comes first.
        other_line: The first line of the other.
        text: The text that comes first.
        other_text: The other.
    """

    score: float
    line: int
    other_line: int
    text: str
    other_text: str


@dataclass(frozen=True)
class Duplicates:
    """A text that occurs more than once, and all its lines."""

    lines: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class TextPairs:
    """What a corpus repeats.

    Attributes:
        texts: The number of texts without blank ones.
        distinct: The number of different texts.
        anisotropy: The mean cosine of random pairs of these; None if there are fewer than two.
        found: The number of pairs above the threshold.
        pairs: The best of them, by falling cosine.
        duplicates: The texts that occur more than once.
    """

    texts: int
    distinct: int
    anisotropy: float | None
    found: int
    pairs: tuple[TextPair, ...]
    duplicates: tuple[Duplicates, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes as JSON values."""
        return asdict(self)


def text_pairs(
    texts: Any,
    encode: Callable[[list[str]], NDArray[np.float32]],
    *,
    top: int = 10,
    threshold: float = 0.8,
    limit: int | None = 100,
    progress: Progress = quiet,
) -> TextPairs:
    """Find near-duplicates and paraphrases: each text is compared with all others.

    Args:
        texts: Texts, or Examples, whose lines are those of their file. Space around a text does
            not count, and blank texts are left out.
        encode: Computes the vectors of texts, such as `Model.encode`.
        top: How many of the nearest other texts of each text are considered.
        threshold: Lowest cosine of a pair.
        limit: The most pairs; None: all.
        progress: Called as the texts are compared.

    Raises:
        DataError: there are two texts a row.
        SettingError: `top` or `limit` is below 1.
        VectorsError: a vector is not finite.
    """
    check_at_least(1, top=top, limit=limit)
    if isinstance(texts, Examples) and len(texts.segments) > 1:
        raise DataError(f"{texts.source} has two texts a row. Name the column of the texts (text, --text).")
    examples = examples_of(texts)
    numbers = range(1, len(examples) + 1) if examples.lines is None else examples.lines.tolist()
    lines: dict[str, list[int]] = {}
    for line, text in zip(numbers, map(str.strip, examples.texts)):
        if text:
            lines.setdefault(text, []).append(line)
    distinct = list(lines)
    vectors = encode(distinct)
    check_finite(vectors, lambda row: f"{examples.source}: the vector of the text {distinct[row][:40]!r}")
    scores, first, second = _near(unit_vectors(vectors), top, threshold, progress)
    best = zip(*(values[:limit].tolist() for values in (scores, first, second)))
    pairs = ((score, distinct[one], distinct[other]) for score, one, other in best)
    return TextPairs(
        texts=sum(map(len, lines.values())),
        distinct=len(distinct),
        anisotropy=anisotropy(distinct, vectors),
        found=len(scores),
        pairs=tuple(TextPair(score, lines[a][0], lines[b][0], a, b) for score, a, b in pairs),
        duplicates=tuple(Duplicates(tuple(rows), text) for text, rows in lines.items() if len(rows) > 1),
    )


def _near(
    vectors: NDArray[np.float32], top: int, threshold: float, progress: Progress
) -> tuple[NDArray, ...]:
    """The scores of pairs, and their rows, the lower one first; by falling score, each pair once."""
    found = nearest(vectors, k=top, progress=progress)
    row, place = np.nonzero(found.scores >= threshold)
    other, scores = found.ids[row, place], found.scores[row, place]
    first, second = np.minimum(row, other), np.maximum(row, other)
    once = np.unique(first * len(vectors) + second, return_index=True)[1]
    order = once[np.argsort(-scores[once], kind="stable")]  # equal scores stay in the order of rows
    return scores[order], first[order], second[order]
