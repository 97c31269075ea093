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

from ..files.folders import disk_mb, size_mb
from ..files.json_files import write_json
from ..interop.sources import needed_mb
from ..ladder.cost import peak_memory_mb
from ..ladder.subprocess_job import EventWriter, job_events
from ..model.loading import load
from .building import build_index
from .evaluation import draws, evaluate, fit_reranker, fit_words
from .index import Index
from .passages import Document

DEPTH, RERANKED = 100, 50  # passages of each ranking, and those that a reranker reads


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job does.

    Attributes:
        folder: The folder of the climb.
        trained: The rung of similarity that is trained as the encoder; None: none is.
        encoder: The encoder that was given, or what one is distilled from.
        by: How is searched.
        reranker: A model that ranks again; None: none.
        threads: Threads to index and search with.
        measure: Whether to measure, rather than to index.
    """

    folder: str
    trained: str | None
    encoder: str | None
    by: str
    reranker: str | None
    threads: int
    measure: bool = False

    @property
    def documents(self) -> Path:
        """The file of the documents."""
        return Path(self.folder, "data", "documents.jsonl")

    @property
    def queries(self) -> Path:
        """The file of queries, judgements, and the ids of dev and test."""
        return Path(self.folder, "data", "queries.json")

    @property
    def index(self) -> Path:
        """The folder of the index, which rungs with the same encoder share."""
        return Path(self.folder, "indexes", self.trained or ("encoder" if self.encoder else "words"))

    @property
    def model(self) -> str | None:
        """Where the encoder is; None: search is by words."""
        return self.encoder if self.trained is None else str(Path(self.folder, "models", self.trained))


def build(job: Job, events: EventWriter) -> dict[str, Any]:
    """Index the documents, unless that was done; returns how long it took."""
    done = job.index.with_suffix(".json")
    if done.exists():
        return json.loads(done.read_text(encoding="utf-8"))
    started = perf_counter()
    if job.model is not None and job.trained is not None and not Path(job.model).exists():
        _train(job, Path(job.model), events)
    build_index(_documents(job), job.index, encoder=job.model, progress=events)
    facts = {"seconds": perf_counter() - started}
    write_json(done, facts)
    return facts


def _train(job: Job, output: Path, events: EventWriter) -> None:
    """Train the encoder on the documents, without labels."""
    from ..interop.encoders import read_encoder
    from ..model.model import Model
    from ..recipe import Recipe

    recipe = Recipe.load(str(job.trained), "similarity").with_settings({"embedders.0.tune": False})
    if job.encoder is not None:
        recipe = recipe.with_encoder(read_encoder(job.encoder))
    texts = [document.text for document in _documents(job) if document.text.strip()]
    pairs = list(zip(texts, texts))  # nothing is tuned: only the words are read
    Model(recipe, threads=job.threads).fit(pairs, output=output, progress=events)


def _documents(job: Job) -> Iterator[Document]:
    with open(job.documents, encoding="utf-8") as file:
        for line in file:
            yield Document(**json.loads(line))


def measure(job: Job, events: EventWriter) -> dict[str, Any]:
    """Answer the queries; returns the quality on dev and test, and what a query costs."""
    data = json.loads(job.queries.read_text(encoding="utf-8"))
    dev, test = ({name: data["queries"][name] for name in data[part]} for part in ("dev", "test"))
    judgements = data["judgements"]
    started = perf_counter()
    reranker = None if job.reranker is None else load(job.reranker, threads=job.threads)
    with Index.open(job.index, job.model) as index:
        how: dict[str, Any] = {"by": job.by, "rerank": reranker, "depth": RERANKED if reranker else DEPTH}
        index.search(next(iter(test.values())), **how)
        load_seconds = perf_counter() - started
        if job.by == "hybrid":
            fit_words(index, dev, judgements)
        if reranker is not None:
            fit_reranker(index, dev, judgements, reranker, depth=RERANKED)
        on_dev, on_test = (evaluate(index, part, judgements, progress=events, **how) for part in (dev, test))
        shares = {name: getattr(index.settings, name) for name in ("words_share", "reranker_share")}
    first = next(iter(on_test.measures))
    models = [model for model in (job.model, job.reranker) if model is not None]
    size = disk_mb(job.index) + sum(needed_mb(model) or size_mb(Path(model)) for model in models)
    return {
        "value": on_test.measures[first].value,
        "dev_value": on_dev.measures[first].value,
        "bootstrap": draws(on_test.scores[:, 0]).tolist(),
        "latency_p50": on_test.p50,
        "latency_p95": on_test.p95,
        "throughput": on_test.per_second,
        "memory_mb": peak_memory_mb(),
        "load_seconds": load_seconds,
        "size_mb": size,
        "shares": shares,
        "measures": on_test.to_json(),
    }


def main(path: str) -> None:
    """Run the job in the file and send its result."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    with job_events() as events:
        events.send("result", facts=(measure if job.measure else build)(job, events))


if __name__ == "__main__":
    main(sys.argv[1])
