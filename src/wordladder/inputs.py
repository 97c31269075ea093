"""What `Model`'s methods take and give back: lists, arrays, Series and pairs in, labels of the user's own
type out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .data.examples import Examples
from .errors import DataError, ModelError, SettingError, did_you_mean

__all__ = [
    "LabelKind",
    "examples_of",
    "label_kind",
    "labels_back",
    "prompted",
    "similarities",
    "unit",
]


class LabelKind(NamedTuple):
    """How the user writes labels, so that predictions come back the same way.

    Attributes:
        type: `"str"`, `"int"`, `"float"`, `"bool"`, or `"indicators"` for a matrix of zeros and ones.
        width: The columns of the matrix.
    """

    type: str = "str"
    width: int = 0


_PYTHON: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text == "True",
}


def examples_of(texts: Any, labels: Any = None, segments: int = 1) -> Examples:
    """Examples from whatever holds texts: a list, an array, a Series, pairs for two segments, or Examples.

    Raises:
        DataError: a text is not a string, or texts and labels differ in number.
    """
    if isinstance(texts, Examples):
        return (
            texts if labels is None else Examples(texts.segments, _as_text(labels), texts.source, texts.lines)
        )
    if isinstance(texts, str):
        raise DataError("one string was given where a list of texts is expected: put it in a list")
    rows = list(texts)
    columns = [rows] if segments == 1 else [list(column) for column in zip(*rows)]
    for column in columns:
        for row, text in enumerate(column):
            if not isinstance(text, str):
                raise DataError(
                    f"row {row + 1}: a text has to be a string, not {type(text).__name__}: {text!r}"
                )
    if labels is not None and len(rows) != len(labels):
        raise DataError(f"{len(rows)} texts and {len(labels)} labels were given; they have to be as many")
    return Examples(tuple(columns), None if labels is None else _as_text(labels))


def _as_text(labels: Any) -> list[Any]:
    if getattr(labels, "ndim", 1) == 2:
        return [tuple(str(i) for i in np.flatnonzero(row)) for row in np.asarray(labels)]
    return [_one_as_text(label) for label in labels]


def _one_as_text(label: Any) -> Any:
    if isinstance(label, list | tuple | set | frozenset):
        return tuple(
            str(_plain(one)) for one in (sorted(label) if isinstance(label, set | frozenset) else label)
        )
    return str(_plain(label))


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def label_kind(labels: Any) -> LabelKind:
    """How these labels are written."""
    if labels is None:
        return LabelKind()
    if getattr(labels, "ndim", 1) == 2:
        return LabelKind("indicators", labels.shape[1])
    first = _plain(next(_single(labels), ""))
    return LabelKind(type(first).__name__ if type(first).__name__ in _PYTHON else "str")


def _single(labels: Iterable[Any]) -> Iterator[Any]:
    for label in labels:
        if isinstance(label, list | tuple | set | frozenset):
            yield from label
        else:
            yield label


def labels_back(predictions: list[Any], kind: LabelKind) -> Any:
    """Predicted labels as the user writes them: an array of labels, a list of tuples, or a matrix."""
    if kind.type == "indicators":
        matrix = np.zeros((len(predictions), kind.width), np.int64)
        for row, labels in enumerate(predictions):
            matrix[row, [int(label) for label in labels]] = 1
        return matrix
    convert = _PYTHON[kind.type]
    if predictions and isinstance(predictions[0], tuple):
        return [tuple(convert(label) for label in labels) for labels in predictions]
    if kind.type == "str":
        return np.array(predictions, dtype=object if not predictions else None)
    return np.array([convert(label) for label in predictions])


def prompted(examples: Examples, layout: Any, prompt: str | None, name: str | None) -> Examples:
    """The examples with a prompt before each text: the one given, the one named, or the model's usual one.

    Args:
        examples: Texts.
        layout: What knows the model's own prompts and which one is usual, or None.
        prompt: Put before each text.
        name: The name of a prompt of the model.

    Raises:
        SettingError: the model has no prompt of that name.
        ModelError: its vectors leave the prompt out.
    """
    prompts = {} if layout is None else layout.prompts
    name = name or (None if layout is None or prompt is not None else layout.prompt)
    if prompt is None and name is not None:
        if name not in prompts:
            raise SettingError(
                f"prompt_name = {name!r}: the model has no such prompt.{did_you_mean(name, prompts)}"
            )
        prompt = prompts[name]
    if not prompt:
        return examples
    if layout is not None and not layout.include_prompt:
        raise ModelError(
            "this model leaves the prompt out of a text's vector (include_prompt = false), which is not done "
            'here; prompt = "" encodes without one'
        )
    segments = tuple([prompt + text for text in segment] for segment in examples.segments)
    return replace(examples, segments=segments)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length one in the same directions; a zero vector stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def similarities(
    first: Any, second: Any, kind: str = "cosine", encode: Callable[[Any], np.ndarray] = np.asarray
) -> np.ndarray:
    """How alike two sets of vectors or texts are, `(rows, columns)`; of distances, the negative.

    Args:
        first: Vectors `(rows, dim)`, or texts.
        second: The same; None for the first again.
        kind: `"cosine"`, `"dot"`, `"euclidean"` or `"manhattan"`.
        encode: Makes vectors of texts.
    """
    sets = [first] if second is None else [first, second]
    texts = [isinstance(one, str) or (len(one) > 0 and isinstance(one[0], str)) for one in sets]
    rows, *others = (
        np.atleast_2d(np.asarray(encode(one) if is_text else one, np.float32))
        for one, is_text in zip(sets, texts)
    )
    columns = others[0] if others else rows
    if kind in ("cosine", "dot"):
        return unit(rows) @ unit(columns).T if kind == "cosine" else rows @ columns.T
    from scipy.spatial.distance import cdist

    return -cdist(rows, columns, "euclidean" if kind == "euclidean" else "cityblock").astype(np.float32)
