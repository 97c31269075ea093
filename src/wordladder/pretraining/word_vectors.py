"""Word vectors into BERT: the embeddings of its pieces start from Word2Vec, GloVe or fastText vectors.

A model that is pretrained from nothing spends its first steps on learning which words are alike. Vectors
trained on the same text know that after seconds. How words become pieces is the matter of `_piece_vectors`,
how lengths that differ are bridged that of `_bridge`. Nothing is pretrained here.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import SettingError, VectorsError
from ..formats import check_finite
from ..word_vectors import WordVectors
from ._dimension_mapping import bridged, orthogonal, project_embeddings, scaled
from ._piece_vectors import COMPOSED, DIRECT, SPECIAL, WITHOUT, PieceVectors, piece_vectors

Bridge = Literal["pca", "projection"]


@dataclass(frozen=True, kw_only=True)
class VectorStart:
    """What embeddings started from.

    Attributes:
        pieces: Pieces of the tokenizer.
        direct: Those that are whole words with a vector.
        composed: Those that are parts of such words.
        random: Those without a vector, which start at random as the others would have.
        special: Special ones, which start at random too.
        words: Word vectors that there are.
        dim: Numbers in a word vector.
        embedding_dim: Numbers in an embedding.
        bridge: How the one became the other: `"same"`, `"turned"`, `"pca"` or `"projection"`.
        direct_share: Share of the pieces in running text that are whole words with a vector.
        composed_share: Share of those that are parts of such words.
        random_share: Share of those that start at random.
        shares_from: What the shares are counted in: `"pieces"`, if the pieces of the text were counted,
            else `"words"`, the words with vectors and their counts, or `"ranks"`, a guess from their order.
    """

    pieces: int
    direct: int
    composed: int
    random: int
    special: int
    words: int
    dim: int
    embedding_dim: int
    bridge: str
    direct_share: float
    composed_share: float
    random_share: float
    shares_from: str

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """One sentence."""
        return (
            f"{self.direct:,} of {self.pieces:,} pieces start from the vector of a word, {self.composed:,} "
            f"from those of words that they are parts of, {self.random:,} at random "
            f"({self.direct_share:.1%}, {self.composed_share:.1%} and {self.random_share:.1%} of the text)"
        )


def start_from_vectors(
    model: Any,
    tokenizer: Any,
    vectors: WordVectors,
    *,
    bridge: Bridge = "pca",
    seed: int = 1,
    counts: NDArray[np.int64] | None = None,
) -> VectorStart:
    """Write word vectors into the word embeddings of a Hugging Face BERT or ALBERT, in place.

    Their mean is taken off, since it says nothing of a word, and their root mean square becomes the standard
    deviation of the model's own initialisation, so that they weigh as much beside positions and segments as
    random ones would. Special pieces and those without a vector stay as they are. An output layer that shares
    the embeddings goes on sharing them.

    Args:
        model: A model with word embeddings, such as `BertForPreTraining`; ALBERT's factorised embeddings take
            vectors of their own length as they are.
        tokenizer: Its fast tokenizer, WordPiece or Unigram (SentencePiece).
        vectors: The word vectors.
        bridge: For vectors of another length than the embeddings: `"pca"` keeps the principal components of
            longer ones and turns shorter ones into the larger space; `"projection"` keeps all their numbers
            and learns a linear map together with the model, until `fold_projection` puts it into the
            embeddings. Gradients then pass through `pieces × length × embedding` multiplications a step.
        seed: Start of the random rotation.
        counts: How often each piece occurs in the text, `(pieces,)`, for the shares that are told.

    Raises:
        VectorsError: the vectors have numbers that are not finite, or none of their words is one of pieces.
        SettingError: the tokenizer is of another kind, or does not belong to the model, or there is no such
            bridge.
    """
    if bridge not in ("pca", "projection"):
        raise SettingError(f'bridge = {bridge!r}: it is "pca" or "projection"')
    embeddings = model.get_input_embeddings()
    rows, dim = embeddings.weight.shape
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= rows:
        raise SettingError(
            f"the tokenizer has a piece number {highest}, the model {rows}; they do not belong together"
        )
    _check_finite(vectors)
    found = piece_vectors(tokenizer, vectors)
    has = found.kind >= COMPOSED
    if not has.any():
        raise VectorsError(
            f"none of the {len(vectors):,} words with a vector is made of the tokenizer's pieces; are they "
            "of another language?"
        )
    table = found.vectors - np.where(has[:, None], _mean(found, has), 0).astype(np.float32)
    if not table.any():
        raise VectorsError("all word vectors are the same; nothing can start from them")
    spread = float(getattr(model.config, "initializer_range", 0.02))
    if bridge == "projection" and vectors.dim != dim:
        _project(model, scaled(table, spread), has, seed)
    else:
        table = table if vectors.dim == dim else bridged(table, dim, seed)
        _write(embeddings, scaled(table, spread), has)
    return _report(found, vectors, dim, bridge, counts)


def _check_finite(vectors: WordVectors) -> None:
    check_finite(vectors.vectors, lambda row: f"the vector of {vectors.words[row]!r}")
    if not len(vectors) or not vectors.dim:
        raise VectorsError("there are no word vectors to start from")


def _mean(found: PieceVectors, has: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean over pieces with a vector, each counted once: weighted ones would be those of a few words."""
    return found.vectors[has].mean(axis=0, dtype=np.float64)


def _write(embeddings: Any, table: NDArray[np.float32], has: NDArray[np.bool_]) -> None:
    weight = embeddings.weight
    with torch.no_grad():
        places = torch.from_numpy(np.flatnonzero(has)).to(weight.device)
        weight[places] = torch.from_numpy(table[has]).to(weight)


def _project(model: Any, table: NDArray[np.float32], has: NDArray[np.bool_], seed: int) -> None:
    """A table as wide as the vectors and a map whose product starts as a rotation of them would.

    Rows without a vector are random; special ones too, but that of the padding, which is zero.
    """
    embeddings = model.get_input_embeddings()
    rows, dim = embeddings.weight.shape
    length = table.shape[1]
    draw = np.random.default_rng(seed + 1)
    spread = float(getattr(model.config, "initializer_range", 0.02))
    wide = draw.normal(0.0, spread, (rows, length)).astype(np.float32)
    wide[: len(table)][has] = table[has]
    if embeddings.padding_idx is not None:
        wide[embeddings.padding_idx] = 0.0
    short = orthogonal(min(length, dim), max(length, dim), seed)
    # A number of the product is a sum over `length` numbers: its spread is that of the table.
    matrix = (short if length <= dim else short.T) * np.sqrt(max(dim / length, 1.0))
    weight = embeddings.weight
    project_embeddings(
        model, torch.from_numpy(wide).to(weight), torch.from_numpy(matrix.astype(np.float32)).to(weight)
    )


def _report(
    found: PieceVectors, vectors: WordVectors, dim: int, bridge: Bridge, counts: NDArray[np.int64] | None
) -> VectorStart:
    known = vectors.counts is not None and vectors.counts.sum() > 0
    weight, source = found.weight, "words" if known else "ranks"
    if counts is not None:
        if len(counts) != len(found.kind):
            raise SettingError(
                f"counts are those of {len(counts)} pieces, the tokenizer has {len(found.kind)}"
            )
        weight, source = np.where(found.kind == SPECIAL, 0, counts).astype(np.float64), "pieces"
    total = max(float(weight.sum()), 1e-12)
    direct, composed, without = (found.kind == kind for kind in (DIRECT, COMPOSED, WITHOUT))
    across = "turned" if vectors.dim < dim else "pca"
    return VectorStart(
        pieces=len(found.kind),
        direct=int(direct.sum()),
        composed=int(composed.sum()),
        random=int(without.sum()),
        special=int((found.kind == SPECIAL).sum()),
        words=len(vectors),
        dim=vectors.dim,
        embedding_dim=dim,
        bridge="same" if vectors.dim == dim else "projection" if bridge == "projection" else across,
        direct_share=float(weight[direct].sum() / total),
        composed_share=float(weight[composed].sum() / total),
        random_share=float(weight[without].sum() / total),
        shares_from=source,
    )
