"""Climbs the ladder of search: indexes of the same documents, compared on the same queries."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import tomli_w

from ..errors import DataError, OutputError, SettingError, UserError, did_you_mean
from ..evaluation.intervals import percentile_interval
from ..files.json_files import write_json
from ..files.streams import atomic_write, disk_errors
from ..kernels.cores import cores
from ..ladder.choice import choose, compare
from ..ladder.encoders import LeftOut
from ..ladder.machine import describe
from ..ladder.price import UNITS, Budget, Price, cost_kind
from ..ladder.report import write_report
from ..ladder.result import Climb, Rule, Rung
from ..ladder.runner import Measured
from ..ladder.sentences import reason
from ..ladder.subprocess_job import JobError, run_job
from ..model.checkpoint_folder import exclusive_output
from ..progress import Progress, quiet
from . import climb_job
from .climb_job import Job
from .evaluation import judged_queries
from .judgements import Judgements, Queries
from .passages import Document
from .ways import GIVEN, RUNGS, TASK, WORDS_ALONE, Way

METRIC = "nDCG@10"


def _job(way: Way, encoder: str | None, reranker: str | None, folder: Path, threads: int) -> Job | str:
    """The job of a rung, or why it cannot be climbed here."""
    if way.rerank and reranker is None:
        return "it needs a reranker; give one with --rerank"
    possible = [one for one in way.encoder if one == WORDS_ALONE or encoder is not None]
    if way.encoder and not possible:
        return "it needs a sentence encoder; give one with --encoder"
    first = possible[0] if possible else None
    return Job(
        folder=str(folder),
        trained=None if first == GIVEN else first,
        encoder=None if first in (None, WORDS_ALONE) else encoder,
        by=way.by,
        reranker=reranker if way.rerank else None,
        threads=threads,
    )


def _measure(name: str, job: Job, progress: Progress) -> Measured:
    """Index the documents, unless another rung did, and measure quality and price."""
    where = Path(job.folder, "runs", name)

    def told(stage: str, done: float, total: float | None, **facts: Any) -> None:
        progress(f"{name}: {stage}", done, total, **facts)

    run = partial(run_job, climb_job.__name__, folder=where, threads=job.threads, progress=told)
    try:
        built = run(asdict(job))
        found = run(asdict(replace(job, measure=True)))
    except JobError as error:
        return Measured(Rung(name=name, recipe=_recipe(job), error=str(error)), user_error=error.user_error)
    write_json(where / "measures.json", found["measures"])
    scores = np.array(found["bootstrap"])
    usage = {field: found[field] for field in Price.__dataclass_fields__ if field in found}
    rung = Rung(
        name=name,
        value=found["value"],
        interval=percentile_interval(scores),
        seeds=(1,),
        seed_values=(found["value"],),
        dev_value=found["dev_value"],
        seed_dev_values=(found["dev_value"],),
        price=Price(**usage, train_seconds=built["seconds"]),
        recipe=_recipe(job, found["shares"]),
    )
    return Measured(rung, scores, device="cpu")


def climb_search(
    documents: Iterable[Document],
    queries: Queries,
    judgements: Judgements,
    *,
    output: str | Path,
    rungs: Sequence[str] | None = None,
    encoder: str | Path | None = None,
    reranker: str | Path | None = None,
    cost: str = "latency",
    margin: float = 0.01,
    max_latency_ms: float | None = None,
    max_size_mb: float | None = None,
    max_memory_mb: float | None = None,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress = quiet,
) -> Climb:
    """Index documents in several ways, measure each on the same queries, and recommend one: the cheapest that
    is as good as the best.

    A third of the queries is dev, on which the shares of words and of a reranker are fitted and the best rung
    is chosen.

    Args:
        documents: The documents.
        queries: Texts by id.
        judgements: Grades of documents by query.
        output: A folder for the indexes, figures, `report.html`, `climb.json`, `climb.csv` and `climb.md`.
        rungs: Names of the rungs; if not given, all of those in `RUNGS`.
        encoder: A sentence encoder, a path or a name.
        reranker: A model of pairs or similarity that ranks the best passages again.
        cost: What makes a rung cheap: latency, size, memory or train (the time to index).
        margin: How much worse than the best still counts as good.
        max_latency_ms: Highest median time of a query, in milliseconds.
        max_size_mb: Largest index with its models on disk, in MB.
        max_memory_mb: Highest peak memory of searching, in MB.
        seed: Seed of the split of the queries.
        threads: Threads to index and search with; if not given, all there are.
        progress: Told how far it is.

    Raises:
        UserError: an argument is not valid, or every rung fails because of one.
        OutputError: there is a climb in the output already.
    """
    started = perf_counter()
    folder, chosen = Path(output), _chosen(rungs)
    budget = Budget(max_latency_ms=max_latency_ms, max_size_mb=max_size_mb, max_memory_mb=max_memory_mb)
    dev, test, notes = _split(queries, judgements, seed)
    rule = Rule(
        cost=cost_kind(cost), margin=margin, budget=budget, metric=METRIC, rows=len(test), unit=UNITS[TASK]
    )
    threads = threads or cores()
    given, again = (None if one is None else str(one) for one in (encoder, reranker))
    planned = {name: _job(RUNGS[name], given, again, folder, threads) for name in chosen}
    jobs = {name: job for name, job in planned.items() if isinstance(job, Job)}
    left_out = tuple(LeftOut(name, why) for name, why in planned.items() if isinstance(why, str))
    if rungs is not None and left_out:
        raise SettingError(f"the rung {left_out[0].name}: {left_out[0].why}")
    with exclusive_output(folder), disk_errors(folder):
        if (folder / "climb.json").exists():
            raise OutputError(f"{folder}: there is a climb here already; choose another output")
        count = _write_documents(documents, folder / "data" / "documents.jsonl")
        data = {"queries": queries, "judgements": judgements, "dev": dev, "test": test}
        write_json(folder / "data" / "queries.json", data)
        measured: list[Measured] = []
        for name, job in jobs.items():
            progress("climb", len(measured), len(jobs), rung=name)
            measured.append(_measure(name, job, progress))
        if all(one.user_error for one in measured):
            raise UserError(f"no rung could be measured; {measured[0].rung.name}: {measured[0].rung.error}")
        found = compare(measured, rule)
        choice = choose(found, rule)
        result = Climb(
            task=TASK,
            rungs=found,
            rule=rule,
            choice=choice,
            reason=reason(found, choice, rule),
            rows={"documents": count, "dev": len(dev), "test": len(test)},
            seeds=(1,),
            notes=notes,
            warnings=(),
            machine=describe(),
            threads=threads,
            device="cpu",
            seconds=perf_counter() - started,
            folder=folder,
            left_out=left_out,
        )
        write_json(folder / "climb.json", result.to_json())
        write_report(result, folder)
    return result


def _chosen(rungs: Sequence[str] | None) -> list[str]:
    for name in rungs or ():
        if name not in RUNGS:
            raise SettingError(f"there is no rung {name!r} of {TASK}.{did_you_mean(name, RUNGS)}")
    return list(RUNGS if rungs is None else rungs)


def _split(
    queries: Queries, judgements: Judgements, seed: int
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """The queries of dev and of test that have something relevant, and a note.

    Raises:
        DataError: they are too few.
    """
    grades, left = judged_queries(queries, judgements)
    judged = list(grades)
    if len(judged) < 6:
        raise DataError(f"{len(judged)} queries have a relevant document; a climb needs at least 6")
    order = np.random.default_rng(seed).permutation(len(judged))
    cut = len(judged) // 3
    dev, test = ([judged[row] for row in sorted(part)] for part in (order[:cut], order[cut:]))
    note = "A random third of the queries is dev."
    if left:
        note += f" {left:,} queries without a relevant document are left out."
    return dev, test, (note,)


def _write_documents(documents: Iterable[Document], path: Path) -> int:
    """Write the documents for the jobs; returns how many.

    Raises:
        SettingError: a climb that was broken off here had others.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count, known = 0, sha256()
    with atomic_write(path) as file:
        for document in documents:
            count += 1
            line = json.dumps(asdict(document)).encode() + b"\n"
            file.write(line)
            known.update(line)
        if path.exists() and sha256(path.read_bytes()).digest() != known.digest():
            raise SettingError(
                f"{path.parents[1]}: the climb here began with other documents; choose another output"
            )
    return count


def _recipe(job: Job, shares: Mapping[str, float] | None = None) -> str:
    """What is shown in place of a recipe."""
    shares = shares or {}
    search = {
        "by": job.by,
        "encoder": job.trained or job.encoder,
        "teacher": job.trained and job.encoder,
        "rerank": job.reranker,
        "words_share": shares.get("words_share") if job.by == "hybrid" else None,
        "reranker_share": shares.get("reranker_share") if job.reranker else None,
    }
    return tomli_w.dumps({"search": {key: value for key, value in search.items() if value is not None}})
