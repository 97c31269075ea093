"""Test word vectors on word similarity and analogies."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import SettingError, did_you_mean
from ..console import print_figures, print_json
from ..options import Json, UnicodeErrors
from ..signatures import command_options
from ._shared import File, Format, load

_NAMES = {"add": "3CosAdd", "mul": "3CosMul"}


@command_options(
    method={"metavar": "add|mul|both"},
    subwords={"flags": ["--subwords/--known-only"]},
    restrict_vocab={"min": 1},
)
def evaluate(
    file: File,
    *,
    pairs: list[Path] | None = None,
    analogies: list[Path] | None = None,
    method: str = "add",
    subwords: bool = True,
    restrict_vocab: int = 300_000,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Test word vectors on word similarity (Spearman's correlation) and analogies (accuracy).

    Example:  wordladder vectors evaluate words.vec --pairs wordsim.txt --analogies questions-words.txt

    Args:
        pairs: Word pairs with human scores: word, word, score a line.
        analogies: Analogies: four words a line, a section's name after a colon.
        method: How analogies are solved: add is 3CosAdd, mul 3CosMul (Levy and Goldberg 2014).
        subwords: Whether word pairs may use vectors composed of subwords, where the file has subwords.
        restrict_vocab: Use only this many words, the first ones.
    """
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
        figures = {path: _figures(*results) for path, results in solved.items()}
        print_json(_finite({"pairs": similar, "analogies": figures}))
        return
    _print_pairs(similar)
    for path, results in solved.items():
        _print_analogies(path, results)


def _figures(first: Any, second: Any = None) -> dict[str, Any]:
    """A result with its sections as a table, name → figures; a second method's under its name."""
    kinds = {"semantic": first.semantic, "syntactic": first.syntactic}
    return {
        **_section(first),
        "method": first.method,
        **{name: _section(one) for name, one in kinds.items() if one is not None},
        "sections": {one.name: _section(one) for one in first.sections},
        **({second.method: _figures(second)} if second else {}),
    }


def _section(one: Any) -> dict[str, Any]:
    return {key: getattr(one, key) for key in ("accuracy", "correct", "used", "total")}


def _finite(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_pairs(pairs: dict[str, Any]) -> None:
    columns = {"used": "used", "total": "of", "composed": "used through subwords"}
    if not any(one["composed"] for one in pairs.values()):
        del columns["composed"]
    rows = (
        [path, f"{one['spearman']:.4f}", *(f"{one[key]:,}" for key in columns)] for path, one in pairs.items()
    )
    if pairs:
        print_figures(["word pairs", "Spearman", *columns.values()], rows)


def _print_analogies(path: str, results: list[Any]) -> None:
    columns = ["accuracy", "correct"] if len(results) == 1 else [_NAMES[one.method] for one in results]
    rows = []
    for first, *others in zip(*(_rows(one) for one in results)):
        accuracies = [f"{one.accuracy:.4f}" for one in (first, *others)]
        correct = [] if others else [f"{first.correct:,}"]
        rows.append([first.name, *accuracies, *correct, f"{first.used:,}", f"{first.total:,}"])
    print_figures([path, *columns, "used", "of"], rows)


def _rows(result: Any) -> list[Any]:
    """The sections of a result, then its totals."""
    from ...word_vectors.intrinsic import AnalogySection

    kinds = [one for one in (result.semantic, result.syntactic) if one is not None]
    return [*result.sections, *kinds, AnalogySection("all", result.correct, result.used, result.total)]
