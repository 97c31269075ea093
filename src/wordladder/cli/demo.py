"""`wordladder demo`: the whole ladder on real text that every machine has, the docstrings of the installed
packages.
"""

import shutil
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .climb import print_climb
from .console import console, progress_bar
from .tables import duration, milliseconds, percent_or_value

if TYPE_CHECKING:
    from ..data.docstrings import DocstringData
    from ..ladder.result import Climb

__all__ = ["demo"]

RUNGS = ("tfidf", "vectors-mean", "gru", "lstm", "bilstm")
# Descriptions are short and the labels many: short texts, few epochs, a large step.
SETTINGS = {
    "text.max_words": 60,
    "training.epochs": 5,
    "training.learning_rate": 4e-3,
    "training.patience": 2,
}
SENTENCES = (
    "Compute the eigenvalues of a symmetric matrix.",
    "Draw a scatter plot with varying marker size and color.",
    "Send an HTTP request and return the response.",
    "Fit the model to the training data and labels.",
    "Parse the command line arguments and show a help message.",
)
WORDS = ("matrix", "request", "color", "token")


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path(
        "wordladder-demo"
    ),
    seed: Annotated[int, typer.Option(help="Start of everything random.")] = 1,
) -> None:
    """Climb five rungs on the docstrings of the installed Python packages: no download, about three minutes.

    Example:  wordladder demo
    """
    from ..ladder.climb import climb

    if (output / "climb" / "climb.json").is_file():
        shutil.rmtree(output / "climb")  # an earlier demo
    started = perf_counter()
    console.print("[bold]Which library does this description come from?[/bold]")
    with progress_bar() as progress:
        data = _gather(seed, progress)
        _print_data(data)
        output.mkdir(parents=True, exist_ok=True)
        raw = output / "text.txt"
        raw.write_text(
            "\n".join(" ".join(text.split("\n")) for text in data.raw), encoding="utf-8", newline="\n"
        )
        found = climb(
            data.train,
            test=data.test,
            corpus=raw,
            rungs=RUNGS,
            seeds=1,
            seed=seed,
            settings=SETTINGS,
            output=output / "climb",
            progress=progress,
        )
    print_climb(found)
    _print_answers(found)
    _print_sentences(found)
    _print_neighbours(found)
    _print_next(found, perf_counter() - started)


def _gather(seed: int, progress: Any) -> "DocstringData":
    from ..data.docstrings import gather

    # So many rows of a library that five rungs are climbed in three minutes.
    return gather(seed=seed, max_rows=200, progress=progress)


def _print_data(data: "DocstringData") -> None:
    words = sum(len(text.split()) for text in data.raw)
    labels = data.train.labels or []
    console.print(
        f"{len(data.train):,} descriptions of {len(set(labels))} libraries to learn from, "
        f"{len(data.test):,} to be tested on, from {data.files:,} source files; "
        f"{words / 1e6:.1f} M words of raw text for word vectors. For example:",
        soft_wrap=True,
    )
    for row in (0, len(data.train) // 2):
        text = " ".join(data.train.texts[row].split())
        console.print(f"  [dim]{text[:100]}[/dim] → {labels[row]}", soft_wrap=True)
    console.print()


def _print_answers(found: "Climb") -> None:
    from ..ladder.choice import answers

    three = answers(found)
    console.print()
    for title, rung in (
        ("cheapest good one", three.cheapest_good),
        ("best", three.best),
        (f"best under {three.latency_ms:g} ms", three.best_fast),
    ):
        shown = (
            "none"
            if rung is None or rung.value is None or rung.price is None
            else f"[bold]{rung.name}[/bold]  {percent_or_value(rung.value)} at "
            f"{milliseconds(rung.price.latency_p50)} a text"
        )
        console.print(f"  {title:<20} {shown}")


def _model_folder(found: "Climb", name: str) -> Path:
    return found.folder / "runs" / name / f"seed-{found.seeds[0]}" / "model"


def _print_sentences(found: "Climb") -> None:
    """What the best rung says of sentences that a reader can judge."""
    from ..model import Model

    if found.best is None:
        return
    console.print(f"\n[bold]{found.best}[/bold] reads:")
    model = Model.load(_model_folder(found, found.best))
    for sentence, answer in zip(SENTENCES, model.answers(list(SENTENCES))):
        three = list(answer["probabilities"].items())[:3]
        shown = ", ".join(f"{label} [dim]{probability:.0%}[/dim]" for label, probability in three)
        console.print(f"  {sentence:<58} {shown}", soft_wrap=True)


def _print_neighbours(found: "Climb") -> None:
    from ..word_vectors import WordVectors

    files = sorted((found.folder / "cache").glob("vectors-*.safetensors"))
    if not files:
        return
    vectors = WordVectors.load(files[0])
    console.print(f"\nnearest words, of {len(vectors):,} trained here:")
    for word in WORDS:
        if word in vectors:
            near = ", ".join(name for name, _ in vectors.most_similar(word, topn=6))
            console.print(f"  {word:<10} {near}", soft_wrap=True)


def _print_next(found: "Climb", seconds: float) -> None:
    name = found.recommended or found.best
    console.print(f"\nDone in {duration(seconds)}. The report: [bold]{found.folder / 'report.html'}[/bold]")
    console.print("Next, on a table of your own with a column of texts and one of labels:")
    console.print("  wordladder climb reviews.csv --output climb")
    console.print(f"  wordladder train {name or 'bilstm'} --train reviews.csv --output model")
    console.print('  echo "a text" | wordladder predict model -')
