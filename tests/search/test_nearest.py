"""Nearest vectors against brute force: tiles, ties, zero vectors, few vectors."""

import numpy as np
import pytest

from wordladder.errors import DataError, SettingError
from wordladder.search import nearest as module
from wordladder.search.nearest import nearest


def brute_force(vectors, queries, k, each_other):
    """Ids and scores by a full sort of the whole matrix, equal scores by the lower row."""
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    if each_other:
        np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : max(0, min(k, len(vectors) - each_other))]
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.fixture(params=[3, 8, 1024], ids=lambda rows: f"tiles of {rows}")
def tiles(request, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", request.param)


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 24, 61])
@pytest.mark.parametrize("k", [1, 4, 100])
@pytest.mark.parametrize("queries", [None, 0, 1, 13])
def test_brute_force_agrees_also_on_ties(tiles, rows, k, queries):
    chance = np.random.default_rng(rows)
    vectors = chance.integers(-1, 2, (rows, 4)).astype(np.float32)  # products are exact, and many are equal
    vectors[::5] = 0
    asked = vectors if queries is None else chance.integers(-1, 2, (queries, 4)).astype(np.float32)
    found = nearest(vectors, None if queries is None else asked, k)
    ids, scores = brute_force(vectors, asked, k, queries is None)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.scores, scores)
    assert (found.ids.dtype, found.scores.dtype) == (np.int64, np.float32)


def test_many_vectors_in_several_tiles_from_a_mapped_file(tmp_path):
    vectors = np.random.default_rng(1).normal(size=(2500, 48)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    told = []
    found = nearest(mapped, k=10, progress=lambda stage, done, total: told.append((done, total)))
    ids, scores = brute_force(vectors, vectors, 10, True)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_allclose(found.scores, scores, atol=1e-4)
    assert told == [(tile, 6) for tile in range(1, 7)], "tiles below the diagonal are not computed"
    found = nearest(mapped, vectors[7:9], 5)
    np.testing.assert_array_equal(found.ids, brute_force(vectors, vectors[7:9], 5, False)[0])
    assert found.ids[:, 0].tolist() == [7, 8], "a query may be one of the vectors"


def test_what_cannot_be_is_told():
    vectors = np.ones((3, 4), np.float32)
    with pytest.raises(SettingError, match="k is 0"):
        nearest(vectors, k=0)
    with pytest.raises(DataError, match="vectors of 4 and of 5 numbers"):
        nearest(vectors, np.ones((1, 5), np.float32))
