"""How examples and results pass between processes: JSON and NumPy files, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Answer, Examples, Label, Span, label_names
from ..files.streams import atomic_path, atomic_write, write_errors

_PLAIN = ("segments", "labels", "source", "scheme", "ids", "groups", "words", "weights")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, wholly or not at all."""
    with write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as fresh:
        fresh.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as `.npy`, wholly or not at all."""
    with atomic_write(path) as file:
        np.save(file, array, allow_pickle=False)


def write_examples(path: Path, examples: Examples) -> None:
    """Write examples for `read_examples`. The file is as large as the texts; unpaired surrogates survive."""
    facts = {name: getattr(examples, name) for name in _PLAIN}
    facts["lines"] = None if examples.lines is None else examples.lines.tolist()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts), encoding="ascii")


def read_examples(path: Path) -> Examples:
    """What `write_examples` wrote; lists of labels become tuples again."""
    facts = json.loads(path.read_text(encoding="ascii"))
    facts["segments"] = tuple(facts["segments"])
    facts["labels"] = facts["labels"] and [_label(label) for label in facts["labels"]]
    facts["lines"] = None if facts["lines"] is None else np.array(facts["lines"], dtype=np.int64)
    return Examples(**facts)


def _label(written: Any) -> Label:
    """A label as it was before JSON made lists of all tuples: a span has three parts, an answer two."""
    if isinstance(written, str):
        return written
    kinds: dict[int, Any] = {3: Span, 2: Answer}
    return tuple(part if isinstance(part, str) else kinds[len(part)](*part) for part in written)


def nested_order(examples: Examples, seed: int = 1) -> NDArray[np.int64]:
    """An order of the rows whose beginnings are the parts that a label curve trains on.

    It is random, but that the first rows show every label once: a model cannot be tested on labels that it
    never saw.
    """
    shuffled = np.random.default_rng(seed).permutation(len(examples))
    seen: set[str] = set()
    first: list[int] = []
    rest: list[int] = []
    for row in shuffled:
        new = set(label_names((examples.labels or [])[row]))
        (rest if new <= seen else first).append(row)
        seen |= new
    return np.array(first + rest, dtype=np.int64)
