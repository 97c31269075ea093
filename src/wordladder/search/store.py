"""What keeps the passages of an index: the protocol, and the store in a folder, Qdrant Edge.

The comparison of stores is docs/decisions/016-a-store-for-search.md.
"""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from ..errors import SettingError, StoreError
from ..extras import require
from ..files.folders import atomic_folder, restore_folder
from ..files.json_files import read_json, write_json
from ..files.streams import write_errors
from ..model.checkpoint_folder import exclusive_output
from .fields import plain

SETTINGS_FILE = "index.json"

Where = Mapping[str, Any]  # conditions on fields, see `conditions`
_COMPARISONS = ("gt", "gte", "lt", "lte")
_PASSAGES = "passages"
_MAKING = ".unfinished"  # is there while an index is made: what a killed process leaves then is no loss
_BUSY = "has it open; an index in a folder is open in one process at a time: wait until it ends"
_MOST_SMALL = 10_000  # rows that are searched without an index


@dataclass(frozen=True)
class Row:
    """A passage in a store.

    Attributes:
        document: The id of its document.
        number: Its number in the document, from 0.
        payload: What is given back: text, offsets, fields, the digest of the document.
        vector: Of length one; None in an index without an encoder.
        words: The weights of its terms, by the number of the term.
    """

    document: str
    number: int
    payload: dict[str, Any]
    vector: Sequence[float] | None
    words: Mapping[int, float]

    @property
    def id(self) -> str:
        """Its id in the store: the same for the same place of the same document."""
        return passage_id(self.document, self.number)


def passage_id(document: str, number: int) -> str:
    """The id of the passage of that number of a document, a UUID."""
    return str(uuid5(NAMESPACE_URL, f"{number} {document}"))


class Store(Protocol):
    """A store of passages. What has returned is kept, whatever becomes of the process."""

    name: str

    def settings(self) -> dict[str, Any] | None:
        """The settings of the index; None: there is none yet."""

    def keep(self, settings: Mapping[str, Any]) -> None:
        """Keep the settings; the first ones make the index. `dim` is the length of vectors, 0 for none."""

    def put(self, rows: Sequence[Row]) -> None:
        """Add rows, all or none; a row of the same document and number is replaced."""

    def delete(self, document: str, start: int = 0) -> None:
        """Delete the passages of a document from number `start` on."""

    def get(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The payloads of those of these passages that are there."""

    def nearest(self, vector: Sequence[float], count: int, where: Where | None) -> list[tuple[str, float]]:
        """The ids of the passages with the highest dot product with a vector, and these, the best first."""

    def match(self, words: Mapping[int, float], count: int, where: Where | None) -> list[tuple[str, float]]:
        """The ids of the passages with the highest BM25 for the terms, and this, the best first."""

    def scan(self, batch: int) -> Iterable[list[Row]]:
        """All rows, batch by batch, without their weights of terms."""

    def count(self, number: int | None = None) -> int:
        """How many passages there are; those of a number, of which each document has one, if it is given."""

    def fields(self) -> set[str]:
        """The names of the fields that rows have or had."""

    def settle(self) -> None:
        """Build what makes search fast over all rows that are there."""

    def replaced(self) -> AbstractContextManager["Store"]:
        """A new, empty store, to be filled; it takes the place of this one when the block ends without an
        error, and else nothing has changed.
        """

    def close(self) -> None:
        """Let go of files and connections."""


def conditions(where: Where) -> list[tuple[str, str, Any]]:
    """`(field, comparison, value)` for each condition; the comparison is `in` (a list of values), `gt`,
    `gte`, `lt` or `lte`.

    Args:
        where: A value, a list of values, or a mapping such as `{"gte": 1990, "lt": 2000}` for each field.

    Raises:
        SettingError: a comparison is unknown, or not with a number.
        DataError: no field has such a value.
    """
    found: list[tuple[str, str, Any]] = []
    for name, wanted in where.items():
        if not isinstance(wanted, Mapping):
            members = list(wanted) if isinstance(wanted, list | tuple | set) else [wanted]
            found.append((name, "in", plain(members, f"where: {name}")))
            continue
        for comparison, value in wanted.items():
            if comparison not in _COMPARISONS:
                raise SettingError(f"where: {name}: {comparison!r} is none of {', '.join(_COMPARISONS)}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SettingError(f"where: {name} {comparison} {value!r}: a number is needed")
            found.append((name, comparison, value))
    return found


def _path(field: str) -> str:
    """Where a field is in a payload, in the words of Qdrant; other names than these are quoted."""
    return f"fields.{field}" if re.fullmatch(r"[A-Za-z0-9_-]+", field) else f'fields."{field}"'


class EdgeStore:
    """A folder of Qdrant Edge: HNSW over bytes, sparse vectors for BM25, a log that survives the process.

    Args:
        folder: The folder.

    Raises:
        StoreError: another process uses it, or it is broken, or of something else.
    """

    def __init__(self, folder: Path) -> None:
        self._q = require("qdrant_edge", "search", "An index in a folder")
        self.name, self._folder, self._dim = str(folder), folder, 0
        self._fields, self._held = set[str](), ExitStack()
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: this is a file; an index is a folder")
        self._held.enter_context(exclusive_output(folder, _BUSY))
        try:
            restore_folder(folder, SETTINGS_FILE)
            marked = any((folder / name).exists() for name in (SETTINGS_FILE, _MAKING))
            if folder.exists() and not marked and any(folder.iterdir()):
                raise StoreError(
                    f"{folder}: this is no index (it has no {SETTINGS_FILE}); choose another folder"
                )
            if (settings := self.settings()) is not None:
                self._open(settings.get("dim"))
        except BaseException:
            self._held.close()
            raise

    def settings(self) -> dict[str, Any] | None:
        """See `Store`."""
        path = self._folder / SETTINGS_FILE
        try:
            return read_json(path, dict, StoreError) if path.exists() else None
        except StoreError as error:
            raise self._broken(error) from None

    def _broken(self, why: object) -> StoreError:
        return StoreError(f"{self._folder}: the index is broken; delete the folder and build it again: {why}")

    def keep(self, settings: Mapping[str, Any]) -> None:
        """See `Store`."""
        making = self._folder / _MAKING
        if self.settings() is None:
            with write_errors(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                making.touch()
            self._create(settings["dim"])
        write_json(self._folder / SETTINGS_FILE, dict(settings))
        making.unlink(missing_ok=True)

    def _open(self, dim: Any) -> None:
        if not isinstance(dim, int) or dim < 0:
            raise self._broken(f"{SETTINGS_FILE} has {dim!r} for dim")
        try:
            self._shard = self._q.EdgeShard.load(str(self._folder / _PASSAGES))
            self._fields, self._dim = set(self._shard.info().payload_schema), dim
        except Exception as error:  # noqa: BLE001 - of qdrant_edge, which has no class of its own
            raise self._broken(error) from None

    def _create(self, dim: int) -> None:
        q, self._dim = self._q, dim
        shutil.rmtree(self._folder / _PASSAGES, ignore_errors=True)
        (self._folder / _PASSAGES).mkdir(parents=True)
        bytes_ = q.ScalarQuantizationConfig(q.ScalarType.Int8, memory=q.Memory.Pinned)
        kind = dim and q.EdgeVectorParams(
            dim, q.Distance.Dot, memory=q.Memory.Cold, quantization_config=bytes_
        )
        config = q.EdgeConfig(
            vectors={"text": kind} if dim else None,
            sparse_vectors={"words": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
            hnsw_config=q.HnswIndexConfig(m=16, ef_construct=128, full_scan_threshold=_MOST_SMALL),
        )
        self._shard = q.EdgeShard.create(str(self._folder / _PASSAGES), config)
        self._index("document", "")
        self._index("number", 0)

    def _index(self, name: str, value: Any) -> None:
        """An index of a field, by the kind of a value of it."""
        value = value[0] if isinstance(value, list) and value else value
        kinds = self._q.PayloadSchemaType
        # Numbers are compared as floats: a field may be an int in one document and a float in another.
        kind = {bool: kinds.Bool, int: kinds.Float, float: kinds.Float, str: kinds.Keyword}.get(type(value))
        if kind is not None:
            self._fields.add(name)
            self._shard.update(self._q.UpdateOperation.create_field_index(name, kind))

    def put(self, rows: Sequence[Row]) -> None:
        """See `Store`."""
        q, points = self._q, []
        for row in rows:
            for name, value in row.payload["fields"].items():
                if (path := _path(name)) not in self._fields:
                    self._index(path, value)
            vector: dict[str, Any] = {"words": q.SparseVector(list(row.words), list(row.words.values()))}
            if self._dim:
                vector["text"] = [] if row.vector is None else list(map(float, row.vector))
            payload = row.payload | {"document": row.document, "number": row.number}
            points.append(q.Point(row.id, vector, payload))
        self._shard.update(q.UpdateOperation.upsert_points(points))

    def delete(self, document: str, start: int = 0) -> None:
        """See `Store`."""
        q = self._q
        of = q.FieldCondition("document", match=q.MatchValue(document))
        later = q.FieldCondition("number", range=q.RangeFloat(gte=start))
        self._shard.update(q.UpdateOperation.delete_points_by_filter(q.Filter(must=[of, later])))

    def get(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """See `Store`."""
        return {str(row.id): row.payload for row in self._shard.retrieve(list(ids), True, False)}

    def nearest(self, vector: Sequence[float], count: int, where: Where | None) -> list[tuple[str, float]]:
        """See `Store`."""
        return self._search(self._q.Query.Nearest(list(map(float, vector)), using="text"), count, where)

    def match(self, words: Mapping[int, float], count: int, where: Where | None) -> list[tuple[str, float]]:
        """See `Store`."""
        if not words:
            return []
        sparse = self._q.SparseVector(list(words), list(words.values()))
        return self._search(self._q.Query.Nearest(sparse, using="words"), count, where)

    def _search(self, query: Any, count: int, where: Where | None) -> list[tuple[str, float]]:
        q = self._q
        rescore = q.QuantizationSearchParams(rescore=True, oversampling=2.0)
        params = q.SearchParams(hnsw_ef=max(128, count), quantization=rescore)
        request = q.QueryRequest(count, query=query, filter=self._filter(where), params=params)
        return [(str(point.id), point.score) for point in self._shard.query(request)]

    def _filter(self, where: Where | None) -> Any:
        if not where:
            return None
        q, must = self._q, []
        for name, comparison, value in conditions(where):
            path = _path(name)
            if comparison == "in":
                # A bool of Python is taken for an integer, one of NumPy is not.
                members = [np.bool_(one) if isinstance(one, bool) else one for one in value]
                equal = [
                    q.FieldCondition(path, range=q.RangeFloat(gte=one, lte=one))
                    if isinstance(one, int | float)
                    else q.FieldCondition(path, match=q.MatchValue(one))
                    for one in members
                ]
                none = q.FieldCondition(path, match=q.MatchAny([]))  # no condition at all would let all pass
                must.append(q.Filter(should=equal or [none]))
            else:
                must.append(q.FieldCondition(path, range=q.RangeFloat(**{comparison: value})))
        return q.Filter(must=must)

    def scan(self, batch: int) -> Iterable[list[Row]]:
        """See `Store`."""
        at = None
        while True:
            request = self._q.ScrollRequest(
                offset=at, limit=batch, with_payload=True, with_vector=bool(self._dim)
            )
            points, at = self._shard.scroll(request)
            yield [self._row(point) for point in points]
            if at is None:
                return

    def _row(self, point: Any) -> Row:
        payload = dict(point.payload)
        vector = point.vector["text"] if self._dim else None
        return Row(payload.pop("document"), payload.pop("number"), payload, vector, {})

    def count(self, number: int | None = None) -> int:
        """See `Store`."""
        q, only = self._q, None
        if number is not None:
            only = q.Filter(must=[q.FieldCondition("number", match=q.MatchValue(number))])
        return self._shard.count(q.CountRequest(filter=only, exact=True))

    def fields(self) -> set[str]:
        """See `Store`."""
        return {
            path.removeprefix("fields.").strip('"') for path in self._fields if path.startswith("fields.")
        }

    def settle(self) -> None:
        """See `Store`."""
        self._shard.optimize()
        self._shard.flush()

    @contextmanager
    def replaced(self) -> Iterator["EdgeStore"]:
        """See `Store`."""
        with atomic_folder(self._folder, SETTINGS_FILE) as new:
            fresh = EdgeStore(new)
            try:
                yield fresh
                fresh.settle()
            finally:
                fresh.close()
            self._shard.close()
        self._open(fresh._dim)

    def close(self) -> None:
        """See `Store`."""
        if hasattr(self, "_shard"):
            self._shard.close()
        self._held.close()


def open_store(target: str | Path) -> Store:
    """The store of a folder or an address.

    Raises:
        StoreError: it cannot be opened, or the kind of server is unknown.
    """
    scheme, separator, _ = str(target).partition("://")
    if not separator:
        return EdgeStore(Path(target))
    if scheme in ("postgresql", "postgres"):
        from .postgres import PostgresStore

        return PostgresStore(str(target))
    raise StoreError(f"{target}: an index is a folder, or on a server at postgresql://…")
