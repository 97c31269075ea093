"""What users pass to `Model` → Examples, and predictions → labels of the user's type."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..data.examples import Answer, Examples, Span
from ..data.labels import label_name, spell_like
from ..data.partners import with_strangers
from ..data.python_values import is_integer, plain, rows_of, width_of
from ..data.questions import answers_from_python
from ..data.raw_table import is_missing
from ..data.tagged import tagged_words, tags_of_words
from ..embedders._sentence_layout import SentenceLayout
from ..errors import DataError, SettingError, did_you_mean
from ..extras import require
from ..tasks.classification import Classification


@dataclass(frozen=True)
class LabelKind:
    """The type of the user's labels, which predictions get too.

    Attributes:
        type: `"str"`, `"int"`, `"float"`, `"bool"`, `"indicators"` for a matrix of zeros and ones,
            `"numbers"` for regression, or `"parts"` for spans and answers.
        width: The number of columns of the matrix.
    """

    type: Literal["str", "int", "float", "bool", "indicators", "numbers", "parts"] = "str"
    width: int = 0


_COLLECTIONS = (list, tuple, set, frozenset)  # of the labels of one text
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text.lower() == "true",
}


def examples_of(texts: Any, labels: Any = None, task: Any = Classification, groups: Any = None) -> Examples:
    """Examples from a list, an array, a Series, a frame or a generator of texts, or from Examples.

    Args:
        texts: Texts; for a task of two texts pairs of them; for tagging also lists of words.
        labels: The labels of each text.
        task: The task or its class: its number of texts in an example, and its kind of labels.
        groups: The author, document or file of each text.

    Raises:
        DataError: a text is not a string, a label or a group is missing, or the numbers of texts, labels and
            groups differ.
    """
    examples = texts
    if not isinstance(texts, Examples):
        rows = text_rows(texts, task)
        if task.labels_are == "spans" and any(map(_is_sequence, rows)):
            tags = None if labels is None else _check_length(rows_of(labels, "labels"), rows)
            examples, labels = tagged_words(rows, tags), None
        else:
            examples = Examples(tuple(_columns(rows, task.segments)))
    elif (segments := len(texts.segments)) != task.segments:
        raise DataError(f"{texts.source}: the task has {task.segments} texts a row, not {segments}")
    if labels is not None:
        examples = replace(examples, labels=_parse_labels(labels, examples, task))
    return examples if groups is None else replace(examples, groups=_parse_groups(groups))


def labelled_examples(
    texts: Any, labels: Any, task: Any, groups: Any = None, weights: Any = None, known: Iterable[str] = ()
) -> Examples:
    """Examples to train or to evaluate on.

    Args:
        texts: As for `examples_of`.
        labels: As for `examples_of`.
        task: As for `examples_of`.
        groups: As for `examples_of`.
        weights: The weight of each text.
        known: Known labels; others are spelled like these where only the case or the spaces differ.

    Raises:
        DataError: as `examples_of`; or there are no labels or no rows, or a weight is not valid.
        SettingError: the task has no weights of texts.
    """
    examples = examples_of(texts, labels, task, groups)
    if examples.labels is None and getattr(task, "towers", False):  # pairs that belong together
        examples = replace(examples, labels=[1.0] * len(examples))
    if examples.labels is None and task.labels_are != "nothing":
        raise DataError(f"{examples.source}: labels are needed, but there are none")
    if not len(examples):
        raise DataError(f"{examples.source}: there are no texts to train or to evaluate on")
    if weights is not None:
        examples = replace(examples, weights=_parse_weights(weights, task))
    return spell_like(examples, known)


def examples_to_score(texts: Any, labels: Any, task: Any, known: Iterable[str]) -> Examples:
    """Examples to evaluate on; arguments and errors as for `labelled_examples`."""
    return with_strangers(labelled_examples(texts, labels, task, known=known))


def text_rows(texts: Any, task: Any) -> Any:
    """The texts, pairs or lists of words as a list; Examples unchanged.

    Raises:
        DataError: `texts` has no rows in order.
    """
    return texts if isinstance(texts, Examples) else rows_of(texts, "texts", task.segments)


def _parse_groups(groups: Any) -> list[str]:
    rows = rows_of(groups, "groups", 1)
    for row, group in enumerate(rows):
        if is_missing(group):
            raise DataError(f"row {row + 1}: the group is missing; every row needs one")
    return list(map(str, rows))


def _parse_weights(sample_weight: Any, task: Any) -> list[float]:
    """The weight of each text; the mean of all weights above 0 is 1."""
    if task.labels_are != "names":
        raise SettingError("sample_weight: only a classification has weights of texts")
    weights = rows_of(sample_weight, "sample_weight", 1)
    for row, weight in enumerate(weights):
        if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            value = repr(weight)[:60]
            raise DataError(f"row {row + 1}: sample_weight must be a number, 0 or more, not {value}")
    positive = [weight for weight in weights if weight]
    if not positive:
        raise DataError("sample_weight: all weights are 0, so there is nothing to learn from")
    return [weight * len(positive) / math.fsum(positive) for weight in weights]


def _check_length(labels: list[Any], rows: Any) -> list[Any]:
    """The labels, if there is one for each row."""
    if len(rows) != len(labels):
        raise DataError(f"{len(rows)} texts and {len(labels)} labels were given; each text needs a label")
    return labels


def _columns(rows: list[Any], segments: int) -> list[list[str]]:
    """One list of texts a segment."""
    columns = [rows]
    if segments > 1:
        for row, texts in enumerate(rows):
            if not _is_sequence(texts) or len(texts) != segments:
                raise DataError(
                    f"row {row + 1}: {segments} texts are expected, such as a question and a passage"
                )
        columns = [[texts[number] for texts in rows] for number in range(segments)]
    for column in columns:
        for row, text in enumerate(column):
            if not isinstance(text, str):
                value = f"not {type(text).__name__}: {text!r}"[:80]
                raise DataError(f"row {row + 1}: a text must be a string, {value}")
    return columns


def _parse_labels(labels: Any, examples: Examples, task: Any) -> list[Any]:
    rows = _check_length(rows_of(labels, "labels"), examples)
    if task.labels_are == "answers":
        return answers_from_python(rows, examples)
    locations = map(examples.location, range(len(rows)))
    if task.labels_are == "numbers":
        return list(map(_parse_number, rows, locations))
    if task.labels_are == "texts":
        return list(map(_parse_text, rows, locations))
    if task.labels_are == "spans":
        return list(map(_parse_spans, rows, locations, examples.texts))
    return list(map(_parse_names if width_of(labels) == 1 else _parse_indicators, rows, locations))


def _parse_number(label: Any, location: str) -> float:
    value = plain(label)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"{location}: a number is expected, not {value!r}")
    return float(value)


def _parse_text(label: Any, location: str) -> tuple[Answer, ...]:
    """A text, or several that are all right."""
    texts = label if isinstance(label, list | tuple) else [label]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{location}: a text is expected, not {label!r}")
    return tuple(map(Answer, texts))


def _parse_spans(row: Any, location: str, text: str) -> tuple[Span, ...]:
    """Spans written as (start, end, type), or as dictionaries with these keys."""
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise DataError(f"{location}: for tagging, a label is a list of (start, end, type), not {row!r}")
    spans = []
    for value in row:
        parts = value
        if isinstance(value, Mapping):
            parts = [value.get("start"), value.get("end"), value.get("type", value.get("label"))]
        if not isinstance(parts, list | tuple) or [is_integer(part) for part in parts] != [True, True, False]:
            raise DataError(f"{location}: a span is written (start, end, type), not {value!r}")
        start, end, name = int(parts[0]), int(parts[1]), parts[2]
        if not isinstance(name, str) or not 0 <= start < end <= len(text):
            raise DataError(
                f"{location}: {value!r}: a span needs a type, and positions within its text, which has "
                f"{len(text)} characters"
            )
        spans.append(Span(start, end, name))
    return tuple(sorted(spans))


def _parse_names(label: Any, location: str) -> Any:
    """A label as text, or the labels of a list."""
    if not isinstance(label, _COLLECTIONS):
        return label_name(label, location)
    names = dict.fromkeys(label_name(plain(one), location) for one in label)
    return tuple(names if isinstance(label, list | tuple) else sorted(names))


def _parse_indicators(row: list[Any], location: str) -> tuple[str, ...]:
    """The numbers of the columns that have a one."""
    if not all(isinstance(cell, int | float) and cell in (0, 1) for cell in row):
        value = repr(row)[:60]
        raise DataError(
            f"{location}: several columns of labels must be a matrix of zeros and ones, not {value}"
        )
    return tuple(str(column) for column, cell in enumerate(row) if cell)


def label_kind(labels: Any, task: Any = Classification) -> LabelKind:
    """The type of these labels."""
    if task.labels_are != "names":
        return LabelKind("numbers" if task.labels_are in ("numbers", "nothing") else "parts")
    if labels is None:
        return LabelKind()
    if (width := width_of(labels)) != 1:
        return LabelKind("indicators", width)
    rows = rows_of(labels, "labels")
    labels = (label for row in rows for label in (row if isinstance(row, _COLLECTIONS) else [row]))
    types = {type(plain(label)).__name__ for label in labels}
    if types == {"int", "float"}:
        return LabelKind("float")
    kind: Any = types.pop() if len(types) == 1 and types <= _FROM_TEXT.keys() else "str"
    return LabelKind(kind)


def to_user_labels(predictions: list[Any], kind: LabelKind) -> Any:
    """Predictions in the type of the user's labels: an array of labels, a list of tuples, or a matrix."""
    if kind.type == "parts":
        return predictions
    if kind.type == "numbers":
        return np.array(predictions, np.float64)
    if kind.type == "indicators":
        matrix = np.zeros((len(predictions), kind.width), np.int64)
        for row, labels in enumerate(predictions):
            matrix[row, [int(label) for label in labels]] = 1
        return matrix
    convert = _FROM_TEXT[kind.type]
    if predictions and isinstance(predictions[0], tuple):
        return [tuple(convert(label) for label in labels) for labels in predictions]
    if kind.type == "str":
        return np.array(predictions, dtype=object if not predictions else None)
    return np.array([convert(label) for label in predictions])


def classes_of(labels: list[str], kind: LabelKind) -> tuple[Any, list[int]]:
    """The classes in the type of the user's labels, in order, and the position of each label among them."""
    if kind.type in ("parts", "numbers"):
        return np.array(labels), []
    if kind.type == "indicators":
        return np.arange(kind.width), [int(label) for label in labels]
    classes, positions = np.unique(to_user_labels(labels, kind), return_inverse=True)
    return classes, positions.tolist()


def spans_to_tags(texts: Any, predictions: Any, task: Any) -> Any:
    """The tags of words instead of predicted spans, if `texts` has lists of words (see `text_rows`)."""
    if isinstance(texts, Examples) or task.labels_are != "spans" or not any(map(_is_sequence, texts)):
        return predictions
    return tags_of_words(texts, predictions, "words" if task.tag_set.scheme == "words" else "bio")


def _is_sequence(row: Any) -> bool:
    return isinstance(row, list | tuple)


def add_prompt(
    examples: Examples, layout: SentenceLayout | None, prompt: str | None, name: str | None
) -> tuple[Examples, dict[str, str]]:
    """The examples with a prompt before each text, and `unpooled`: the prompt, if the pooling leaves it out.

    Args:
        examples: The texts.
        layout: The model's prompts and the name of its default one; None: it has none.
        prompt: The prompt.
        name: The name of one of the model's prompts, if `prompt` is None; None: the default one.

    Raises:
        SettingError: the model has no prompt of that name.
    """
    layout = layout or SentenceLayout()
    name = name or layout.prompt
    if prompt is None and name is not None:
        if name not in layout.prompts:
            hint = did_you_mean(name, layout.prompts)
            raise SettingError(f"prompt_name = {name!r}: the model has no such prompt.{hint}")
        prompt = layout.prompts[name]
    if not prompt:
        return examples, {}
    segments = tuple([prompt + text for text in segment] for segment in examples.segments)
    unpooled = {} if layout.include_prompt else {"unpooled": prompt}
    return replace(examples, segments=segments), unpooled


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length one in the same directions; zero vectors stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def similarities(
    first: Any, second: Any, kind: str = "cosine", encode: Callable[[Any], np.ndarray] = np.asarray
) -> np.ndarray:
    """The similarity of each of the first to each of the second, `(rows, columns)`; distances are negated.

    Args:
        first: Vectors `(rows, dim)`, or texts.
        second: The same; None: the first again.
        kind: `"cosine"`, `"dot"`, `"euclidean"` or `"manhattan"`.
        encode: Computes the vectors of texts.

    Raises:
        DataError: the vectors of both differ in length.
    """
    rows = _vectors(first, encode)
    columns = rows if second is None else _vectors(second, encode)
    if rows.shape[1] != columns.shape[1]:
        raise DataError(f"vectors of {rows.shape[1]} and of {columns.shape[1]} numbers cannot be compared")
    if kind in ("cosine", "dot"):
        return unit_vectors(rows) @ unit_vectors(columns).T if kind == "cosine" else rows @ columns.T
    cdist = require("scipy.spatial.distance", "train", f"similarity by {kind} distance").cdist
    return -cdist(rows, columns, "euclidean" if kind == "euclidean" else "cityblock").astype(np.float32)


def _vectors(values: Any, encode: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Vectors `(rows, dim)`: numbers as they are, and texts encoded."""
    array = None
    if not isinstance(values, str | Examples):
        with suppress(TypeError, ValueError, RuntimeError):  # rows of different lengths
            array = np.asarray(values)
    if array is None or array.dtype.kind not in "fiu" or array.ndim > 2 or array.shape == (0,):
        array = encode(values)
    return np.atleast_2d(np.asarray(array, np.float32))
