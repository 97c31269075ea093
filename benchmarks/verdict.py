"""The verdict of a climb: whether what it promises and forecasts holds, and whether it survives a kill.

    python benchmarks/verdict.py cascade [--set imdb|sst2|shopping] [--rungs tfidf,bilstm]
                                         [--encoder MINILM] [--margin 0.005] [--output FOLDER]
    python benchmarks/verdict.py forecast [--set NAME] [--rungs tfidf,bilstm] [--rows 500]
    python benchmarks/verdict.py forecast --again
    python benchmarks/verdict.py label-next [--set NAME] [--rungs tfidf,fasttext]
    python benchmarks/verdict.py kills
    python benchmarks/verdict.py live --output CLIMB

Cascade: climbs the set once, with one seed, unless the folder has it already, and puts its rungs in a
cascade. Then 200 times a fifth of the test rows, drawn at random, takes the place of the test rows, and the
others that of rows nobody has seen: how often a cascade is found, what it costs beside the best rung, and
how often its share of wrong answers on the others is above that of the best rung by more than the margin.
Thresholds are searched on the same dev rows every time. IMDB has its own test rows; SST-2 is tested on a
fifth of its phrases, online shopping (Chinese) on a fifth of its rows.

Forecast: from a climb with 500 training rows (and 55 dev rows), what to expect with 2,000, 5,000 and all of
them is written down first. Then the rungs are trained with so many rows, one seed each, and tested on the
same rows: how often they lie in the interval of 90 %, and how far they are from the median. All runs are
made in one process; what is complete is not run again. With --again nothing is trained: the kept curves are
forecast anew, and judged by the kept outcomes, which have been seen then.

Label next: from 100 labelled rows on, 100 more of 4,000 are labelled four times, as `label_next` chooses or
at random, and the rung is trained anew each time. The accuracies are means over three draws.

Live: the report of a climb that was made with --live, in Chromium: how soon after the page is asked for each
of its models, one after the other, has answered a first text, and how far its probabilities of 50 reviews are
from Python's.

Kills: a climb that is killed ten times at random and resumed each time, beside one that is not.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from _common import RESULTS, keep, need
from _sets import Rows, load

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


FORECAST_SETS = ("imdb", "sst2", "20news", "thucnews", "chnsenticorp", "shopping_sentiment")
SIZES, TEST_ROWS, DRAWS = (2000, 5000), 2000, 3


def forecast_again(given: Any) -> None:
    """Forecast the kept curves as the package does now."""
    from wordladder.evaluation.learning_curves import fit_curve
    from wordladder.ladder.forecast import ENDS

    kept = RESULTS / "verdict_forecast.json"
    sets = json.loads(kept.read_text("utf-8"))["sets"]
    for own in (one for rungs in sets.values() for one in rungs.values()):
        rows, losses = zip(
            *[(row, [max(1 - value, 0.5 / TEST_ROWS) for value in values]) for row, *values in own["curve"]]
        )
        sizes = [size for size, *_ in own["expected"]]
        drawn = 1 - fit_curve(rows, losses).losses(sizes, of_a_run=True)
        low, middle, high = np.quantile(drawn, (ENDS[0], 0.5, ENDS[1]), axis=0).tolist()
        own["expected"], own["seen_before"] = [list(one) for one in zip(sizes, middle, low, high)], True
    summary = forecast_summary(sets)
    keep("verdict_forecast", {"sets": sets, **summary})
    print(summary)


def forecast(given: Any) -> None:
    """Forecast, write it down, and see."""
    if given.again:
        return forecast_again(given)
    from wordladder.data.examples import Examples
    from wordladder.ladder import climb as module
    from wordladder.ladder.runner import Runner

    module.Runner = partial(Runner, run_job=in_process)  # type: ignore[misc,assignment]
    kept = RESULTS / "verdict_forecast.json"
    for name in [given.set] if given.set else FORECAST_SETS:
        train, test = load(name)
        test = test.first(TEST_ROWS)
        tested = Examples((test.texts,), test.labels)

        def some(count: int, rows: Rows = train) -> Examples:
            part = rows.first(count)
            return Examples((part.texts,), part.labels)

        most = len(train.texts) * 9 // 10
        sizes = [size for size in SIZES if size < 0.8 * most] + [most]
        for rung in given.rungs.split(","):
            sets: dict[str, Any] = json.loads(kept.read_text("utf-8"))["sets"] if kept.exists() else {}
            if len(sets.get(name, {}).get(rung, {}).get("outcomes", [])) == len(sizes):
                continue
            folder = Path(tempfile.mkdtemp(prefix="wordladder-forecast-"))
            climbing = partial(module.climb, test=tested, rungs=[rung], threads=1)
            first = climbing(some(given.rows * 10 // 9), output=folder / "few", seeds=3, forecast=sizes)
            if first.forecast is None or first.rungs[0].error:
                print(name, rung, first.rungs[0].error)
                continue
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


def label_next(given: Any) -> None:
    """Label what is chosen, and what comes at random."""
    from wordladder import Model
    from wordladder import label_next as choose

    kept = RESULTS / "verdict_label_next.json"
    for name in [given.set] if given.set else FORECAST_SETS:
        train, test = load(name)
        test = test.first(TEST_ROWS)
        rows = list(zip(train.texts, train.labels))
        for rung in given.rungs.split(","):
            found: dict[str, list[list[float]]] = {"chosen": [], "random": []}
            for draw in range(DRAWS):
                shuffled = random.Random(draw).sample(rows, min(4100, len(rows)))
                for way, scores in found.items():
                    labelled, pool = shuffled[:100], shuffled[100:]
                    scores.append([])
                    for _ in range(5):
                        model = Model(rung, threads=1).fit(*map(list, zip(*labelled)))
                        hits = np.array(model.predict(test.texts)) == np.array(test.labels)
                        scores[-1].append(float(hits.mean()))
                        next_rows = list(range(100))
                        if way == "chosen":
                            next_rows = list(choose(model, [text for text, _ in pool], 100).rows)
                        labelled = labelled + [pool[row] for row in next_rows]
                        taken = set(next_rows)
                        pool = [row for number, row in enumerate(pool) if number not in taken]
            means = {way: np.mean(scores, axis=0).tolist() for way, scores in found.items()}
            gains = np.subtract(found["chosen"], found["random"])[:, 1:].mean(axis=1)
            facts = {**means, "gain": float(gains.mean()), "error": float(gains.std(ddof=1) / DRAWS**0.5)}
            print(name, rung, facts, flush=True)
            sets: dict[str, Any] = json.loads(kept.read_text("utf-8"))["sets"] if kept.exists() else {}
            sets.setdefault(name, {})[rung] = facts
            keep("verdict_label_next", {"sets": sets})


def kills(given: Any) -> None:
    """Kill a climb ten times."""
    train = load("sst2")[0].first(3000)
    place = Path(tempfile.mkdtemp(prefix="wordladder-kills-"))
    with (place / "rows.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([("text", "label"), *zip(*train)])

    def command(name: str) -> list[str]:
        asked = ["--rungs", "tfidf,fasttext,gru", "--seeds", "2", "--label-curve", "--tune", "3", "--json"]
        # Threads of fastText share weights without locks: with two of them no run is like another.
        asked += ["--threads", "1", "--output", str(place / name), "--resume"]
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
            process.wait(draw.uniform(2, whole / 8))
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
    differ = [one["name"] for one, other in zip(*rungs) if one != other]
    same = not differ
    print(f"killed {killed} times; the same table: {same} {differ}")
    keep("verdict_kills", {"kills": killed, "seconds": whole, "same": same})
    shutil.rmtree(place)


PROBE = """<script type="module">
const texts = %s, found = {};
const { models, classify } = globalThis.wordladder;
for (const model of models) {
  const rows = [];
  for (const text of texts) {
    rows.push((await classify(model, [text]))[0]);
    const { name, precision } = model;
    if (rows.length === 1) found[name] = { seconds: performance.now() / 1000, rows, precision };
  }
}
await fetch("http://127.0.0.1:%d/", { method: "POST", mode: "no-cors", body: JSON.stringify(found) });
</script></body>"""


def live(given: Any) -> None:
    """Open the report, and compare."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from wordladder import Model, export

    page = (given.output / "report.html").read_text(encoding="utf-8")
    texts = load("imdb")[1].texts[:50]
    told, came = [], threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            came.set()

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Chromium still writes
        probe = PROBE % (json.dumps(texts).replace("<", "\\u003c"), server.server_port)
        (Path(folder) / "page.html").write_text(page.replace("</body>", probe), encoding="utf-8")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/user"]
        address = (Path(folder) / "page.html").as_uri()
        process = subprocess.Popen(["chromium", *flags, "--remote-debugging-port=0", address])
        came.wait(120)
        process.kill()
        process.wait()
    facts: dict[str, Any] = {"megabytes": len(page.encode()) / 1e6}
    for name, one in json.loads(told[0]).items():
        model = Model.load(given.output / "runs" / name / "seed-1" / "model", threads=1)
        with tempfile.TemporaryDirectory() as folder:
            if one.get("precision") == "int8":
                export(model, Path(folder) / "small", precision="int8")
                model = Model.load(Path(folder) / "small", threads=1)
            own = np.array([model.predict_proba([text])[0] for text in texts])
        facts[name] = {"first_answer_s": one["seconds"], "difference": float(abs(own - one["rows"]).max())}
    print(facts)
    keep(f"verdict_live_{given.output.name}", facts)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = {"cascade": cascade, "forecast": forecast, "label-next": label_next, "kills": kills, "live": live}
    parser.add_argument("part", choices=list(parts))
    parser.add_argument("--set", choices=[*FORECAST_SETS, *SETS])
    parser.add_argument("--rungs", default="tfidf,fasttext,vectors-mean,gru,bilstm")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--margin", type=float, default=0.005)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    parts[given.part](given)


if __name__ == "__main__":
    main()
