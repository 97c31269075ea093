"""The verdict of a climb: whether what it promises and forecasts holds, and whether it survives a kill.

    python benchmarks/verdict.py cascade [--set imdb|sst2|shopping] [--rungs tfidf,bilstm]
                                         [--encoder MINILM] [--margin 0.005] [--output FOLDER]
    python benchmarks/verdict.py forecast [--set NAME] [--rungs tfidf,bilstm] [--rows 500]
    python benchmarks/verdict.py kills

Cascade: climbs the set once, with one seed, unless the folder has it already, and puts its rungs in a
cascade. Then 200 times a fifth of the test rows, drawn at random, takes the place of the test rows, and the
others that of rows nobody has seen: how often a cascade is found, what it costs beside the best rung, and
how often its share of wrong answers on the others is above that of the best rung by more than the margin.
Thresholds are searched on the same dev rows every time. IMDB has its own test rows; SST-2 is tested on a
fifth of its phrases, online shopping (Chinese) on a fifth of its rows.

Forecast: from a climb with 500 training rows (and 55 dev rows), what to expect with 2,000, 5,000 and all of
them is written down first. Then the rungs are trained with so many rows, one seed each, and tested on the
same rows: how often they lie in the interval of 90 %, and how far they are from the median. All runs are made
in one process.

Kills: a climb that is killed ten times at random and resumed each time, beside one that is not.
"""

import argparse
import csv
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from _common import RESULTS, keep, need

SETS = {
    "imdb": ("classification/imdb_train.csv.gz", "classification/imdb_test.csv.gz"),
    "sst2": ("classification/sst2/train.tsv.gz", None),
    "shopping": ("classification/online_shopping_10_cats.csv.gz", None),
}
RESPLITS, SHARE = 200, 0.2


def resplits(dev: Any, test: Any, best: str, margin: float) -> dict[str, float]:
    """What happens when other rows are the test rows."""
    from wordladder.ladder.cascade import promise, route

    random, rows = np.random.default_rng(1), len(test[0].sure)
    last = next(rung for rung in test if rung.name == best)
    found, broken, costs, losses = 0, 0, [], []
    for _ in range(RESPLITS):
        order = random.permutation(rows)
        some, others = order[: int(SHARE * rows)], order[int(SHARE * rows) :]
        one = promise(dev, [rung.take(some) for rung in test], best, margin)
        if one is None:
            continue
        routed = route(one.chain, [rung.take(others) for rung in test])
        loss = float(last.right[others].mean() - routed.right.mean())
        found, broken = found + 1, broken + (loss > margin)
        costs.append(float(routed.costs.mean()) / last.cost)
        losses.append(loss)
    return {
        "resplits": RESPLITS,
        "rows": int(SHARE * rows),
        "found": found,
        "broken": broken,
        "cost": float(np.mean(costs)) if costs else 1.0,
        "loss": float(np.mean(losses)) if losses else 0.0,
    }


def cascade(given: Any) -> None:
    """Climb, and resplit."""
    from wordladder import climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar
    from wordladder.ladder.cascade_model import candidates, read_answers
    from wordladder.ladder.climb_folder import ClimbFolder

    given.set = given.set or "imdb"
    train, test = SETS[given.set]
    folder = given.output or Path(tempfile.gettempdir()) / "wordladder-verdict" / given.set
    with progress_bar() as progress:
        found = climb(
            need(train),
            test=test and need(test),
            rungs=given.rungs.split(","),
            encoders=[given.encoder] if given.encoder else None,
            seeds=1,
            margin=given.margin,
            cascade=True,
            resume=folder.exists(),
            output=folder,
            progress=progress,
        )
    print_climb(found)
    known = read_answers(found, ClimbFolder(folder))
    costs = {rung.name: rung.price.latency_p50 for rung in found.rungs if rung.price}
    dev, rows = (candidates(known, costs, part) for part in ("dev", "test"))
    again = resplits(dev, rows, found.best, given.margin)
    print(again)
    kept = RESULTS / "verdict_cascade.json"
    sets: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["sets"] if kept.exists() else {}
    rungs = {rung.name: [rung.value, costs.get(rung.name)] for rung in found.rungs}
    sets[given.set] = {
        "rows": found.rows,
        "rungs": rungs,
        "margin": given.margin,
        "cascade": found.to_json()["cascade"],
        "resplits": again,
    }
    keep("verdict_cascade", {"sets": sets})


def texts_of(name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The rows of a set, training and test: texts and labels."""

    def table(path: str, text: str, label: str, delimiter: str = "\t") -> list[tuple[str, str]]:
        quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
        with gzip.open(need(f"classification/{path}"), "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter=delimiter, quoting=quoting)
            return [(row[text].strip("\ufeff "), row[label]) for row in rows if row[text].strip("\ufeff ")]

    def titles(path: str) -> list[tuple[str, str]]:
        with gzip.open(need(f"classification/thucnews_titles/{path}.txt.gz"), "rt", encoding="utf-8") as file:
            return [tuple(line.rstrip("\n").split("\t")) for line in file]  # type: ignore[misc]

    def posts(part: str) -> list[tuple[str, str]]:
        with tarfile.open(need("classification/20news-bydate.tar.xz")) as file:
            members = [one for one in file if one.isfile() and f"-{part}/" in one.name]
            files: list[Any] = [(file.extractfile(one), one.name.split("/")[-2]) for one in members]
            return [(one.read().decode("latin-1"), label) for one, label in files]

    if name == "imdb":
        train, test = (table(f"imdb_{part}.csv.gz", "review", "sentiment", ",") for part in ("train", "test"))
        return train, test
    if name == "20news":
        return posts("train"), posts("test")
    if name == "thucnews":
        return titles("train"), titles("test")
    if name == "chnsenticorp":
        train, test = (table(f"chnsenticorp/{part}.tsv.gz", "text_a", "label") for part in ("train", "test"))
        return train, test
    rows = (
        table("sst2/train.tsv.gz", "sentence", "label")
        if name == "sst2"
        else table("online_shopping_10_cats.csv.gz", "review", "label", ",")
    )
    random.Random(5).shuffle(rows)
    return rows[len(rows) // 5 :], rows[: len(rows) // 5]


def in_process(module: str, job: dict[str, Any], folder: Path, **_: Any) -> dict[str, Any]:
    """Runs a job of a climb in this process; prices are not measured."""
    from wordladder.errors import WordladderError
    from wordladder.ladder.run import Run, train_and_test

    class Events:
        def send(self, *_: Any, **__: Any) -> None:
            pass

        def __call__(self, *_: Any, **__: Any) -> None:
            pass

    if module.endswith(".cost"):
        names = ("latency_p50", "latency_p95", "latency_mean", "throughput", "memory_mb", "load_seconds")
        return dict.fromkeys(names, 1.0) | {"device": "cpu"}
    for one in job.get("runs", [job]):
        run = Run(**one)
        try:
            train_and_test(run, Events())  # type: ignore[arg-type]
        except WordladderError as error:
            print(run.name, run.rows, error)
        if run.rows:
            shutil.rmtree(Path(run.folder) / "model", ignore_errors=True)
    return {}


FORECAST_SETS = ("imdb", "sst2", "20news", "thucnews", "chnsenticorp", "shopping")
SIZES, TEST_ROWS = (2000, 5000), 4000


def forecast(given: Any) -> None:
    """Forecast, write it down, and see."""
    from wordladder.data.examples import Examples
    from wordladder.ladder import climb as module
    from wordladder.ladder.runner import Runner

    module.Runner = partial(Runner, run_job=in_process)  # type: ignore[misc,assignment]
    kept = RESULTS / "verdict_forecast.json"
    for name in [given.set] if given.set else FORECAST_SETS:
        train, test = texts_of(name)
        random.Random(3).shuffle(train)
        random.Random(4).shuffle(test)

        def some(count: int, rows: list[tuple[str, str]] = train) -> Examples:
            texts, labels = zip(*rows[:count])
            return Examples((list(texts),), list(labels))

        tested = some(TEST_ROWS, test)
        most = len(train) * 9 // 10
        sizes = [size for size in SIZES if size < 0.8 * most] + [most]
        for rung in given.rungs.split(","):
            folder = Path(tempfile.mkdtemp(prefix="wordladder-forecast-"))
            climbing = partial(module.climb, test=tested, rungs=[rung], threads=1)
            first = climbing(some(given.rows * 10 // 9), output=folder / "few", seeds=3, forecast=sizes)
            if first.forecast is None or first.rungs[0].error:
                print(name, rung, first.rungs[0].error)
                continue
            sets: dict[str, Any] = json.loads(kept.read_text("utf-8"))["sets"] if kept.exists() else {}
            expected = module.expect(first, sizes, sampling=False).rungs[0].expected
            own = {
                "curve": [[point.rows, *point.seed_values] for point in first.rungs[0].curve],
                "expected": [[one.rows, one.value, *one.interval] for one in expected],
            }
            sets.setdefault(name, {})[rung] = own
            keep("verdict_forecast", {"sets": sets})
            own["outcomes"] = []
            for size in sizes:
                later = climbing(some(size * 10 // 9), output=folder / str(size), seeds=1)
                own["outcomes"].append([size, later.rungs[0].value])
                shutil.rmtree(folder / str(size))
            print(name, rung, own, flush=True)
            summary = forecast_summary(sets)
            keep("verdict_forecast", {"sets": sets, **summary})
            print(summary, flush=True)
            shutil.rmtree(folder)


def forecast_summary(sets: dict[str, Any]) -> dict[str, Any]:
    """How often the outcome lies in its interval, and how far it is from the median."""
    found = [
        (abs(value - middle), low <= value <= high)
        for rungs in sets.values()
        for own in rungs.values()
        for (_, middle, low, high), (_, value) in zip(own["expected"], own.get("outcomes", []))
    ]
    errors, held = zip(*found)
    return {"forecasts": len(found), "held": float(np.mean(held)), "median_error": float(np.median(errors))}


def kills(given: Any) -> None:
    """Kill a climb ten times."""
    train, _ = texts_of("sst2")
    place = Path(tempfile.mkdtemp(prefix="wordladder-kills-"))
    with (place / "rows.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([("text", "label"), *train[:3000]])

    def command(name: str) -> list[str]:
        asked = ["--rungs", "tfidf,fasttext,gru", "--seeds", "2", "--label-curve", "--tune", "3", "--json"]
        asked += ["--output", str(place / name), "--resume"]
        return [sys.executable, "-m", "wordladder", "climb", str(place / "rows.tsv"), *asked]

    began = time.perf_counter()
    subprocess.run(command("whole"), check=True, capture_output=True)
    whole = time.perf_counter() - began
    draw = random.Random(1)
    killed = 0
    while killed < 10:
        process = subprocess.Popen(
            command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(draw.uniform(2, whole / 4))
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    subprocess.run(command("killed"), check=True, capture_output=True)
    rungs = []
    for name in ("whole", "killed"):
        facts = json.loads((place / name / "climb.json").read_text(encoding="utf-8"))
        asked = ("name", "seed_values", "seed_dev_values", "interval", "label_curve", "recipe")
        rungs.append([{key: rung[key] for key in asked} for rung in facts["rungs"]])
    same = rungs[0] == rungs[1]
    print(f"killed {killed} times; the same table: {same}")
    keep("verdict_kills", {"kills": killed, "seconds": whole, "same": same})
    shutil.rmtree(place)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = {"cascade": cascade, "forecast": forecast, "kills": kills}
    parser.add_argument("part", choices=list(parts))
    parser.add_argument("--set", choices=FORECAST_SETS)
    parser.add_argument("--rungs", default="tfidf,fasttext,vectors-mean,gru,bilstm")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--margin", type=float, default=0.005)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    parts[given.part](given)


if __name__ == "__main__":
    main()
