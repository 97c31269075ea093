"""A saved folder is whole or not there: errors, a full disk and an interrupted replacement change nothing."""

import errno
import hashlib
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model, WordVectors
from wordladder.errors import ModelError, OutputError
from wordladder.files.folders import atomic_folder, find_model, is_saved_model, size_mb
from wordladder.model.checkpoint_folder import exclusive_output


def write(folder, text):
    with atomic_folder(folder) as fresh:
        (fresh / "recipe.toml").write_text(text)


def test_a_new_folder_takes_the_old_ones_place(tmp_path):
    write(tmp_path / "m", "old")
    write(tmp_path / "m", "new")
    assert (tmp_path / "m" / "recipe.toml").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert size_mb(tmp_path / "m") == pytest.approx(3e-6)


def fails(folder, error):
    with atomic_folder(folder) as fresh:
        (fresh / "recipe.toml").write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError("broken"), OSError(errno.ENOSPC, "No space left on device")])
def test_what_fails_leaves_the_old_one_whole(error, tmp_path):
    write(tmp_path / "m", "old")
    with pytest.raises(OutputError if isinstance(error, OSError) else RuntimeError):
        fails(tmp_path / "m", error)
    assert (tmp_path / "m" / "recipe.toml").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_stop_between_the_two_renames_is_healed(tmp_path, monkeypatch):
    write(tmp_path / "m", "old")
    real = os.replace

    def stops(source, target):
        if str(source).endswith(".new"):
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", stops)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "m", "new")
    monkeypatch.undo()
    assert not (tmp_path / "m").exists()
    assert (find_model(tmp_path / "m") / "recipe.toml").read_text() == "old"


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("a")
    with pytest.raises(OutputError, match="something else"):
        write(tmp_path / "mine", "x")
    with pytest.raises(ModelError, match="not a saved wordladder model"):
        find_model(tmp_path / "mine")


@pytest.mark.parametrize("path", [".", "./", "../m"])
def test_a_folder_that_someone_works_in(path, tmp_path, monkeypatch):
    """It stays the same folder, for the shell that stands in it."""
    (tmp_path / "m").mkdir()
    monkeypatch.chdir(tmp_path / "m")
    same = (tmp_path / "m").stat().st_ino
    write(path, "old")
    (tmp_path / "m" / "inside").mkdir()
    assert is_saved_model(Path(path))
    assert (find_model(path) / "recipe.toml").read_text() == "old"
    write(path, "new")
    assert (find_model(path) / "recipe.toml").read_text() == "new"
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["recipe.toml"]
    assert (tmp_path / "m").stat().st_ino == same
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_folder_that_has_no_name():
    with pytest.raises(ModelError, match="not a saved wordladder model"):
        find_model("/")
    with pytest.raises(OutputError):
        write("/", "x")


def holding(output, ready, go):
    with exclusive_output(output):
        ready.set()
        go.wait(20)


def test_one_run_works_on_an_output(tmp_path):
    """A second one is told of the first by its number, and the lock goes with the process that holds it."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=holding, args=(tmp_path / "model", ready, go))
    other.start()
    assert ready.wait(20)
    texts, labels = reviews(40)
    with pytest.raises(OutputError, match=f"the process {other.pid} is writing it"):
        Model("tfidf").fit(texts, labels, output=tmp_path / "model")
    other.kill()
    other.join()
    Model("tfidf").fit(texts, labels, output=tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_saved_model_tells_no_paths_of_the_machine(tmp_path):
    """Its recipe, its report and its card have the names of the files that it was made from, and hashes."""
    texts, labels = reviews(40)
    words = sorted({word for text in texts for word in text.split()})
    vectors, corpus = tmp_path / "en.vec", tmp_path / "raw.txt"
    WordVectors(words, np.eye(len(words), dtype=np.float32)).save(vectors)
    corpus.write_text("\n".join(texts))
    tables = {
        "vectors": {"kind": "word2vec", "dim": 8, "corpus": [str(corpus)], "start": "none"},
        "embedders": [{"kind": "static", "source": str(vectors)}, {"kind": "static", "source": "trained"}],
        "fusion": {"kind": "concatenate"},
        "training": {"epochs": 1},
    }
    model = Model(tables).fit(texts, labels, output=tmp_path / "model")
    for path in (tmp_path / "model").rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), path
    again = Model.load(tmp_path / "model")
    assert again.recipe_.tables["embedders"][0]["source"] == "en.vec"
    assert again.report_["files"]["en.vec"] == hashlib.sha256(vectors.read_bytes()).hexdigest()
    assert (
        f"| en.vec | SHA-256 {again.report_['files']['en.vec']} |"
        in (tmp_path / "model" / "README.md").read_text()
    )
    np.testing.assert_array_equal(again.predict(texts), model.predict(texts))
