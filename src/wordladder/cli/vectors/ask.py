"""Ask word vectors: neighbours and analogies."""

from typing import Annotated, Any

import typer

from ..console import console, print_json
from ..options import Json
from ._shared import File, Format, TopN, figures_table, load

__all__ = ["analogy", "neighbors"]


def neighbors(
    file: File,
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="Words to look up.")],
    topn: TopN = 10,
    format_: Format = None,
    json: Json = False,
) -> None:
    """Show the words nearest to each word, by cosine.

    Example:  wordladder vectors neighbors words.safetensors king queen
    """
    vectors = load(file, format_)
    found = {word: vectors.most_similar(_as_trained(word, vectors), topn=topn) for word in words}
    if json:
        print_json({word: _near(answers) for word, answers in found.items()})
        return
    _print_answers(found)


def analogy(
    file: File,
    a: Annotated[str, typer.Argument(metavar="A")],
    b: Annotated[str, typer.Argument(metavar="B")],
    c: Annotated[str, typer.Argument(metavar="C")],
    topn: TopN = 10,
    format_: Format = None,
    json: Json = False,
) -> None:
    """Show what is to C as B is to A.

    Example:  wordladder vectors analogy words.safetensors man king woman
    """
    vectors = load(file, format_)
    found = vectors.analogy(*(_as_trained(word, vectors) for word in (a, b, c)), topn=topn)
    if json:
        print_json({"a": a, "b": b, "c": c, "answers": _near(found)})
        return
    _print_answers({f"{a} : {b} = {c} : ?": found})


def _as_trained(word: str, vectors: Any) -> str:
    from ...text import lower

    return lower(word) if vectors.settings.get("lowercase") and word not in vectors else word


def _near(answers: list[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"word": word, "similarity": cosine} for word, cosine in answers]


def _print_answers(found: dict[str, list[tuple[str, float]]]) -> None:
    from rich.text import Text

    for question, answers in found.items():
        table = figures_table(question, "cosine")
        for word, cosine in answers:
            table.add_row(Text(word), f"{cosine:.3f}")
        console.print(table)
