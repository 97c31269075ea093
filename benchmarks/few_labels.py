"""Accuracy with few labels, of the rungs `tfidf`, `bert` and `setfit` as they come.

    python benchmarks/few_labels.py [sst2] [20news] --encoder MINILM [--labels 8 32] [--draws 3]

SST-2, phrases of ten words or more, with its 872 dev rows as the test; four of the 20 newsgroups, the first
32 words of each post, 500 of them as the test.
A draw takes so many rows of each class from train; where a tenth of them is four or more, that tenth is dev.
Prints each figure and saves them in results/.
"""

import argparse
import json
import random
import statistics
import time
from itertools import product
from pathlib import Path

from _common import RESULTS, keep
from _sets import Rows, _shuffled, _table, load

RUNGS = ("tfidf", "bert", "setfit")
GROUPS = ("comp.graphics", "rec.autos", "sci.space", "talk.politics.guns")


def rows_of(name: str) -> tuple[Rows, Rows]:
    """The training rows and the test."""
    train, test = load(name)
    if name == "sst2":
        train = Rows(*map(list, zip(*(row for row in zip(*train) if len(row[0].split()) >= 10))))
        return train, _shuffled(_table("classification/sst2/dev.tsv.gz", "sentence", "label", "\t"))
    train, test = (_of_groups(rows) for rows in (train, test))
    return train, test.first(500)


def _of_groups(rows: Rows) -> Rows:
    texts, labels = zip(*(row for row in zip(*rows) if row[1] in GROUPS))
    return Rows([" ".join(text.split()[:32]) for text in texts], list(labels))


def draw(rows: Rows, count: int, seed: int) -> Rows:
    """So many rows of each class, in random order."""
    order, kept, seen = list(range(len(rows.texts))), [], dict.fromkeys(rows.labels, 0)
    random.Random(seed).shuffle(order)
    for row in order:
        if seen[rows.labels[row]] < count:
            seen[rows.labels[row]] += 1
            kept.append(row)
    return Rows([rows.texts[row] for row in kept], [rows.labels[row] for row in kept])


def main() -> None:
    """Train and test each rung on each draw."""
    from wordladder import Model, Recipe
    from wordladder.interop.encoders import read_encoder

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="*", default=["sst2", "20news"])
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--draws", type=int, default=3)
    given = parser.parse_args()
    kept = RESULTS / "few_labels.json"
    found = json.loads(kept.read_text(encoding="utf-8"))["sets"] if kept.exists() else {}
    for count, name in product(given.labels, given.sets):
        train, test = rows_of(name)
        for rung in RUNGS:
            recipe = Recipe.load(rung, "classification")
            if recipe.embedders("transformer"):
                recipe = recipe.with_encoder(read_encoder(given.encoder))
            values, started = [], time.perf_counter()
            for seed in range(1, given.draws + 1):
                model = Model(recipe, threads=1).fit(*draw(train, count, seed))
                values.append(model.score(*test))
            mean, seconds = statistics.mean(values), (time.perf_counter() - started) / len(values)
            print(f"{name}  {count} a class  {rung:8} {mean:.3f}  {values}  {seconds:.0f} s", flush=True)
            figures = {"mean": mean, "values": values, "seconds": seconds}
            found.setdefault(name, {}).setdefault(str(count), {})[rung] = figures
            keep("few_labels", {"sets": found})


if __name__ == "__main__":
    main()
