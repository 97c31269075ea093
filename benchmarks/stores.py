"""Stores of vectors compared: what adding, searching and being killed costs in each.

    python benchmarks/stores.py prepare [--rows 1000000] --encoder MINILM
    PYTHON benchmarks/stores.py [lancedb] [milvus] [qdrant] [usearch] [--rows 20000] [--kills 5]
        [--steps build search kill]

PYTHON is an interpreter with `lancedb`, `pymilvus[milvus-lite]`, `qdrant-edge-py`, `usearch` and `psutil`.
The rows are passages of 24 words of the shared English corpora, their vectors the mean of MiniLM's word-piece
embeddings less the mean of all, 384 numbers of length one; 1,000 passages more are the queries. Rows are
added in batches of 1,000, each acknowledged, with their text and a number to filter by; then the index is
built as each store's manual says for this size. Searched is one query at a time, texts returned, in a new
process; what was built stays in the temporary folder, so that a step can be repeated. `kill -9` hits a
process that adds batches of 500 and writes down each that was acknowledged.

Each store runs in processes of its own; figures go to results/stores.json.
"""

import argparse
import json
import lzma
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(tempfile.gettempdir()) / "wordladder-stores"
WORDS, QUERIES, BATCH, DIM, TOP = 24, 1000, 1000, 384, 10


class LanceDB:
    """LanceDB, as embedded: Arrow tables in versions, HNSW over bytes in partitions, full-text index."""

    def __init__(self, folder: Path) -> None:
        import lancedb

        self.base = lancedb.connect(str(folder))
        self.table = self.base.open_table("rows") if "rows" in self.base.list_tables().tables else None

    def add(self, ids: list[int], vectors: np.ndarray, texts: list[str]) -> None:
        import pyarrow as pa

        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
        columns = {"id": ids, "vector": flat, "text": texts, "number": [i % 10 for i in ids]}
        rows = pa.table(columns)
        if self.table is None:
            self.table = self.base.create_table("rows", rows)
        else:
            self.table.add(rows)

    def finish(self) -> None:
        from lancedb.index import FTS, HnswSq

        self.table.optimize()
        partitions = max(1, self.count() // 250_000)
        self.table.create_index("vector", config=HnswSq(distance_type="dot", num_partitions=partitions))
        self.table.create_index("text", config=FTS(stem=True, remove_stop_words=False))

    def search(self, vector: np.ndarray, number: int | None = None) -> list[int]:
        query = self.table.search(vector).distance_type("dot").limit(TOP).select(["id", "text", "_distance"])
        query = query.ef(100).nprobes(20)
        if number is not None:
            query = query.where(f"number = {number}", prefilter=True)
        return [row["id"] for row in query.to_list()]

    def words(self, text: str) -> list[int]:
        query = self.table.search(text, query_type="fts").limit(TOP).select(["id", "text", "_score"])
        return [row["id"] for row in query.to_list()]

    def ids(self) -> set[int]:
        return set() if self.table is None else set(self.table.to_arrow()["id"].to_pylist())

    def count(self) -> int:
        return self.table.count_rows()

    def close(self) -> None:
        pass


class Milvus:
    """milvus-lite by the client of Milvus: HNSW, BM25 as a function of the schema."""

    def __init__(self, folder: Path) -> None:
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        folder.mkdir(exist_ok=True)
        self.client = MilvusClient(str(folder / "rows.db"))
        if self.client.has_collection("rows"):
            self.client.load_collection("rows")
            return
        schema = self.client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("text", DataType.VARCHAR, max_length=65535, enable_analyzer=True)
        schema.add_field("number", DataType.INT64)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function("bm25", FunctionType.BM25, input_field_names=["text"], output_field_names=["words"])
        )
        self.client.create_collection("rows", schema=schema)

    def add(self, ids: list[int], vectors: np.ndarray, texts: list[str]) -> None:
        rows = zip(ids, vectors.tolist(), texts)
        self.client.insert("rows", [{"id": i, "vector": v, "text": t, "number": i % 10} for i, v, t in rows])

    def finish(self) -> None:
        indexes = self.client.prepare_index_params()
        hnsw = {"M": 16, "efConstruction": 128}
        indexes.add_index("vector", index_type="HNSW", metric_type="IP", params=hnsw)
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        self.client.flush("rows")
        self.client.create_index("rows", indexes)
        self.client.load_collection("rows")

    def _search(self, data: Any, field: str, params: Any, number: int | None = None) -> list[int]:
        found = self.client.search(
            "rows",
            [data],
            anns_field=field,
            limit=TOP,
            search_params=params,
            output_fields=["text"],
            filter="" if number is None else f"number == {number}",
        )
        return [hit["id"] for hit in found[0]]

    def search(self, vector: np.ndarray, number: int | None = None) -> list[int]:
        return self._search(vector.tolist(), "vector", {"metric_type": "IP", "params": {"ef": 100}}, number)

    def words(self, text: str) -> list[int]:
        return self._search(text, "words", {"metric_type": "BM25"})

    def ids(self) -> set[int]:
        rows = self.client.query_iterator("rows", batch_size=1000, filter="", output_fields=["id"])
        found: set[int] = set()
        while batch := rows.next():
            found |= {row["id"] for row in batch}
        return found

    def count(self) -> int:
        return self.client.query("rows", filter="", output_fields=["count(*)"])[0]["count(*)"]

    def close(self) -> None:
        self.client.close()


class Qdrant:
    """Qdrant Edge: a shard in the process, with a log; HNSW over bytes, sparse vectors for BM25."""

    def __init__(self, folder: Path) -> None:
        import qdrant_edge as q

        self.q = q
        if (folder / "segments").exists():
            self.shard = q.EdgeShard.load(str(folder))
            return
        folder.mkdir(exist_ok=True)
        bytes_ = q.ScalarQuantizationConfig(q.ScalarType.Int8, memory=q.Memory.Pinned)
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(DIM, q.Distance.Dot, memory=q.Memory.Cold, quantization_config=bytes_),
            sparse_vectors={"words": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
            hnsw_config=q.HnswIndexConfig(m=16, ef_construct=128, full_scan_threshold=10_000),
        )
        self.shard = q.EdgeShard.create(str(folder), config)
        number = q.PayloadSchemaType.Integer
        self.shard.update(q.UpdateOperation.create_field_index("number", number))

    @property
    def bm25(self) -> Any:
        return self.q.Bm25(self.q.Bm25Config(avg_len=WORDS, language="english"))

    def add(self, ids: list[int], vectors: np.ndarray, texts: list[str]) -> None:
        q, bm25 = self.q, self.bm25
        points = [
            q.Point(i, {"": v, "words": bm25.embed_document(t)}, {"text": t, "number": i % 10})
            for i, v, t in zip(ids, vectors.tolist(), texts)
        ]
        self.shard.update(q.UpdateOperation.upsert_points(points))

    def finish(self) -> None:
        self.shard.optimize()
        self.shard.flush()

    def _search(self, query: Any, number: int | None = None) -> list[int]:
        q = self.q
        only = None
        if number is not None:
            match = q.FieldCondition("number", match=q.MatchValue(number))
            only = q.Filter(must=[match])
        request = q.QueryRequest(
            TOP, query=query, filter=only, with_payload=True, params=q.SearchParams(hnsw_ef=100)
        )
        return [hit.id for hit in self.shard.query(request)]

    def search(self, vector: np.ndarray, number: int | None = None) -> list[int]:
        return self._search(self.q.Query.Nearest(vector.tolist()), number)

    def words(self, text: str) -> list[int]:
        return self._search(self.q.Query.Nearest(self.bm25.embed_query(text), using="words"))

    def ids(self) -> set[int]:
        found, at = set(), None
        while True:
            rows, at = self.shard.scroll(self.q.ScrollRequest(limit=10_000, offset=at))
            found |= {row.id for row in rows}
            if at is None:
                return found

    def count(self) -> int:
        return self.shard.count(self.q.CountRequest(exact=True))

    def close(self) -> None:
        self.shard.close()


class USearch:
    """USearch's HNSW over bytes beside SQLite, which holds the rows: what a store of one's own would be."""

    def __init__(self, folder: Path) -> None:
        import sqlite3

        from usearch.index import Index

        folder.mkdir(exist_ok=True)
        self.base = sqlite3.connect(folder / "rows.db")
        self.base.execute("pragma journal_mode = wal")
        self.base.execute("create table if not exists rows (id integer primary key, text, number, vector)")
        self.file = folder / "graph"
        self.graph = Index(ndim=DIM, metric="cos", dtype="i8", connectivity=16, expansion_add=128)
        if self.file.exists():
            self.graph.view(str(self.file))
        self.graph.expansion_search = 100

    def add(self, ids: list[int], vectors: np.ndarray, texts: list[str]) -> None:
        numbers = [i % 10 for i in ids]
        rows = zip(ids, texts, numbers, map(bytes, vectors))
        with self.base:
            self.base.executemany("insert or replace into rows values (?, ?, ?, ?)", rows)

    def finish(self) -> None:
        rows = self.base.execute("select id, vector from rows")
        while batch := rows.fetchmany(10_000):
            vectors = np.frombuffer(b"".join(row[1] for row in batch), np.float32).reshape(-1, DIM)
            self.graph.add(np.array([row[0] for row in batch]), vectors)
        self.graph.save(str(self.file))

    def search(self, vector: np.ndarray, number: int | None = None) -> list[int]:
        if number is not None:
            raise NotImplementedError
        found = self.graph.search(vector, TOP).keys.tolist()
        marks = ",".join("?" * len(found))
        self.base.execute(f"select id, text from rows where id in ({marks})", found).fetchall()
        return found

    def words(self, text: str) -> list[int]:
        raise NotImplementedError

    def ids(self) -> set[int]:
        return {row[0] for row in self.base.execute("select id from rows")}

    def count(self) -> int:
        return self.base.execute("select count(*) from rows").fetchone()[0]

    def close(self) -> None:
        self.base.close()


STORES = {"lancedb": LanceDB, "milvus": Milvus, "qdrant": Qdrant, "usearch": USearch}


def passages(data: Path) -> Iterator[str]:
    """Passages of the shared English corpora, all of the same number of words."""
    for name in ("enwiki_sample.txt.xz", "imdb_unsup.txt.xz"):
        with lzma.open(data / "corpora" / name, "rt", encoding="utf-8") as file:
            for line in file:
                words = line.split()
                for start in range(0, len(words) - WORDS + 1, WORDS):
                    yield " ".join(words[start : start + WORDS])


def prepare(given: Any) -> None:
    """Write passages, their vectors, the queries and their true neighbours."""
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from _common import need
    from wordladder.search.nearest import nearest

    texts = list(islice(passages(need("corpora/enwiki_sample.txt.xz").parent.parent), given.rows + QUERIES))
    random.Random(1).shuffle(texts)
    weights = load_file(given.encoder / "model.safetensors")
    table = next(value for name, value in weights.items() if name.endswith("word_embeddings.weight"))
    cutter = Tokenizer.from_file(str(given.encoder / "tokenizer.json"))
    cutter.no_padding()
    vectors = np.empty((len(texts), DIM), np.float32)
    for start in range(0, len(texts), 10_000):
        pieces = cutter.encode_batch_fast(texts[start : start + 10_000], add_special_tokens=False)
        ids = torch.tensor([piece for one in pieces for piece in one.ids])
        begins = torch.tensor([0] + [len(one.ids) for one in pieces[:-1]]).cumsum(0)
        vectors[start : start + len(pieces)] = torch.nn.functional.embedding_bag(
            ids, table.float(), begins, mode="mean"
        ).numpy()
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    np.save(FOLDER / "vectors.npy", vectors)
    for rows in {20_000, given.rows}:
        truth = nearest(vectors[QUERIES : QUERIES + rows], vectors[:QUERIES], TOP)
        np.save(FOLDER / f"truth-{rows}.npy", truth.ids)


def load(rows: int) -> tuple[np.ndarray, list[str], np.ndarray, list[str]]:
    """Vectors and texts of the rows, and of the queries."""
    vectors = np.load(FOLDER / "vectors.npy", mmap_mode="r")
    with (FOLDER / "texts.txt").open(encoding="utf-8") as file:
        texts = [line.rstrip("\n") for line in islice(file, rows + QUERIES)]
    return vectors[QUERIES : rows + QUERIES], texts[QUERIES:], np.array(vectors[:QUERIES]), texts[:QUERIES]


def resident() -> float:
    """Most memory so far that this process and its children had, in MB, without files that are mapped."""
    import psutil

    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(one.memory_full_info().uss for one in processes) / 1e6


def build(name: str, rows: int, folder: Path) -> dict[str, float]:
    """Add all rows, and build the index."""
    import resource

    vectors, texts, *_ = load(rows)
    store, started = STORES[name](folder), time.perf_counter()
    for start in range(0, rows, BATCH):
        ids = list(range(start, min(start + BATCH, rows)))
        store.add(ids, np.array(vectors[start : start + BATCH]), texts[start : start + BATCH])
    added = time.perf_counter()
    store.finish()
    done = time.perf_counter()
    most = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    assert store.count() == rows
    store.close()
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "added_per_s": rows / (added - started),
        "index_s": done - added,
        "rows_per_s": rows / (done - started),
        "cores": len(os.sched_getaffinity(0)),
        "peak_mb": most / 1e3,
        "disk_mb": size / 1e6,
    }


def search(name: str, rows: int, folder: Path) -> dict[str, float]:
    """Answer all queries, one at a time."""
    _, _, queries, texts = load(rows)
    truth = np.load(FOLDER / f"truth-{rows}.npy")
    started = time.perf_counter()
    store = STORES[name](folder)
    first = store.search(queries[0])
    found: dict[str, float] = {"open_s": time.perf_counter() - started}
    assert len(first) == TOP
    ways = {
        "vector": lambda i: store.search(queries[i]),
        "filtered": lambda i: store.search(queries[i], number=3),
        "words": lambda i: store.words(" ".join(texts[i].split()[:8])),
    }
    for way, ask in ways.items():
        times, hits = [], 0
        try:
            for i in range(QUERIES if way == "vector" else 300):
                begun = time.perf_counter()
                ids = ask(i)
                times.append(time.perf_counter() - begun)
                hits += len(set(ids) & set(truth[i].tolist()))
        except NotImplementedError:
            continue
        found |= {f"{way}_p50_ms": 1e3 * np.median(times), f"{way}_p95_ms": 1e3 * np.quantile(times, 0.95)}
        if way == "vector":
            found["recall"] = hits / QUERIES / TOP
    found["resident_mb"] = resident()
    return found


def add_forever(name: str, rows: int, folder: Path) -> dict[str, float]:
    """Add batches, and tell after each."""
    vectors, texts, *_ = load(rows)
    store = STORES[name](folder)
    at = max(store.ids(), default=-1) + 1
    for start in range(at, rows, 500):
        store.add(
            list(range(start, start + 500)),
            np.array(vectors[start : start + 500]),
            texts[start : start + 500],
        )
        print(start + 500, flush=True)
    return {}


def ids(name: str, rows: int, folder: Path) -> dict[str, float]:
    """How many rows there are, from the first without a gap."""
    found = STORES[name](folder).ids()
    return {"whole": float(found == set(range(len(found)))), "count": len(found)}


def killed(name: str, folder: Path, kills: int) -> dict[str, float]:
    """What is lost when a process that adds is killed."""
    lost, acknowledged = 0, 0
    for kill in range(kills):
        command = [sys.executable, __file__, name, "--one", "add_forever", "--folder", str(folder)]
        child = subprocess.Popen(
            [*command, "--rows", "20000"], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert child.stdout
        for _ in range(2):
            line = child.stdout.readline().strip()
            acknowledged = int(line) if line.isdigit() else acknowledged
        time.sleep(random.Random(kill).uniform(0, 0.1))
        os.killpg(child.pid, signal.SIGKILL)
        told = child.stdout.read().split()
        acknowledged = max([acknowledged, *map(int, filter(str.isdigit, told))])
        child.wait()
        there = one("ids", name, 20_000, folder)
        lost += max(0, acknowledged - there["count"])
    return {"kills": kills, "acknowledged": acknowledged, "lost": lost}


def one(step: str, name: str, rows: int, folder: Path) -> dict[str, float]:
    """A step in a process of its own."""
    command = [sys.executable, __file__, name, "--one", step, "--rows", str(rows), "--folder", str(folder)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(printed.stdout.splitlines()[-1])


def main() -> None:
    """Prepare, or measure each store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stores", nargs="*", default=list(STORES))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--steps", nargs="+", default=["build", "search", "kill"])
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one")
    given = parser.parse_args()
    if given.stores == ["prepare"]:
        return prepare(given)
    if given.one:
        steps = {"build": build, "search": search, "add_forever": add_forever, "ids": ids}
        print(json.dumps(steps[given.one](given.stores[0], given.rows, given.folder)))
        return None
    results = Path(__file__).parent / "results" / "stores.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    for name in given.stores:
        folder, figures = FOLDER / f"{name}-{given.rows}", {}
        if "build" in given.steps:
            shutil.rmtree(folder, ignore_errors=True)
            figures |= one("build", name, given.rows, folder)
        if "search" in given.steps:
            figures |= one("search", name, given.rows, folder)
        if "kill" in given.steps:
            with tempfile.TemporaryDirectory() as temporary:
                figures |= killed(name, Path(temporary) / "rows", given.kills)
        found.setdefault(str(given.rows), {}).setdefault(name, {}).update(figures)
        print(name, {key: round(value, 3) for key, value in figures.items()}, flush=True)
        results.write_text(json.dumps(found, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
