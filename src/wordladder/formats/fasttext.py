"""fastText's own model files, `.bin` and the compressed `.ftz`, as version 12 of the C++ program writes them.

A model is read as a whole, also a classifier, and a `.bin` is written back byte for byte; a `.ftz` is only
read, its numbers decoded to float32. `_fasttext_table` makes word vectors of a model.

Compression is product quantization (Joulin et al. 2016, "FastText.zip: Compressing text classification
models", section 3.1): a row is cut into pieces, and each piece is the number of one of 256 centroids; the
norms of rows may be quantized separately.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ._cursor import Cursor
from ._table import check_finite, write_rows

MAGIC = (793712314).to_bytes(4, "little")
_VERSION = 12
_INTEGERS = (
    "dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn",
    "lrUpdateRate",
)  # fmt: skip
_LIMITS = {
    "loss": (1, 4), "model": (1, 3), "dim": (1, 1 << 20), "bucket": (0, 1 << 30), "minn": (0, 255),
    "maxn": (0, 255),
}  # fmt: skip
# the names of settings that are numbers from 1 in the file
_NAMES = {"loss": ("hs", "ns", "softmax", "ova"), "model": ("cbow", "skipgram", "supervised")}
_WORD, _LABEL = 0, 1
SUFFIXES = (".bin", ".ftz")
_CENTROIDS = 256


@dataclass(frozen=True, eq=False)
class FastTextModel:
    """A fastText model.

    Args:
        settings: fastText's own: dim, ws, epoch, minCount, neg, wordNgrams, loss (hs, ns, softmax, ova),
            model (cbow, skipgram, supervised), bucket, minn, maxn, lrUpdateRate, t.
        words: The words, the first rows of `inputs`; bytes that are not UTF-8 become lone surrogates.
        counts: How often each word occurred, int64 (words,).
        labels: The labels of a classifier, with their prefix.
        label_counts: How often each label occurred, int64 (labels,).
        inputs: The rows of the words, then those of the n-grams, (words + buckets, dim), float32.
        outputs: The output matrix of the training, float32: one row for each label of a classifier, else for
            each word.
        tokens: Words of the training text.
        pruned: (buckets kept, 2) int32, of a compressed model that dropped the other buckets: a bucket, in
            ascending order, and its row after those of the words. None: every bucket has its row.
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

    def bucket_rows(self, buckets: np.ndarray) -> np.ndarray:
        """The rows in `inputs` of n-grams by their buckets, of the same shape; -1 for a dropped one."""
        if self.pruned is None:
            return buckets + len(self.words)
        if not len(self.pruned):
            return np.full(buckets.shape, -1)
        found = np.minimum(np.searchsorted(self.pruned[:, 0], buckets), len(self.pruned) - 1)
        return np.where(self.pruned[found, 0] == buckets, self.pruned[found, 1] + len(self.words), -1)


def is_classifier(path: Path) -> bool:
    """Whether a file is a fastText model that was trained with labels."""
    if path.suffix not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.read(8 + 4 * len(_INTEGERS))
    place = 8 + 4 * _INTEGERS.index("model")
    kind = int.from_bytes(header[place : place + 4], "little")
    return header[:4] == MAGIC and kind == 1 + _NAMES["model"].index("supervised")


def read_model(path: str | Path) -> FastTextModel:
    """Read a `.bin` or `.ftz` file of fastText.

    Raises:
        VectorsError: the file is broken or of another kind; the message names the byte.
        DataError: the file is missing, or its compressed data are broken.
    """
    with ByteReader(path) as reader:
        cursor = Cursor(reader)
        settings = _read_settings(cursor)
        words, counts, labels, label_counts, tokens, pruned = _read_dictionary(cursor)
        at = cursor.at
        (compressed,) = cursor.numbers("?", "the mark of compression")
        if pruned is not None and not compressed:
            raise cursor.error(at, "the buckets of n-grams are pruned, but the model is not compressed")
        rows = len(words) + (settings["bucket"] if pruned is None else len(pruned))
        inputs = _read_matrix(cursor, "the input matrix", (rows, settings["dim"]), compressed)
        (compressed_too,) = cursor.numbers("?", "the mark of the compressed output")
        rows = len(labels if settings["model"] == "supervised" else words)
        shape = rows, settings["dim"]
        outputs = _read_matrix(cursor, "the output matrix", shape, compressed and compressed_too)
        cursor.expect_end()
    return FastTextModel(settings, words, counts, labels, label_counts, inputs, outputs, tokens, pruned)


def _read_settings(cursor: Cursor) -> dict[str, Any]:
    magic = cursor.take(4, "the head of a fastText model")
    if magic != MAGIC:
        message = f"a fastText model begins with {MAGIC.hex(' ')}, not {magic.hex(' ')}"
        raise cursor.error(0, f"{message}; it may be of another kind")
    (version,) = cursor.numbers("i", "the version")
    if version not in (11, _VERSION):
        raise cursor.error(4, f"the model is of version {version}; versions 11 and {_VERSION} can be read")
    at = cursor.at
    *integers, sample = cursor.numbers("12id", "the settings")
    settings: dict[str, Any] = dict(zip(_INTEGERS, integers)) | {"t": sample}
    for name, (least, most) in _LIMITS.items():
        if not least <= settings[name] <= most:
            message = f"{name} is {settings[name]}; it must be from {least} to {most}"
            raise cursor.error(at + 4 * _INTEGERS.index(name), message)
    settings |= {name: choices[settings[name] - 1] for name, choices in _NAMES.items()}
    if version == 11 and settings["model"] == "supervised":
        settings["maxn"] = 0  # classifiers of that version had no character n-grams
    return settings


def _read_dictionary(cursor: Cursor) -> tuple[Any, ...]:
    """Words, their counts, labels, their counts, tokens and pruned buckets, as in `FastTextModel`."""
    at = cursor.at
    size, words, labels, tokens, kept = cursor.numbers("3iqq", "the sizes of the dictionary")
    if min(words, labels) < 0 or size != words + labels or kept < -1:
        message = f"{size} entries of a dictionary cannot be {words} words and {labels} labels"
        raise cursor.error(at, f"{message}, {kept} pruned")
    names: list[str] = []
    counts: list[int] = []
    for row in range(size):
        begin, what = cursor.at, f"entry {row + 1} of {size} of the dictionary"
        names.append(cursor.until_zero(what).decode("utf-8", "surrogateescape"))
        count, kind = cursor.numbers("qb", what)
        if kind != (_WORD if row < words else _LABEL) or count < 0:
            raise cursor.error(begin, f"entry {row + 1} of the dictionary has kind {kind} and count {count}")
        counts.append(count)
    pruned = None
    if kept >= 0:
        pruned = cursor.array("<i4", (kept, 2), "the kept buckets")
        pruned = pruned[np.argsort(pruned[:, 0], kind="stable")]
        if kept and not np.array_equal(np.sort(pruned[:, 1]), np.arange(kept)):
            raise cursor.error(at, f"the rows of the {kept} kept buckets are not 0 to {kept - 1}")
    of_words, of_labels = np.split(np.array(counts, np.int64), [words])
    return names[:words], of_words, names[words:], of_labels, tokens, pruned


def _read_matrix(cursor: Cursor, what: str, shape: tuple[int, int], compressed: bool) -> np.ndarray:
    at = cursor.at
    matrix = _read_quantized(cursor, what) if compressed else None
    found = cursor.numbers("qq", what) if matrix is None else matrix.shape
    if found != shape:
        message = f"{what} is of {found[0]} x {found[1]} numbers, not {shape[0]} x {shape[1]}"
        raise cursor.error(at, message)
    if matrix is None:
        matrix = cursor.array("<f4", shape, what)
    check_finite(matrix, lambda row: f"{cursor.path}, byte {at}: row {row} of {what}")
    return matrix


def _read_quantized(cursor: Cursor, what: str) -> np.ndarray:
    """A compressed matrix (rows, dim), float32."""
    at = cursor.at
    has_norms, rows, dim, size = cursor.numbers("?qqi", what)
    if rows < 0 or dim < 1 or size < 0 or (rows and size % rows):
        raise cursor.error(at, f"{what} of {rows} x {dim} numbers cannot have {size} codes")
    codes = cursor.array("u1", (size,), f"the codes of {what}")
    matrix = _decode_codes(cursor, codes, rows, dim, what)
    if has_norms:
        what = f"the lengths of {what}"
        matrix *= _decode_codes(cursor, cursor.array("u1", (rows,), what), rows, 1, what)
    return matrix


def _decode_codes(cursor: Cursor, codes: np.ndarray, rows: int, dim: int, what: str) -> np.ndarray:
    """Read the centroids of a quantizer and put them where their codes are: (rows, dim)."""
    at = cursor.at
    total, pieces, width, last = cursor.numbers("4i", f"the quantizer of {what}")
    fits = width > 0 and pieces > 0 and total == dim == (pieces - 1) * width + last and 0 < last <= width
    if not fits or len(codes) != rows * pieces:
        message = f"the quantizer of {what} has {pieces} pieces of {width} numbers, the last of {last}"
        raise cursor.error(at, f"{message}, which do not fit {rows} x {dim} numbers in {len(codes)} codes")
    centroids = cursor.array("<f4", (_CENTROIDS * dim,), f"the centroids of {what}")
    codes = codes.reshape(rows, pieces)
    matrix = np.empty((rows, dim), np.float32)
    for piece, begin in enumerate(range(0, dim, width)):
        end = min(begin + width, dim)
        table = centroids[_CENTROIDS * begin : _CENTROIDS * end].reshape(_CENTROIDS, end - begin)
        matrix[:, begin:end] = table[codes[:, piece]]
    return matrix


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
    settings: dict[str, Any] = dict(model.settings)
    for name, choices in _NAMES.items():
        if settings[name] not in choices:
            allowed = ", ".join(choices)
            raise VectorsError(f"fastText's {name} can be one of {allowed}, not {settings[name]!r}.")
        settings[name] = choices.index(settings[name]) + 1
    stream.write(MAGIC + struct.pack("<i", _VERSION))
    stream.write(struct.pack("<12id", *(settings[name] for name in _INTEGERS), settings["t"]))
    sizes = len(model.words) + len(model.labels), len(model.words), len(model.labels)
    stream.write(struct.pack("<3iqq", *sizes, model.tokens, -1))
    words, labels = (_WORD, model.words, model.counts), (_LABEL, model.labels, model.label_counts)
    for kind, entries, counts in (words, labels):
        for entry, count in zip(entries, counts.tolist()):
            stream.write(_encode_entry(entry) + struct.pack("<qb", count, kind))
    for matrix in (model.inputs, model.outputs):
        stream.write(struct.pack("<?qq", False, *matrix.shape))
        write_rows(stream, matrix, "<f4")


def _encode_entry(word: str) -> bytes:
    try:
        encoded = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # another half of a surrogate pair
        encoded = word.encode("utf-8", "surrogatepass")
    if b"\0" in encoded:
        raise VectorsError(f"The word {word!r} holds a zero character, which fastText cannot hold.")
    return encoded + b"\0"
