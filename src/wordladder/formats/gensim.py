"""gensim's own files of word vectors (`KeyedVectors.save`), of gensim 3 and 4; read only.

Such a file is a pickle, which could name any code to be run. It is read by an unpickler that knows the names
of word vectors, NumPy arrays and plain containers only, and has an inert stand-in for each: nothing of gensim
or of NumPy's unpickling runs. Arrays beside the file (`.vectors.npy`) are memory-mapped.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import VectorsError
from ..text.subwords import Subwords
from ._pickle import Record, array_of, unpickle
from ._subword_sums import composed
from ._table import Table, checked, encode

_CLASSES = {
    ("gensim.models.keyedvectors", "KeyedVectors"),
    ("gensim.models.keyedvectors", "Word2VecKeyedVectors"),
    ("gensim.models.keyedvectors", "EuclideanKeyedVectors"),
    ("gensim.models.keyedvectors", "FastTextKeyedVectors"),
    ("gensim.models.keyedvectors", "Vocab"),
    ("gensim.models.keyedvectors", "SimpleVocab"),
    ("gensim.models.keyedvectors", "CompatVocab"),
    ("gensim.models.word2vec", "Vocab"),
    ("gensim.models.fasttext", "FastTextKeyedVectors"),
}


def read_gensim(path: Path) -> Table:
    """The word vectors of a file that gensim's `KeyedVectors.save` wrote, with counts and n-grams.

    Raises:
        VectorsError: the file is broken, or names something that word vectors do not need.
    """
    found = unpickle(path, _CLASSES)
    if not isinstance(found, Record):
        raise VectorsError(f"{path} holds a {type(found).__name__}, not gensim's KeyedVectors.")
    parts = found.__dict__
    words = _words(path, parts)
    subwords = _subwords(path, parts, len(words))
    vectors = _matrix(path, parts, "vectors")
    if vectors is None:  # the name in gensim 2 and early 3
        vectors = _matrix(path, parts, "syn0")
    if vectors is None and subwords is not None:  # gensim 4 leaves out what it can compose
        sizes = subwords.min_n, subwords.max_n, len(subwords.buckets)
        vectors = composed([encode(word) for word in words], subwords.own, subwords.buckets, sizes)
    if vectors is None or len(vectors) != len(words):
        shape = "no vectors" if vectors is None else f"vectors of shape {vectors.shape}"
        raise VectorsError(f"{path}: {len(words)} words and {shape}.")
    table = Table(words, vectors, _counts(path, parts, words), {}, subwords)
    return checked(table, lambda row: f"{path}, word {row + 1}")


def _words(path: Path, parts: dict[str, object]) -> list[str]:
    for name in ("index_to_key", "index2word", "index2entity"):
        words = parts.get(name)
        if isinstance(words, Sequence) and not isinstance(words, str) and len(words):
            if not all(isinstance(word, str) for word in words):
                number = next(row for row, word in enumerate(words) if not isinstance(word, str)) + 1
                raise VectorsError(f"{path}: word {number} is no text.")
            return list(words)
    raise VectorsError(f"{path} has no words: it is not gensim's KeyedVectors, or an empty one.")


def _counts(path: Path, parts: dict[str, object], words: list[str]) -> np.ndarray | None:
    extra = parts.get("expandos")
    counts = array_of(extra.get("count")) if isinstance(extra, dict) else None
    known = parts.get("vocab")
    if counts is None and isinstance(known, dict):
        entries = [getattr(known.get(word), "count", None) for word in words]
        if all(isinstance(entry, int) for entry in entries):
            counts = np.array(entries)
    if counts is None:
        return None
    if counts.shape != (len(words),) or counts.dtype.kind not in "iu":
        raise VectorsError(f"{path}: {len(words)} words do not fit counts of shape {counts.shape}.")
    return counts.astype(np.int64)


def _matrix(path: Path, parts: dict[str, object], name: str) -> np.ndarray | None:
    """A matrix of float32, from the pickle or from the file beside it."""
    beside = parts.get("__numpys")
    if isinstance(beside, list) and name in beside:
        file = path.with_name(f"{path.name}.{name}.npy")
        try:
            found: np.ndarray | None = np.load(file, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise VectorsError(f"{file}: there is no such file; it belongs to {path.name}.") from None
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise VectorsError(f"{file} is no array of NumPy, or cut short: {error}.") from None
    else:
        found = array_of(parts.get(name))
    if found is None:
        return None
    if found.ndim != 2 or found.dtype.kind != "f":
        raise VectorsError(f"{path}: {name} is of shape {found.shape} and type {found.dtype}, not a matrix.")
    return found if found.dtype == np.float32 else np.asarray(found, np.float32)


def _subwords(path: Path, parts: dict[str, object], words: int) -> Subwords | None:
    """The n-grams of fastText, where they are those that fastText itself takes.

    A gensim 3 that kept only the buckets in use has others, and so has one character as an n-gram: gensim
    counts the marks of a word's begin and end then.
    """
    buckets = _matrix(path, parts, "vectors_ngrams")
    low, high, count = (parts.get(name) for name in ("min_n", "max_n", "bucket"))
    if buckets is None or count != len(buckets) or not parts.get("compatible_hash", True):
        return None
    if not (isinstance(low, int) and isinstance(high, int) and high >= low > 1):
        return None
    own = _matrix(path, parts, "vectors_vocab")
    if own is None or own.shape != (words, buckets.shape[1]):
        raise VectorsError(f"{path}: n-grams of shape {buckets.shape} do not fit {words} words.")
    return Subwords(own, buckets, low, high, han=False)
