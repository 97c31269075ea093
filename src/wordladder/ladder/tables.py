"""Writes the figures of a climb as a table: `climb.csv` for programs, `climb.md` for people and issues."""

import csv
import io
from math import isfinite
from pathlib import Path
from typing import Any

from ..files.streams import atomic_path
from .price import Price, format_megabytes, format_milliseconds, format_seconds
from .result import Climb, Rung
from .sentences import cascade_sentence, caveats, metric_name

_PRICES = tuple(Price.__dataclass_fields__)
COLUMNS = (
    "rung",
    "recommended",
    "best",
    "value",
    "low",
    "high",
    "difference",
    "dev_value",
    *_PRICES,
    "error",
)


def write_tables(climb: Climb, folder: Path) -> None:
    """Write both tables atomically."""
    for name, text in (("climb.csv", csv_table(climb)), ("climb.md", markdown(climb))):
        with atomic_path(folder / name) as fresh:
            fresh.write_text(text, encoding="utf-8", newline="\n")


def csv_table(climb: Climb) -> str:
    """A row a rung, with plain numbers; the units are those of `Price`, and what is unknown is empty."""
    page = io.StringIO()
    writer = csv.DictWriter(page, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_values(rung, climb) for rung in climb.rungs)
    return page.getvalue()


def _values(rung: Rung, climb: Climb) -> dict[str, Any]:
    low, high = rung.interval or (None, None)
    prices = {name: getattr(rung.price, name, None) for name in _PRICES}
    return {
        "rung": rung.name,
        "recommended": int(rung.name == climb.recommended),
        "best": int(rung.name == climb.best),
        "value": rung.value,
        "low": low,
        "high": high,
        "difference": rung.difference and rung.difference.value,
        "dev_value": rung.dev_value,
        **{name: value for name, value in prices.items() if value is not None and isfinite(value)},
        "error": rung.error,
    }


def markdown(climb: Climb) -> str:
    """The recommendation, the rungs, and what the figures do not show."""
    heads = ("rung", metric_name(climb.rule), "95 % interval", "latency (p50)", "memory", "size", "training")
    rows = [_cells(rung, climb) for rung in climb.rungs]
    lines = [f"**{climb.reason}**", "", *map(_line, (heads, ["---"] * len(heads), *rows)), ""]
    if climb.cascade is not None:
        lines += [cascade_sentence(climb), ""]
    counts = ", ".join(f"{count:,} {part}" for part, count in climb.rows.items())
    lines += [f"{counts} rows; {climb.threads} threads of {climb.machine.get('processor', 'this machine')}."]
    lines += ["", *(f"- {note}" for note in (*climb.notes, *climb.warnings, *caveats(climb))), ""]
    return "\n".join(lines)


def _cells(rung: Rung, climb: Climb) -> list[str]:
    name = f"**{rung.name}**" if rung.name == climb.recommended else rung.name
    if rung.value is None or rung.interval is None or rung.price is None:
        return [name, "–", rung.error or "", "", "", "", ""]
    low, high = rung.interval
    price = rung.price
    return [
        name,
        f"{rung.value:.4f}",
        f"{low:.3f} – {high:.3f}",
        format_milliseconds(price.latency_p50),
        format_megabytes(price.memory_mb),
        format_megabytes(price.size_mb),
        format_seconds(price.train_seconds),
    ]


def _line(cells: Any) -> str:
    return "| " + " | ".join(" ".join(str(cell).replace("|", "\\|").split()) for cell in cells) + " |"
