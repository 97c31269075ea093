"""Words per second of read_corpus, of splitting in Python (as gensim reads a corpus), and of pyarrow.

    python benchmarks/corpus.py FILE [--megabytes 60] [--repeat 3]

All read the same plain copy of the file's first megabytes on one thread, and end with all word ids in memory
or on disk and the count of every word. The other two split on whitespace, which is less work and gives fewer
words; so the ratio is computed from the time for the same text.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wordladder.files.streams import ByteReader
from wordladder.text.corpus import read_corpus
from wordladder.text.words import TextSettings

MIN_COUNT = 5


def ours(path: Path, segmenter: str) -> int:
    with read_corpus(
        [path], text=TextSettings(segmenter=segmenter), min_count=MIN_COUNT, threads=1
    ) as corpus:
        return corpus.words


def python_split(path: Path) -> int:
    """gensim's way: LineSentence twice, once to count and once to look up ids."""
    counts: dict[str, int] = defaultdict(int)
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            for word in line.split():
                counts[word] += 1
    ranked = sorted(
        (word for word in counts if counts[word] >= MIN_COUNT), key=counts.__getitem__, reverse=True
    )
    index = dict(zip(ranked, range(len(ranked))))
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            np.fromiter((index[word] for word in line.split() if word in index), dtype=np.int32)
    return sum(counts.values())


def arrow_split(path: Path) -> int:
    """pyarrow: lines are split and dictionary-encoded block by block, then the dictionaries are unified."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    with open(path, "rb") as file:
        rest = b""
        while block := file.read(1 << 22):
            cut = block.rfind(b"\n") + 1
            lines = pa.array([rest + block[:cut]], type=pa.binary()).cast(pa.string())
            rest = block[cut:]
            words = pc.utf8_split_whitespace(lines).flatten()
            parts.append(pc.dictionary_encode(words))
    whole = pa.chunked_array(parts).unify_dictionaries()
    np.bincount(np.concatenate([chunk.indices.to_numpy() for chunk in whole.chunks]))
    return len(whole)


def best_time(call: Callable[[], int], repeat: int) -> tuple[float, int]:
    best, words = float("inf"), call()  # warm-up: compilation and the file cache are not measured
    for _ in range(repeat):
        start = time.perf_counter()
        words = call()
        best = min(best, time.perf_counter() - start)
    return best, words


def plain_copy(source: Path, size: int, folder: str) -> Path:
    target = Path(folder) / "plain.txt"
    with ByteReader(source) as reader, open(target, "wb") as file:
        left = size
        while left > 0 and (block := reader.read(min(left, 1 << 20))):
            left -= len(block)
            file.write(block if left else block[: block.rfind(b"\n") + 1])
    return target


def machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return ", ".join(
        [
            platform.processor() or platform.machine(),
            f"{os.cpu_count()} cores",
            f"Python {platform.python_version()}",
            f"commit {commit.stdout.strip() or 'unknown'}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="plain text or gzip, xz, zstd, bzip2")
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    ways: dict[str, Callable[[Path], int]] = {
        "wordladder, its own words": lambda path: ours(path, "characters"),
        "wordladder, white space": lambda path: ours(path, "whitespace"),
        "Python split, two passes (gensim)": python_split,
        "pyarrow split + dictionary-encode": arrow_split,
    }
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = plain_copy(given.file, given.megabytes * 10**6, folder)
        print(f"{given.file.name}, {path.stat().st_size / 1e6:.0f} MB, one thread, best of {given.repeat}")
        times = {}
        for name, call in ways.items():
            times[name], words = best_time(lambda call=call: call(path), given.repeat)
            speed, bytes_speed = words / times[name] / 1e6, path.stat().st_size / times[name] / 1e6
            print(f"{name:36}{speed:7.1f} M words/s{bytes_speed:8.0f} MB/s")
    first = next(iter(times))
    for name in list(times)[2:]:
        print(f"ratio of time, {name} / {first}: {times[name] / times[first]:.2f}")


if __name__ == "__main__":
    main()
