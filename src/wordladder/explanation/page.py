"""Explanations as a self-contained HTML page: words coloured by what they count."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from ..data.plurals import counted
from .explanation import Explanation


def explanation_page(explanations: Sequence[Explanation | None], title: str) -> str:
    """A page with each text, its words blue where they speak for the answer, orange where they speak against
    it; the stronger, the more they count.

    Args:
        explanations: As `Model.explain` gives them; None: nothing was explained.
        title: The heading of the page.
    """
    page = Template(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    known = [one for one in explanations if one is not None]
    methods = ", ".join(sorted({one.method for one in known})) or "nothing to explain"
    return page.substitute(
        title=escape(title),
        summary=f"{counted(len(explanations), 'text')} · {methods}",
        texts="\n".join(map(_section, known)) or "<p>No texts.</p>",
    )


def _section(one: Explanation) -> str:
    most = max((abs(word.weight) for word in one.words), default=0.0) or 1.0
    parts = []
    for number, text in enumerate(one.texts):
        at, marked = 0, []
        for word in (word for word in one.words if word.text == number):
            side = "for" if word.weight > 0 else "against"
            marked.append(escape(text[at : word.start]))
            marked.append(
                f'<span class="{side}" style="--w:{abs(word.weight) / most * 0.7:.3f}" '
                f'title="{word.weight:+.3f}">{escape(text[word.start : word.end])}</span>'
            )
            at = word.end
        parts.append(f"<p>{''.join(marked)}{escape(text[at:])}</p>")
    base = "" if one.base is None else f", without words {one.base:.2f}"
    head = f"<h2>{escape(one.target)}</h2><small>score {one.score:.2f}{base}</small>"
    return f"<section>{head}{''.join(parts)}</section>"
