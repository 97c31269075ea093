"""`wordladder demo`: the whole ladder on real text that every machine has, the docstrings of the installed
packages.
"""

import re
import shutil
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ..extras import require
from .climb import print_climb
from .console import console, duration, milliseconds, progress_bar
from .options import Output, Seed

if TYPE_CHECKING:
    from ..data.docstrings import DocstringData
    from ..data.examples import Examples
    from ..ladder.result import Climb

RUNGS = ("tfidf", "fasttext", "vectors-mean", "gru", "bilstm")
BASELINE = RUNGS[0]
ROWS = 700  # of each library: as many as most have
THREADS = 1  # more hardly help models this small, and make the demo slow where other programs run
WORDS = ("matrix", "axis", "color", "graph")


def demo(output: Output = Path("wordladder-demo"), seed: Seed = 1) -> None:
    """Climb five rungs on sentences about the installed Python packages: no download, about two minutes.

    Example:  wordladder demo
    """
    require("torch", "train", "the demo")
    from ..data.docstrings import gather
    from ..ladder.climb import climb

    if (output / "climb" / "climb.json").is_file():
        shutil.rmtree(output / "climb")  # an earlier demo
    started = perf_counter()
    console.print("[bold]Which library does a sentence come from?[/bold]")
    with progress_bar() as progress:
        data = gather(seed=seed, max_rows=ROWS, progress=progress)
        _print_data(data)
        output.mkdir(parents=True, exist_ok=True)
        raw, lines = output / "text.txt", [" ".join(text.split("\n")) for text in data.raw]
        raw.write_text("\n".join(lines), encoding="utf-8", newline="\n")
        settings: dict[str, Any] = {"rungs": RUNGS, "seeds": 1, "seed": seed, "threads": THREADS}
        settings |= {"test": data.test, "corpus": raw, "output": output / "climb"}
        result = climb(data.train, **settings, progress=progress)
    print_climb(result)
    _print_answers(result)
    _print_conclusion(result)
    _print_sentences(result, data.test)
    _print_neighbours(result)
    seconds, name = perf_counter() - started, result.recommended or result.best
    console.print(f"\nDone in {duration(seconds)}. The report: [bold]{result.folder / 'report.html'}[/bold]")
    console.print("Next, on a table of your own with a column of texts and one of labels:")
    console.print("  wordladder climb reviews.csv --output climb")
    console.print(f"  wordladder train {name or 'bilstm'} --train reviews.csv --output model")
    console.print('  echo "a text" | wordladder predict model -')


def _print_data(data: "DocstringData") -> None:
    words = sum(len(text.split()) for text in data.raw)
    labels = list(data.train.labels or ())
    names = sorted({str(label) for label in labels})
    console.print(
        f"{len(data.train):,} sentences from the documentation of {len(names)} libraries to learn from, "
        f"{len(data.test):,} from other source files to be tested on; {words / 1e6:.1f} M words of raw text "
        "for word vectors. A library's own name is masked. For example:",
        soft_wrap=True,
    )
    for name in names:
        row = max(range(len(labels)), key=lambda row: (labels[row] == name, _handy(data.train.texts[row])))
        console.print(f"  {name:<13} [dim]{escape(data.train.texts[row])}[/dim]", soft_wrap=True)
    console.print()


def _handy(text: str) -> bool:
    """Whether a sentence fits into a line, has no mask, and says what something does."""
    return 50 <= len(text) <= 80 and not re.search(r"…|^(This|Private|Internal|Helper)\b", text)


def _print_answers(result: "Climb") -> None:
    from ..ladder.choice import answers

    console.print()
    for title, rung in answers(result).items():
        shown = "none"
        if rung is not None and rung.value is not None and rung.price is not None:
            latency = milliseconds(rung.price.latency_p50)
            shown = f"[bold]{rung.name}[/bold]  {rung.value:.4f} at {latency} a text"
        console.print(f"  {title:<23} {shown}")


def _print_sentences(result: "Climb", test: "Examples") -> None:
    """What the best rung says of a test sentence of each library."""
    from ..model.model import Model

    if result.best is None:
        return
    console.print(f"\n[bold]{result.best}[/bold] reads sentences of the test:")
    model = Model.load(result.folder / "runs" / result.best / f"seed-{result.seeds[0]}" / "model")
    rows = {label: row for row, label in enumerate(test.labels or ()) if _handy(test.texts[row])}
    for (label, row), answer in zip(rows.items(), model.answers([test.texts[row] for row in rows.values()])):
        guess, probability = next(iter(answer["probabilities"].items()))
        shown = f"[green]✓ {guess}[/green] [dim]{probability:.0%}[/dim]"
        if guess != label:
            shown = f"[red]✗ {guess}[/red] [dim]{probability:.0%}, but it is from {label}[/dim]"
        console.print(f"  {escape(test.texts[row]):<80} {shown}", soft_wrap=True)


def _print_conclusion(result: "Climb") -> None:
    """Whether the networks were worth their price, as the test rows have it."""
    base = result.rung(BASELINE)
    best = next((rung for rung in result.rungs if rung.name == result.best), None)
    if best is None or best.price is None or base.price is None or base.difference is None:
        return
    gap, times = base.difference, best.price.latency_p50 / base.price.latency_p50
    counter, between = f"{BASELINE}, which only counts words", f"{-gap.high:+.3f} to {-gap.low:+.3f}"
    if best is base:
        text = (
            f"{counter} and pairs of words, wins here: with {result.rows['train']:,} sentences to learn from "
            "no network is worth its price. More rows, or a pretrained encoder (--encoder), may change that."
        )
    elif gap.high < 0:
        better = f"{-gap.value:.3f} ({between})"
        text = f"{best.name} beats {counter}, by {better} at {times:.1f} times its latency."
    else:
        text = (
            f"{best.name} is the best on dev, but the test rows do not show that it beats {counter} "
            f"({-gap.value:+.3f}, {between}): {BASELINE} is enough until more rows say otherwise."
        )
    console.print(f"\n{text}", soft_wrap=True)


def _print_neighbours(result: "Climb") -> None:
    from ..word_vectors import WordVectors

    files = sorted((result.folder / "cache").glob("vectors-*.safetensors"))
    if not files:
        return
    vectors = WordVectors.load(files[0])
    console.print(f"\nnearest words, of {len(vectors):,} whose vectors were trained on with this text:")
    for word in WORDS:
        if word in vectors:
            near = ", ".join(name for name, _ in vectors.most_similar(word, topn=6))
            console.print(f"  {word:<10} {near}", soft_wrap=True)
