"""How good an index finds what is relevant: measures with intervals, and the shares of words and of a
reranker."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SettingError, check_at_least
from ..evaluation.intervals import (
    Difference,
    Scores,
    bootstrap_scores,
    paired_difference,
    percentile_interval,
)
from ..extras import require
from ..progress import Progress, quiet
from .index import By, Index
from .judgements import Judgements, Queries
from .passages import fuse
from .reranking import mixed, scores_of
from .store import Where

_BLOCK = 64  # queries that are searched together
_TIMED = 200  # the most queries that are timed
_FEWEST, _SECONDS = 30, 20.0  # slow ones: no more than these after so long
_DEEP = 100  # documents that the second recall looks at
_GRID = tuple(round(share / 10, 1) for share in range(11))


@dataclass(frozen=True)
class Measure:
    """A measure of search, the mean over the queries.

    Attributes:
        value: The mean.
        interval: Its 95 % bootstrap interval over the queries.
        definition: What it is.
    """

    value: float
    interval: tuple[float, float]
    definition: str


@dataclass(frozen=True)
class SearchEvaluation:
    """How good an index finds the documents that are relevant to queries.

    A document is relevant if its grade is at least 1; one without a judgement has the grade 0. Documents are
    ranked by their best passage.

    Attributes:
        measures: By name, each the mean over the queries. nDCG@k: the sum over the first k documents of
            grade / log2(rank + 1), divided by the same sum for the best order of all judged documents; the
            gain is the grade itself, as in trec_eval (Järvelin and Kekäläinen 2002). MRR@k: 1 / the rank of
            the first relevant document, 0 if none is among the first k. recall@k: the share of the relevant
            documents that are among the first k.
        queries: The number of queries.
        left_out: The number of queries to which no document is judged relevant; they are left out.
        unknown: The number of judgements of documents that the index does not have. They count: what is
            not there cannot be found.
        by: How was searched.
        p50: The median time of one query, in milliseconds.
        p95: The time that 95 % of the queries stay below, in milliseconds.
        per_second: Queries answered a second, 64 together.
        ids: The ids of the queries.
        scores: What each query scored, `(queries, measures)`.
    """

    measures: dict[str, Measure]
    queries: int
    left_out: int
    unknown: int
    by: str
    p50: float
    p95: float
    per_second: float
    ids: list[str] = field(repr=False)
    scores: NDArray[np.float64] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        measures = {name: vars(one) | {"interval": list(one.interval)} for name, one in self.measures.items()}
        names = ("queries", "left_out", "unknown", "by", "p50", "p95", "per_second")
        return {"measures": measures} | {name: getattr(self, name) for name in names}

    def better_than(self, other: "SearchEvaluation") -> dict[str, Difference]:
        """How much better each measure is than in another evaluation of the same queries, with the paired
        95 % bootstrap interval.

        Raises:
            SettingError: the queries or the measures are not the same.
        """
        if self.ids != other.ids or list(self.measures) != list(other.measures):
            raise SettingError("two evaluations are compared on the same queries, with the same measures")
        return {
            name: paired_difference(
                self.measures[name].value,
                draws(self.scores[:, column]),
                other.measures[name].value,
                draws(other.scores[:, column]),
            )
            for column, name in enumerate(self.measures)
        }


def evaluate(
    index: Index,
    queries: Queries,
    judgements: Judgements,
    *,
    k: int = 10,
    by: By | None = None,
    depth: int = 200,
    where: Where | None = None,
    rerank: Any = None,
    progress: Progress = quiet,
) -> SearchEvaluation:
    """Measure how well an index finds what is relevant to queries, and how long a query takes.

    Args:
        index: The index.
        queries: Texts by id, see `read_queries`.
        judgements: Grades of documents by query, see `read_judgements`.
        k: How many documents nDCG, MRR and the first recall look at.
        by: How to search; if not given hybrid, or by words in an index without an encoder.
        depth: How many passages are taken from each ranking, and reranked; what is not among them is not
            found.
        where: Conditions on fields.
        rerank: A model that ranks the passages again.
        progress: Called with the number of queries.

    Raises:
        DataError: no query has a relevant document.
        SettingError: an argument is not valid.
    """
    measures = _measures(k)
    judged, left_out = judged_queries(queries, judgements)
    how = {"by": by, "depth": depth, "where": where, "rerank": rerank}
    ranked: dict[str, Iterable[str]] = {}
    seconds = 0.0
    for names in _blocks(list(judged)):
        start = time.perf_counter()
        found = index.search_all([queries[name] for name in names], max(k, depth), **how)
        seconds += time.perf_counter() - start
        ranked |= {name: [hit.id for hit in hits] for name, hits in zip(names, found, strict=True)}
        progress("queries", len(ranked), len(judged))
    scores = _scores([measure for _, measure, _ in measures], ranked, judged)
    took = _times(index, [queries[name] for name in judged], k, how)
    documents = {name for grades in judged.values() for name in grades}
    missing = documents - index.known(documents)
    return SearchEvaluation(
        measures={
            name: Measure(float(column.mean()), percentile_interval(draws(column)), definition)
            for (name, _, definition), column in zip(measures, scores.T, strict=True)
        },
        queries=len(judged),
        left_out=left_out,
        unknown=sum(name in missing for grades in judged.values() for name in grades),
        by=by or ("hybrid" if index.settings.dim else "words"),
        p50=float(np.quantile(took, 0.5)),
        p95=float(np.quantile(took, 0.95)),
        per_second=len(judged) / seconds,
        ids=list(judged),
        scores=scores,
    )


def _measures(k: int) -> list[tuple[str, Any, str]]:
    """The name, the measure of ir_measures, and the definition of all measures."""
    check_at_least(1, k=k)
    ir = require("ir_measures", "search", "Evaluating an index")
    recall = "share of the relevant documents among the first {}"
    found = [
        (f"nDCG@{k}", ir.nDCG @ k, "sum of grade / log2(rank + 1), as a share of that of the best order"),
        (f"MRR@{k}", ir.RR @ k, f"1 / rank of the first relevant document, 0 beyond {k}"),
        *((f"recall@{n}", ir.R @ n, recall.format(n)) for n in sorted({k, max(k, _DEEP)})),
    ]
    return found


def judged_queries(queries: Queries, judgements: Judgements) -> tuple[Judgements, int]:
    """The judgements of the queries that have a relevant document, in their order; how many have none."""

    def is_judged(name: str) -> bool:
        return any(grade > 0 for grade in judgements.get(name, {}).values())

    judged = {name: judgements[name] for name in filter(is_judged, queries)}
    if not judged:
        shown = [", ".join(list(names)[:3]) or "none" for names in (queries, judgements)]
        raise DataError(
            f"no query has a relevant document: the queries are {shown[0]} …, the judgements of {shown[1]} …"
        )
    return judged, len(queries) - len(judged)


def _blocks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _BLOCK] for start in range(0, len(names), _BLOCK))


def _scores(
    measures: Sequence[Any], ranked: dict[str, Iterable[str]], judged: Judgements
) -> NDArray[np.float64]:
    """What each query scores, `(queries, measures)`, given its documents, the best first; they may repeat."""
    ir = require("ir_measures", "search", "Evaluating an index")
    row, column = ({one: i for i, one in enumerate(ones)} for ones in (judged, measures))
    run = {
        name: {one: -float(rank) for rank, one in enumerate(dict.fromkeys(documents))}
        for name, documents in ranked.items()
    }
    scores = np.zeros((len(judged), len(measures)))
    for found in ir.iter_calc(measures, judged, run):
        scores[row[found.query_id], column[found.measure]] = found.value
    return scores


def draws(scores: NDArray[np.float64]) -> Scores:
    """The means of bootstrap resamples of what each query scores."""
    return bootstrap_scores(scores[:, None], lambda drawn: float(drawn.mean()))


def _times(index: Index, texts: Sequence[str], k: int, how: dict[str, Any]) -> NDArray[np.float64]:
    """What single queries take, in milliseconds: a random sample if there are many or they are slow."""
    random = np.random.default_rng(1)
    sample = random.permutation(len(texts))[:_TIMED]
    took, began = list[float](), time.perf_counter()
    for row in (sample[0], *sample):  # the first one loads what is loaded once, and is not counted
        if len(took) > _FEWEST and time.perf_counter() - began > _SECONDS:
            break
        start = time.perf_counter()
        index.search(texts[row], k, **how)
        took.append(1000 * (time.perf_counter() - start))
    return np.array(took[1:])


@dataclass(frozen=True)
class FittedShare:
    """The share of one of two scores in their mean that was best.

    Attributes:
        share: The share, from 0 to 1.
        value: nDCG@10 with it.
        tried: nDCG@10 by share.
    """

    share: float
    value: float
    tried: dict[float, float]

    def to_json(self) -> dict[str, Any]:
        """The attributes as JSON values."""
        return asdict(self)


def fit_words(
    index: Index, queries: Queries, judgements: Judgements, *, depth: int = 200, progress: Progress = quiet
) -> FittedShare:
    """Choose the share of words in the fusion with vectors: that with the best nDCG@10, of equal ones the
    most even. The index keeps it.

    Use other queries than those that the index is evaluated on.

    Args:
        index: An index with an encoder.
        queries: Texts by id.
        judgements: Grades of documents by query.
        depth: How many passages are taken from each ranking.
        progress: Called with the number of queries.

    Raises:
        DataError: no query has a relevant document.
        SettingError: the index has no vectors.
    """

    def ranked(texts: Sequence[str]) -> Iterator[dict[float, list[str]]]:
        for both in index.rankings(texts, "hybrid", depth):
            document = index.documents_of(list({one for ranking in both for one, _ in ranking}))
            fused = {share: list(fuse(both, (1 - share, share)))[:depth] for share in _GRID}
            yield {
                share: [document[one] for one in passages if one in document]
                for share, passages in fused.items()
            }

    found = _best_share(ranked, queries, judgements, 0.5, progress)
    index.set_shares(words_share=found.share)
    return found


def fit_reranker(
    index: Index,
    queries: Queries,
    judgements: Judgements,
    model: Any,
    *,
    depth: int = 50,
    progress: Progress = quiet,
) -> FittedShare:
    """Choose the share of a reranker in the score: that with the best nDCG@10, of equal ones the largest. The
    index keeps it.

    Use queries that the reranker was not trained on, and others than those that the index is evaluated on.

    Args:
        index: An index.
        queries: Texts by id.
        judgements: Grades of documents by query.
        model: The reranker.
        depth: How many passages it reads.
        progress: Called with the number of queries.

    Raises:
        DataError: no query has a relevant document.
    """

    def ranked(texts: Sequence[str]) -> Iterator[dict[float, list[str]]]:
        for text, hits in zip(texts, index.search_all(texts, depth, depth=depth, join=False)):
            scored = scores_of(model, text, hits)
            yield {share: [hit.id for hit in mixed(hits, *scored, share)] for share in _GRID}

    found = _best_share(ranked, queries, judgements, 1.0, progress)
    index.set_shares(reranker_share=found.share)
    return found


def _best_share(
    ranked: Callable[[Sequence[str]], Iterator[dict[float, list[str]]]],
    queries: Queries,
    judgements: Judgements,
    preferred: float,
    progress: Progress,
) -> FittedShare:
    """The share with the best nDCG@10, of equal ones that nearest to the preferred one.

    Args:
        ranked: For each text the documents by share, the best first.
        queries: Texts by id.
        judgements: Grades of documents by query.
        preferred: The preferred share.
        progress: Called with the number of queries.
    """
    judged, _ = judged_queries(queries, judgements)
    runs: dict[float, dict[str, Iterable[str]]] = {share: {} for share in _GRID}
    for names in _blocks(list(judged)):
        for name, by_share in zip(names, ranked([queries[name] for name in names]), strict=True):
            for share, documents in by_share.items():
                runs[share][name] = documents
        progress("queries", len(runs[preferred]), len(judged))
    measure = _measures(10)[0][1]
    tried = {share: float(_scores([measure], run, judged).mean()) for share, run in runs.items()}
    best = max(_GRID, key=lambda share: (tried[share], -abs(share - preferred)))
    return FittedShare(best, tried[best], tried)
