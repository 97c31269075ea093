"""The server under load, on loopback.

    python benchmarks/serving.py speed --encoder MINILM --infinity PROGRAM --peer PYTHON [--seconds 30]
    python benchmarks/serving.py tagger --model FOLDER [--seconds 20] [--workers 2]
    python benchmarks/serving.py soak --encoder MINILM --model FOLDER [--seconds 600]
    python benchmarks/serving.py fuzz --encoder MINILM [--requests 50000]

Speed: 32 clients, each with one text of 5 to 200 words at a time (of the English Wikipedia), against
wordladder, infinity-emb (PROGRAM, in an environment of its own) and a plain server of FastAPI and
sentence-transformers in PYTHON's environment, in turn.
Tagger: 32 clients with 16 sentences of CoNLL-2003 each at a time. Soak: requests begin four times as often as
the server can answer, good ones and bad ones, of two models; every answer is compared with the model's own,
at last the server is stopped amid requests. Fuzz: odd bodies, headers, paths and slow clients.

The clients are a process of their own on the same cores. Latency is from sending to the whole answer.
"""

import argparse
import asyncio
import json
import lzma
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from _common import keep, need

CLIENTS, TEXTS = 32, 2000
ODD = (  # headers
    *("",) * 3,
    "X: \x01\r\n",
    "Content-Length: 3\r\n",
    f"A: {'y' * 70_000}\r\n",
    "Expect: 100-continue\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Authorization: Bearer \xff\r\n",
    "X-Request-Id: \t<>\r\n",
    "no colon\r\n",
)
PEER = """
import sys, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer
model, app = SentenceTransformer(sys.argv[1], device="cpu"), FastAPI()
class Given(BaseModel):
    inputs: list[str]
@app.post("/embed")
def embed(given: Given):
    return model.encode(given.inputs, normalize_embeddings=True).tolist()
uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
"""


def texts(count: int, least: int = 5, most: int = 200) -> list[str]:
    """Runs of words of the English Wikipedia, of evenly spread lengths."""
    chance, found, words = random.Random(1), [], list[str]()
    with lzma.open(need("corpora/enwiki_sample.txt.xz"), "rt", encoding="utf-8") as file:
        for line in file:
            words += line.split()
            while len(words) > most and len(found) < count:
                size = chance.randint(least, most)
                found.append(" ".join(words[:size]))
                words = words[size:]
            if len(found) == count:
                return found
    return found


@contextmanager
def started(command: list[str], **more: Any) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server of our own on a free port, once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wordladder", "serve", *command, "--port", "0"],
        stdout=subprocess.PIPE, stderr=more.get("log", subprocess.DEVNULL),
        env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "300"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(rb"http://127.0.0.1:(\d+)", line):
                wait(int(found[1]), "/ready")
                yield int(found[1]), process
                break
    finally:
        process.kill()
        process.wait()


def wait(port: int, path: str) -> None:
    """Until the server answers."""
    for _ in range(600):
        with suppress(OSError):
            if asyncio.run(request(port, path, None))[0] < 500:
                return
        time.sleep(0.1)
    raise RuntimeError("the server does not come up")


async def request(port: int, path: str, body: bytes | None) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    async with Connection(port) as connection:
        return await connection.ask(path, body)


class Connection:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def ask(self, path: str, body: bytes | None) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        method = "GET" if body is None else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body or b'')}\r\n\r\n".encode() + (body or b""))
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """The next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head.split(b" ", 2)[1]), body


async def closed_loop(port: int, path: str, bodies: list[bytes], seconds: float) -> list[float]:
    """The latencies of clients that each have one request at a time, in seconds."""
    found: list[float] = []
    end = time.perf_counter() + seconds

    async def client(first: int) -> None:
        async with Connection(port) as connection:
            for number in range(first, 10**9, CLIENTS):
                began = time.perf_counter()
                if began > end:
                    return
                status, _ = await connection.ask(path, bodies[number % len(bodies)])
                assert status == 200, status
                found.append(time.perf_counter() - began)

    await asyncio.gather(*map(client, range(CLIENTS)))
    return found


def figures(latencies: list[float], seconds: float, rows: int = 1) -> dict[str, float]:
    """Rows a second, and percentiles in ms."""
    p50, p95 = (1000 * float(np.quantile(latencies, share)) for share in (0.5, 0.95))
    return {"rows_per_second": rows * len(latencies) / seconds, "p50_ms": p50, "p95_ms": p95}


def speed(given: Any) -> None:
    """All servers in turn."""
    some = texts(TEXTS)
    bodies = [json.dumps({"inputs": [text]}).encode() for text in some]
    named = [json.dumps({"model": "m", "input": [text]}).encode() for text in some]
    folder, found = str(given.encoder), dict[str, dict[str, float]]()
    infinity = [given.infinity, "v2", "--model-id", folder, "--served-model-name", "m", "--device", "cpu"]
    peers = {
        "infinity-emb": ([*infinity, "--engine", "torch", "--port", "8766"], 8766, "/embeddings", named),
        "FastAPI and sentence-transformers": (
            [given.peer, "-c", PEER, folder, "8765"],
            8765,
            "/embed",
            bodies,
        ),
    }

    def measure(name: str, port: int, path: str, asked: list[bytes]) -> None:
        asyncio.run(closed_loop(port, path, asked, 3))
        one = figures(asyncio.run(closed_loop(port, path, asked, given.seconds)), given.seconds)
        if one["rows_per_second"] >= found.get(name, one)["rows_per_second"]:
            found[name] = one

    for turn in range(given.repeat):
        with started([folder]) as (port, _):
            measure("wordladder", port, "/embed", bodies)
        for name, (command, port, path, asked) in peers.items():
            if command[0] is None:
                continue
            peer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait(port, "/docs")
                measure(name, port, path, asked)
            finally:
                peer.kill()
                peer.wait()
        print(turn, found, flush=True)
    keep("serving_speed", {"clients": CLIENTS, "seconds": given.seconds, "best": found})


def tagger(given: Any) -> None:
    """Sentences a second of a tagger."""
    from wordladder.data.reading import read_examples

    rows = read_examples(need("ner/conll2003/eng.testb.gz"), "tagging").texts
    bodies = [json.dumps({"texts": list(rows[at : at + 16])}).encode() for at in range(0, len(rows) - 16, 16)]
    with started([str(given.model), "--workers", str(given.workers)]) as (port, _):
        asyncio.run(closed_loop(port, "/tag", bodies, 3))
        one = figures(asyncio.run(closed_loop(port, "/tag", bodies, given.seconds)), given.seconds, 16)
    print(one)
    keep("serving_tagger", {"clients": CLIENTS, "workers": given.workers, **one})


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """The resident memory of a process, on Linux."""
    text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024 / 1e6  # type: ignore[index]


def soak(given: Any) -> None:
    """Four times what the server can do, then a stop amid requests."""
    from wordladder import load

    some, chance = texts(300), random.Random(2)
    encoder, classifier = load(given.encoder), load(given.model)
    vectors = encoder.encode(some, normalize_embeddings=True)
    labels = [one["label"] for one in classifier.answers(some)]
    names = Path(given.encoder).name, Path(given.model).name
    bad = {
        "/embed": [b"{", b'{"inputs": 1}'],
        "/classify": [b'{"texts": ["\xff"]}', b'{"model": "none", "texts": ["x"]}'],
        "/tag": [b'{"texts": ["x"]}'],
        "/nothing": [b"{}"],
    }
    counts, wrong = Counter[str](), list[str]()
    with tempfile.TemporaryFile() as log, started(
        [f"{names[0]}={given.encoder}", f"{names[1]}={given.model}", "--queue-tokens", "20000"], log=log
    ) as (port, process):  # fmt: skip

        async def one(number: int) -> None:
            kind, row = chance.random(), chance.randrange(len(some))
            path, body = "/embed", json.dumps({"inputs": [some[row]]}).encode()
            if kind < 0.1:
                path = chance.choice(list(bad))
                body = chance.choice(bad[path])
            elif kind < 0.4:
                path, body = "/classify", json.dumps({"texts": [some[row]]}).encode()
            try:
                status, answer = await asyncio.wait_for(request(port, path, body), 120)
            except OSError as error:
                counts[f"no connection: {error.errno}"] += 1
                return
            counts[f"{'bad' if kind < 0.1 else 'good'} {status}"] += 1
            if status == 200 and path == "/embed":
                if not np.allclose(json.loads(answer)[0], vectors[row], atol=0.02):
                    wrong.append(f"{number}: a vector")
            elif status == 200 and json.loads(answer)["answers"][0]["label"] != labels[row]:
                wrong.append(f"{number}: a label")

        async def load_it(rate: float, seconds: float) -> None:
            tasks, began, number = set[asyncio.Task[None]](), time.perf_counter(), 0
            while (now := time.perf_counter() - began) < seconds:
                while number < now * rate:
                    task = asyncio.ensure_future(one(number))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    number += 1
                await asyncio.sleep(0.005)
            await asyncio.gather(*tasks)

        bodies = [json.dumps({"inputs": [text]}).encode() for text in some]
        capacity = len(asyncio.run(closed_loop(port, "/embed", bodies, 10))) / 10
        asyncio.run(load_it(4 * capacity, 10))
        counts.clear()
        before = resident_mb(process)
        asyncio.run(load_it(4 * capacity, given.seconds))
        after, soaked = resident_mb(process), dict(counts)
        counts.clear()

        async def stop_amid() -> None:
            asking = asyncio.ensure_future(load_it(capacity, 3))
            await asyncio.sleep(1.5)
            process.send_signal(signal.SIGTERM)
            await asking

        asyncio.run(stop_amid())
        code = process.wait(60)
    found = {
        "seconds": given.seconds, "requests": sum(soaked.values()), "capacity_per_second": capacity,
        "answers": soaked, "wrong": len(wrong), "memory_before_mb": before, "memory_after_mb": after,
        "stopped_amid": dict(counts), "exit_code": code,
    }  # fmt: skip
    print(found, wrong[:5])
    keep("serving_soak", found)


def odd_request(chance: random.Random, paths: list[str]) -> bytes:
    """The bytes of a request that nobody should send."""
    path, text = chance.choice([*paths, "/", "/%00", "/../x", "/embed?x=1", "/é"]), "x" * chance.randrange(50)
    values = [
        None, True, 0, -1, 1e308, 2**70, "", text, "\x00", "中文", "😀" * 9, [], [[]], {}, [text] * 3000,
        [[text, text]], [[text, text, text]], ["\ud800"], {"a": {}}, [None], "NaN",
    ]  # fmt: skip
    keys = (
        "model texts inputs input query queries documents pairs words questions prompt top k where by depth "
    )
    keys += "normalize dimensions encoding_format length count temperature stream seed id top_n prompt_name"
    kind, value = chance.randrange(9), chance.choice(values)
    if kind == 0:
        body = chance.randbytes(chance.randrange(300))
    elif kind == 1:
        body = b"[" * chance.choice([10, 1000, 100_000]) + b"]" * chance.randrange(1000)
    elif kind == 2:
        body = b'{"inputs": "' + chance.randbytes(20) + b'"}'
    elif kind == 3:
        body = json.dumps([value] * chance.choice([1, 5000])).encode()
    else:
        chosen = chance.sample(keys.split(), chance.randrange(1, 6))
        body = json.dumps({key: chance.choice(values) for key in chosen}).encode()
    method = chance.choice(["POST"] * 8 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "X Y", ""])
    length = chance.choice([len(body)] * 12 + [0, 3, len(body) + 5, -1, 10**12])
    odd = chance.choice(ODD)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{odd}\r\n"
    )
    return head.encode("utf-8", "surrogatepass") + body


def fuzz(given: Any) -> None:
    """Odd requests, 64 at a time, a few of them slow; then a good one."""
    chance, counts, faults = random.Random(3), Counter[str](), list[str]()
    with tempfile.TemporaryFile() as log, started(
        [str(given.encoder), "--timeout", "2", "--max-body-mb", "1"], log=log
    ) as (port, process):  # fmt: skip
        paths = list(json.loads(asyncio.run(request(port, "/openapi.json", None))[1])["paths"])

        async def client(turns: int) -> None:
            for _ in range(turns):
                sent = odd_request(chance, paths)
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    counts["no connection"] += 1
                    continue
                with suppress(OSError):
                    if chance.random() < 0.001:  # slow
                        for byte in sent[:20]:
                            writer.write(bytes([byte]))
                            await asyncio.sleep(0.05)
                    writer.write(sent)
                    if chance.random() < 0.1:  # gone before the answer
                        writer.close()
                        counts["left"] += 1
                        continue
                    with suppress(TimeoutError):
                        head = await asyncio.wait_for(reader.read(200), 10)
                        status = head.split(b" ", 2)[1].decode() if head.count(b" ") > 1 else "nothing"
                        counts[status] += 1
                        if status.startswith("5") and status not in ("503", "504"):
                            faults.append(repr(sent[:200]))
                    writer.close()

        async def all_clients() -> None:
            await asyncio.gather(*(client(given.requests // 64) for _ in range(64)))

        asyncio.run(all_clients())
        good, _ = asyncio.run(request(port, "/embed", b'{"inputs": "a text"}'))
        alive = process.poll() is None
        log.seek(0)
        logged = [line.decode() for line in log if b'"level": "error"' in line][:5]
    found = {
        "requests": given.requests,
        "answers": dict(counts),
        "faults": len(faults),
        "alive": alive,
        "good": good,
    }
    print(found, faults[:5], *logged, sep="\n")
    keep("serving_fuzz", found)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["speed", "tagger", "soak", "fuzz"])
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--peer")
    parser.add_argument("--infinity")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--requests", type=int, default=50_000)
    given = parser.parse_args()
    {"speed": speed, "tagger": tagger, "soak": soak, "fuzz": fuzz}[given.part](given)


if __name__ == "__main__":
    main()
