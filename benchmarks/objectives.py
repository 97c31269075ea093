"""Objectives of similarity compared: the same network, rows and seed, only the objective differs.

    python benchmarks/objectives.py [--encoder MINILM]

STS-B in Chinese with the rung `bilstm-towers`, and in English with `sbert` over an encoder if one is given:
Spearman's correlation on test. For `softmax` the scores are classes, rounded to whole numbers.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from _common import keep, need

OBJECTIVES = ("cosine", "softmax", "cosent")


def parts(language: str) -> list[Any]:
    """Train, dev and test."""
    from wordladder.data.reading import read_examples
    from wordladder.data.split_columns import SplitColumns

    if language == "zh":
        names = (f"pairs/stsb_zh/sts-b-{part}.txt.gz" for part in ("train", "dev", "test"))
        return [read_examples(need(name), "similarity") for name in names]
    whole = read_examples(
        need("pairs/stsb_en/stsbenchmark.tsv.gz"), "similarity", split_columns=SplitColumns(split=True)
    )
    rows = [
        [row for row, part in enumerate(whole.parts or ()) if part == name]
        for name in ("train", "dev", "test")
    ]
    return list(map(whole.take, rows))


def main() -> None:
    """Train with each objective, and print the correlations."""
    from wordladder import Model, Recipe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", type=Path)
    given = parser.parse_args()
    rungs = [("zh", "bilstm-towers", {})]
    if given.encoder:
        rungs.append(("en", "sbert", {"embedders.0.source": str(given.encoder)}))
    found: dict[str, dict[str, Any]] = {}
    for language, rung, settings in rungs:
        train, dev, test = parts(language)
        whole = replace(train, labels=[float(round(score)) for score in train.labels])
        for objective in OBJECTIVES:
            recipe = Recipe.load(rung, "similarity").with_settings(settings | {"task.objective": objective})
            rows = whole if objective == "softmax" else train
            model = Model(recipe, device="cpu").fit(rows, dev=dev)
            result = model.evaluate(test)
            found.setdefault(f"{rung}, {language}", {})[objective] = {
                "dev": model.report_["dev_value"],
                "spearman": result.value,
                "interval": result.interval,
                "seconds": model.report_["train_seconds"],
            }
            print(language, rung, objective, f"{result.value:.4f}", flush=True)
    keep("objectives", found)


if __name__ == "__main__":
    main()
