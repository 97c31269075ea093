"""Fine-tuned encoders: the rungs with their current learning rates against the former ones, which ignored the
encoder's shape.

    python benchmarks/encoder_rates.py BERT ALBERT [SET ...]

BERT is the folder of an English encoder such as MiniLM, ALBERT that of a Chinese ALBERT. A sample of each
data set is used for training and another for testing, one seed; sets: sst2, conll, squad, chnsenticorp,
cluener. Results of sets that are not named are left unchanged.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from _common import RESULTS, keep, need


class Set(NamedTuple):
    """The source of the rows, the number of training rows, and the rung's former rate and layer decay."""

    task: str
    train: str
    test: str
    rows: int
    rung: str
    rate: float
    decay: float


SETS = {
    "sst2": Set(
        "classification",
        "classification/sst2/train.tsv.gz",
        "classification/sst2/dev.tsv.gz",
        2000,
        "bert",
        3e-5,
        0.9,
    ),
    "conll": Set(
        "tagging", "ner/conll2003/eng.train.gz", "ner/conll2003/eng.testa.gz", 1500, "bert-crf", 5e-5, 0.95
    ),
    "squad": Set(
        "span_qa",
        "qa/squad_v1.1/train-v1.1-part.json.gz",
        "qa/squad_v1.1/dev-v1.1.json.gz",
        3096,
        "bert-qa",
        4e-5,
        0.95,
    ),
    "chnsenticorp": Set(
        "classification",
        "classification/chnsenticorp/train.tsv.gz",
        "classification/chnsenticorp/dev.tsv.gz",
        2000,
        "albert-bilstm",
        2e-5,
        1.0,
    ),
    "cluener": Set(
        "tagging",
        "ner/cluener/train.json.gz",
        "ner/cluener/dev.json.gz",
        2000,
        "albert-bilstm-crf",
        5e-5,
        1.0,
    ),
}
SCORED = 1000


def some(examples: Any, rows: int, seed: int) -> Any:
    """A random sample of rows."""
    return examples.take(np.random.default_rng(seed).permutation(len(examples))[:rows])


def compared(name: str, folder: Path) -> dict[str, Any]:
    """Score and seconds of the rung on a data set, with the current rates and with the former ones."""
    from wordladder import Model, Recipe
    from wordladder.data.reading import read_examples
    from wordladder.interop.encoders import read_encoder

    of = SETS[name]
    train = some(read_examples(need(of.train), of.task), of.rows, seed=7)
    test = some(read_examples(need(of.test), of.task), SCORED, seed=8)
    rung = Recipe.load(of.rung).with_encoder(read_encoder(str(folder)))
    fixed = rung.with_settings({"training.learning_rate": of.rate, "embedders.0.layer_decay": of.decay})
    found: dict[str, Any] = {"set": name, "rung": of.rung, "rows": len(train), "scored": len(test)}
    found["day"] = time.strftime("%Y-%m-%d")
    for arm, recipe in (("rule", rung), ("fixed", fixed)):
        started = time.perf_counter()
        model = Model(recipe).fit(train)
        seconds = time.perf_counter() - started
        score = model.evaluate(test).value
        rates = model.report_["learning_rates"]["embedders.0"]
        found[arm] = {"score": score, "seconds": seconds, "rates": rates}
        print(f"{name:14} {of.rung:18} {arm:6} {score:.3f}  {seconds:5.0f} s  {rates}", flush=True)
    return found


if __name__ == "__main__":
    if len(sys.argv) < 3 or not set(sys.argv[3:]) <= set(SETS):
        sys.exit(__doc__)
    folders = {"bert": Path(sys.argv[1]), "albert": Path(sys.argv[2])}
    wanted = sys.argv[3:] or list(SETS)
    kept = RESULTS / "encoder_rates.json"
    known = {row["set"]: row for row in json.loads(kept.read_text())["sets"]} if kept.exists() else {}
    for name in wanted:
        known[name] = compared(name, folders[SETS[name].rung.split("-")[0]])
        keep("encoder_rates", {"sets": list(known.values())})
