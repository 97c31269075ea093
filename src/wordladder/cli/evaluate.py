"""`wordladder evaluate`: what a saved model is worth on a labelled file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._warnings import print_notes
from .console import console, print_json
from .options import Device, Format, Json, Label, LabelSeparator, ModelPath, SkipIncomplete, Text, Threads
from .tables import figures_table, interval, percent_or_value


def evaluate(
    model: ModelPath,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Labelled table, tagged text, or questions with answers.")
    ],
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    format_: Format = None,
    skip_incomplete: SkipIncomplete = False,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Measure a saved model on labelled rows, in the form that its task has them.

    Example:  wordladder evaluate model test.csv
    """
    from ..data.reading import read_examples
    from ..model.model import Model

    loaded = Model.load(model, device=device, threads=threads)
    layout: dict[str, Any] = {"text": text, "label": label, "label_separator": label_separator}
    layout |= {"format": format_, "skip_incomplete": skip_incomplete}
    examples = read_examples(file, loaded.recipe_.task, **layout)
    found = loaded.evaluate(examples)
    if json:
        print_json(found.to_dict())
        return
    console.print(
        f"{found.metric} [bold]{percent_or_value(found.value)}[/bold]  "
        f"(95 % interval {interval(found.interval)}, {found.rows:,} rows)"
    )
    _print_metrics(found.metrics, _counted(found.task, found.metric))
    print_notes(examples)


def _counted(task: str, metric: str) -> str:
    """What a label has so many of."""
    if task != "tagging":
        return "rows"
    return "words" if metric == "accuracy" else "entities"


def _print_metrics(metrics: dict[str, Any], counted: str) -> None:
    plain = {name: value for name, value in metrics.items() if isinstance(value, float)}
    console.print(
        "   ".join(f"[dim]{name.replace('_', ' ')}[/dim] {value:.4f}" for name, value in plain.items())
    )
    labels = metrics.get("labels")
    if not labels:
        return
    table = figures_table("label", "precision", "recall", "F1", counted)
    largest = sorted(labels.items(), key=lambda item: -item[1]["support"])
    for label, row in largest[:20]:
        figures = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
        table.add_row(label, *figures, f"{row['support']:,}")
    console.print(table)
    if len(largest) > 20:
        console.print(f"[dim]… and {len(largest) - 20} more labels; --json has them all[/dim]")
