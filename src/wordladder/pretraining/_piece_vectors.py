"""Vectors for the pieces of a subword tokenizer, from vectors of whole words."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..embedders._pieces import bare_tokenizer
from ..errors import SettingError
from ..text.words import lower
from ..word_vectors import WordVectors

SPECIAL, WITHOUT, COMPOSED, DIRECT = range(4)
_WORDS = 1_000_000  # most frequent words that are read
_BATCH = 1 << 16
_MARKS = {"WordPiece": "##", "Unigram": "▁"}


class PieceVectors(NamedTuple):
    """A vector for each piece of a tokenizer, and where it comes from.

    Attributes:
        vectors: `(pieces, dim)` float32; zero for pieces without.
        kind: `(pieces,)`: `DIRECT` for a piece that is a whole word with a vector, `COMPOSED` for one that is
            only a part of such words, `WITHOUT` for one that got no vector, and `SPECIAL`.
        weight: `(pieces,)`: how often the piece occurs in the words, by their counts; of a Zipf distribution
            where the vectors have none.
    """

    vectors: NDArray[np.float32]
    kind: NDArray[np.int8]
    weight: NDArray[np.float64]


def piece_vectors(tokenizer: Any, vectors: WordVectors) -> PieceVectors:
    """The vectors of pieces, each the weighted mean of the vectors of all words that it is a part of.

    A word weighs as the square root of its count, and a whole word is a part of itself: a piece that is
    mostly met as a word of its own has nearly that word's vector, and one that is mostly the beginning of
    others leans to them. With 84,478 skip-gram vectors and the 30,522 pieces of a WordPiece tokenizer, the
    mean of a left-out word's pieces has the cosine 0.36 with its vector (by count), that of whole words with
    theirs 0.985. A least-squares fit of all words by the means of their pieces gives 0.35 and 0.997, and
    0.24 if whole words keep their vectors as they are. `benchmarks/vectors_into_bert.py` prints these.

    Args:
        tokenizer: A fast tokenizer of Hugging Face, of the kind WordPiece or Unigram.
        vectors: The word vectors, all finite.

    Raises:
        SettingError: the tokenizer is of another kind.
    """
    backend = bare_tokenizer(tokenizer)
    kind = type(backend.model).__name__
    if kind not in _MARKS:
        raise SettingError(
            f"word vectors start the embeddings of WordPiece and Unigram (SentencePiece) tokenizers, "
            f"and this one is {kind}"
        )
    special = np.array(sorted(tokenizer.all_special_ids), dtype=np.int64)
    number = max(tokenizer.get_vocab().values()) + 1
    words, counts = _chosen(vectors)
    owners, pieces, lengths = split(backend, words, tokenizer.unk_token_id)
    table, weight = _means(vectors.vectors[: len(words)], counts, owners, pieces, number)
    found = np.full(number, WITHOUT, dtype=np.int8)
    found[pieces] = COMPOSED
    found[pieces[lengths[owners] == 1]] = DIRECT
    texts = {row: piece for piece, row in tokenizer.get_vocab().items()}
    for row in np.flatnonzero(found < DIRECT):
        place = _looked_up(texts.get(int(row), ""), _MARKS[kind], vectors, len(words))
        if place is not None and row not in special:
            table[row], found[row] = vectors.vectors[place], DIRECT
            weight[row] = max(weight[row], counts[place])
    if vectors.subwords is not None:
        _from_letters(table, found, texts, _MARKS[kind], vectors)
    table[special], found[special], weight[special] = 0.0, SPECIAL, 0.0
    return PieceVectors(table, found, weight)


def _chosen(vectors: WordVectors) -> tuple[list[str], NDArray[np.float64]]:
    """The words that are read, the most frequent first as files have them, and their counts."""
    words = list(vectors.words[:_WORDS])
    if vectors.counts is not None and vectors.counts[: len(words)].sum() > 0:
        return words, vectors.counts[: len(words)].astype(np.float64)
    return words, 1.0 / np.arange(1, len(words) + 1)


def split(
    backend: Tokenizer, words: Sequence[str], unknown: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The pieces of words, as they stand alone.

    Args:
        backend: The tokenizer.
        words: The words.
        unknown: The piece for what has none; a word that has it is left out.

    Returns:
        The number of the word that each piece is part of, the piece, and how many pieces each word has, 0 for
        one that is left out.
    """
    rows, lengths = [], np.zeros(len(words), dtype=np.int64)
    for first in range(0, len(words), _BATCH):
        some = list(words[first : first + _BATCH])
        for place, encoding in enumerate(backend.encode_batch(some, add_special_tokens=False), start=first):
            ids = encoding.ids
            if ids and unknown not in ids:
                lengths[place] = len(ids)
                rows.append(np.array(ids, dtype=np.int64))
    pieces = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    return np.repeat(np.arange(len(words)), lengths), pieces, lengths


def _means(
    vectors: NDArray[np.float32],
    counts: NDArray[np.float64],
    owners: NDArray[np.int64],
    pieces: NDArray[np.int64],
    number: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The weighted means of the words' vectors, `(number, dim)`, and the pieces' counts `(number,)`."""
    from scipy.sparse import csr_matrix

    shares = np.sqrt(counts)[owners]
    total = np.bincount(pieces, shares, number)
    parts = csr_matrix((shares / total[pieces], (pieces, owners)), shape=(number, len(counts)))
    table = np.asarray(parts @ vectors, dtype=np.float32)
    return table, np.bincount(pieces, counts[owners], number).astype(np.float64)


def _letters(piece: str, mark: str) -> tuple[str, bool]:
    """What a piece stands for in the text, and whether a word begins with it."""
    if mark == "##":
        return piece.removeprefix(mark), not (piece.startswith(mark) and len(piece) > len(mark))
    return piece.removeprefix(mark), piece.startswith(mark)


def _looked_up(piece: str, mark: str, vectors: WordVectors, words: int) -> int | None:
    """The row of the word that a piece is, where the tokenizer does not make the piece of the word itself.

    That is so of a capitalised piece beside lower-case vectors, and of marks and Han characters that stand in
    the text without a blank before them.
    """
    text, begins = _letters(piece, mark)
    cased = text.upper() != text.lower()
    if not text or (cased and not begins):
        return None
    row = vectors.index.get(text, vectors.index.get(lower(text), words))
    return row if row < words else None


def _from_letters(
    table: NDArray[np.float32],
    found: NDArray[np.int8],
    texts: dict[int, str],
    mark: str,
    vectors: WordVectors,
) -> None:
    """Give pieces that no word has the vector of their letters, in place."""
    subwords = vectors.subwords
    assert subwords is not None
    rows = [int(row) for row in np.flatnonzero(found == WITHOUT) if texts.get(int(row))]
    rows = [row for row in rows if _letters(texts[row], mark)[0]]
    made = subwords.vectors([_letters(texts[row], mark)[0] for row in rows])
    for row, vector in zip(rows, made):
        if vector.any():
            table[row], found[row] = vector, COMPOSED
