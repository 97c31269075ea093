"""The store on a server: PostgreSQL with pgvector."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from struct import pack
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

import numpy as np

from ..errors import DataError, StoreError
from ..extras import require
from .store import Row, Where, conditions

_LONGEST_FULL, _LONGEST_HALF = 2000, 4000  # the longest vectors that HNSW takes, as float32 and as float16
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

_TABLES = """
create table settings (one boolean primary key default true check (one), kept jsonb not null, worded bigint
    not null default 0);
create table passages (id uuid primary key, document text not null, number integer not null, payload jsonb
    not null {vector});
create index on passages using hash (document);
create index on passages using gin ((payload -> 'fields') jsonb_path_ops);
create table postings (term bigint, passage uuid, weight real not null, primary key (term, passage) include
    (weight));
create index on postings (passage);
"""
# `worded` is how many passages have terms, kept up to date, for counting them takes long.
_FREQUENCIES = """
with asked as (select * from unnest(%(terms)s::bigint[], %(weights)s::float8[]) as asked (term, weight)),
weighted as materialized (
    select term, weight * ln(1 + (worded - known + 0.5::float8) / (known + 0.5::float8)) as weight
    from asked, settings, lateral (select count(*) as known from postings where term = asked.term) as counted
)
"""


class PostgresStore:
    """A schema of a PostgreSQL database: HNSW of pgvector, and a table of the terms of passages for BM25.

    Several processes may read and write it at once. It can be much slower than a folder for search by words:
    all passages with a term of the query are scored.

    Args:
        url: Its address as of `libpq`, and the name of the index: `postgresql://user@host/database?index=NAME`;
            `main` if it is left out. The schema is `wordladder_NAME`.

    Raises:
        StoreError: the server cannot be reached or refuses, or the name of the index is not valid.
    """

    def __init__(self, url: str) -> None:
        self._q = require("psycopg", "postgres", "An index on a PostgreSQL server")
        self._url, index, self.name = _parts(url)
        if not re.fullmatch(r"[a-z0-9_]{1,48}", index):
            raise StoreError(
                f"{self.name}: the index has the letters a-z, digits and _ in its name, at most 48"
            )
        self._schema, self._dim = f"wordladder_{index}", 0
        try:
            self._connection = self._q.connect(self._url, autocommit=True)
        except self._q.Error as error:
            raise StoreError(f"{self.name}: no connection: {_line(error)}") from None
        try:
            self._find_schema()
            self._dim = (self.settings() or {"dim": 0})["dim"]
            # What pgvector has from version 0.8 on: filters and HNSW together find as many as are asked for.
            self._run("set hnsw.iterative_scan = strict_order")
            self._run("set plan_cache_mode = force_custom_plan")
        except BaseException:
            self.close()
            raise

    def _find_schema(self) -> None:
        """Let names of tables be of the index, and those of pgvector be known wherever it is installed."""
        self._run(
            "select set_config('search_path', concat_ws(', ', quote_ident(%s), (select quote_ident(nspname) "
            "from pg_extension join pg_namespace on pg_namespace.oid = extnamespace where extname = 'vector'"
            ")), false)",
            [self._schema],
        )

    def _run(self, query: Any, values: Any = None) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        with self._errors():
            cursor = self._connection.execute(query, values, binary=True)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._q.DataError as error:
            raise DataError(f"{self.name}: PostgreSQL cannot keep this: {_line(error)}") from None
        except self._q.Error as error:
            hint = "; open the index again" if self._connection.closed else ""
            raise StoreError(f"{self.name}: {_line(error)}{hint}") from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that writers take turns in."""
        with self._errors(), self._connection.transaction():
            self._run("select from settings for update")
            yield

    def settings(self) -> dict[str, Any] | None:
        """See `Store`."""
        ((there,),) = self._run("select to_regclass(quote_ident(%s) || '.settings')::text", [self._schema])
        return self._run("select kept from settings")[0][0] if there else None

    def keep(self, settings: Mapping[str, Any]) -> None:
        """See `Store`."""
        kept = self._q.types.json.Jsonb(dict(settings))
        if self.settings() is not None:
            self._run("update settings set kept = %s", [kept])
            return
        self._dim = int(settings["dim"])
        with self._errors(), self._connection.transaction():
            if self._dim:
                self._need_vectors()
            self._run(self._q.sql.SQL("create schema {}").format(self._q.sql.Identifier(self._schema)))
            vector = f", vector vector({self._dim}) not null" if self._dim else ""
            for one in _TABLES.format(vector=vector).split(";"):
                self._run(one)
            self._run("insert into settings (kept) values (%s)", [kept])

    def _need_vectors(self) -> None:
        """Install pgvector in the database."""
        try:
            self._run("create extension if not exists vector schema public")
        except StoreError as error:
            raise StoreError(f"{error}. An index with vectors needs the extension pgvector") from None
        self._find_schema()
        ((found,),) = self._run("select extversion from pg_extension where extname = 'vector'")
        if tuple(map(int, found.split(".")[:2])) < (0, 8):
            raise StoreError(f"{self.name}: pgvector {found} is too old; version 0.8 or later is needed")

    def put(self, rows: Sequence[Row]) -> None:
        """See `Store`."""
        json = self._q.types.json.Jsonb
        with self._writing():
            self._remove("id = any(%s)", [[UUID(row.id) for row in rows]])
            with self._connection.cursor() as cursor:
                types = ["uuid", "text", "int4", "jsonb"] + ["bytea"] * bool(self._dim)
                with cursor.copy("copy passages from stdin (format binary)") as copy:
                    copy.set_types(types)
                    for row in rows:
                        vector = [] if row.vector is None else [_bytes(row.vector)]
                        copy.write_row([UUID(row.id), row.document, row.number, json(row.payload), *vector])
                with cursor.copy("copy postings from stdin (format binary)") as copy:
                    copy.set_types(["int8", "uuid", "float4"])
                    for row in rows:
                        name = UUID(row.id)
                        for term, weight in row.words.items():
                            copy.write_row([term, name, weight])
            self._run("update settings set worded = worded + %s", [sum(bool(row.words) for row in rows)])

    def _remove(self, which: str, values: list[Any]) -> None:
        """Delete passages with their postings."""
        gone = [row[0] for row in self._run(f"delete from passages where {which} returning id", values)]
        if gone:
            self._run(
                "with gone as (delete from postings where passage = any(%s) returning passage) "
                "update settings set worded = worded - (select count(distinct passage) from gone)",
                [gone],
            )

    def delete(self, document: str, start: int = 0) -> None:
        """See `Store`."""
        with self._writing():
            self._remove("document = %s and number >= %s", [document, start])

    def get(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """See `Store`."""
        query = "select id, payload, document, number from passages where id = any(%s)"
        rows = self._run(query, [list(map(UUID, ids))])
        return {str(row[0]): row[1] | {"document": row[2], "number": row[3]} for row in rows}

    def nearest(self, vector: Sequence[float], count: int, where: Where | None) -> list[tuple[str, float]]:
        """See `Store`."""
        if len(vector) != self._dim:
            raise DataError(f"{self.name}: a vector of {self._dim} numbers is needed, not of {len(vector)}")
        test, values = _test(where)
        values |= {"vector": list(map(float, vector)), "count": count}
        # With halves the order is near enough to find more than is needed, which is then sorted as is right.
        near = f"{self._column()} <#> %(vector)s::float8[]::{self._kind()}"
        values["found"] = count if self._kind() == "vector" else 2 * count
        with self._errors(), self._connection.transaction():
            self._run("select set_config('hnsw.ef_search', %s, true)", [str(min(1000, max(128, count)))])
            rows = self._run(
                f"with near as materialized (select id, vector from passages where {test} order by {near} "
                "limit %(found)s) select id, -(vector <#> %(vector)s::float8[]::vector) as score from near "
                "order by score desc, id limit %(count)s",
                values,
            )
        return [(str(name), score) for name, score in rows]

    def _kind(self) -> str:
        return "halfvec" if _LONGEST_FULL < self._dim <= _LONGEST_HALF else "vector"

    def _column(self) -> str:
        return "vector" if self._kind() == "vector" else f"(vector::halfvec({self._dim}))"

    def match(self, words: Mapping[int, float], count: int, where: Where | None) -> list[tuple[str, float]]:
        """See `Store`."""
        test, values = _test(where)
        join = "join passages on id = passage" if where else ""
        rows = self._run(
            f"{_FREQUENCIES} select passage, sum(weighted.weight * postings.weight) as score from weighted "
            f"join postings using (term) {join} where {test} group by passage "
            "order by score desc, passage limit %(count)s",
            values | {"terms": list(words), "weights": list(words.values()), "count": count},
        )
        return [(str(name), score) for name, score in rows]

    def scan(self, batch: int) -> Iterable[list[Row]]:
        """See `Store`."""
        numbers = "vector::real[]" if self._dim else "null"
        columns = f"id, document, number, payload, {numbers}"
        query = f"select {columns} from passages where id > %s order by id limit %s"
        after = UUID(int=0)
        while rows := self._run(query, [after, batch]):
            yield [
                Row(document, number, payload, vector, {}) for _, document, number, payload, vector in rows
            ]
            after = rows[-1][0]

    def count(self, number: int | None = None) -> int:
        """See `Store`."""
        which = "number = %(number)s or %(number)s::integer is null"
        return int(self._run(f"select count(*) from passages where {which}", {"number": number})[0][0])

    def fields(self) -> set[str]:
        """See `Store`."""
        names = "jsonb_object_keys(payload -> 'fields')"
        return {row[0] for row in self._run(f"select distinct {names} from passages where number = 0")}

    def settle(self) -> None:
        """See `Store`."""
        if 0 < self._dim <= _LONGEST_HALF:
            # Quicker with more of the server's maintenance_work_mem; later rows are added to it one by one.
            self._run(
                f"create index if not exists passages_vector on passages using hnsw "
                f"({self._column()} {self._kind()}_ip_ops) with (m = 16, ef_construction = 128)"
            )
        self._run("analyze passages")
        self._run("analyze postings")

    @contextmanager
    def replaced(self) -> Iterator["PostgresStore"]:
        """See `Store`. Other processes that write wait."""
        sql, name = self._q.sql, f"new_{sha256(self._schema.encode()).hexdigest()[:16]}"
        old, new = sql.Identifier(self._schema), sql.Identifier(f"wordladder_{name}")
        drop = sql.SQL("drop schema if exists {} cascade")
        with self._errors(), self._q.connect(self._url, autocommit=True) as other, self._writing():
            other.execute(drop.format(new))
            fresh = PostgresStore(f"{self._url}{'&' if '?' in self._url else '?'}index={name}")
            try:
                yield fresh
                fresh.settle()
            except BaseException:
                fresh.close()
                other.execute(drop.format(new))
                raise
            fresh.close()
            self._run(drop.format(old))
            self._run(sql.SQL("alter schema {} rename to {}").format(new, old))
        self._dim = fresh._dim

    def close(self) -> None:
        """See `Store`."""
        self._connection.close()


def _parts(url: str) -> tuple[str, str, str]:
    """The address for `libpq`, the name of the index, and the address to show, without a password."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    index = dict(query).get("index", "main")
    user, at, hosts = parts.netloc.rpartition("@")
    shown = [(key, value) for key, value in query if "password" not in key]
    plain = urlunsplit(parts._replace(query=urlencode([one for one in query if one[0] != "index"])))
    safe = parts._replace(netloc=user.partition(":")[0] + at + hosts, query=urlencode(shown, safe="/"))
    return plain, index, urlunsplit(safe)


def _line(error: Exception) -> str:
    """The first line of a message, with the detail that may follow."""
    first, _, more = (str(error).strip() or type(error).__name__).partition("\n")
    detail = re.match(r"DETAIL: +(.+)", more)
    return f"{first}: {detail[1]}" if detail else first


def _bytes(vector: Sequence[float]) -> bytes:
    """A vector as pgvector reads it."""
    return pack(">HH", len(vector), 0) + np.asarray(vector, ">f4").tobytes()


def _test(where: Where | None) -> tuple[str, dict[str, Any]]:
    """Conditions as SQL, with its parameters. A list has a value if one of its members is it."""
    from psycopg.types.json import Jsonb

    tests, values = ["true"], dict[str, Any]()
    for i, (name, comparison, value) in enumerate(conditions(where or {})):
        if comparison == "in":
            values[f"w{i}"] = [Jsonb({name: one}) for member in value for one in (member, [member])]
            tests.append(f"payload -> 'fields' @> any(%(w{i})s::jsonb[])")
        else:
            values |= {f"n{i}": name, f"w{i}": Jsonb({"value": value})}
            path = f"'$[*] ? (@ {_OPERATORS[comparison]} $value)'"
            tests.append(f"jsonb_path_exists(payload -> 'fields' -> %(n{i})s, {path}, %(w{i})s)")
    return " and ".join(tests), values
