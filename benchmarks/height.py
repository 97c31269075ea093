"""How far default recipes are below a search: neural rungs with defaults against a random search.

    python benchmarks/height.py [--sets sst2,imdb] [--rows 500,2000] [--rungs gru,bilstm] [--workers 2]

Six data sets with 500, 2,000 and 5,000 rows. Each rung is trained with its defaults and three seeds, and
eight times with random settings, of which the best on dev counts. *Regret* is the test accuracy of that one
minus the mean of the default's. A training uses one thread. Finished trainings are saved in
results/height.jsonl, each line with its commit, and another call continues from there.
"""

import argparse
import base64
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from _common import RESULTS, commit, keep
from _sets import NAMES, load

ROWS = (500, 2000, 5000)
RUNGS = ("vectors-mean", "rnn", "gru", "lstm", "bilstm")
SEEDS, POINTS = 3, 8
WORDS = {500: 100, 2000: 50, 5000: 50}  # words read per text: settings are compared, not truncation
TEST_ROWS = 2500
DONE = RESULTS / "height.jsonl"


class Item(NamedTuple):
    """One training: a seed of the default, or a configuration of the search."""

    set: str
    rows: int
    rung: str
    kind: str  # default, searched
    number: int


def items(sets: list[str], rows: list[int], rungs: list[str]) -> Iterator[Item]:
    """All trainings, one whole cell of the table after another."""
    for count in rows:
        for name in sets:
            for rung in rungs:
                yield from (Item(name, count, rung, "default", seed + 1) for seed in range(SEEDS))
                yield from (Item(name, count, rung, "searched", point) for point in range(POINTS))


def settings_of(item: Item) -> dict[str, Any]:
    """The settings of an item: a seed, or a configuration of the search, the same for all rungs of a cell."""
    if item.kind == "default":
        return {"training.seed": item.number}
    cell = NAMES.index(item.set), item.rows, item.number
    chance = np.random.default_rng(cell)
    found: dict[str, Any] = {
        "training.learning_rate": float(np.exp(chance.uniform(np.log(3e-4), np.log(1e-2)))),
        "training.batch_rows": int(chance.choice([16, 32, 64])),
        "training.steps": int(chance.choice([750, 1500, 3000])),
        "training.average": float(chance.choice([0.0, 0.05, 0.2])),
        "embedders.0.dropout": float(chance.choice([0.0, 0.2, 0.4])),
        "task.dropout": float(chance.choice([0.0, 0.3, 0.5])),
        "task.pooling": str(chance.choice(["max", "mean"])),
    }
    hidden = int(chance.choice([64, 128, 256]))
    if item.rung != "vectors-mean":
        found["encoders.0.hidden"] = hidden
    return found


def trained(item: Item, cache: str) -> dict[str, Any]:
    """Train; dev and test accuracy, seconds, and which test rows are correct."""
    import torch

    from wordladder import Model, Recipe

    torch.set_num_threads(1)
    train, test = load(item.set)
    train, test = train.first(item.rows), test.first(TEST_ROWS)
    settings = settings_of(item)
    recipe = Recipe.load(item.rung).with_settings({"text.max_words": WORDS[item.rows]} | settings)
    started = time.perf_counter()
    model = Model(recipe, threads=1).fit(train.texts, train.labels, cache=cache)
    seconds = time.perf_counter() - started
    right = np.array(model.predict(test.texts)) == np.array(test.labels)
    return item._asdict() | {
        "words": WORDS[item.rows],
        "settings": settings,
        "dev": model.report_["dev_value"],
        "test": float(right.mean()),
        "seconds": round(seconds, 2),
        "right": base64.b64encode(np.packbits(right).tobytes()).decode(),
    }


def read() -> list[dict[str, Any]]:
    """Finished trainings."""
    return [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []


def table(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per complete cell: default, best of the search, regret with its interval, seconds."""
    cells: dict[tuple[Any, ...], dict[str, list[dict[str, Any]]]] = {}
    for one in done:
        cell = cells.setdefault((one["set"], one["rows"], one["rung"]), {"default": [], "searched": []})
        cell[one["kind"]].append(one)
    rows = []
    for (name, count, rung), cell in cells.items():
        if len(cell["default"]) < SEEDS or len(cell["searched"]) < POINTS:
            continue
        best = max(cell["searched"], key=lambda one: one["dev"])
        differences = _right(best) - np.mean([_right(one) for one in cell["default"]], axis=0)
        chance = np.random.default_rng(1)
        means = [chance.choice(differences, len(differences)).mean() for _ in range(1000)]
        rows.append(
            {
                "set": name,
                "rows": count,
                "rung": rung,
                "default": float(np.mean([one["test"] for one in cell["default"]])),
                "searched": best["test"],
                "regret": float(differences.mean()),
                "interval": [float(np.quantile(means, q)) for q in (0.025, 0.975)],
                "seconds": float(np.mean([one["seconds"] for one in cell["default"]])),
                "settings": best["settings"],
            }
        )
    return rows


def _right(one: dict[str, Any]) -> np.ndarray:
    """Which rows are correct; the padding of the last byte counts as wrong in all."""
    return np.unpackbits(np.frombuffer(base64.b64decode(one["right"]), np.uint8)).astype(float)


def main() -> None:
    """Run the missing trainings, print the table and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, known in (("sets", NAMES), ("rows", ROWS), ("rungs", RUNGS)):
        parser.add_argument(f"--{name}", default=",".join(map(str, known)))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    wanted = items(given.sets.split(","), list(map(int, given.rows.split(","))), given.rungs.split(","))
    known = {tuple(one[name] for name in Item._fields) for one in read()}
    missing = [item for item in wanted if item not in known]
    code = commit()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as cache, ProcessPoolExecutor(given.workers) as pool:
        caches = {
            item: str(Path(cache) / f"{item.set}-{item.rows}-{item.kind}-{item.number}") for item in missing
        }
        running = [pool.submit(trained, item, caches[item]) for item in missing]
        for number, future in enumerate(as_completed(running), 1):
            one = future.result() | {"commit": code}
            with DONE.open("a", encoding="utf-8") as file:
                file.write(json.dumps(one) + "\n")
            what = f"{one['set']} {one['rows']} {one['rung']} {one['kind']} {one['number']}"
            minutes = (time.monotonic() - started) / 60
            print(f"{number}/{len(missing)} {minutes:.0f} min  {what:40} {one['test']:.4f}", flush=True)
    rows = table(read())
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['set']:14}{row['rows']:6} {row['rung']:14}{row['default']:.4f} {row['searched']:.4f} "
            f"{row['regret']:+.4f} ({low:+.4f} to {high:+.4f}) {row['seconds']:6.1f} s"
        )
    regrets = [row["regret"] for row in rows]
    if regrets:
        median, most = float(np.median(regrets)), float(np.quantile(regrets, 0.9))
        print(f"regret of {len(rows)} cells: median {median:+.4f}, 90th percentile {most:+.4f}")
        summary = {"median": median, "p90": most}
        keep("height", {"words": WORDS, "test_rows": TEST_ROWS, "regret": summary, "cells": rows})


if __name__ == "__main__":
    main()
