"""`wordladder index demo`: search in text that every machine has, docstrings of the installed packages."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rich.text import Text

from ..extras import require
from ..progress import Progress
from .console import console, duration, progress_bar
from .options import Output
from .search import show_hits

if TYPE_CHECKING:
    from ..search.passages import Document

MOST = 25_000  # docstrings: a longer demo would not show more
QUERIES = ("parse a date", "shortest path in a graph", "wait until all threads have finished")


def demo(output: Output = Path("wordladder-demo/index")) -> None:
    """Index the docstrings of the installed packages, and search them: no download, half a minute.

    Example:  wordladder index demo
    """
    require("qdrant_edge", "search", "the demo")
    from ..search.index import Index
    from ..vectors._starter import starter_files

    started = perf_counter()
    (english,) = (file for file in starter_files() if file.stem == "en")
    opening = Index.open if output.exists() else Index.create
    with opening(output, english) as index:
        with progress_bar() as progress:
            documents = list(_documents(progress))
            index.update(documents, progress=progress)
        packages = len({document.fields["package"] for document in documents})
        console.print(
            f"{len(documents):,} docstrings of {packages} packages, searchable by meaning and by words, in "
            f"{duration(perf_counter() - started)}: [bold]{output}[/bold]",
            soft_wrap=True,
        )
        for query in QUERIES:
            console.print()
            console.print(Text(query, style="bold underline"))
            show_hits(index, query, index.search(query, 3))
    console.print("\n[dim]next:[/dim]")
    console.print(f'  wordladder search {output} "sort an array" --where package=numpy', soft_wrap=True)
    console.print(f'  wordladder search {output} "sparse matrix" --by words --json', soft_wrap=True)
    console.print("  wordladder index build notes/ --encoder MODEL --output notes-index")


def _documents(progress: Progress) -> "Iterator[Document]":
    """The docstrings, each called by the module and the name of what it describes, and a number if needed."""
    from ..data.docstrings import documentation
    from ..search.passages import Document

    seen: Counter[str] = Counter()
    for one in documentation(MOST, progress=progress):
        path = f"{one.module}.{one.name}".rstrip(".")
        seen[path] += 1
        name = path if seen[path] == 1 else f"{path} {seen[path]}"
        text = f"{one.name}: {one.text}" if one.name else one.text
        yield Document(name, text, {"package": one.package, "module": one.module})
