"""The job that indexes the documents of a climb, or measures how an index answers its queries.

`python -m wordladder.search.climb_job job.json` runs it.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..evaluation.intervals import bootstrap_scores
from ..files.folders import disk_mb, size_mb
from ..files.json_files import write_json
from ..interop.sources import needed_mb
from ..ladder.cost import peak_memory_mb
from ..ladder.subprocess_job import EventWriter, job_events
from ..model.loading import load
from .evaluation import evaluate, fit_weights
from .index import Index
from .passages import Document

DONE = "built.json"
DEPTH, RERANKED = 100, 50  # passages of each ranking, and those that a reranker reads


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job does.

    Attributes:
        documents: The file of the documents.
        queries: The file of queries, judgements, and the ids of dev and test.
        index: The folder of the index.
        models: The folder of the encoders that are trained.
        trained: The rung of similarity that is trained as the encoder; None: the encoder as it is.
        encoder: The encoder, or what it is distilled from; None: search is by words.
        by: How is searched.
        reranker: A model that ranks again; None: none.
        threads: Threads to index and search with.
        measure: Whether to measure, rather than to index.
    """

    documents: str
    queries: str
    index: str
    models: str
    trained: str | None
    encoder: str | None
    by: str
    reranker: str | None
    threads: int
    measure: bool = False


def build(job: Job, events: EventWriter) -> dict[str, Any]:
    """Index the documents, unless that was done; returns how long it took."""
    done = Path(job.index + f".{DONE}")
    if done.exists():
        return json.loads(done.read_text(encoding="utf-8"))
    started = perf_counter()
    encoder: Any = job.encoder
    if job.trained is not None:
        encoder = _train(job, events)
    if (Path(job.index)).exists():  # of a climb that was broken off
        index = Index.open(job.index, encoder)
    else:
        index = Index.create(job.index, encoder)
    with index:
        index.update(_documents(job.documents), progress=events)
        index.settle()
    facts = {"seconds": perf_counter() - started}
    write_json(done, facts)
    return facts


def _train(job: Job, events: EventWriter) -> Path:
    """Train the encoder on the documents, without labels."""
    from ..interop.encoders import read_encoder
    from ..model.model import Model
    from ..recipe import Recipe

    folder = Path(job.models) / str(job.trained)
    if folder.exists():
        return folder
    recipe = Recipe.load(str(job.trained), "similarity").with_settings({"embedders.0.tune": False})
    if job.encoder is not None and job.trained == "static-distilled":
        recipe = recipe.with_encoder(read_encoder(job.encoder))
    texts = [document.text for document in _documents(job.documents) if document.text.strip()]
    pairs = list(zip(texts, texts))  # nothing is tuned: only the words are read
    Model(recipe, threads=job.threads).fit(pairs, output=folder, progress=events)
    return folder


def _documents(path: str) -> Iterator[Document]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield Document(**json.loads(line))


def measure(job: Job, events: EventWriter) -> dict[str, Any]:
    """Answer the queries; returns the quality on dev and test, and what a query costs."""
    data = json.loads(Path(job.queries).read_text(encoding="utf-8"))
    dev, test = ({name: data["queries"][name] for name in data[part]} for part in ("dev", "test"))
    judgements = data["judgements"]
    started = perf_counter()
    reranker = None if job.reranker is None else load(job.reranker, threads=job.threads)
    with Index.open(job.index) as index:
        how: dict[str, Any] = {"by": job.by, "rerank": reranker, "depth": RERANKED if reranker else DEPTH}
        index.search(next(iter(test.values())), **how)
        load_seconds = perf_counter() - started
        if job.by == "hybrid":
            fit_weights(index, dev, judgements)
        on_dev, on_test = (evaluate(index, part, judgements, progress=events, **how) for part in (dev, test))
        begun = perf_counter()
        index.search_all(list(test.values()), **how)
        throughput = len(test) / (perf_counter() - begun)
        weights = index.settings.weights
    first = next(iter(on_test.measures))
    scores = on_test.scores[:, :1]
    size = disk_mb(Path(job.index))
    for model in (job.encoder if job.trained is None else str(Path(job.models) / job.trained), job.reranker):
        size += 0.0 if model is None else needed_mb(model) or size_mb(Path(model))
    return {
        "value": on_test.measures[first].value,
        "dev_value": on_dev.measures[first].value,
        "bootstrap": bootstrap_scores(scores, lambda draw: float(np.mean(draw))).tolist(),
        "latency_p50": on_test.p50,
        "latency_p95": on_test.p95,
        "throughput": throughput,
        "memory_mb": peak_memory_mb(),
        "load_seconds": load_seconds,
        "size_mb": size,
        "weights": weights,
        "measures": on_test.to_json(),
    }


def main(path: str) -> None:
    """Run the job in the file and send its result."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    with job_events() as events:
        events.send("result", facts=(measure if job.measure else build)(job, events))


if __name__ == "__main__":
    main(sys.argv[1])
