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
    texts={"rich_help_panel": "Export", "metavar": "FILE"},
)
def export(
    model: Path,
    *,
    output: shared.Output,
    test: Path | None = None,
    texts: Path | None = None,
    threads: shared.Threads = None,
    json: shared.Json = False,
    **columns: Any,
) -> None:
    """Write a model that answers without PyTorch: its network as a graph of ONNX, or a small encoder.

    All commands read it as they read the model; they need only `pip install "wordladder[run]"`, and of an
    encoder of texts `wordladder[fast]`.

    Example:  wordladder export bilstm-model --precision int8 --test test.csv --output small

    Args:
        model: Folder of a saved model, of sentence-transformers or of transformers.
        test: Labelled rows on which the model is evaluated before and after.
        texts: For an encoder in int8: texts like those that it will read, one a line, or a table.
    """
    from ..data.reading import read_examples
    from ..data.tables import read_texts
    from ..deployment.export import export as library
    from ..files.folders import size_mb
    from ..interop.sources import needed_mb
    from ..model.model import Model

    precision = columns.pop("precision")
    loaded = Model.load(model, device="cpu", threads=threads)
    rows = None if test is None else read_examples(test, loaded.recipe_.task, **columns)
    reading = {name: columns[name] for name in ("text", "format")}
    shown = [] if texts is None else list(read_texts(str(texts), **reading))
    costs = library(loaded, output, precision=precision, test=rows, texts=shown)
    sizes = needed_mb(model), size_mb(output)
    if json:
        print_json({"megabytes": dict(zip(("before", "after"), sizes)), **costs})
        return
    console.print(f"[bold]{output}[/bold]  {sizes[1]:.1f} MB instead of {sizes[0]:.1f} MB, {precision}")
    if "before" in costs:
        figures = [
            [name, f"[bold]{costs[name]['value']:.4f}[/bold]", interval(costs[name]["interval"])]
            for name in ("before", "after")
        ]
        print_figures(["", costs["before"]["metric"], "95 % interval"], figures)
        print_notes(rows)
    if "mean_cosine" in costs:
        console.print(
            f"cosine with the vectors before: mean [bold]{costs['mean_cosine']:.4f}[/bold], "
            f"least {costs['least_cosine']:.4f}, of {costs['texts']:,} texts"
        )
    verb = "embed" if "mean_cosine" in costs else "predict"
    more = " --output vectors.npy" if verb == "embed" else ""
    console.print(f'[dim]next:[/dim]  echo "…" | wordladder {verb} {output} -{more}')
