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
    backend, vocabulary = bare_tokenizer(tokenizer), tokenizer.get_vocab()
    model = type(backend.model).__name__
    if model not in _MARKS:
        raise SettingError(
            f"word vectors start the embeddings of WordPiece and Unigram (SentencePiece) tokenizers, "
            f"and this one is {model}"
        )
    number, special = max(vocabulary.values()) + 1, sorted(tokenizer.all_special_ids)
    letters = [("", False)] * number
    for piece, row in vocabulary.items():
        letters[row] = _letters(piece, _MARKS[model])
    words, counts = _frequent_words(vectors)
    owners, pieces, lengths = split(backend, words, tokenizer.unk_token_id)
    table, weight = _means(vectors.vectors[: len(words)], counts, owners, pieces, number)
    kind = np.full(number, WITHOUT, dtype=np.int8)
    kind[pieces] = COMPOSED
    kind[pieces[lengths[owners] == 1]] = DIRECT
    kind[special] = SPECIAL
    for row in np.flatnonzero((kind == WITHOUT) | (kind == COMPOSED)):
        word = _find_word(*letters[row], vectors)
        if word < len(words):
            table[row], kind[row] = vectors.vectors[word], DIRECT
            weight[row] = max(weight[row], counts[word])
    rows = [row for row in np.flatnonzero(kind == WITHOUT) if letters[row][0]]
    if vectors.subwords is not None and rows:
        made = vectors.subwords.vectors([letters[row][0] for row in rows])
        has = np.array(rows)[made.any(axis=1)]
        table[has], kind[has] = made[made.any(axis=1)], COMPOSED
    table[special], weight[special] = 0.0, 0.0
    return PieceVectors(table, kind, weight)


def _frequent_words(vectors: WordVectors) -> tuple[list[str], NDArray[np.float64]]:
    """The words that are read, the most frequent first as files have them, and their counts."""
    words = list(vectors.words[:_WORDS])
    if vectors.counts is not None and vectors.counts[: len(words)].sum() > 0:
        return words, vectors.counts[: len(words)].astype(np.float64)
    return words, 1.0 / np.arange(1, len(words) + 1)


def split(
    backend: Tokenizer, words: Sequence[str], unknown: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The pieces of words on their own.

    Args:
        backend: The tokenizer.
        words: The words.
        unknown: The piece for what has none; a word that has it is left out.

    Returns:
        The number of the word that each piece is part of, the piece, and how many pieces each word has, 0 for
        one that is left out.
    """
    pieces: list[int] = []
    lengths = np.zeros(len(words), dtype=np.int64)
    for first in range(0, len(words), _BATCH):
        batch = backend.encode_batch(list(words[first : first + _BATCH]), add_special_tokens=False)
        for row, encoding in enumerate(batch, start=first):
            if unknown not in encoding.ids:
                lengths[row] = len(encoding.ids)
                pieces += encoding.ids
    return np.repeat(np.arange(len(words)), lengths), np.array(pieces, dtype=np.int64), lengths


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
    """The letters of a piece, and whether it begins a word."""
    marked = piece.startswith(mark)
    return piece.removeprefix(mark), marked if mark == "▁" else not marked or piece == mark


def _find_word(text: str, begins: bool, vectors: WordVectors) -> int:
    """The row of the word that a piece is, where the tokenizer does not make the piece of the word itself;
    one past the last where there is none.

    That is so of a capitalised piece with lower-case vectors, and of marks and Han characters that have no
    space before them in the text.
    """
    none, cased = len(vectors), text.upper() != text.lower()
    if not text or (cased and not begins):
        return none
    return vectors.index.get(text, vectors.index.get(lower(text), none))
