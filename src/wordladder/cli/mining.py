"""What `wordladder train --mine` trains on: queries with passages that are relevant, and others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import SettingError
from .console import progress_bar
from .options import Device, Threads, numbering_option
from .signatures import library_options

OPTIONS = [
    *library_options("search/mining.py", "mined_pairs", {"Mining": "negatives"}, negatives={"min": 1}),
    *numbering_option("Mining"),
]


def mined_parts(
    train: Path,
    test: Path | None,
    dev: Path | None,
    *,
    task: str,
    mine: str,
    queries: Path | None,
    numbering: str,
    columns: Mapping[str, Any],
    device: Device,
    threads: Threads,
    **settings: Any,
) -> Any:
    """The parts as `read_parts` gives them, with pairs of queries and passages.

    Args:
        train: Queries with positives; or judgements, if there is a file of queries.
        test: The same for the test.
        dev: The same for dev.
        task: The kind of the task that is trained.
        mine: The folder or address of the index.
        queries: The file of queries.
        numbering: What judgements call them by.
        columns: The columns, as parameters of `read_examples`.
        device: Where the encoder of the index computes.
        threads: The number of threads.
        settings: Keywords of `mined_pairs`.
    """
    from ..ladder.split import read_parts
    from ..search.index import Index
    from ..search.judgements import read_queries
    from ..search.mining import judged_pairs, mined_examples, scored

    if task not in ("pairs", "similarity"):
        raise SettingError(f"--mine makes pairs of texts, and this recipe is for {task}; try cross-encoder")
    sources: list[Any] = [train, test, dev]
    if queries is not None:
        asked = read_queries(queries, numbering=numbering)
        sources = [None if source is None else judged_pairs(source, asked) for source in sources]
    parts = read_parts(*sources, task="similarity", columns=columns)
    with Index.open(mine, device=device, threads=threads) as index, progress_bar() as progress:
        mined = {
            name: mined_examples(index, part, progress=progress, **settings)
            for name in ("train", "dev", "test")
            if (part := getattr(parts, name)) is not None
        }
    if task == "similarity":
        mined = {name: scored(part) for name, part in mined.items()}
    notes = [f"{name}: {note}" for name, part in mined.items() for note in part.notes]
    return parts._replace(**mined, notes=(*parts.notes, *notes))
