"""What using a saved BiLSTM costs: from the command line to the answer, in process, and at import.

Each whole command is run once to warm the file cache and then timed as a process; medians are printed.
"""

import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from _common import keep

RUNS = 7


def seconds(*command: str, text: str = "") -> float:
    """The median wall time of a command."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def made_up_text(words: list[str], length: int) -> str:
    return " ".join(random.choices(words, k=length))


def train(folder: Path, words: list[str]) -> Path:
    """A BiLSTM with the rung's sizes and a vocabulary of 30,000 words; its quality does not matter here."""
    from wordladder import Model, Recipe

    rows = [(made_up_text(words, 60), str(i % 2)) for i in range(2000)]
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    recipe = Recipe.load("bilstm").with_settings(
        {"training.epochs": 1, "vectors.min_count": 1, "vectors.epochs": 1}
    )
    texts, labels = zip(*rows)
    Model(recipe).fit(list(texts), list(labels), output=folder / "model")
    return folder / "model"


def main() -> None:
    """Measure and print."""
    from wordladder import Model

    random.seed(1)
    words = [
        "".join(random.choices("abcdefghijklmnoprstuvwy", k=random.randint(2, 10))) for _ in range(30_000)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = train(Path(temporary), words)
        start = seconds(
            sys.executable, "-m", "wordladder", "predict", str(folder), "-", text=made_up_text(words, 200)
        )
        model = Model.load(folder)
        times = []
        for _ in range(400):
            text = made_up_text(words, 200)
            before = time.perf_counter()
            model.predict([text])
            times.append(1e3 * (time.perf_counter() - before))
    figures = {
        "command_to_answer_s": start,
        "predict_200_words_ms": {
            "p50": float(np.median(times[50:])),
            "p95": float(np.quantile(times[50:], 0.95)),
        },
        "import_s": seconds(sys.executable, "-c", "import wordladder")
        - seconds(sys.executable, "-c", "pass"),
        "help_s": seconds(sys.executable, "-m", "wordladder", "--help"),
    }
    print(json.dumps(figures, indent=1))
    keep("latency", figures)


if __name__ == "__main__":
    main()
