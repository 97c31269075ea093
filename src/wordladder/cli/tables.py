"""The command line's tables, and how figures are written in them."""

from typing import Any


def plain_table() -> Any:
    """A table without lines and, as yet, without columns."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def figures_table(*columns: str) -> Any:
    """A table whose first column is text and whose others are figures."""
    table = plain_table()
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def percent_or_value(value: float) -> str:
    """A metric with as many digits as a test set can carry."""
    return f"{value:.4f}"


def interval(bounds: tuple[float, float] | list[float]) -> str:
    """The two ends of an interval."""
    low, high = bounds
    return f"{low:.3f} – {high:.3f}"


def milliseconds(value: float) -> str:
    """A latency with two telling digits."""
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"
