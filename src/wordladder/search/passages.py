"""Long documents in passages: some sentences each, with overlap; and neighbouring passages as one again."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate
from typing import Any

from ..text.sentences import sentence_spans
from ..text.words import tokenize


@dataclass(frozen=True)
class Document:
    """What is added to an index.

    Attributes:
        id: Its name, unique in the index.
        text: Its text.
        fields: What can be filtered by and is given back: strings, numbers, truth values, or lists of these.
    """

    id: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    Attributes:
        id: The document it is of.
        score: How well it fits; what the number means depends on how was searched.
        text: The passage.
        start: Where it starts in the document's text, in characters.
        end: Where it ends.
        fields: The document's fields.
    """

    id: str
    score: float
    text: str
    start: int
    end: int
    fields: dict[str, Any] = field(default_factory=dict)


def cut(text: str, words: int, overlap: int) -> list[tuple[int, int]]:
    """Where passages of at most `words` words start and end in the text.

    A passage has whole sentences; one that is longer is cut between words. The next passage begins with the
    last sentences of the one before, as many as `overlap` words allow. A text without words has no passages.

    Args:
        text: The text of a document.
        words: The most words in a passage; a Chinese character is a word.
        overlap: The most words that two neighbouring passages share.
    """
    tokens = tokenize([text])
    starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
    pieces: list[tuple[int, int]] = []  # the first word of each sentence or part of one, and the one after
    for begin, end in sentence_spans(text) if len(starts) > words else [(0, len(text))]:
        first, last = bisect_left(starts, begin), bisect_left(starts, end)
        pieces += [(at, min(at + words, last)) for at in range(first, last, words)]
    sizes = [0, *accumulate(last - first for first, last in pieces)]
    passages, first = [], 0
    while first < len(pieces):
        after = max(first + 1, bisect_right(sizes, sizes[first] + words) - 1)
        passages.append((starts[pieces[first][0]], ends[pieces[after - 1][1] - 1]))
        if after == len(pieces):
            break
        first = max(first + 1, bisect_left(sizes, sizes[after] - overlap))
    if passages:  # the first begins and the last ends where the text does, but for white space
        passages[0] = (len(text) - len(text.lstrip()), passages[0][1])
        passages[-1] = (passages[-1][0], len(text.rstrip()))
    return passages


def merge(hits: Iterable[Hit], limit: int) -> list[Hit]:
    """The hits with neighbouring or overlapping passages of a document as one, at the place and with the
    score of the better; the first `limit` of them.
    """
    merged: dict[int, Hit] = {}  # by place
    places: dict[str, list[int]] = {}  # of each document
    for place, hit in enumerate(hits):
        same = places.setdefault(hit.id, [])
        near = [one for one in same if _touch(merged[one], hit)]
        parts = sorted((hit, *map(merged.pop, near)), key=lambda part: part.start)
        first, score = min((*near, place)), max(part.score for part in parts)
        merged[first] = replace(reduce(_join, parts), score=score)
        places[hit.id] = [*(one for one in same if one not in near), first]
    return [merged[place] for place in sorted(merged)][:limit]


def _touch(one: Hit, other: Hit) -> bool:
    first, second = sorted((one, other), key=lambda hit: hit.start)
    return second.start <= first.end + 2  # white space between two sentences


def _join(first: Hit, second: Hit) -> Hit:
    """Two passages that touch, the one that starts first before the other."""
    if second.end <= first.end:
        return first
    gap = " " * max(0, second.start - first.end)
    text = first.text + gap + second.text[max(0, first.end - second.start) :]
    return replace(first, text=text, end=second.end)


def fuse(
    rankings: Sequence[Sequence[tuple[str, float]]], weights: Sequence[float], constant: int = 60
) -> dict[str, float]:
    """Reciprocal rank fusion (Cormack et al. 2009): the weighted sum of 1 / (constant + rank) over the
    rankings that have an id.

    Args:
        rankings: Ids with scores, the best first.
        weights: The weight of each ranking.
        constant: The larger, the less the first places count.
    """
    fused: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, (name, _) in enumerate(ranking, start=1):
            fused[name] = fused.get(name, 0.0) + weight / (constant + rank)
    return dict(sorted(fused.items(), key=lambda item: (-item[1], item[0])))
