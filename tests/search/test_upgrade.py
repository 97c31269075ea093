"""Another encoder by a linear map: known maps are found, and the index is as if it had been built anew."""

import os

import numpy as np
import pytest

from made_up_index import WORDS, made_up_document, tiny_encoder
from wordladder import WordVectors
from wordladder.errors import SettingError, StoreError
from wordladder.model.inputs import unit_vectors
from wordladder.search.index import Index
from wordladder.search.upgrade import _agreement, fit_map, upgrade


def made_up_vectors(rows=300, dim=12, seed=0):
    return unit_vectors(np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32))


def rotation(dim, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0].astype(np.float32)


@pytest.mark.parametrize("kind", [None, "orthogonal"])
def test_a_rotation_is_found(kind):
    old, turn = made_up_vectors(), rotation(12)
    found = fit_map(old, old @ turn, kind)
    assert found.kind == "orthogonal"
    np.testing.assert_allclose(found.matrix, turn, atol=1e-5)
    assert found.cosine == pytest.approx(1, abs=1e-5)
    assert found.agreement == 1
    np.testing.assert_allclose(found(old), old @ turn, atol=1e-5)


@pytest.mark.parametrize("length", [12, 7, 20])
def test_least_squares_with_a_ridge_are_those_of_numpy(length):
    old = made_up_vectors()
    chance = np.random.default_rng(5)
    new = old @ chance.normal(size=(12, length)) + 0.3 * chance.normal(size=(300, length))
    new = unit_vectors(new.astype(np.float32))
    found = fit_map(old, new, "least-squares")
    assert found.matrix.shape == (12, length)
    # A ridge is rows more, whose targets are zero.
    ridge = found.ridge * np.sum(old**2) / 12
    rows = np.vstack([old, np.sqrt(ridge) * np.eye(12)])
    twin = np.linalg.lstsq(rows, np.vstack([new, np.zeros((12, length))]), rcond=None)[0]
    np.testing.assert_allclose(found.matrix, twin, atol=1e-4)
    # The cosine is of rows that it was not fitted on, with the best ridge of the four.
    held, rest = np.split(np.random.default_rng(1).permutation(300), [60])
    best = 0.0
    for part in (0.001, 0.01, 0.1, 1.0):
        ridge = part * np.sum(old[rest] ** 2) / 12
        rows = np.vstack([old[rest], np.sqrt(ridge) * np.eye(12)])
        twin = np.linalg.lstsq(rows, np.vstack([new[rest], np.zeros((12, length))]), rcond=None)[0]
        best = max(best, np.mean(np.sum(unit_vectors(old[held] @ twin) * new[held], axis=1)))
    assert found.cosine == pytest.approx(best, abs=1e-5)


def test_the_better_kind_is_chosen():
    old = made_up_vectors()
    stretched = unit_vectors(old @ np.diag(np.linspace(0.1, 3, 12)).astype(np.float32))
    assert fit_map(old, stretched).kind == "least-squares"
    assert fit_map(old, stretched).cosine > fit_map(old, stretched, "orthogonal").cosine + 0.05


def test_agreement_is_that_of_brute_force():
    mapped, new = made_up_vectors(40), made_up_vectors(40, seed=1)
    shared = 0
    for row in range(40):
        others = [other for other in range(40) if other != row]
        tops = [set(sorted(others, key=lambda other: -(new[row] @ one[other]))[:10]) for one in (mapped, new)]
        shared += len(tops[0] & tops[1])
    assert _agreement(mapped, new) == pytest.approx(shared / 400)


def test_wrong_settings():
    old = made_up_vectors()
    with pytest.raises(SettingError, match="old vectors have 12 numbers, the new ones 7"):
        fit_map(old, made_up_vectors(dim=7), "orthogonal")
    with pytest.raises(SettingError, match="kind is 'square'"):
        fit_map(old, old, "square")


DOCUMENTS = [made_up_document(i, 24, kind="ab"[i % 2]) for i in range(200)]


@pytest.fixture
def index(target):
    with Index.create(target, tiny_encoder(), passage_words=16, overlap=4) as made:
        made.add(DOCUMENTS)
        yield made


def found_by(index, by):
    queries = [document.text[:40] for document in DOCUMENTS[:20]]
    return [
        {hit.id: hit.score for hit in hits}
        for hits in index.search_all(queries, 10, by=by, where={"kind": "a"})
    ]


@pytest.mark.parametrize("linear", [True, False])
def test_an_index_is_as_if_built_with_the_new_encoder(index, target, tmp_path, linear):
    turned = WordVectors(WORDS, tiny_encoder().vectors @ rotation(8)) if linear else tiny_encoder(20)
    before, told = found_by(index, "words"), []
    done = upgrade(
        index, turned, sample=50, kind=None, progress=lambda *facts, **more: told.append(facts[:3])
    )
    assert (done.passages, done.embedded) == (index.count_passages(), 50)
    assert told[0] == ("embedded", 50, 50)
    assert told[-1] == ("passages", done.passages, done.passages)
    if linear:
        assert done.map.kind == "orthogonal"
        assert done.map.cosine == pytest.approx(1, abs=1e-4)
    else:
        assert done.map.matrix.shape == (8, 20)
        assert 0.1 < done.map.cosine < 0.9
    with Index.create(tmp_path / "anew", turned, passage_words=16, overlap=4) as anew:
        anew.add(DOCUMENTS)
        for _ in range(2):  # also when it is opened again
            for one, other in zip(found_by(index, "words"), before):
                assert list(one.values()) == pytest.approx(list(other.values()), abs=1e-4)  # ids may tie
            if linear:
                for one, other in zip(found_by(index, "vectors"), found_by(anew, "vectors")):
                    assert one == pytest.approx(other, abs=1e-4)
            assert index.settings.dim == turned.dim
            assert index.update(DOCUMENTS) == (0, 0, len(DOCUMENTS))
            index.close()
            index = Index.open(target, turned)
        index.close()
    with pytest.raises(StoreError):
        Index.open(target, tiny_encoder())


def test_a_small_index_is_embedded_anew(index):
    other = tiny_encoder(8, seed=9)
    index.set_shares(words_share=0.9)
    done = upgrade(index, other)
    assert index.settings.words_share == 0.5  # the other one was for the old encoder
    assert done.embedded == done.passages
    for rows in index._store.scan(100):
        for row in rows:
            twin = unit_vectors(other.encode([row.payload["text"]]))[0]
            np.testing.assert_allclose(row.vector, twin, atol=1e-5)


def test_an_upgrade_that_fails_changes_nothing(index, target, monkeypatch):
    before = found_by(index, "hybrid")

    def stop(stage, done, total, **_):
        if stage == "passages":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade(index, tiny_encoder(20), progress=stop)
    assert found_by(index, "hybrid") == before
    index.close()
    with Index.open(target, tiny_encoder()) as opened:
        assert found_by(opened, "hybrid") == before
        assert upgrade(opened, tiny_encoder(20)).passages == opened.count_passages()
    if "://" not in str(target):
        assert [path.name for path in target.parent.iterdir()] == ["index"]


def test_a_replacement_that_was_killed_is_undone(tmp_path):
    with Index.create(tmp_path / "index", tiny_encoder()) as index:
        index.add(DOCUMENTS[:3])
    os.replace(tmp_path / "index", tmp_path / ".index.old")  # the moment between the two renamings
    with Index.open(tmp_path / "index", tiny_encoder()) as index:
        assert index.count() == 3
    os.replace(tmp_path / "index", tmp_path / ".index.old")
    with pytest.raises(StoreError, match="there is an index already"):
        Index.create(tmp_path / "index", tiny_encoder())


def test_what_cannot_be_upgraded(tmp_path):
    with Index.create(tmp_path / "words") as index, pytest.raises(StoreError, match="without an encoder"):
        upgrade(index, tiny_encoder())
    with Index.create(tmp_path / "few", tiny_encoder()) as index:
        index.add(DOCUMENTS[:3])
        with pytest.raises(StoreError, match="are too few to fit a map; build the index again"):
            upgrade(index, tiny_encoder(20))
        with pytest.raises(SettingError, match="sample is 3"):
            upgrade(index, tiny_encoder(20), sample=3)
