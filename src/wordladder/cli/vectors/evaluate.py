"""Test word vectors on word similarity and analogies."""

import math
from pathlib import Path
from typing import Annotated, Any

from ..console import console, figures_table, print_json
from ..options import Json, UnicodeErrors, option
from ._shared import File, Format, load

_NAMES = {"add": "3CosAdd", "mul": "3CosMul"}


def evaluate(
    file: File,
    pairs: Annotated[
        list[Path] | None, option("Word pairs with human scores: word, word, score a line. May be repeated.")
    ] = None,
    analogies: Annotated[
        list[Path] | None,
        option("Analogies: four words a line, a section's name after a colon. May be repeated."),
    ] = None,
    method: Annotated[
        str,
        option(
            "How analogies are solved: add is 3CosAdd, mul 3CosMul (Levy and Goldberg 2014).",
            metavar="add|mul|both",
        ),
    ] = "add",
    subwords: Annotated[
        bool,
        option(
            "Whether word pairs may use vectors composed of subwords, where the file has subwords.",
            None,
            "--subwords/--known-only",
        ),
    ] = True,
    restrict_vocab: Annotated[int, option("Use only this many words, the first ones.", min=1)] = 300_000,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Test word vectors on word similarity (Spearman's correlation) and analogies (accuracy).

    Example:  wordladder vectors evaluate words.vec --pairs wordsim.txt --analogies questions-words.txt
    """
    from dataclasses import asdict

    from ...errors import SettingError, did_you_mean

    if not pairs and not analogies:
        raise SettingError("evaluate needs a test: --pairs FILE or --analogies FILE.")
    if method not in ("add", "mul", "both"):
        raise SettingError(f"--method is {method!r}.{did_you_mean(method, ['add', 'mul', 'both'])}")
    vectors = load(file, format_, unicode_errors)
    limit = {"restrict_vocab": restrict_vocab}
    similar = {
        str(path): asdict(vectors.evaluate_word_pairs(path, subwords=subwords, **limit))
        for path in pairs or []
    }
    methods = ("add", "mul") if method == "both" else (method,)
    solved = {
        str(path): [vectors.evaluate_word_analogies(path, method=one, **limit) for one in methods]
        for path in analogies or []
    }
    if json:
        print_json(
            _finite({"pairs": similar, "analogies": {path: _figures(*s) for path, s in solved.items()}})
        )
        return
    _print_pairs(similar)
    for path, results in solved.items():
        _print_analogies(path, results)


def _figures(first: Any, second: Any = None) -> dict[str, Any]:
    """A result with its sections as a table, name → figures; a second method's under its name."""
    sections = {one.name: _section(one) for one in first.sections}
    kinds = {"semantic": first.semantic, "syntactic": first.syntactic}
    figures = {key: getattr(first, key) for key in ("accuracy", "correct", "used", "total", "method")}
    figures |= {name: _section(one) for name, one in kinds.items() if one is not None}
    figures["sections"] = sections
    return figures | ({second.method: _figures(second)} if second else {})


def _section(one: Any) -> dict[str, Any]:
    return {key: getattr(one, key) for key in ("accuracy", "correct", "used", "total")}


def _finite(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_pairs(pairs: dict[str, Any]) -> None:
    from rich.text import Text

    if not pairs:
        return
    composed = any(one["composed"] for one in pairs.values())
    table = figures_table(
        "word pairs", "Spearman", "used", "of", *(["used through subwords"] if composed else [])
    )
    for path, one in pairs.items():
        figures = [f"{one[key]:,}" for key in ("used", "total", *(["composed"] if composed else []))]
        table.add_row(Text(path), f"{one['spearman']:.4f}", *figures)
    console.print(table)


def _print_analogies(path: str, results: list[Any]) -> None:
    from rich.text import Text

    shares = ["accuracy"] if len(results) == 1 else [_NAMES[one.method] for one in results]
    table = figures_table(path, *shares, *(["correct"] if len(results) == 1 else []), "used", "of")
    for same in zip(*(_rows(one) for one in results)):
        accuracies = [f"{one.accuracy:.4f}" for one in same]
        counts = [f"{same[0].correct:,}"] if len(results) == 1 else []
        table.add_row(Text(same[0].name), *accuracies, *counts, f"{same[0].used:,}", f"{same[0].total:,}")
    console.print(table)


def _rows(result: Any) -> list[Any]:
    """The sections of a result, then its totals."""
    from ...word_vectors.intrinsic import AnalogySection

    kinds = [one for one in (result.semantic, result.syntactic) if one is not None]
    return [*result.sections, *kinds, AnalogySection("all", result.correct, result.used, result.total)]
