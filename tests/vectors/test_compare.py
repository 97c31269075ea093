"""What moved between two sets of vectors: SciPy's Procrustes and brute force are the twins."""

import json

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import SettingError, VectorsError
from wordladder.evaluation import vector_drift
from wordladder.evaluation.vector_drift import compare_vectors, procrustes_rotation
from wordladder.word_vectors import WordVectors

DIM = 8


def run(*args):
    """Standard output of a command; an error of the user is raised as it is."""
    done = CliRunner().invoke(app, ["vectors", "compare", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def then():
    words = [f"w{number}" for number in range(200)]
    return WordVectors(words, np.random.default_rng(0).normal(size=(200, DIM)).astype(np.float32))


@pytest.fixture(scope="module")
def now(then):
    """The same turned around, lengths changed, words in another order; three words moved, some gone, some
    new.
    """
    chance = np.random.default_rng(1)
    table = then.vectors + chance.normal(scale=0.05, size=then.vectors.shape)
    table[[7, 30, 55]] = chance.normal(size=(3, DIM))
    turned = table @ ortho_group.rvs(DIM, random_state=2) * chance.uniform(0.5, 2, size=(200, 1))
    order = [*chance.permutation(180), 199]
    words = [then.words[row] for row in order] + ["new0", "new1"]
    table = np.vstack([turned[order], chance.normal(size=(2, DIM))])
    return WordVectors(words, table.astype(np.float32))


def test_alignment_is_that_of_scipy():
    chance = np.random.default_rng(3)
    one, other = chance.normal(size=(2, 50, 6)).astype(np.float32)
    np.testing.assert_allclose(
        procrustes_rotation(one, other), orthogonal_procrustes(one, other)[0], atol=1e-5
    )


@pytest.mark.parametrize("dims", [(6, 9), (9, 6)])
def test_alignment_of_unlike_dimensions_is_that_of_vectors_filled_with_zeros(dims):
    chance = np.random.default_rng(4)
    one, other = (chance.normal(size=(50, dim)).astype(np.float32) for dim in dims)
    filled = [np.pad(table, ((0, 0), (0, 9 - table.shape[1]))) for table in (one, other)]
    twin = filled[0] @ orthogonal_procrustes(*filled)[0]
    turn = procrustes_rotation(one, other)
    assert turn.shape == (dims[0], 9)
    assert np.linalg.norm(one @ turn - filled[1]) == pytest.approx(np.linalg.norm(twin - filled[1]), rel=1e-5)


def test_a_rotation_alone_changes_nothing(then):
    turned = then.vectors @ ortho_group.rvs(DIM, random_state=5).astype(np.float32)
    found = compare_vectors(then, WordVectors(then.words, turned))
    assert found.mean_cosine == pytest.approx(1, abs=1e-5)
    assert found.mean_kept == 1
    assert (found.shared, found.frequent, found.sample) == (200, 200, 200)


def test_dimensions_may_differ(then):
    wider = np.pad(then.vectors, ((0, 0), (0, 3))) @ ortho_group.rvs(DIM + 3, random_state=6)
    for one, other in ((then.vectors, wider), (wider, then.vectors)):
        found = compare_vectors(WordVectors(then.words, one), WordVectors(then.words, other))
        assert found.mean_cosine == pytest.approx(1, abs=1e-5)
        assert found.dims == (one.shape[1], other.shape[1])


def test_the_words_that_moved_are_found(then, now):
    found = compare_vectors(then, now, topn=3)
    assert {one.word for one in found.most} == {"w7", "w30", "w55"}
    assert [one.cosine for one in found.most] == sorted(one.cosine for one in found.most)
    assert all(one.cosine > 0.99 for one in found.least)
    assert found.sizes == (200, 183)
    assert found.shared == 181


def units(vectors, words):
    table = np.array([vectors[word] for word in words], np.float64)
    return table / np.linalg.norm(table, axis=1, keepdims=True)


@pytest.mark.parametrize("scores", [1 << 22, 500])
@pytest.mark.parametrize("frequent", [60, 20_000])
def test_figures_are_those_of_brute_force(then, now, frequent, scores, monkeypatch):
    monkeypatch.setattr(vector_drift, "_SCORES", scores)
    found = compare_vectors(then, now, neighbors=6, frequent=frequent, words=["w7", "w199"])
    ranks = {w: max(then.index[w], now.index[w]) for w in then.words if w in now}
    words = sorted(ranks, key=lambda word: (ranks[word], then.index[word]))[:frequent]
    one, other = units(then, words), units(now, words)
    turn = orthogonal_procrustes(other, one)[0]
    cosines = dict(zip(words, (one * (other @ turn)).sum(axis=1)))
    assert found.mean_cosine == pytest.approx(np.mean(list(cosines.values())), abs=1e-5)
    assert [change.word for change in found.most] == sorted(words, key=cosines.get)[:10]

    def kept(word):
        near = [
            set(sorted(set(words) - {word}, key=lambda w: -(units(v, [w]) @ units(v, [word]).T).item())[:6])
            for v in (then, now)
        ]
        return len(near[0] & near[1]) / 6

    for change in (*found.most[:3], *found.asked):
        assert change.kept == pytest.approx(kept(change.word))
    for change in found.asked:
        assert change.then == tuple(then.most_similar(change.word, topn=6))
        assert change.now == tuple(now.most_similar(change.word, topn=6))
    if frequent == 60:
        assert found.mean_kept == pytest.approx(np.mean([kept(word) for word in words]))
        assert "w199" not in words  # a word asked for need not be frequent
        last = (units(then, ["w199"]) * (units(now, ["w199"]) @ turn)).sum()
        assert found.asked[1].cosine == pytest.approx(last, abs=1e-5)


def test_a_sample_is_taken_evenly(then, now):
    found = compare_vectors(then, now, sample=20, neighbors=500)
    assert found.sample == 20
    assert found.neighbors == 180  # all the others
    assert found.mean_kept == 1


def test_what_cannot_be_compared(then, now):
    with pytest.raises(VectorsError, match="second vectors have none for 'w190'"):
        compare_vectors(then, now, words=["w7", "w190"])
    with pytest.raises(VectorsError, match="first vectors have none for 'new0'"):
        compare_vectors(then, now, words=["new0"])
    with pytest.raises(VectorsError, match="share 0 words"):
        compare_vectors(then, WordVectors(["x"], np.ones((1, DIM))))
    with pytest.raises(SettingError, match="neighbors is 0"):
        compare_vectors(then, now, neighbors=0)


def test_the_command_tells(then, now, tmp_path):
    then.save(tmp_path / "then.vec")
    now.save(tmp_path / "now.vec")
    files = (tmp_path / "then.vec", tmp_path / "now.vec")
    told = json.loads(run(*files, "--words", "w7,w9", "--words", "w30", "--topn", 2, "--json"))
    assert told["files"] == [str(file) for file in files]
    assert [one["word"] for one in told["asked"]] == ["w7", "w9", "w30"]
    assert len(told["most"]) == len(told["least"]) == 2
    assert len(told["asked"][0]["then"]) == 10
    assert told["asked"][0]["then"][0]["word"] == then.most_similar("w7", topn=1)[0][0]
    text = run(*files, "--words", "w9")
    for part in ("181 words in both", "asked for", "moved most", "moved least", "nearest then", "w55"):
        assert part in text
