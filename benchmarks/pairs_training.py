"""Training of two towers over MiniLM on STS-B: sentence-transformers' trainer and this package in turn.

    python benchmarks/pairs_training.py MINILM --peer PYTHON [--epochs 2] [--repeat 3] [--threads 2]

PYTHON is an interpreter with `sentence-transformers` and `datasets`. Both train from the same encoder on the
same pairs at the same rate in batches of 32, with the squared distance of the cosine from the score, and
with multiple negatives ranking on the pairs in the upper half; seconds are those of training alone, without
reading, evaluation or import, the best of the repetitions. Before that both evaluate the encoder as it comes.

Where our time goes (two cores of an EPYC with bfloat16, half a second a step): three fifths matrix products,
then copies between precisions, AdamW over the whole vocabulary, and the zeros of its gradient, a twentieth
each. Tried: dropout by the byte instead of by the number saves a tenth; packing texts without padding (28 %
of the pieces) saves a tenth of the products and loses as much in copies; finer groups of lengths make no
difference beyond noise.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OBJECTIVES = ("none", "cosine", "ranking")
BATCH = 32


def read(path: Path, split: str, least: float = 0.0) -> tuple[list[tuple[str, str]], list[float]]:
    """The pairs of a split whose score, from 0 to 1, is not below `least`, and their scores."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["split"] == split
        ]
    rows = [row for row in rows if float(row["score"]) / 5 >= least]
    return [(row["sentence1"], row["sentence2"]) for row in rows], [float(row["score"]) / 5 for row in rows]


def peer(encoder: str, pairs: list[tuple[str, str]], scores: list[float], given: Any) -> tuple[float, Any]:
    """Train with sentence-transformers; the seconds, and what encodes."""
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, losses
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

    torch.set_num_threads(given.threads)
    model = SentenceTransformer(encoder, device="cpu")
    if given.objective == "none":
        return 0.0, model.encode
    columns: dict[str, Any] = dict(zip(("sentence1", "sentence2"), map(list, zip(*pairs))))
    loss: Any = losses.MultipleNegativesRankingLoss(model)
    if given.objective == "cosine":
        columns["score"], loss = scores, losses.CosineSimilarityLoss(model)
    with tempfile.TemporaryDirectory() as folder:
        arguments = Arguments(
            folder,
            num_train_epochs=given.epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=given.rate,
            warmup_ratio=0.1,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = SentenceTransformerTrainer(
            model, arguments, train_dataset=Dataset.from_dict(columns), loss=loss
        )
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started, model.encode


def ours(encoder: str, pairs: list[tuple[str, str]], scores: list[float], given: Any) -> tuple[float, Any]:
    """Train the rung `sbert`; the seconds, and what encodes."""
    from wordladder import Model, Recipe, load

    if given.objective == "none":
        return 0.0, load(encoder).encode
    settings = {
        "embedders.0.source": encoder,
        "embedders.0.layer_decay": 1.0,
        "task.objective": given.objective,
        "training.learning_rate": given.rate,
        "training.epochs": given.epochs,
        "training.batch_rows": BATCH,
        "training.dev_share": 0.0,
    }
    recipe = Recipe.load("sbert").with_settings(settings)
    model = Model(recipe, device="cpu", threads=given.threads).fit(pairs, scores)
    return sum(epoch["seconds"] for epoch in model.report_["history"][-1:]), model.encode


def one(given: Any) -> None:
    """Train once, and print seconds and Spearman's correlation on the test pairs."""
    from scipy.stats import spearmanr

    pairs, scores = read(given.data, "train", 0.5 if given.objective == "ranking" else 0.0)
    seconds, encode = {"peer": peer, "ours": ours}[given.one](given.encoder, pairs, scores, given)
    test, gold = read(given.data, "test")
    first, second = (encode([pair[side] for pair in test]) for side in (0, 1))
    norms = (first**2).sum(1) ** 0.5 * (second**2).sum(1) ** 0.5
    spearman = spearmanr((first * second).sum(1) / norms, gold).statistic
    print(json.dumps({"seconds": seconds, "spearman": float(spearman), "pairs": len(pairs)}))


def main() -> None:
    """Train in turn, each in a process of its own, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rate", type=float, default=5e-5)
    parser.add_argument("--one", choices=["peer", "ours"])
    parser.add_argument("--objective", choices=OBJECTIVES)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    if given.one:
        return one(given)
    from _common import keep, need

    data = str(need("pairs/stsb_en/stsbenchmark.tsv.gz"))
    results: dict[str, Any] = {"epochs": given.epochs, "threads": given.threads}
    for objective in OBJECTIVES:
        runs: dict[str, list[dict[str, float]]] = {"peer": [], "ours": []}
        for _ in range(given.repeat):
            for name, python in (("peer", given.peer), ("ours", sys.executable)):
                command = [python, __file__, *sys.argv[1:], "--data", data]
                command += ["--one", name, "--objective", objective]
                environment = os.environ | {"HF_HUB_OFFLINE": "1"}
                printed = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, text=True, env=environment
                )
                runs[name].append(json.loads(printed.stdout.splitlines()[-1]))
                print(objective, name, runs[name][-1], flush=True)
        best = {name: min(of_one, key=lambda run: run["seconds"]) for name, of_one in runs.items()}
        results[objective] = found = dict[str, Any](best)
        if objective != "none":
            found["ratio"] = best["peer"]["seconds"] / best["ours"]["seconds"]
            print(f"{objective}: {found['ratio']:.2f} times as fast")
    keep("pairs_training", results)


if __name__ == "__main__":
    main()
