"""What `Model`'s methods take and give back: lists, arrays, Series and pairs in, labels of the user's own
type out.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..data.examples import Examples, Span
from ..data.labels import label_name, spell_like
from ..data.python_values import is_integer, plain, rows_of, width_of
from ..data.questions import answers_from_python
from ..data.raw_table import is_missing
from ..data.tagged import tagged_words, tags_of_words
from ..errors import DataError, ModelError, SettingError, did_you_mean
from ..extras import require
from ..tasks.classification import Classification


@dataclass(frozen=True)
class LabelKind:
    """How the user writes labels, so that predictions come back the same way.

    Attributes:
        type: `"str"`, `"int"`, `"float"`, `"bool"`, `"indicators"` for a matrix of zeros and ones, or
            `"parts"` for spans and answers.
        width: The columns of the matrix.
    """

    type: Literal["str", "int", "float", "bool", "indicators", "parts"] = "str"
    width: int = 0


@dataclass(frozen=True)
class SavedKind:
    """What `report.json` has to hold of a model's name and labels."""

    name: str
    label_kind: LabelKind


_SEVERAL = (list, tuple, set, frozenset)  # may hold the labels of one text
_PYTHON: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text.lower() == "true",
}


def examples_of(texts: Any, labels: Any = None, task: Any = Classification, groups: Any = None) -> Examples:
    """Examples from whatever holds texts: a list, an array, a Series, a frame, a generator, or Examples.

    Args:
        texts: Texts; for a task of two texts pairs of them; for tagging also lists of words.
        labels: What the task learns from, a row a text.
        task: The task or its class: says how many texts an example has, and what labels are.
        groups: The author, document or file of each text.

    Raises:
        DataError: a text is not a string, a label or a group is missing, or texts and labels or groups differ
            in number.
    """
    if groups is not None:
        return replace(examples_of(texts, labels, task), groups=_groups(groups))
    if isinstance(texts, Examples):
        if (found := len(texts.segments)) != task.segments:
            raise DataError(f"{texts.source}: the task has {task.segments} texts a row, not {found}")
        if labels is None:
            return texts
        return replace(texts, labels=_labels_of(labels, texts, task))
    rows = text_rows(texts, task)
    if task.labels_are == "spans" and any(map(_is_listed, rows)):
        return tagged_words(rows, None if labels is None else _as_many(rows_of(labels, "labels"), rows))
    examples = Examples(tuple(_columns(rows, task.segments)))
    return examples if labels is None else replace(examples, labels=_labels_of(labels, examples, task))


def labelled(
    texts: Any, labels: Any, task: Any, groups: Any = None, weights: Any = None, known: Iterable[str] = ()
) -> Examples:
    """Examples to learn from or to measure on.

    Args:
        texts: As for `examples_of`.
        labels: As for `examples_of`.
        task: As for `examples_of`.
        groups: As for `examples_of`.
        weights: How much each text counts.
        known: Labels that are known, as they are spelled.

    Raises:
        DataError: as `examples_of`; or there are no labels, or no rows, or a weight is none.
        SettingError: texts of this task have no weights.
    """
    examples = examples_of(texts, labels, task, groups)
    if examples.labels is None:
        raise DataError(f"{examples.source}: labels are needed, and there are none")
    if not len(examples):
        raise DataError(f"{examples.source}: there are no texts, and so nothing to learn or to measure")
    if weights is not None:
        examples = replace(examples, weights=_weights(weights, task))
    return spell_like(examples, known)


def text_rows(texts: Any, task: Any) -> Any:
    """The texts, pairs or lists of words, one after the other; Examples as they are.

    Raises:
        DataError: they are nothing that holds rows in order.
    """
    return texts if isinstance(texts, Examples) else rows_of(texts, "texts", task.segments)


def _groups(groups: Any) -> list[str]:
    rows = rows_of(groups, "groups", 1)
    for row, group in enumerate(rows):
        if is_missing(group):
            raise DataError(f"row {row + 1}: the group is missing; every row needs one")
    return list(map(str, rows))


def _weights(given: Any, task: Any) -> list[float]:
    """How much each text counts, on average 1 among those that count at all."""
    if task.labels_are != "names":
        raise SettingError("sample_weight: only a classification learns from texts of different weights")
    weights = rows_of(given, "sample_weight", 1)
    for row, weight in enumerate(weights):
        if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            found = repr(weight)[:60]
            raise DataError(f"row {row + 1}: sample_weight has to be a number, 0 or more; found {found}")
    some = [weight for weight in weights if weight]
    if not some:
        raise DataError("sample_weight: all weights are 0, so there is nothing to learn from")
    return [weight * len(some) / math.fsum(some) for weight in weights]


def _as_many(labels: list[Any], rows: Any) -> list[Any]:
    """The labels, if there is one for each row."""
    if len(rows) != len(labels):
        raise DataError(f"{len(rows)} texts and {len(labels)} labels were given; they have to be as many")
    return labels


def _columns(rows: list[Any], segments: int) -> list[list[str]]:
    """One list of texts a segment."""
    if segments == 1:
        columns = [rows]
    else:
        for row, texts in enumerate(rows):
            if not _is_listed(texts) or len(texts) != segments:
                raise DataError(
                    f"row {row + 1}: {segments} texts are expected, such as a question and a passage"
                )
        columns = [[texts[number] for texts in rows] for number in range(segments)]
    for column in columns:
        for row, text in enumerate(column):
            if not isinstance(text, str):
                found = f"not {type(text).__name__}: {text!r}"[:80]
                raise DataError(f"row {row + 1}: a text has to be a string, {found}")
    return columns


def _labels_of(labels: Any, examples: Examples, task: Any) -> list[Any]:
    rows = _as_many(rows_of(labels, "labels"), examples)
    if task.labels_are == "spans":
        given = zip(rows, examples.texts, strict=True)
        return [_spans(row, text, examples.location(number)) for number, (row, text) in enumerate(given)]
    if task.labels_are == "answers":
        return answers_from_python(rows, examples)
    one = _names if width_of(labels) == 1 else _indicated
    return [one(row, examples.location(number)) for number, row in enumerate(rows)]


def _spans(row: Any, text: str, where: str) -> tuple[Span, ...]:
    """Spans written as (start, end, type), or as dictionaries with these keys."""
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise DataError(f"{where}: for tagging, a label is a list of (start, end, type), not {row!r}")
    spans = []
    for given in row:
        parts = given
        if isinstance(given, Mapping):
            parts = [given.get("start"), given.get("end"), given.get("type", given.get("label"))]
        if not isinstance(parts, list | tuple) or [is_integer(part) for part in parts] != [True, True, False]:
            raise DataError(f"{where}: a span is written (start, end, type), not {given!r}")
        start, end, name = int(parts[0]), int(parts[1]), parts[2]
        if not isinstance(name, str) or not 0 <= start < end <= len(text):
            raise DataError(
                f"{where}: a span has a type, and lies within its text, which has {len(text)} characters; "
                f"{given!r} does not"
            )
        spans.append(Span(start, end, name))
    return tuple(sorted(spans))


def _names(label: Any, where: str) -> Any:
    """A label as text, or the labels of a list."""
    if not isinstance(label, _SEVERAL):
        return label_name(label, where)
    names = dict.fromkeys(label_name(plain(one), where) for one in label)
    return tuple(names if isinstance(label, list | tuple) else sorted(names))


def _indicated(row: list[Any], where: str) -> tuple[str, ...]:
    """The numbers of the columns that have a one."""
    if not all(isinstance(cell, int | float) and cell in (0, 1) for cell in row):
        found = repr(row)[:60]
        raise DataError(f"{where}: labels of several columns are a matrix of zeros and ones; found {found}")
    return tuple(str(place) for place, cell in enumerate(row) if cell)


def label_kind(labels: Any, task: Any = Classification) -> LabelKind:
    """How these labels are written."""
    if task.labels_are != "names":
        return LabelKind("parts")
    if labels is None:
        return LabelKind()
    if (width := width_of(labels)) != 1:
        return LabelKind("indicators", width)
    rows = rows_of(labels, "labels")
    single = (one for row in rows for one in (row if isinstance(row, _SEVERAL) else [row]))
    types = {type(plain(one)).__name__ for one in single}
    if types == {"int", "float"}:
        return LabelKind("float")
    one: Any = types.pop() if len(types) == 1 and types <= _PYTHON.keys() else "str"
    return LabelKind(one)


def labels_back(predictions: list[Any], kind: LabelKind) -> Any:
    """Predicted labels as the user writes them: an array of labels, a list of tuples, or a matrix."""
    if kind.type == "parts":
        return predictions
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


def classes_of(labels: list[str], kind: LabelKind) -> tuple[Any, list[int]]:
    """The classes as the user writes them, in order, and the place of each label among them."""
    if kind.type == "parts":
        return np.array(labels), []
    if kind.type == "indicators":
        return np.arange(kind.width), [int(label) for label in labels]
    classes, places = np.unique(labels_back(labels, kind), return_inverse=True)
    return classes, places.tolist()


def tags_back(texts: Any, spans: Any, task: Any) -> Any:
    """Spans as they are, or tags of words where the texts were given as lists of words (see `text_rows`)."""
    if isinstance(texts, Examples) or task.labels_are != "spans" or not any(map(_is_listed, texts)):
        return spans
    return tags_of_words(texts, spans, "words" if task.tag_set.scheme == "words" else "bio")


def _is_listed(row: Any) -> bool:
    return isinstance(row, list | tuple)


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

    Raises:
        DataError: the vectors of both differ in length.
    """
    sets = [first] if second is None else [first, second]
    rows, *others = (np.atleast_2d(np.asarray(_vectors(one, encode), np.float32)) for one in sets)
    columns = others[0] if others else rows
    if rows.shape[1] != columns.shape[1]:
        raise DataError(f"vectors of {rows.shape[1]} and of {columns.shape[1]} numbers have no similarity")
    if kind in ("cosine", "dot"):
        return unit(rows) @ unit(columns).T if kind == "cosine" else rows @ columns.T
    cdist = require("scipy.spatial.distance", "train", f"similarity by {kind} distance").cdist
    return -cdist(rows, columns, "euclidean" if kind == "euclidean" else "cityblock").astype(np.float32)


def _vectors(given: Any, encode: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Numbers as they are, of anything else what `encode` makes of it."""
    if not isinstance(given, str | Examples):
        try:
            array = np.asarray(given)
        except (TypeError, ValueError, RuntimeError):  # rows of different lengths
            return encode(given)
        if array.dtype.kind in "fiu" and (array.ndim == 2 or (array.ndim == 1 and array.size)):
            return array
    return encode(given)
