"""Parts of the report as HTML. Cells and items are HTML, all else is text."""

from collections.abc import Iterable, Sequence
from html import escape


def small(text: str) -> str:
    """Small print below a figure; nothing for an empty text."""
    return f"<small>{escape(text)}</small>" if text else ""


def note(text: str) -> str:
    """A quiet paragraph."""
    return f'<p class="quiet note">{escape(text)}</p>'


def section(title: str, *parts: str) -> str:
    """A section with a heading."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def list_section(title: str, items: Iterable[str]) -> str:
    """A section with a list, if there are any items."""
    points = "".join(f"<li>{item}</li>" for item in items)
    return section(title, f'<ul class="list">{points}</ul>') if points else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column heads its rows."""
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    lines = [
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in rows
    ]
    return framed(f"<thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody>")


def framed(rows: str) -> str:
    """A table that scrolls where it is wider than the page."""
    return f'<div class="scroll" tabindex="0"><table>{rows}</table></div>'
