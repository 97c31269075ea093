"""Sentences per second and core through a BiLSTM tower, with tokenization: `Model.encode`, one thread.

    python benchmarks/towers.py [--hidden 64 128 256] [--rounds 5]

10,000 different sentences of ten words, cut out of the English STS-B. The tower is the rung
`bilstm-towers` with so many units a direction, trained for one epoch; the best round counts.
"""

import argparse
import time
from typing import Any

from _common import keep, need

SENTENCES, WORDS = 10_000, 10


def sentences(words: list[str]) -> list[str]:
    """Cut running text into sentences of ten words."""
    return [" ".join(words[first : first + WORDS]) for first in range(0, SENTENCES * WORDS, WORDS)]


def main() -> None:
    """Time each size."""
    from wordladder import Model, Recipe
    from wordladder.data.reading import read_examples

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="*", default=[64, 128, 256])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    pairs = read_examples(need("pairs/stsb_en/stsbenchmark.tsv.gz"), "similarity")
    words = [word for text in pairs.flat() for word in text.split() if word.isalpha()]
    texts = sentences(words)
    assert len(set(texts)) > 0.95 * SENTENCES
    found: dict[str, Any] = {}
    for hidden in given.hidden:
        recipe = Recipe.load("bilstm-towers").with_settings(
            {"encoders.0.hidden": hidden, "training.epochs": 1}
        )
        model = Model(recipe, device="cpu", threads=1).fit(pairs.take(range(1000)))
        seconds = []
        for _ in range(given.rounds):
            started = time.perf_counter()
            model.encode(texts)
            seconds.append(time.perf_counter() - started)
        found[str(hidden)] = round(len(texts) / min(seconds))
        print(f"{hidden} units a direction: {found[str(hidden)]:,} sentences/s", flush=True)
    keep("towers", {"sentences_per_second": found})


if __name__ == "__main__":
    main()
