"""The verdict of a climb: cascades, and whether what they promise holds.

    python benchmarks/verdict.py cascade [--set imdb|sst2|shopping] [--rungs tfidf,bilstm]
                                         [--encoder MINILM] [--margin 0.005] [--output FOLDER]

Climbs the set once, with one seed, unless the folder has it already, and puts its rungs in a cascade. Then
200 times a fifth of the test rows, drawn at random, takes the place of the test rows, and the others that of
rows nobody has seen: how often a cascade is found, what it costs beside the best rung, and how often its
share of wrong answers on the others is above that of the best rung by more than the margin. Thresholds are
searched on the same dev rows every time. IMDB has its own test rows; SST-2 is tested on a fifth of its
phrases, online shopping (Chinese) on a fifth of its rows.
"""

import argparse
import json
import tempfile
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


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["cascade"])
    parser.add_argument("--set", choices=list(SETS), default="imdb")
    parser.add_argument("--rungs", default="tfidf,fasttext,bilstm")
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--margin", type=float, default=0.005)
    parser.add_argument("--output", type=Path)
    {"cascade": cascade}[parser.parse_args().part](parser.parse_args())


if __name__ == "__main__":
    main()
