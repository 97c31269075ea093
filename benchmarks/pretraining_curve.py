"""Plots the curve of a pretraining run for the docs, and saves its figures.

    wordladder pretrain WORDLADDER_DATA/corpora/enwiki_sample.txt.xz --kind albert --size tiny --minutes 60 \\
            --batch-pieces 2048 --learning-rate 3e-4 --output FOLDER
    python benchmarks/pretraining_curve.py FOLDER NAME     docs/pictures/NAME.svg, results/NAME.json

Held-out measurements are plotted against minutes; the baseline is the share of the most frequent piece, which
a model reaches that has learned nothing else.
"""

import json
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from _common import ROOT, keep, need

LINES = 40_000  # to determine the most frequent piece


def unigram_accuracy(folder: Path) -> float:
    """The share of the most frequent piece."""
    from tokenizers import Tokenizer

    from wordladder.text.file_content import raw_lines

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    lines = raw_lines(need("corpora/enwiki_sample.txt.xz"))
    some = [text for line in islice(lines, LINES) if (text := line.decode("utf-8").strip())]
    counts = Counter(
        piece for one in tokenizer.encode_batch(some, add_special_tokens=False) for piece in one.ids
    )
    return max(counts.values()) / sum(counts.values())


def draw(rows: list[dict[str, Any]], least: float, path: Path) -> None:
    """Plot held-out loss, accuracy on masked pieces and on sentence order."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    minutes = [row["seconds"] / 60 for row in rows]
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(10, 3), layout="constrained")
    panels = (
        (left, "held_out_masked_loss", "loss of hidden pieces", None),
        (middle, "held_out_masked_accuracy", "hidden pieces that are right", least),
        (right, "held_out_order_accuracy", "order of segments that is right", 0.5),
    )
    for axes, key, title, line in panels:
        axes.plot(minutes, [row[key] for row in rows], color="#2563eb", linewidth=2, marker="o", markersize=3)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("minutes", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        if line is not None:
            axes.axhline(line, color="#94a3b8", linestyle="--", linewidth=1)
            axes.annotate(
                "most frequent piece" if axes is middle else "by chance",
                (minutes[-1], line),
                xytext=(0, 4),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color="#64748b",
            )
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")


def main(folder: Path, name: str) -> None:
    """Write the plot and the figures."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "held_out_loss" in row]
    report = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    least = unigram_accuracy(folder)
    draw(rows, least, ROOT / "docs" / "pictures" / f"{name}.svg")
    facts = {key: value for key, value in report.items() if key != "curve"}
    keep(name, {"unigram_accuracy": least, **facts, "held_out_curve": rows})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2])
