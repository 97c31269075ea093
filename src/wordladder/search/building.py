"""Makes an index of documents, or brings one up to date with them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import DataError, SettingError
from ..files.folders import disk_mb
from ..progress import Progress, quiet
from .index import Index
from .passages import Document
from .store import open_store


@dataclass(frozen=True)
class Built:
    """What building an index has done.

    Attributes:
        added: The number of documents that were added.
        updated: The number of those that had changed and were replaced.
        unchanged: The number of those that were left as they were.
        deleted: The number of those that were deleted.
        documents: The number of documents in the index now.
        passages: The number of its passages.
        seconds: How long it took.
        size_mb: The space on disk that its folder takes, in MB; None: it is on a server.
    """

    added: int
    updated: int
    unchanged: int
    deleted: int
    documents: int
    passages: int
    seconds: float
    size_mb: float | None

    def to_json(self) -> dict[str, Any]:
        """The attributes as JSON values."""
        return asdict(self)


def build_index(
    documents: Iterable[Document],
    output: str | Path,
    *,
    encoder: Any = None,
    prune: bool = False,
    progress: Progress = quiet,
    **settings: Any,
) -> Built:
    """Make an index of documents. If there is one already, it is updated: only documents that are new or have
    changed are embedded. So the same call goes on where one was broken off.

    Args:
        documents: The documents, such as `read_documents` gives; at least one.
        output: The folder of the index, or the address of a server, `postgresql://…`.
        encoder: A model or word vectors, or where they can be loaded. If not given, a new index is searched
            by words alone, and an old one keeps its encoder.
        prune: Whether documents of the index that are not among these are deleted.
        progress: Called with the number of documents.
        settings: Keywords of `IndexSettings`; an index that is there must have the same.

    Raises:
        DataError: there are no documents, or two have the same id.
        SettingError: a setting is not valid, or not the one that the index was made with.
        StoreError: the encoder is not the one that the index was made with, or the index cannot be opened.
    """
    started = time.perf_counter()
    iterator = iter(documents)
    first = next(iterator, None)  # read before a folder is made
    if first is None:
        raise DataError("there are no documents.")
    with _opened(output, encoder, settings) as index:
        seen: set[str] = set()
        written = index.update(_noted(chain([first], iterator), seen), progress=progress)
        deleted = 0
        if prune:
            deleted = index.delete([name for name in index.ids() if name not in seen])
        if written.added or written.updated or deleted:
            index.settle()
        documents_now, passages = index.count(), index.count_passages()
    size = None if "://" in str(output) else disk_mb(Path(output))
    return Built(*written, deleted, documents_now, passages, time.perf_counter() - started, size)


def _opened(output: str | Path, encoder: Any, settings: dict[str, Any]) -> Index:
    """The index that is there, if it has these settings, or a new one."""
    store = open_store(output)
    known = store.settings()
    store.close()
    if known is None:
        return Index.create(output, encoder, **settings)
    for name, value in settings.items():
        if known.get(name) != value:
            raise SettingError(
                f"{output}: {name} is {known.get(name)!r} in this index, and stays so; "
                "build another one to change it."
            )
    return Index.open(output, encoder)


def _noted(documents: Iterable[Document], seen: set[str]) -> Iterator[Document]:
    for document in documents:
        seen.add(document.id)
        yield document
