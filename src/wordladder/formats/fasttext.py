"""fastText's own models, `.bin` and the compressed `.ftz`, as the C++ program of version 12 lays them out.

A model is read whole, the classifier's too, and a `.bin` is written byte for byte as it was; a `.ftz` is read
only, its numbers decoded to float32. What a model is as word vectors is in `_fasttext_table`.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ._cursor import Cursor
from ._product_quantization import read_quantised
from ._table import check_finite

MAGIC = (793712314).to_bytes(4, "little")
_VERSION = 12
_INTEGERS = (
    "dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn",
    "lrUpdateRate",
)  # fmt: skip
_LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
_MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
_LIMITS = (("dim", 1, 1 << 20), ("bucket", 0, 1 << 30), ("minn", 0, 255), ("maxn", 0, 255))
_WORD, _LABEL = 0, 1
SUFFIXES = (".bin", ".ftz")


@dataclass(frozen=True, eq=False)
class FastTextModel:
    """A fastText model.

    Args:
        settings: fastText's own: dim, ws, epoch, minCount, neg, wordNgrams, loss (hs, ns, softmax, ova),
            model (cbow, skipgram, supervised), bucket, minn, maxn, lrUpdateRate, t.
        words: The words, the first rows of `inputs`; bytes that are not UTF-8 are kept as lone surrogates.
        counts: How often each word occurred, int64 (words,).
        labels: The labels of a classifier, with their prefix.
        label_counts: How often each label occurred, int64 (labels,).
        inputs: The rows of the words, then those of the n-grams, (words + buckets, dim), float32.
        outputs: The other matrix of the training, float32: a row a label of a classifier, else a row a word.
        tokens: Words read in the training, an epoch.
        pruned: (buckets kept, 2) int32, of a compressed model that dropped others: a bucket, in rising
            order, and its row after those of the words. None: every bucket has its row.
        quantised: Whether the numbers were decoded from a compressed model.
    """

    settings: Mapping[str, int | float | str]
    words: Sequence[str]
    counts: np.ndarray
    labels: Sequence[str]
    label_counts: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    tokens: int
    pruned: np.ndarray | None = None
    quantised: bool = False

    def bucket_rows(self, buckets: np.ndarray) -> np.ndarray:
        """The rows in `inputs` of n-grams by their buckets, of the same shape; -1 for a dropped one."""
        if self.pruned is None:
            return buckets + len(self.words)
        if not len(self.pruned):
            return np.full(buckets.shape, -1)
        places = np.minimum(np.searchsorted(self.pruned[:, 0], buckets), len(self.pruned) - 1)
        return np.where(self.pruned[places, 0] == buckets, self.pruned[places, 1] + len(self.words), -1)


def is_classifier(path: Path) -> bool:
    """Whether a file is a fastText model that was trained with labels."""
    if path.suffix not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.read(8 + 4 * len(_INTEGERS))
    place = 8 + 4 * _INTEGERS.index("model")
    kind = int.from_bytes(header[place : place + 4], "little")
    return header[:4] == MAGIC and _MODELS.get(kind) == "supervised"


def read_model(path: str | Path) -> FastTextModel:
    """Read a `.bin` or `.ftz` file of fastText.

    Raises:
        VectorsError: the file is broken or of another kind; the message names the byte.
        DataError: the file is missing, or its compressed data are broken.
    """
    with Cursor(Path(path)) as cursor:
        version = _read_version(cursor)
        settings = _read_settings(cursor, version)
        words, counts, labels, label_counts, tokens, pruned = _read_dictionary(cursor)
        at = cursor.at
        (quantised,) = cursor.numbers("?", "the mark of compression")
        if pruned is not None and not quantised:
            raise cursor.error(at, "the buckets of n-grams are pruned, but the model is not compressed")
        rows = len(words) + (int(settings["bucket"]) if pruned is None else len(pruned))
        inputs = _read_matrix(cursor, "the input matrix", (rows, settings["dim"]), quantised)
        (coded,) = cursor.numbers("?", "the mark of the compressed output")
        rows = len(labels) if settings["model"] == "supervised" else len(words)
        outputs = _read_matrix(cursor, "the output matrix", (rows, settings["dim"]), quantised and coded)
        cursor.expect_end()
    return FastTextModel(
        settings, words, counts, labels, label_counts, inputs, outputs, tokens, pruned, quantised
    )


def write_model(stream: BinaryIO, model: FastTextModel) -> None:
    """Write a `.bin` file that fastText reads.

    Raises:
        VectorsError: a word cannot be written, a number is not finite, or the model dropped buckets of
            n-grams.
    """
    if model.pruned is not None:
        raise VectorsError("The model dropped n-grams when it was compressed; .bin has no place for that.")
    for what, matrix in (("input", model.inputs), ("output", model.outputs)):
        check_finite(matrix, lambda row, what=what: f"Row {row + 1} of the {what} matrix")  # type: ignore[misc]
    names: dict[str, int | float | str] = dict(model.settings)
    names["loss"] = _number(_LOSSES, "loss", names["loss"])
    names["model"] = _number(_MODELS, "model", names["model"])
    stream.write(MAGIC + struct.pack("<i", _VERSION))
    stream.write(struct.pack("<12id", *(names[name] for name in _INTEGERS), names["t"]))
    sizes = len(model.words) + len(model.labels), len(model.words), len(model.labels)
    stream.write(struct.pack("<3iqq", *sizes, model.tokens, -1))
    for kind, entries, counts in (
        (_WORD, model.words, model.counts),
        (_LABEL, model.labels, model.label_counts),
    ):
        for entry, count in zip(entries, counts.tolist()):
            stream.write(_entry(entry) + struct.pack("<qb", count, kind))
    for matrix in (model.inputs, model.outputs):
        stream.write(struct.pack("<?qq", False, *matrix.shape))
        for start in range(0, len(matrix), 1 << 16):
            stream.write(np.ascontiguousarray(matrix[start : start + (1 << 16)], "<f4").tobytes())


def _entry(word: str) -> bytes:
    try:
        text = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # another half of a surrogate pair
        text = word.encode("utf-8", "surrogatepass")
    if b"\0" in text:
        raise VectorsError(f"The word {word!r} holds a zero character, which fastText cannot hold.")
    return text + b"\0"


def _number(names: Mapping[int, str], setting: str, value: object) -> int:
    for number, name in names.items():
        if name == value:
            return number
    raise VectorsError(f"fastText's {setting} can be one of {', '.join(names.values())}, not {value!r}.")


def _read_version(cursor: Cursor) -> int:
    magic = cursor.take(4, "the head of a fastText model")
    if magic != MAGIC:
        raise cursor.error(
            0,
            f"a fastText model begins with {MAGIC.hex(' ')}, not {magic.hex(' ')}; it may be of another kind",
        )
    (version,) = cursor.numbers("i", "the version")
    if version not in (11, _VERSION):
        raise cursor.error(4, f"the model is of version {version}; versions 11 and {_VERSION} can be read")
    return version


def _read_settings(cursor: Cursor, version: int) -> dict[str, int | float | str]:
    at = cursor.at
    *integers, sample = cursor.numbers("12id", "the settings")
    found: dict[str, int | float | str] = dict(zip(_INTEGERS, integers)) | {"t": sample}
    for place, names in ((6, _LOSSES), (7, _MODELS)):
        name, value = _INTEGERS[place], integers[place]
        if value not in names:
            raise cursor.error(at + 4 * place, f"{name} is {value}; it must be from 1 to {len(names)}")
        found[name] = names[value]
    for name, least, most in _LIMITS:
        place = _INTEGERS.index(name)
        if not least <= integers[place] <= most:
            what = f"{name} is {integers[place]}; it must be from {least} to {most}"
            raise cursor.error(at + 4 * place, what)
    if version == 11 and found["model"] == "supervised":
        found["maxn"] = 0  # classifiers of that time took no n-grams of characters
    return found


def _read_dictionary(
    cursor: Cursor,
) -> tuple[list[str], np.ndarray, list[str], np.ndarray, int, np.ndarray | None]:
    """Words, their counts, labels, their counts, words of the training text, buckets kept."""
    at = cursor.at
    size, words, labels, tokens, kept = cursor.numbers("3iqq", "the sizes of the dictionary")
    if min(words, labels) < 0 or size != words + labels or kept < -1:
        raise cursor.error(
            at, f"{size} entries of a dictionary cannot be {words} words and {labels} labels, {kept} pruned"
        )
    names: list[str] = []
    counts: list[int] = []
    for row in range(size):
        begin = cursor.at
        name = cursor.until_zero(f"entry {row + 1} of {size} of the dictionary")
        count, kind = cursor.numbers("qb", f"entry {row + 1} of {size} of the dictionary")
        if kind != (_WORD if row < words else _LABEL) or count < 0:
            raise cursor.error(begin, f"entry {row + 1} of the dictionary has kind {kind} and count {count}")
        names.append(name.decode("utf-8", "surrogateescape"))
        counts.append(count)
    pruned = None
    if kept >= 0:
        pruned = cursor.array("<i4", (kept, 2), "the kept buckets")
        pruned = pruned[np.argsort(pruned[:, 0], kind="stable")]
        if kept and not np.array_equal(np.sort(pruned[:, 1]), np.arange(kept)):
            raise cursor.error(at, f"the rows of the {kept} kept buckets are not 0 to {kept - 1}")
    numbers = np.array(counts, np.int64)
    return names[:words], numbers[:words], names[words:], numbers[words:], tokens, pruned


def _read_matrix(cursor: Cursor, what: str, shape: tuple[object, object], quantised: bool) -> np.ndarray:
    at = cursor.at
    if quantised:
        found = read_quantised(cursor, what)
    else:
        rows, dim = cursor.numbers("qq", what)
        if (rows, dim) != shape:
            raise cursor.error(at, f"{what} is of {rows} x {dim} numbers, not {shape[0]} x {shape[1]}")
        found = cursor.array("<f4", (rows, dim), what)
    if found.shape != shape:
        raise cursor.error(
            at, f"{what} is of {found.shape[0]} x {found.shape[1]} numbers, not {shape[0]} x {shape[1]}"
        )
    check_finite(found, lambda row: f"{cursor.path}, byte {at}: row {row} of {what}")
    return found
