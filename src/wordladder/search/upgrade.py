"""Another encoder for an index, without embedding everything again: a linear map of its vectors."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError, StoreError, check_at_least, check_choice
from ..evaluation.vector_drift import procrustes_rotation
from ..model.inputs import unit_vectors
from ..progress import Progress, quiet
from .changes import BATCH
from .encoders import NO_ENCODER, described, loaded, name_of, text_vectors
from .index import Index
from .settings import IndexSettings
from .store import Row
from .terms import document_weights

Kind = Literal["orthogonal", "least-squares"]
Vectors = NDArray[np.float32]

_LEAST = 20  # passages; from fewer no map can be fitted
_RIDGES = (0.001, 0.01, 0.1, 1.0)  # as parts of the mean eigenvalue of the old vectors
_TOP = 10


@dataclass(frozen=True)
class LinearMap:
    """A linear map from old to new vectors.

    Attributes:
        kind: `orthogonal` or `least-squares`.
        ridge: The ridge of least squares, as a part of the mean eigenvalue; 0 for an orthogonal map.
        matrix: What an old vector is multiplied with, `(old length, new length)`.
        cosine: The mean cosine of mapped and new vectors that it was not fitted on.
        agreement: The share of the ten nearest of these that are the same for mapped and for new vectors.
    """

    kind: Kind
    ridge: float
    matrix: Vectors
    cosine: float
    agreement: float

    def __call__(self, vectors: Vectors) -> Vectors:
        """The vectors mapped, of length one."""
        return unit_vectors(vectors @ self.matrix)


@dataclass(frozen=True)
class Upgraded:
    """What came of an upgrade.

    Attributes:
        passages: How many passages there are.
        embedded: How many were embedded by the new encoder; the vectors of the others were mapped.
        map: The map.
    """

    passages: int
    embedded: int
    map: LinearMap


def upgrade(
    index: Index,
    encoder: Any,
    *,
    sample: int = 2000,
    kind: Kind | None = None,
    seed: int = 1,
    progress: Progress = quiet,
) -> Upgraded:
    """Change the encoder of an index: a sample of its passages is embedded again, and all other vectors are
    mapped to where the new encoder would about have put them.

    The index stays as it was until all is done. Vectors of passages that are added later are the encoder's.
    A fitted share of words was for the old encoder: it is a half again.

    Args:
        index: The index; it has the new encoder afterwards.
        encoder: The new model or word vectors, or where they can be loaded.
        sample: How many passages are embedded.
        kind: `orthogonal` (Procrustes; for vectors of the same length) or `least-squares` (with a ridge); the
            better one on held-out passages if not given.
        seed: The seed of what is held out.
        progress: Called with the number of passages.

    Raises:
        StoreError: the index has no vectors, or too few passages.
        SettingError: a setting is not valid, or an orthogonal map is impossible.
    """
    check_at_least(_LEAST, sample=sample)
    if not index.settings.dim:
        raise StoreError(NO_ENCODER.format(index.name))
    name, encoder = name_of(encoder), loaded(encoder)
    # A fitted share was for the old encoder.
    fresh = replace(index.settings, **described(encoder, name), words_share=0.5)
    # The first ones, for stores order them by their ids, which are hashes.
    drawn = list(islice(chain.from_iterable(index._store.scan(BATCH)), sample))
    if len(drawn) < _LEAST:
        raise StoreError(
            f"{index.name}: {len(drawn)} passages are too few to fit a map; build the index again"
        )
    new = text_vectors(encoder, [row.payload["text"] for row in drawn], "passage")
    progress("embedded", len(drawn), len(drawn))
    found = fit_map(np.array([row.vector for row in drawn], np.float32), new, kind, seed)
    embedded = dict(zip([row.id for row in drawn], new))
    total, done = index.count_passages(), 0
    with index._store.replaced() as store:
        store.keep(asdict(fresh))
        for rows in _mapped(index, fresh, found, embedded):
            store.put(rows)
            done += len(rows)
            progress("passages", done, total)
    index.settings, index._encoder = fresh, encoder
    return Upgraded(done, len(drawn), found)


def _mapped(
    index: Index, settings: IndexSettings, found: LinearMap, embedded: dict[str, Vectors]
) -> Iterator[list[Row]]:
    """All rows with their new vectors."""
    for rows in filter(None, index._store.scan(BATCH)):
        vectors = found(np.array([row.vector for row in rows], np.float32))
        terms = index._terms.of([row.payload["text"] for row in rows])
        yield [
            replace(
                row, vector=embedded.get(row.id, vector), words=document_weights(words, settings.mean_length)
            )
            for row, vector, words in zip(rows, vectors, terms, strict=True)
        ]


def fit_map(old: Vectors, new: Vectors, kind: Kind | None = None, seed: int = 1) -> LinearMap:
    """The linear map from old to new vectors of the same passages. A fifth of them is held out to measure and
    to choose, then it is fitted on all.

    Args:
        old: Vectors of length one, `(passages, old length)`.
        new: Vectors of length one, `(passages, new length)`.
        kind: The kind of map; the one with the highest held-out cosine if not given.
        seed: The seed of what is held out.

    Raises:
        SettingError: the kind is unknown, or orthogonal for vectors of different lengths.
    """
    same = old.shape[1] == new.shape[1]
    if kind is not None:
        check_choice("kind", kind, get_args(Kind))
    if kind == "orthogonal" and not same:
        raise SettingError(
            f"kind = 'orthogonal': the old vectors have {old.shape[1]} numbers, the new ones {new.shape[1]}; "
            "'least-squares' maps them"
        )
    order = np.random.default_rng(seed).permutation(len(old))
    held, rest = np.split(order, [max(1, len(old) // 5)])
    tried: list[tuple[float, Kind, float, Vectors]] = []
    for ridge in (0.0, *_RIDGES):
        name: Kind = "least-squares" if ridge else "orthogonal"
        if name == (kind or name) and (same or ridge):
            mapped = unit_vectors(old[held] @ _matrix(old[rest], new[rest], ridge))
            tried.append((float(np.mean(np.sum(mapped * new[held], axis=1))), name, ridge, mapped))
    cosine, name, ridge, mapped = max(tried, key=lambda one: one[0])
    return LinearMap(name, ridge, _matrix(old, new, ridge), cosine, _agreement(mapped, new[held]))


def _matrix(old: Vectors, new: Vectors, ridge: float) -> Vectors:
    """The map of least squared error: with that ridge, or orthogonal if it is 0."""
    if not ridge:
        return procrustes_rotation(old, new)
    products = old.T.astype(np.float64) @ old
    products += ridge * np.trace(products) / len(products) * np.eye(len(products))
    return np.linalg.solve(products, old.T.astype(np.float64) @ new).astype(np.float32)


def _agreement(mapped: Vectors, new: Vectors) -> float:
    """The share of the ten nearest passages of each new vector that are the same if those are mapped."""
    count = min(_TOP, len(new) - 1)
    tops = []
    for vectors in (mapped, new):
        scores = new @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        tops.append(np.argsort(-scores, axis=1, kind="stable")[:, :count])
    return float(np.mean([len(np.intersect1d(one, other)) for one, other in zip(*tops)]) / count)
