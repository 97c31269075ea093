"""How fast word-vector files open, and how much private memory a mapped one takes.

    python benchmarks/vector_files.py [--words 5000000] [--dim 100] [--text-words 400000] [--folder DIR]

First a .safetensors file with many words is created, opened in a fresh process and queried for neighbours.
Printed are the milliseconds of `WordVectors.load`, of the first and second query, and the anonymous memory
(which cannot be given back to the file) before and after. Then wordladder and gensim each read a .vec file in
a fresh process, on one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from _common import keep

ANONYMOUS = """
def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")
"""
MAPPED = f"""
import json, sys, time
import numpy as np
from wordladder.word_vectors import WordVectors
{ANONYMOUS}
before, started, found = anonymous(), time.perf_counter(), {{}}
vectors = WordVectors.load(sys.argv[1])
found["open_ms"] = (time.perf_counter() - started) * 1000
found["opened_mb"] = anonymous() - before
for name, words in (("first", ["w17"]), ("second", ["w4321987"]), ("third", ["w23"])):
    started = time.perf_counter()
    vectors.most_similar(words)
    found[name + "_question_ms"] = (time.perf_counter() - started) * 1000
found["asked_mb"] = anonymous() - before
started = time.perf_counter()
"no such word" in vectors
found["unknown_word_ms"] = (time.perf_counter() - started) * 1000
print(json.dumps(found))
"""
OURS = """
import sys, time
from wordladder.word_vectors import WordVectors
WordVectors.load(sys.argv[2])
started = time.perf_counter()
WordVectors.load(sys.argv[1])
print(time.perf_counter() - started)
"""
GENSIM = """
import sys, time
from gensim.models import KeyedVectors
KeyedVectors.load_word2vec_format(sys.argv[2])
started = time.perf_counter()
KeyedVectors.load_word2vec_format(sys.argv[1])
print(time.perf_counter() - started)
"""


def make_mapped(path: Path, words: int, dim: int) -> None:
    """Random vectors, written block by block in the layout of `WordVectors.save`."""
    names = "\n".join(f"w{row}" for row in range(words)).encode()
    size = words * dim * 4
    entries = {
        "__metadata__": {"wordladder": "{}"},
        "vectors": {"dtype": "F32", "shape": [words, dim], "data_offsets": [0, size]},
        "words": {"dtype": "U8", "shape": [len(names)], "data_offsets": [size, size + len(names)]},
    }
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    random = np.random.default_rng(1)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for start in range(0, words, 1 << 16):
            rows = min(1 << 16, words - start)
            file.write(random.standard_normal((rows, dim), dtype=np.float32).tobytes())
        file.write(names)


def make_text(path: Path, words: int, dim: int) -> None:
    """Random vectors with as many digits as fastText writes."""
    random = np.random.default_rng(2)
    form = " ".join(["%.5g"] * dim)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{words} {dim}\n")
        for row in range(words):
            file.write(f"word{row} {form % tuple(random.standard_normal(dim))} \n")


def run(code: str, *paths: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return done.stdout.strip().split("\n")[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--words", type=int, default=5_000_000)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--text-words", type=int, default=400_000)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        mapped, text, tiny = (Path(folder) / name for name in ("mapped.safetensors", "words.vec", "tiny.vec"))
        make_mapped(mapped, given.words, given.dim)
        figures = json.loads(run(MAPPED, mapped))
        figures |= {"file_mb": mapped.stat().st_size / 1e6, "words": given.words, "dim": given.dim}
        mapped.unlink()
        make_text(tiny, 10, given.dim)
        make_text(text, given.text_words, given.dim)
        figures["text_mb"] = text.stat().st_size / 1e6
        started = time.perf_counter()
        figures["text_seconds"] = float(run(OURS, text, tiny))
        figures["text_seconds_gensim"] = float(run(GENSIM, text, tiny))
        figures["seconds"] = time.perf_counter() - started
    for name, value in figures.items():
        print(f"{name:22} {value:,.1f}")
    keep("vector_files", figures)


if __name__ == "__main__":
    main()
