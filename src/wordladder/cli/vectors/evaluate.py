"""Test word vectors on word similarity and analogies."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import console, print_json
from ..options import Json
from ._shared import File, Format, figures_table, load

__all__ = ["evaluate"]


def evaluate(
    file: File,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Word pairs with people's scores: word, word, score a line; may be repeated."),
    ] = None,
    analogies: Annotated[
        list[Path] | None,
        typer.Option(help="Analogies: four words a line, sections after a colon; may be repeated."),
    ] = None,
    restrict_vocab: Annotated[
        int, typer.Option(min=1, help="Only the first so many words are known.")
    ] = 300_000,
    format_: Format = None,
    json: Json = False,
) -> None:
    """Test word vectors on word similarity (Spearman's correlation) and analogies (accuracy).

    Example:  wordladder vectors evaluate words.vec --pairs wordsim.txt --analogies questions-words.txt
    """
    from dataclasses import asdict

    from ...errors import SettingError

    if not pairs and not analogies:
        raise SettingError("evaluate needs a test: --pairs FILE or --analogies FILE.")
    vectors = load(file, format_)
    limit = {"restrict_vocab": restrict_vocab}
    similar = {str(path): asdict(vectors.evaluate_word_pairs(path, **limit)) for path in pairs or []}
    solved = {str(path): asdict(vectors.evaluate_word_analogies(path, **limit)) for path in analogies or []}
    if json:
        print_json(
            _finite({"pairs": similar, "analogies": {path: _by_name(one) for path, one in solved.items()}})
        )
        return
    _print_tests(similar, solved)


def _by_name(result: dict[str, Any]) -> dict[str, Any]:
    """A result with its sections as a table: name → figures."""
    sections = {}
    for section in result["sections"]:
        figures = {key: section[key] for key in ("correct", "used", "total")}
        accuracy = section["correct"] / section["used"] if section["used"] else math.nan
        sections[section["name"]] = {"accuracy": accuracy, **figures}
    return {**result, "sections": sections}


def _finite(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_tests(pairs: dict[str, Any], analogies: dict[str, Any]) -> None:
    from rich.text import Text

    if pairs:
        table = figures_table("word pairs", "Spearman", "used", "of")
        for path, one in pairs.items():
            table.add_row(Text(path), f"{one['spearman']:.4f}", f"{one['used']:,}", f"{one['total']:,}")
        console.print(table)
    for path, one in analogies.items():
        table = figures_table(path, "accuracy", "correct", "used", "of")
        for section in (*one["sections"], {**one, "name": "all"}):
            share = section["correct"] / section["used"] if section["used"] else math.nan
            figures = (f"{section[key]:,}" for key in ("correct", "used", "total"))
            table.add_row(Text(section["name"]), f"{share:.4f}", *figures)
        console.print(table)
