"""Anisotropy against a loop over all pairs."""

import itertools

import numpy as np
import pytest

from wordladder.evaluation import anisotropy as module
from wordladder.evaluation.anisotropy import anisotropy


@pytest.mark.parametrize("block", [2, 8192])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_the_mean_over_all_pairs_of_distinct_texts(monkeypatch, block, shift):
    monkeypatch.setattr(module, "_ROWS", block)
    texts = [f"text {n % 11}" for n in range(17)]
    vectors = np.random.default_rng(1).normal(shift, 1, size=(11, 6)).astype(np.float32)
    vectors[3] = 0
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    expected = np.mean([a @ b for a, b in itertools.combinations(np.delete(units, 3, axis=0), 2)])
    found = anisotropy(texts, vectors[np.arange(17) % 11])
    assert found == pytest.approx(expected, abs=1e-6)
    assert (found > module.HIGH) == (shift > 0)


def test_fewer_than_two_vectors_have_none():
    assert anisotropy([], np.zeros((0, 3), np.float32)) is None
    assert anisotropy(["a", "a"], np.ones((2, 3), np.float32)) is None
    assert anisotropy(["a", "b"], np.eye(2, dtype=np.float32) * [[1], [0]]) is None
