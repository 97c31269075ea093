"""gensim's own files of word vectors (`KeyedVectors.save`), of gensim 3 and 4; read only.

Such a file is a pickle, which could name any code to be run. It is read by an unpickler that only knows the
names of word vectors, NumPy arrays and plain containers, and replaces each by an inert stand-in: no code of
gensim or of NumPy's unpickling runs. Arrays in files of their own (`.vectors.npy`) are memory-mapped.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import VectorsError
from ..text.subwords import Subwords
from ._fasttext_table import compose_vectors
from ._pickle import Record, array_of, unpickle
from ._table import Table, check_table, encode

_KEYEDVECTORS = (
    "KeyedVectors", "Word2VecKeyedVectors", "EuclideanKeyedVectors", "FastTextKeyedVectors", "Vocab",
    "SimpleVocab", "CompatVocab",
)  # fmt: skip
_CLASSES = {("gensim.models.keyedvectors", name) for name in _KEYEDVECTORS} | {
    ("gensim.models.word2vec", "Vocab"),
    ("gensim.models.fasttext", "FastTextKeyedVectors"),
}


def read_gensim(path: Path) -> Table:
    """The word vectors of a file that gensim's `KeyedVectors.save` wrote, with counts and n-grams.

    Raises:
        VectorsError: the file is broken, or names something that word vectors do not need.
    """
    keyed_vectors = unpickle(path, _CLASSES)
    if not isinstance(keyed_vectors, Record):
        raise VectorsError(f"{path} holds a {type(keyed_vectors).__name__}, not gensim's KeyedVectors.")
    attributes = keyed_vectors.__dict__
    words = _words(path, attributes)
    subwords = _subwords(path, attributes, len(words))
    vectors = _matrix(path, attributes, "vectors")
    if vectors is None:  # the name in gensim 2 and early 3
        vectors = _matrix(path, attributes, "syn0")
    if vectors is None and subwords is not None:  # gensim 4 leaves out what it can compose
        sizes = subwords.min_n, subwords.max_n, len(subwords.buckets)
        vectors = compose_vectors([encode(word) for word in words], subwords.own, subwords.buckets, sizes)
    if vectors is None or len(vectors) != len(words):
        shape = "no vectors" if vectors is None else f"vectors of shape {vectors.shape}"
        raise VectorsError(f"{path}: {len(words)} words and {shape}.")
    table = Table(words, vectors, _counts(path, attributes, words), {}, subwords)
    return check_table(table, lambda row: f"{path}, word {row + 1}")


def _words(path: Path, attributes: dict[str, object]) -> list[str]:
    for name in ("index_to_key", "index2word", "index2entity"):
        words = attributes.get(name)
        if isinstance(words, Sequence) and not isinstance(words, str) and len(words):
            for number, word in enumerate(words, 1):
                if not isinstance(word, str):
                    raise VectorsError(f"{path}: word {number} is no text.")
            return list(words)
    raise VectorsError(f"{path} has no words: it is not gensim's KeyedVectors, or an empty one.")


def _counts(path: Path, attributes: dict[str, object], words: list[str]) -> np.ndarray | None:
    expandos, vocabulary = attributes.get("expandos"), attributes.get("vocab")
    counts = array_of(expandos.get("count")) if isinstance(expandos, dict) else None
    if counts is None and isinstance(vocabulary, dict):  # gensim 3
        entries = [getattr(vocabulary.get(word), "count", None) for word in words]
        if all(isinstance(entry, int) for entry in entries):
            counts = np.array(entries)
    if counts is None:
        return None
    if counts.shape != (len(words),) or counts.dtype.kind not in "iu":
        raise VectorsError(f"{path}: {len(words)} words do not fit counts of shape {counts.shape}.")
    return counts.astype(np.int64)


def _matrix(path: Path, attributes: dict[str, object], name: str) -> np.ndarray | None:
    """A float32 matrix, from the pickle or from its own file next to it."""
    separate = attributes.get("__numpys")
    if isinstance(separate, list) and name in separate:
        file = path.with_name(f"{path.name}.{name}.npy")
        try:
            array: np.ndarray | None = np.load(file, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise VectorsError(f"{file}: there is no such file; it belongs to {path.name}.") from None
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise VectorsError(f"{file} is no array of NumPy, or cut short: {error}.") from None
    else:
        array = array_of(attributes.get(name))
    if array is None:
        return None
    if array.ndim != 2 or array.dtype.kind != "f":
        raise VectorsError(f"{path}: {name} is of shape {array.shape} and type {array.dtype}, not a matrix.")
    return np.asanyarray(array, np.float32)


def _subwords(path: Path, attributes: dict[str, object], words: int) -> Subwords | None:
    """The n-grams of a fastText model, if they are those of fastText itself.

    A gensim 3 that stored only the buckets in use has others, and so do n-grams of one character: gensim
    counts the marks of a word's begin and end then.
    """
    buckets = _matrix(path, attributes, "vectors_ngrams")
    low, high, count = (attributes.get(name) for name in ("min_n", "max_n", "bucket"))
    if buckets is None or count != len(buckets) or not attributes.get("compatible_hash", True):
        return None
    if not (isinstance(low, int) and isinstance(high, int) and high >= low > 1):
        return None
    own = _matrix(path, attributes, "vectors_vocab")
    if own is None or own.shape != (words, buckets.shape[1]):
        raise VectorsError(f"{path}: n-grams of shape {buckets.shape} do not fit {words} words.")
    return Subwords(own, buckets, low, high, han=False)
