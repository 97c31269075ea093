"""The attention between texts and their translations as a self-contained HTML page: a matrix for each."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from ..data.plurals import counted
from ..text.pieces import OPENS, SPECIAL


def alignment_page(alignments: Sequence[Any], title: str) -> str:
    """A page with a matrix for each text: its words from left to right, the pieces of the translation from
    top to bottom, the darker the more attention.

    Args:
        alignments: As `Model.alignments` gives them.
        title: The heading of the page.
    """
    page = Template(files(__package__).joinpath("alignment_page.html").read_text(encoding="utf-8"))
    matrices = "\n".join(map(_matrix, alignments)) or "<p>No texts.</p>"
    summary = counted(len(alignments), "text")
    return page.substitute(title=escape(title), summary=summary, matrices=matrices)


def _matrix(alignment: Any) -> str:
    head = "".join(f"<th scope='col'><span>{escape(word)}</span></th>" for word in alignment.words)
    rows = [
        f"<tr><th scope='row'>{_shown(piece)}</th>{''.join(map(_cell, weights))}</tr>"
        for piece, weights in zip(alignment.pieces, alignment.weights.tolist())
    ]
    text = "".join(piece for piece in alignment.pieces if piece not in SPECIAL).replace(OPENS, " ").strip()
    top = f"<caption>{escape(text)}</caption><thead><tr><td></td>{head}</tr></thead>"
    return f"<table>{top}<tbody>{''.join(rows)}</tbody></table>"


def _shown(piece: str) -> str:
    """A piece as it is read; one that goes on with a word has a mark before it."""
    if piece in SPECIAL:
        return "<i>end</i>"
    return escape(piece.removeprefix(OPENS)) if piece.startswith(OPENS) else f"<i>·</i>{escape(piece)}"


def _cell(weight: float) -> str:
    return f"<td style='--w:{weight:.2f}' title='{weight:.2f}'></td>"
