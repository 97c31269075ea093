"""`wordladder evaluate`: what a saved model is worth on a labelled file."""

from pathlib import Path
from typing import Any

from .console import console, interval, print_figures, print_json, print_notes
from .options import COLUMNS, Device, Json, ModelPath, Threads, climb_options
from .signatures import command_options


@command_options(climb_options(COLUMNS))
def evaluate(
    model: ModelPath,
    file: Path,
    *,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **columns: Any,
) -> None:
    """Evaluate a saved model on labelled rows.

    Example:  wordladder evaluate model test.csv

    Args:
        file: Labelled table, tagged text, or questions with answers.
    """
    from ..data.reading import read_examples
    from ..model.model import Model

    loaded = Model.load(model, device=device, threads=threads)
    examples = read_examples(file, loaded.recipe_.task, **columns)
    found = loaded.evaluate(examples)
    if json:
        print_json(found.to_dict())
        return
    console.print(
        f"{found.metric} [bold]{found.value:.4f}[/bold]  "
        f"(95 % interval {interval(found.interval)}, {found.rows:,} rows)"
    )
    counted = "rows" if found.task != "tagging" else "words" if found.metric == "accuracy" else "entities"
    plain = {name: value for name, value in found.metrics.items() if isinstance(value, float)}
    console.print(
        "   ".join(f"[dim]{name.replace('_', ' ')}[/dim] {value:.4f}" for name, value in plain.items())
    )
    if signature := found.metrics.get("signature"):
        console.print(f"[dim]sacreBLEU {signature}[/dim]")
    labels = found.metrics.get("labels") or {}
    largest = sorted(labels.items(), key=lambda item: -item[1]["support"])
    rows = (
        [label, *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1")), f"{row['support']:,}"]
        for label, row in largest[:20]
    )
    if labels:
        print_figures(["label", "precision", "recall", "F1", counted], rows)
    if len(largest) > 20:
        console.print(f"[dim]… and {len(largest) - 20} more labels; --json has them all[/dim]")
    print_notes(examples)
