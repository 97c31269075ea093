"""`wordladder embed`, as a user types it: encoders of other programs, word vectors, and what is refused."""

import io
import json
import sys

import numpy as np
import pytest

from tiny_transformers import tiny_bert
from wordladder import Model, WordVectors
from wordladder.cli import main

TEXTS = ["the good film", "", "the good story was unbelievable, " * 30]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; standard output and standard error."""

    def command(*arguments, code=0, text=""):
        monkeypatch.setattr(sys, "argv", ["wordladder", "embed", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        assert (end.value.code or 0) == code, told.err
        return told

    return command


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


def test_an_encoder_from_standard_input(run, bert, tmp_path):
    output = tmp_path / "vectors.parquet"
    options = ("--output", output, "--normalize", "--precision", "float32", "--prompt", "a good ", "--json")
    done = run(bert, *options, text="\n".join(TEXTS) + "\n")
    facts = json.loads(done.out)
    assert (facts["texts"], facts["dim"], facts["texts_cut"]) == (3, 16, 1)
    assert -1 <= facts["anisotropy"] <= 1
    assert "the mean of the vectors of all pieces" in done.err
    from pyarrow import parquet

    table = parquet.read_table(output)
    expected = Model.load(bert, precision="float32").encode(
        TEXTS, normalize_embeddings=True, prompt="a good "
    )
    np.testing.assert_allclose(np.stack(table["vector"].to_pylist()), expected, atol=1e-6)
    assert table["text"].to_pylist() == TEXTS


def test_word_vectors_are_averaged(run, tmp_path):
    vectors = WordVectors(["good", "film"], np.array([[1, 0], [0, 3]], np.float32))
    vectors.save(tmp_path / "words.vec")
    (tmp_path / "texts.txt").write_text("good film\nnothing known\n", encoding="utf-8")
    run(tmp_path / "words.vec", tmp_path / "texts.txt", "--output", tmp_path / "v.npy")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), [[0.5, 1.5], [0, 0]])
    texts = "good\nfilm film\ngood film\ngood\nnothing known\n"
    told = run(tmp_path / "words.vec", "-", "--output", tmp_path / "v.npy", text=texts)
    tenth, root = 1 / 10**0.5, 10**0.5  # cosines of (1, 0), (0, 3) and (1, 3)
    assert f"mean cosine of random pairs {(0 + tenth + 3 / root) / 3:.3f}" in told.out
    assert "judge a cosine by how far it is above" not in told.err
    told = run(tmp_path / "words.vec", "-", "--output", tmp_path / "v.npy", text="good\ngood good\n")
    assert "mean cosine of random pairs 1.000" in told.out
    assert "judge a cosine by how far it is above" in told.err.replace("\n", " ")
    run(tmp_path / "words.vec", tmp_path / "texts.txt", "--output", tmp_path / "v.npy", "--normalize")
    np.testing.assert_allclose(np.linalg.norm(np.load(tmp_path / "v.npy"), axis=1), [1, 0], atol=1e-6)


def test_how_word_vectors_were_read_is_told(run, tmp_path):
    (tmp_path / "words.vec").write_bytes(b"3 2\ngood 1 2\ngood 3 4\ncaf\xe9 0 1\n")
    given = (tmp_path / "words.vec", "--output", tmp_path / "v.npy", "--json")
    assert "--unicode-errors" in run(*given, text="good\n", code=2).err
    done = run(*given, "--unicode-errors", "ignore", text="good\n")
    assert "words.vec: 1 words are not UTF-8" in done.err
    assert "1 repeated words are left out" in done.err
    assert json.loads(done.out)["texts"] == 1
    assert np.load(tmp_path / "v.npy").tolist() == [[1, 2]]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("name", ["v.npy", "v.parquet"])
def test_vectors_that_are_not_finite_are_not_written(run, tmp_path, name):
    vectors = WordVectors(["good", "film"], np.full((2, 2), 3e38, np.float32))
    vectors.save(tmp_path / "words.vec")
    told = run(tmp_path / "words.vec", "--output", tmp_path / name, text="good\ngood film\n", code=2).err
    wanted = "row 2: the vector of the text 'good film' has a number that is not finite"
    assert wanted in " ".join(told.split())
    assert not (tmp_path / name).exists()


def test_what_cannot_be_is_told(run, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("good\n", encoding="utf-8")
    assert ".npy or .parquet" in run("x", texts, "--output", tmp_path / "v.txt", code=2).err
    assert "there is no folder" in run("x", texts, "--output", tmp_path / "no" / "v.npy", code=2).err
    assert "no such folder" in run(tmp_path / "x", texts, "--output", tmp_path / "v.npy", code=2).err
    assert not (tmp_path / "v.npy").exists()


def test_vectors_in_a_model2vec_folder(run, tmp_path):
    vectors = WordVectors(["good", "film"], np.array([[1, 0], [0, 3]], np.float32))
    vectors.save(tmp_path / "folder", "model2vec")
    run(tmp_path / "folder", "--output", tmp_path / "v.npy", text="good film\n")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), vectors.encode(["good film"]), atol=1e-6)
