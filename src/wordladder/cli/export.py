"""`wordladder export`: a trained network as a graph that answers without PyTorch."""

from pathlib import Path
from typing import Any

from . import options as shared
from .console import console, interval, print_figures, print_json, print_notes
from .signatures import command_options, library_options


@command_options(
    library_options("deployment/export.py", "export", {"Export": "precision"}),
    shared.climb_options(shared.COLUMNS),
    test={"rich_help_panel": "Export"},
)
def export(
    model: shared.ModelPath,
    *,
    output: shared.Output,
    test: Path | None = None,
    threads: shared.Threads = None,
    json: shared.Json = False,
    **columns: Any,
) -> None:
    """Write a model that answers without PyTorch: its network as a graph of ONNX.

    All commands read it as they read the model; they need only `pip install "wordladder[run]"`.

    Example:  wordladder export bilstm-model --precision int8 --test test.csv --output small

    Args:
        test: Labelled rows on which the model is evaluated before and after.
    """
    from ..data.reading import read_examples
    from ..deployment.export import export as library
    from ..files.folders import size_mb
    from ..model.model import Model

    precision = columns.pop("precision")
    loaded = Model.load(model, device="cpu", threads=threads)
    rows = None if test is None else read_examples(test, loaded.recipe_.task, **columns)
    found = library(loaded, output, precision=precision, test=rows)
    sizes = size_mb(model), size_mb(output)
    if json:
        tested = found and {name: one.to_dict() for name, one in zip(("before", "after"), found)}
        print_json({"megabytes": dict(zip(("before", "after"), sizes)), "test": tested})
        return
    console.print(f"[bold]{output}[/bold]  {sizes[1]:.1f} MB instead of {sizes[0]:.1f} MB, {precision}")
    if found is not None:
        figures = [
            [name, f"[bold]{one.value:.4f}[/bold]", interval(one.interval)]
            for name, one in zip(("before", "exported"), found)
        ]
        print_figures(["", found[0].metric, "95 % interval"], figures)
        print_notes(rows)
    console.print(f'[dim]next:[/dim]  echo "…" | wordladder predict {output} -')
