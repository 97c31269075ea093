"""`wordladder evaluate` and `predict`: what a saved model does with a file or standard input."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import console, print_json
from .notes import print_notes
from .options import Device, Format, Json, Label, LabelSeparator, Text, Threads
from .tables import interval, percent_or_value

__all__ = ["evaluate", "predict"]

BLOCK = 1024

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")]
Input = Annotated[
    str, typer.Argument(metavar="FILE", help="One text a line, or a table; - is standard input.")
]


def evaluate(
    model: ModelPath,
    file: Annotated[Path, typer.Argument(help="Labelled table.")],
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    format_: Format = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Measure a saved model on a labelled table.

    Example:  wordladder evaluate model test.csv
    """
    from ..data.tables import read_table
    from ..model import Model

    examples = read_table(file, text=text, label=label, label_separator=label_separator, format=format_)
    loaded = Model.load(model, device=device, threads=threads)
    found = loaded.evaluate(examples)
    if json:
        print_json(found.to_dict())
        return
    console.print(
        f"{found.metric} [bold]{percent_or_value(found.value)}[/bold]  "
        f"(95 % interval {interval(found.interval)}, {found.rows:,} rows)"
    )
    _print_metrics(found.metrics)
    print_notes(examples)


def _print_metrics(metrics: dict[str, Any]) -> None:
    from rich.table import Table

    plain = {name: value for name, value in metrics.items() if isinstance(value, float)}
    console.print(
        "   ".join(f"[dim]{name.replace('_', ' ')}[/dim] {value:.4f}" for name, value in plain.items())
    )
    labels = metrics.get("labels")
    if not labels:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("label")
    for column in ("precision", "recall", "F1", "rows"):
        table.add_column(column, justify="right")
    largest = sorted(labels.items(), key=lambda item: -item[1]["support"])
    for label, row in largest[:20]:
        table.add_row(
            label,
            f"{row['precision']:.3f}",
            f"{row['recall']:.3f}",
            f"{row['f1']:.3f}",
            f"{row['support']:,}",
        )
    console.print(table)
    if len(largest) > 20:
        console.print(f"[dim]… and {len(largest) - 20} more labels; --json has them all[/dim]")


def predict(
    model: ModelPath,
    file: Input = "-",
    top: Annotated[int, typer.Option(min=1, help="Labels shown for each text.")] = 1,
    text: Text = None,
    format_: Format = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Answer for each text of a file or of standard input.

    Prints label, probability and text, between tabs; --json prints one object a line.

    Example:  echo "what a wonderful film" | wordladder predict model -
    """
    from ..data.tables import read_texts
    from ..model import Model

    loaded = Model.load(model, device=device, threads=threads)
    for texts in _blocks(read_texts(file, text=text, format=format_)):
        for one, answer in zip(texts, loaded.answers(texts)):
            if json:
                print_json(answer)
            else:
                print(_line(one, answer, top))


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    source = iter(texts)
    while block := list(islice(source, BLOCK)):
        yield block


def _line(text: str, answer: dict[str, Any], top: int) -> str:
    ranked = answer["probabilities"]
    labels = answer["label"] if isinstance(answer["label"], list) else list(ranked)[:top]
    shown = ", ".join(labels) if top == 1 else ", ".join(f"{label} {ranked[label]:.3f}" for label in labels)
    surest = f"{max((ranked[label] for label in labels), default=0.0):.3f}"
    return "\t".join([shown, surest, " ".join(text.split())] if top == 1 else [shown, " ".join(text.split())])
