"""Vectors distilled from a sentence encoder against the encoder: quality and speed.

    python benchmarks/static_distilled.py --encoder MINILM [--dims 256 128 64]

Trains the rung `static-distilled` on STS-B (English, 5,749 pairs), and `vectors-sif`, which has no teacher.
They and the encoder are measured on the 1,379 test pairs: Spearman's correlation of cosines with scores,
and sentences a second of `encode` with one thread, the best of rounds in turn. Saves the figures in
results/static_distilled.json.
"""

import argparse
import os
import time
from pathlib import Path

from _common import keep, need

ROUNDS = 7


def main() -> None:
    """Train, encode in turn, report."""
    import numpy as np

    from wordladder import Model, Recipe, load
    from wordladder.cli.console import progress_bar
    from wordladder.data.split_columns import group_or_time
    from wordladder.interop.encoders import read_encoder
    from wordladder.ladder.split import read_parts
    from wordladder.metrics.numbers import spearman

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--dims", type=int, nargs="*", default=[256])
    given = parser.parse_args()
    columns = {"split_columns": group_or_time(None, None)}  # the file's column `split` says
    parts = read_parts(
        need("pairs/stsb_en/stsbenchmark.tsv.gz"), None, None, task="similarity", columns=columns
    )
    teacher = load(given.encoder, device="cpu", threads=1)
    models = {"encoder": teacher}
    trained = {}
    with progress_bar() as progress:
        for name, dim in [("vectors-sif", None), *(("static-distilled", dim) for dim in given.dims)]:
            recipe = Recipe.load(name)
            if dim is not None:
                recipe = recipe.with_encoder(read_encoder(given.encoder)).with_settings({"vectors.dim": dim})
            model = Model(recipe, device="cpu", threads=1).fit(parts.train, dev=parts.dev, progress=progress)
            name = name if dim is None else f"{name}, {dim} numbers"
            models[name], trained[name] = model, model.report_["train_seconds"]
    texts = [text for pair in zip(*parts.test.segments) for text in pair]
    seconds, figures = dict.fromkeys(models, float("inf")), {}
    for _ in range(ROUNDS):
        for name, model in models.items():
            started = time.perf_counter()
            vectors = model.encode(texts, normalize_embeddings=True)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
            cosines = np.sum(vectors[::2] * vectors[1::2], axis=1)
            figures[name] = {"spearman": float(spearman(parts.test.labels, cosines))}
    for name, found in figures.items():
        rate = len(texts) / seconds[name]
        found |= {"sentences_per_second": rate, "times_the_encoder": rate * seconds["encoder"] / len(texts)}
        found |= {"train_seconds": trained[name]} if name in trained else {}
        print(f"{name:32} {found['spearman']:.4f} {rate:10,.0f}/s {found['times_the_encoder']:8.1f} times")
    busy = os.getloadavg()[0]  # of other programs, too: the rates are those of a busy machine above 1
    keep("static_distilled", {"texts": len(texts), "threads": 1, "load": busy, "models": figures})


if __name__ == "__main__":
    main()
