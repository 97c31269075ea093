"""`wordladder predict --explain`: the words of texts in colours."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.text import Text

from ..explanation.explanation import Explanation
from .console import console, errors, print_json

_LEAST = 0.1  # of the largest weight: smaller ones are not written into a file


def explain_rows(
    model: Any, blocks: Iterable[tuple[list[Any], Any]], how: dict[str, Any], html: Path | None, *, json: bool
) -> None:
    """Print what each word counts, or write it as a page.

    Args:
        model: The model.
        blocks: Texts, and their ids if they have any.
        how: Arguments of `Model.explain`.
        html: The page.
        json: Whether to print an object a line.
    """
    from ..explanation.page import explanation_page
    from ..files.streams import atomic_write

    every: list[Explanation | None] = []
    for rows, ids in blocks:
        found = model.explain(rows, **how)
        every += found if html is not None else []
        for number, one in enumerate(found):
            if json:
                content = {"target": None, "words": []} if one is None else one.to_dict()
                print_json(content if ids is None else {"id": ids[number], **content})
            elif html is None:
                if console.is_terminal:
                    console.print(coloured_words(one), soft_wrap=True)
                else:
                    print(weighted_words(one))
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(html) as output:
            output.write(explanation_page(every, model.recipe_.name).encode("utf-8"))
        # With --json, standard output is for programs.
        (errors if json else console).print(f"{len(every):,} texts explained in [bold]{html}[/bold]")


def coloured_words(one: Explanation | None) -> Text:
    """The answer and its text: blue words speak for it, orange ones against it, strong ones bold."""
    if one is None:
        return Text("–")
    most = max((abs(word.weight) for word in one.words), default=0.0) or 1.0
    shown = Text().append(f"{one.target}  ", "bold")
    for number, text in enumerate(one.texts):
        at = 0
        for word in (word for word in one.words if word.text == number):
            share = abs(word.weight) / most
            colour = "dodger_blue2" if word.weight > 0 else "dark_orange3"
            style = "" if share < _LEAST else f"{'bold ' if share > 0.5 else ''}{colour}"
            shown.append(text[at : word.start])
            shown.append(text[word.start : word.end], style)
            at = word.end
        shown.append(text[at:] + ("" if number == len(one.texts) - 1 else "  |  "))
    return shown


def weighted_words(one: Explanation | None) -> str:
    """The answer, and the words that count most with their weights, the largest first."""
    if one is None:
        return "–"
    most = max((abs(word.weight) for word in one.words), default=0.0)
    words = sorted(one.words, key=lambda word: -abs(word.weight))
    told = [
        f"{one.texts[word.text][word.start : word.end]} {word.weight:+.2f}"
        for word in words
        if abs(word.weight) >= _LEAST * most > 0
    ]
    return "\t".join([one.target, f"{one.score:.2f}", ", ".join(told)])
