"""Language models on the sample of the English Wikipedia: perplexity of words, and what they write.

    python benchmarks/language_model.py [--rungs kneser-ney,lstm-lm] [--words 20000000] [--set KEY=JSON]
    torchrun --standalone --nproc-per-node 2 benchmarks/language_model.py --threads 1 …   # in two processes

Of the paragraphs, every 200th is test and the one after it dev; the first ones of the others, of so many
words together, are trained on. All rungs have the same 8,000 pieces, learned from these.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from _common import RESULTS, keep, need

PROMPT, LENGTH = "The history of", 120


def paragraphs(words: int) -> dict[str, list[str]]:
    """Train, dev and test."""
    from wordladder.data.reading import read_examples

    lines = [
        text
        for text in read_examples(need("corpora/enwiki_sample.txt.xz"), "language_model").texts
        if " " in text
    ]
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for number, line in enumerate(lines):
        part = {0: "test", 1: "dev"}.get(number % 200, "train")
        if part != "train" or words > 0:
            parts[part].append(line)
            words -= line.count(" ") + 1 if part == "train" else 0
    return parts


def main() -> None:
    """Train each rung, and keep its figures beside those that were kept."""
    import torch

    from wordladder import Model, Recipe
    from wordladder.cli.console import progress_bar
    from wordladder.processes import process_count, process_number

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rungs", default="kneser-ney,lstm-lm")
    parser.add_argument("--words", type=int, default=20_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON")
    parser.add_argument("--output", type=Path, help="keep the models here; one that is there is not trained")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    parts = paragraphs(given.words)
    kept = RESULTS / "language_model.json"
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["rungs"] if kept.exists() else {}
    for rung in given.rungs.split(","):
        settings = dict(one.split("=") for one in given.set) if rung != "kneser-ney" else {}
        recipe = Recipe.load(rung, "language_model")
        recipe = recipe.with_settings({key: json.loads(value) for key, value in settings.items()})
        output = given.output and given.output / rung
        if output and output.exists():
            model = Model.load(output, threads=given.threads)
        else:
            model = Model(recipe, threads=given.threads)
            with progress_bar() as progress:
                model.fit(parts["train"], dev=(parts["dev"], None), output=output, progress=progress)
        if process_number() > 0:
            continue
        tested = model.evaluate(parts["test"])
        facts = {
            "minutes": model.report_["train_seconds"] / 60,
            "threads": given.threads,
            "processes": process_count(),
            "steps": model.report_.get("steps"),
            "interval": list(tested.interval),
            **tested.metrics,
            "settings": settings,
        }
        if rung != "kneser-ney":
            facts["text"] = model.generate(PROMPT, length=LENGTH, temperature=0.8, count=3)
        print(rung, facts, flush=True)
        found[f"{rung} {settings or ''}".strip()] = facts
        rows = {name: len(rows) for name, rows in parts.items()}
        keep("language_model", {"words": given.words, "rows": rows, "rungs": found})


if __name__ == "__main__":
    main()
