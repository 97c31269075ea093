"""Pairs to train a reranker on: queries with passages that are relevant, and others that an index finds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..data.plurals import counted
from ..errors import DataError, SettingError, check_at_least
from ..progress import Progress, quiet
from .index import Index
from .judgements import Queries, read_judgements
from .passages import Hit

RELEVANT, OTHER = "relevant", "other"  # in this order the second label is the relevant one
_BLOCK = 256  # queries that are searched together


def mined_pairs(
    index: Index,
    queries: Sequence[str],
    positives: Sequence[Sequence[str]],
    *,
    others: Sequence[Sequence[str]] | None = None,
    negatives: int = 4,
    first: int = 5,
    depth: int = 50,
    seed: int = 1,
    progress: Progress = quiet,
) -> Examples:
    """Queries with passages, labelled `relevant` or `other`, for the task `pairs`.

    The others are drawn from what the index finds for the query, without passages of its documents that are
    relevant or that have the same text: from rank `first` on, because the first ranks often are relevant
    though nobody said so.

    Args:
        index: The index that the reranker will rank again.
        queries: The queries, all different.
        positives: What is relevant to each: texts, or ids of documents of the index, each of which stands for
            its passage that is found first.
        others: What is known not to be relevant, besides.
        negatives: How many passages that are not relevant are drawn from the index for each one that is, at
            random from rank 5 to 50.
        first: The first rank they are drawn from.
        depth: The last.
        seed: Decides which.
        progress: Called with the number of queries.

    Raises:
        DataError: nothing was found to draw from.
        SettingError: an argument is not valid.
    """
    check_at_least(1, negatives=negatives, first=first)
    check_at_least(first, depth=depth)
    if not len(queries) == len(positives) == len(positives if others is None else others):
        raise SettingError("each query needs a list of positives, and of others if these are given")
    others = [()] * len(queries) if others is None else others
    passages, random = _Passages(index, [*positives, *others]), np.random.default_rng(seed)
    rows: list[tuple[str, str, str]] = []
    for start in range(0, len(queries), _BLOCK):
        block = list(queries[start : start + _BLOCK])
        for row, hits in enumerate(index.search_all(block, depth, depth=depth, join=False), start=start):
            near, far = passages.of(positives[row], hits), passages.of(others[row], hits)
            pool = _strangers(hits, near, set(positives[row]), first)
            count = min(negatives * len(near), len(pool))
            drawn = sorted(random.choice(len(pool), count, replace=False).tolist())
            rows += [(queries[row], text, RELEVANT) for text in near]
            mined = dict.fromkeys([*(far if near else []), *(pool[place] for place in drawn)])
            rows += [(queries[row], text, OTHER) for text in mined]
        progress("mining", start + len(block), len(queries))
    if {label for _, _, label in rows} != {RELEVANT, OTHER}:
        raise DataError(f"{index.name}: nothing relevant, or nothing else from rank {first} on, was found")
    firsts, seconds, labels = map(list, zip(*rows))
    notes = (f"{counted(len(rows), 'pair')} with passages of {index.name}.", *passages.notes)
    return Examples((firsts, seconds), labels, index.name, notes=notes, groups=firsts)


def scored(pairs: Examples) -> Examples:
    """Mined pairs with scores, 1 for what is relevant and 0, for the task `similarity`."""
    return replace(pairs, labels=[float(label == RELEVANT) for label in pairs.labels or ()])


class _Passages:
    """What is relevant to queries: texts as they are, or if some are ids of documents, passages of those."""

    def __init__(self, index: Index, given: Sequence[Sequence[str]]) -> None:
        names = dict.fromkeys(one for several in given for one in several)
        found = {name: index.passages(name) for name in names}
        self._documents = {name: passages for name, passages in found.items() if passages}
        self.notes: tuple[str, ...] = ()
        if self._documents and (lacking := len(names) - len(self._documents)):
            of = f"{lacking:,} of {counted(len(names), 'judged document')}"
            self.notes = (f"{of} {'is' if lacking == 1 else 'are'} not in the index, and left out.",)

    def of(self, given: Sequence[str], hits: Sequence[Hit]) -> list[str]:
        """The texts of what is given for a query."""
        if not self._documents:
            return list(dict.fromkeys(given))
        best = {hit.id: hit for hit in reversed(hits)}
        there = [self._documents[name] for name in given if name in self._documents]
        return list(dict.fromkeys(best.get(passages[0].id, passages[0]).text for passages in there))


def _strangers(hits: Sequence[Hit], near: Sequence[str], names: set[str], first: int) -> list[str]:
    """The texts of the hits from a rank on that are not of relevant documents."""
    relevant, others = (
        [" ".join(text.casefold().split()) for text in texts] for texts in (near, [hit.text for hit in hits])
    )
    same = names | {
        hit.id for hit, text in zip(hits, others) if any(text in one or one in text for one in relevant)
    }
    return list(dict.fromkeys(hit.text for hit in hits[first - 1 :] if hit.id not in same))


def judged_pairs(judgements: str | Path, queries: Queries) -> Examples:
    """Queries with ids of documents and scores, 1 or 0, out of a file of judgements.

    Args:
        judgements: The file.
        queries: Texts by id.

    Raises:
        DataError: the file cannot be read, or judges a query that is not there.
    """
    rows: list[tuple[str, str, float]] = []
    for name, grades in read_judgements(judgements).items():
        if name not in queries:
            raise DataError(f"{judgements}: there is no query {name!r}")
        rows += [(queries[name], document, float(grade > 0)) for document, grade in grades.items()]
    firsts, seconds, labels = map(list, zip(*rows)) if rows else ([], [], [])
    return Examples((firsts, seconds), labels, str(judgements))


def mined_examples(index: Index, pairs: Examples, **settings: Any) -> Examples:
    """`mined_pairs` of pairs of a query and a passage, or the id of a document; a score above 0 says that
    they belong together.

    Args:
        index: The index.
        pairs: The pairs, with scores.
        settings: Keywords of `mined_pairs`.
    """
    texts: dict[str, tuple[list[str], list[str]]] = {}
    for query, text, score in zip(*pairs.segments, pairs.labels or (), strict=True):
        near, far = texts.setdefault(query, ([], []))
        (near if score > 0 else far).append(text)
    asked = {query: both for query, both in texts.items() if both[0]}
    if not asked:
        raise DataError(f"{pairs.source}: no query has anything relevant")
    positives, others = zip(*asked.values())
    return mined_pairs(index, list(asked), positives, others=others, **settings)
