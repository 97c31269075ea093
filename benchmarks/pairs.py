"""Quality on pairs of texts, of each rung as it comes.

    python benchmarks/pairs.py [sick] [mrpc] [afqmc] [stsb_en] [stsb_zh] [--encoder MINILM] [--rungs NAMES]
                               [--set KEY=JSON]… [--after SET]

SICK (entailment, 4,500 pairs), MRPC (paraphrase, 3,576), AFQMC (questions to a bank, 34,334) and STS-B in
English and Chinese (scores, 5,749 and 5,231), each with its own dev and test; of AFQMC, whose test has no
labels, dev is the test and a tenth of train is dev. One seed. With --after the encoder is first tuned on
another set, by the rung cross-encoder. Prints what the command line prints and saves the figures in results/,
beside those of rungs and settings that are not run now.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from _common import RESULTS, keep, need

SETS = {  # the task, train, dev and test
    "sick": ("pairs", "sick/SICK_train.txt.gz", "sick/SICK_trial.txt.gz", "sick/SICK_test_annotated.txt.gz"),
    "mrpc": ("pairs", *(f"mrpc/msr-para-{part}.tsv.gz" for part in ("train", "val", "test"))),
    "afqmc": ("pairs", "afqmc/train.txt.gz", None, "afqmc/dev.txt.gz"),
    "stsb_en": ("similarity", "stsb_en/stsbenchmark.tsv.gz", None, None),  # its column `split` says
    "stsb_zh": ("similarity", *(f"stsb_zh/sts-b-{part}.txt.gz" for part in ("train", "dev", "test"))),
}


def f1(path: Path) -> dict[str, float]:
    """F1 of the second of two labels, and of calling every pair that, from the outcomes of a run; nothing for
    other labels.
    """
    from wordladder.metrics.labels import precision_recall_f1

    gold, predicted = np.load(path).T
    if set(gold.tolist()) != {0, 1}:
        return {}

    def of(guess: np.ndarray) -> float:
        hits, guessed, right = int((gold & guess).sum()), int(guess.sum()), int(gold.sum())
        return precision_recall_f1(hits, guessed, right)["f1"]

    return {"f1": of(predicted), "f1_of_always": of(np.ones_like(gold))}


def tuned(encoder: Path, name: str, folder: Path) -> Path:
    """The encoder after the rung cross-encoder has learned a set."""
    from wordladder import Model, Recipe
    from wordladder.data.reading import read_examples
    from wordladder.interop.encoders import read_encoder

    task, train, dev, _ = SETS[name]
    recipe = Recipe.load("cross-encoder", task).with_encoder(read_encoder(encoder))
    train, dev = (read_examples(need(f"pairs/{part}"), task) for part in (train, dev))
    Model(recipe).fit(train, dev=dev, output=folder)
    return folder / "embedders" / "0"


def main() -> None:
    """Climb each set."""
    from wordladder import climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--rungs")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--after", choices=SETS)
    given = parser.parse_args()
    if given.after:
        given.encoder = tuned(given.encoder, given.after, Path(tempfile.mkdtemp()) / "tuned")
    after = given.after and f"after {given.after}"
    settings = {key: json.loads(value) for key, value in (one.split("=") for one in given.set)}
    for name in given.sets:
        task, *parts = SETS[name]
        train, dev, test = (part and need(f"pairs/{part}") for part in parts)
        with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
            found = climb(
                train,
                dev=dev,
                test=test,
                task=task,
                rungs=given.rungs and given.rungs.split(","),
                encoders=given.encoder and [given.encoder],
                seeds=1,
                settings=settings,
                output=folder,
                progress=progress,
            )
            print(f"\n{name}")
            print_climb(found)
            kept = RESULTS / f"pairs_{name}.json"
            rungs = json.loads(kept.read_text(encoding="utf-8"))["rungs"] if kept.exists() else {}
            rungs |= {
                " ".join(filter(None, (rung.name, after, str(settings or "")))): {
                    "value": rung.value,
                    "dev": rung.dev_value,
                    "interval": rung.interval,
                    "train": rung.price.train_seconds,
                }
                | {"metric": found.metric}
                | f1(Path(folder) / "runs" / rung.name / "seed-1" / "outcomes.npy")
                for rung in found.rungs
                if rung.price is not None
            }
        keep(f"pairs_{name}", {"rows": found.rows, "rungs": rungs})


if __name__ == "__main__":
    main()
