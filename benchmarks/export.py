"""Exported models: size, accuracy, the time of one text, and of whole commands.

    python benchmarks/export.py model MODEL --test FILE [--words 200]
    python benchmarks/export.py command ENCODER --peer PYTHON [--texts 2000]

Model: a saved network with PyTorch, exported in float32, and in int8: MB of the folder, accuracy or F1 on
all test rows, seconds for these, milliseconds of single texts of so many words (median of 300 calls, one
thread and two), and seconds of `wordladder predict` on one text (the best of five). Answers are compared.

Command: seconds of `wordladder embed` on one text and on sentences of SST-2 by each engine, and of a script
that does the same with sentence-transformers, for which PYTHON is an interpreter; in turn, the best of three.
"""

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from _common import keep, need

CALLS, COMMANDS, ROUNDS = 300, 5, 3
PEER = """
import sys
from sentence_transformers import SentenceTransformer
import numpy as np
model = SentenceTransformer(sys.argv[1], device="cpu")
np.save(sys.argv[3], model.encode(open(sys.argv[2], encoding="utf-8").read().splitlines()))
"""


def timed(command: list[str], **given: Any) -> float:
    """Seconds of a command."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **given)
    return time.perf_counter() - started


def median_ms(model: Any, texts: list[Any]) -> float:
    """The median time of a text, in milliseconds."""
    times = []
    for text in [*texts[:20], *texts]:
        started = time.perf_counter()
        model.predict([text])
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[20:])


def model(given: Any) -> dict[str, Any]:
    """The figures of a saved network and of what is exported of it."""
    from wordladder import export, load
    from wordladder.data.reading import read_examples
    from wordladder.files.folders import size_mb

    first = load(given.source)
    test = read_examples(given.test, first.recipe_.task)
    words = " ".join(islice((word for text in test.flat() for word in text.split()), CALLS * given.words))
    cut = words.split()
    texts = [" ".join(cut[at : at + given.words]) for at in range(0, len(cut), given.words)]
    found: dict[str, Any] = {}
    answers: list[Any] = first.predict(test)
    with tempfile.TemporaryDirectory() as folder:
        places = {"PyTorch": Path(given.source)}
        for precision in ("float32", "int8"):
            places[precision] = Path(folder) / precision
            export(first, places[precision], precision=precision)
        for name, place in places.items():
            loaded = load(place)
            loaded.predict(texts[:2])
            started = time.perf_counter()
            same = statistics.mean(map(bool, (a == b for a, b in zip(loaded.predict(test), answers))))
            seconds = time.perf_counter() - started
            found[name] = {
                "megabytes": size_mb(place),
                "value": loaded.evaluate(test).value,
                "same_answers": same,
                "seconds": seconds,
                "ms_1_thread": median_ms(load(place, threads=1), texts),
                "ms_2_threads": median_ms(load(place, threads=2), texts),
                "command": min(
                    timed([*WORDLADDER, "predict", str(place), "-"], input=texts[0].encode())
                    for _ in range(COMMANDS)
                ),
            }
            print(name, found[name], flush=True)
    return {"task": first.recipe_.task, "rows": len(test), "words": given.words, "ways": found}


WORDLADDER = [sys.executable, "-c", "from wordladder.cli import main; main()"]


def command(given: Any) -> dict[str, Any]:
    """The seconds of whole commands."""
    with gzip.open(need("classification/sst2/train.tsv.gz"), "rt", encoding="utf-8") as file:
        rows = [line.split("\t")[0].strip() for line in islice(file, 1, None)]
    texts = [row for row in dict.fromkeys(rows) if len(row.split()) >= 10][: given.texts]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/vectors.npy"
        for count in (1, len(texts)):
            path = Path(folder, f"{count}.txt")
            path.write_text("\n".join(texts[:count]) + "\n", encoding="utf-8")
            ours = [*WORDLADDER, "embed", given.source, str(path), "--output", output]
            ways = {
                "sentence-transformers": [given.peer, "-c", PEER, given.source, str(path), output],
                "openvino": [*ours, "--engine", "openvino"],
                "torch": [*ours, "--engine", "torch"],
            }
            best = dict.fromkeys(ways, float("inf"))
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    best[name] = min(best[name], timed(way, env=os.environ | {"HF_HUB_OFFLINE": "1"}))
            found[str(count)] = best
            print(count, best, flush=True)
    return found


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["model", "command"])
    parser.add_argument("source")
    parser.add_argument("--test")
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    found = model(given) if given.part == "model" else command(given)
    keep("_".join(filter(None, ("export", given.part, given.name))), found)


if __name__ == "__main__":
    main()
