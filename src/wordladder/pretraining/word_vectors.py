"""Word vectors into BERT: the embeddings of its pieces start from Word2Vec, GloVe or fastText vectors.

A model that is pretrained from nothing spends its first steps on learning which words are alike. Vectors
trained on the same text know that after seconds. `_piece_vectors` makes the vectors of pieces; those of
another length than the embeddings are mapped to them. Nothing is pretrained here.
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..errors import SettingError, VectorsError
from ..formats import check_finite
from ..word_vectors import WordVectors
from ._piece_vectors import COMPOSED, SPECIAL, PieceVectors, piece_vectors
from .vocabulary import piece_count

Bridge = Literal["pca", "projection"]


def start_from_vectors(
    model: Any,
    tokenizer: Any,
    vectors: WordVectors,
    *,
    bridge: Bridge = "pca",
    seed: int = 1,
    counts: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Write word vectors into the word embeddings of a Hugging Face BERT or ALBERT, in place.

    Their mean is subtracted, since it says nothing of a word, and their root mean square becomes the standard
    deviation of the model's own initialisation, so that they weigh as much in the sum with positions and
    segments as random ones would. Special pieces and those without a vector stay as they are. An output layer
    that shares the embeddings continues to share them.

    Args:
        model: A model with word embeddings, such as `BertForPreTraining`; ALBERT's factorised embeddings take
            vectors of their own length as they are.
        tokenizer: Its fast tokenizer, WordPiece or Unigram (SentencePiece).
        vectors: The word vectors.
        bridge: For vectors of another length than the embeddings: `"pca"` keeps the principal components of
            longer ones and turns shorter ones into the larger space; `"projection"` keeps all their numbers
            and learns a linear map together with the model, until `merge_projection` puts it into the
            embeddings. Gradients then pass through `pieces × length × embedding` multiplications a step.
        seed: Start of the random rotation.
        counts: How often each piece occurs in the text, `(pieces,)`, for the shares that are reported.

    Returns:
        What the embeddings start from:

        - `pieces` of the tokenizer, and of these `direct`: whole words with a vector, `composed`: parts of
          such words, `random`: those without a vector and `special` ones, which both start at random as they
          would otherwise;
        - `direct_share`, `composed_share` and `random_share`: their shares of the pieces in running text;
        - `shares_from`: what the shares are counted in, `"pieces"` where these were counted in the text, else
          `"words"`, those with vectors by their counts, or `"ranks"`, a guess from their order;
        - `words`: the number of word vectors, `dim`: the numbers in one, `embedding_dim`: those in an
          embedding, and `bridge`: how the one became the other, `"same"`, `"turned"`, `"pca"` or
          `"projection"`;
        - `told`: the same in a sentence.

    Raises:
        VectorsError: the vectors have numbers that are not finite, or none of their words is one of pieces.
        SettingError: the tokenizer is of another kind, or does not belong to the model, or there is no such
            bridge.
    """
    if bridge not in ("pca", "projection"):
        raise SettingError(f'bridge = {bridge!r}: it is "pca" or "projection"')
    embeddings = model.get_input_embeddings()
    rows, dim = embeddings.weight.shape
    if (pieces := piece_count(tokenizer)) > rows:
        raise SettingError(
            f"the tokenizer has a piece number {pieces - 1}, the model {rows}; they do not belong together"
        )
    check_finite(vectors.vectors, lambda row: f"the vector of {vectors.words[row]!r}")
    if not len(vectors) or not vectors.dim:
        raise VectorsError("there are no word vectors to start from")
    found = piece_vectors(tokenizer, vectors)
    has = found.kind >= COMPOSED
    if not has.any():
        raise VectorsError(
            f"none of the {len(vectors):,} words with a vector is made of the tokenizer's pieces; are they "
            "of another language?"
        )
    # Each piece counts once in the mean: weighted ones would be those of a few words.
    mean = found.vectors[has].mean(axis=0, dtype=np.float64)
    table = found.vectors - np.where(has[:, None], mean, 0).astype(np.float32)
    if not table.any():
        raise VectorsError("all word vectors are the same; nothing can start from them")
    spread = float(getattr(model.config, "initializer_range", 0.02))
    if bridge == "projection" and vectors.dim != dim:
        _project(model, scale_to_rms(table, spread), has, seed, spread)
    else:
        table = table if vectors.dim == dim else map_to_dimension(table, dim, seed)
        weight = embeddings.weight.detach()
        weight[np.flatnonzero(has)] = torch.from_numpy(scale_to_rms(table, spread)[has]).to(weight)
    return _report(found, vectors, dim, bridge, counts)


def _project(
    model: Any, table: NDArray[np.float32], has: NDArray[np.bool_], seed: int, spread: float
) -> None:
    """A table as wide as the vectors and a map whose product starts as a rotation of them would.

    Rows without a vector are random; special ones too, except that of the padding, which is zero.
    """
    embeddings = model.get_input_embeddings()
    (rows, dim), length, weight = embeddings.weight.shape, table.shape[1], embeddings.weight
    wide = np.random.default_rng(seed + 1).normal(0.0, spread, (rows, length)).astype(np.float32)
    wide[: len(table)][has] = table[has]
    if embeddings.padding_idx is not None:
        wide[embeddings.padding_idx] = 0.0
    short = random_orthonormal_rows(min(length, dim), max(length, dim), seed)
    # A number of the product is a sum over `length` numbers: its spread is that of the table.
    matrix = (short if length <= dim else short.T) * np.sqrt(max(dim / length, 1.0))
    project_embeddings(
        model, torch.from_numpy(wide).to(weight), torch.from_numpy(matrix.astype(np.float32)).to(weight)
    )


def _report(
    found: PieceVectors, vectors: WordVectors, dim: int, bridge: str, counts: NDArray[np.int64] | None
) -> dict[str, Any]:
    known = vectors.counts is not None and vectors.counts.sum() > 0
    weight, source = found.weight, "words" if known else "ranks"
    pieces = len(found.kind)
    if counts is not None:
        if len(counts) != pieces:
            raise SettingError(f"counts are those of {len(counts)} pieces, the tokenizer has {pieces}")
        weight, source = np.where(found.kind == SPECIAL, 0, counts).astype(np.float64), "pieces"
    # By kind, in the order of SPECIAL, WITHOUT, COMPOSED and DIRECT.
    special, random, composed, direct = np.bincount(found.kind, minlength=4).tolist()
    sums = np.bincount(found.kind, weight, minlength=4) / max(float(weight.sum()), 1e-12)
    _, random_share, composed_share, direct_share = sums.tolist()
    if bridge == "pca" and vectors.dim < dim:
        bridge = "turned"
    return {
        "pieces": pieces,
        "direct": direct,
        "composed": composed,
        "random": random,
        "special": special,
        "words": len(vectors),
        "dim": vectors.dim,
        "embedding_dim": dim,
        "bridge": "same" if vectors.dim == dim else bridge,
        "direct_share": direct_share,
        "composed_share": composed_share,
        "random_share": random_share,
        "shares_from": source,
        "told": f"{direct:,} of {pieces:,} pieces start from the vector of a word, {composed:,} from those "
        f"of words that they are parts of, {random:,} at random ({direct_share:.1%}, {composed_share:.1%} "
        f"and {random_share:.1%} of the text)",
    }


def map_to_dimension(vectors: NDArray[np.float32], dim: int, seed: int) -> NDArray[np.float32]:
    """Vectors `(pieces, length)`, of zero mean, as `(pieces, dim)`.

    Longer ones keep their `dim` principal components: no other linear map keeps more of their inner products
    (Eckart and Young 1936). The axes are then turned by a random rotation, so that no number has more of the
    variance than the others and the optimizer, which scales each number by itself, finds them alike. Shorter
    ones are turned into the larger space, which keeps all inner products.
    """
    if vectors.shape[1] > dim:
        _, axes = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)  # the largest last
        vectors = vectors @ axes[:, -dim:].astype(np.float32)
    return vectors @ random_orthonormal_rows(vectors.shape[1], dim, seed).astype(np.float32)


def random_orthonormal_rows(rows: int, columns: int, seed: int) -> NDArray[np.float64]:
    """A random matrix `(rows, columns)`, rows ≤ columns, of orthonormal rows, all directions alike."""
    draw = np.random.default_rng(seed).standard_normal((columns, rows))
    turned, upper = np.linalg.qr(draw)
    return (turned * np.sign(np.diagonal(upper))).T


def scale_to_rms(vectors: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """The same with the root mean square of all numbers at `spread`; zero rows stay zero and count not."""
    used = vectors.any(axis=1)
    size = float(np.sqrt(np.square(vectors[used], dtype=np.float64).mean()))
    return vectors * np.float32(spread / size)


class Projection(nn.Module):
    """The embeddings `(pieces, dim)` from a table `(pieces, length)`, both learned.

    Args:
        matrix: The map at the start, `(length, dim)`.
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, table: Tensor) -> Tensor:
        """The embeddings."""
        return table @ self.matrix


def project_embeddings(model: Any, table: Tensor, matrix: Tensor) -> None:
    """Let the model's embeddings be `table @ matrix`, learned together, also where they are the output's.

    Everything that reads `model.get_input_embeddings().weight` gets the product. `merge_projection` makes
    plain embeddings of it again.
    """
    projection = Projection(matrix)
    layers = _layers(model)
    for layer in layers:
        layer.weight = nn.Parameter(table)
        parametrize.register_parametrization(layer, "weight", projection, unsafe=True)
    first = layers[0].parametrizations.weight
    for layer in layers[1:]:
        layer.parametrizations.weight.original = first.original


def merge_projection(model: Any) -> None:
    """Replace the projection by the embeddings that it gives; does nothing where there is none."""
    layers = _layers(model)
    if not parametrize.is_parametrized(layers[0], "weight"):
        return
    weight = nn.Parameter(layers[0].weight.detach().clone())
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
        layer.weight = weight


def _layers(model: Any) -> list[Any]:
    """The input embeddings, and the output layer if it has the same weights."""
    embeddings, output = model.get_input_embeddings(), model.get_output_embeddings()
    if output is None:
        return [embeddings]
    tied = output.weight is embeddings.weight or (
        parametrize.is_parametrized(output, "weight")
        and output.parametrizations.weight.original is embeddings.parametrizations.weight.original
    )
    return [embeddings, output] if tied else [embeddings]
