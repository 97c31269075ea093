"""`wordladder forecast`: what more labels would bring, and which texts to label next."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ..data.plurals import counted
from ..errors import OutputError, SettingError
from ..files.streams import atomic_path
from . import options as shared
from .console import console, print_figures, print_json
from .signatures import command_options, library_options

if TYPE_CHECKING:
    from ..ladder.result import Expected, Forecast

SUFFIXES = (".jsonl", ".csv")
SHOWN, LONGEST = 10, 160


@command_options(
    library_options("ladder/forecast.py", "forecast", {"Options": "margin"}, margin={"min": 0}),
    shared.climb_options({"Label next": "text format"}),
    rows={"metavar": "ROWS[,ROWS]..."},
    unlabelled={"rich_help_panel": "Label next", "metavar": "FILE"},
    label_next={"rich_help_panel": "Label next", "min": 1},
    output={"rich_help_panel": "Label next", "flags": ["--output", "-o"]},
    rung={"rich_help_panel": "Label next"},
)
def forecast(
    folder: Path,
    *,
    rows: list[str] | None = None,
    unlabelled: Path | None = None,
    label_next: int = 100,
    rung: str | None = None,
    output: Path | None = None,
    threads: shared.Threads = None,
    json: shared.Json = False,
    **options: Any,
) -> None:
    """Say what more labels would bring to each rung of a climb, and which texts to label next.

    It reads the label curves that `wordladder climb --forecast` or `--label-curve` measured.

    Example:  wordladder forecast climb --rows 5000,25000

    Args:
        folder: Folder of a climb.
        rows: Training rows to look ahead to; if not given, 2, 5 and 10 times those there are.
        unlabelled: Texts without labels, one a line or a table: the ones to label next are chosen from them.
        label_next: How many.
        rung: Whose model chooses them; if not given, the recommended one or the best.
        output: File to write them to: .csv or .jsonl.
    """
    from ..data.tables import read_texts
    from ..ladder.forecast import forecast as library
    from ..ladder.forecast import read_climb

    if output is not None and output.suffix not in SUFFIXES:
        raise OutputError(f"{output}: texts are written as .csv or .jsonl")
    facts, found, chosen = read_climb(folder), None, None
    if rows or unlabelled is None:
        asked = shared.split_numbers(rows, "--rows") or [by * facts["rows"]["train"] for by in (2, 5, 10)]
        found = library(folder, asked, margin=options["margin"])
        if not json:
            print_forecast(found)
    if unlabelled is not None:
        reading = {name: options[name] for name in ("text", "format")}
        name = rung or facts["recommended"] or facts["best"]
        chosen = _choose(folder, facts, name, read_texts(unlabelled, **reading), label_next, threads)
        if output is not None:
            _write(output, chosen["texts"])
        if not json:
            _print_chosen(chosen, output)
    if json:
        print_json({"forecast": found and asdict(found), "label_next": chosen})


def print_forecast(found: "Forecast") -> None:
    """What to expect of each rung, and where they meet."""
    from ..ladder.sentences import forecast_sentences

    counts = [one.rows for one in found.rungs[0].expected]
    heads = ["rung", f"{found.metric} now", *(f"{count:,} rows" for count in counts)]
    cells = [
        [rung.name, f"[bold]{rung.value:.3f}[/bold]", *(_expected(one) for one in rung.expected)]
        for rung in found.rungs
    ]
    print_figures(heads, cells)
    for sentence in forecast_sentences(found):
        console.print(sentence, soft_wrap=True)


def _expected(one: "Expected") -> str:
    low, high = one.interval
    return f"[bold]{one.value:.3f}[/bold]\u00a0[dim]{low:.2f}–{high:.2f}[/dim]"


def _choose(
    folder: Path, facts: dict[str, Any], rung: str, texts: Iterable[Any], count: int, threads: int | None
) -> dict[str, Any]:
    """The texts to label next, with what the model of a rung says of them."""
    from ..ladder.climb_folder import ClimbFolder
    from ..model.label_next import label_next
    from ..model.model import Model

    known = {one["name"]: one for one in facts["rungs"] if one["seeds"] and not one["fixed"]}
    if rung not in known:
        raise SettingError(f"--rung: the climb trained no {rung!r}; it has {', '.join(known)}")
    model = Model.load(ClimbFolder(folder).run(rung, known[rung]["seeds"][0]) / "model", threads=threads)
    rows = list(texts)
    found = label_next(model, rows, count)
    some = [rows[row] for row in found.rows]
    labels = [answer.get("label") for answer in model.answers(some)]
    return {
        "rung": rung,
        "mean_sure": found.mean_sure,
        "repeated": found.repeated,
        "texts": [
            {"line": row + 1, "sure": sure, "suggested": label, **_columns(text)}
            for row, sure, label, text in zip(found.rows, found.sure, labels, some)
        ],
    }


def _columns(text: Any) -> dict[str, str]:
    return {"text": text} if isinstance(text, str) else dict(zip(("sentence1", "sentence2"), text))


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    page = io.StringIO()
    if path.suffix == ".csv" and rows:
        writer = csv.DictWriter(page, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        page.writelines(dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with atomic_path(path) as fresh:
        fresh.write_text(page.getvalue(), encoding="utf-8", newline="\n")


def _print_chosen(chosen: dict[str, Any], output: Path | None) -> None:
    texts = chosen["texts"]
    sure = sum(one["sure"] for one in texts) / max(len(texts), 1)
    console.print(
        f"\n[bold]{counted(len(texts), 'text')} to label next[/bold], of which {chosen['rung']} is "
        f"{100 * sure:.0f} % sure on average; of all texts {100 * chosen['mean_sure']:.0f} %",
        soft_wrap=True,
    )
    if chosen["repeated"]:
        console.print(f"[dim]{counted(chosen['repeated'], 'repeated text')} left out[/dim]")
    rows: list[list[str | Text]] = [
        [
            f"{one['line']:,}",
            f"{100 * one['sure']:.0f} %",
            Text(str(one["suggested"] or "")),
            Text(" ‖ ".join(" ".join(part.split()) for part in list(one.values())[3:])[:LONGEST]),
        ]
        for one in texts[:SHOWN]
    ]
    print_figures(["line", "sure"], rows, ["suggested", "text"])
    if output is not None:
        console.print(f"[dim]all in[/dim] {output}")
    elif len(texts) > SHOWN:
        console.print(f"[dim]{len(texts) - SHOWN:,} more; --output FILE keeps them all[/dim]")
