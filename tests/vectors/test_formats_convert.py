"""`wordladder vectors convert`: from every format to every format, and what is lost is told."""

import json
import pickle

import numpy as np
import pytest
from gensim.models import KeyedVectors
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import UserError
from wordladder.text.subwords import Subwords
from wordladder.word_vectors import WordVectors

WORDS = ["where", "thing", "don't"]
TARGETS = ["words.vec", "words.txt.gz", "words.bin", "words.bin.gz", "words.safetensors", "folder"]


def convert(*args):
    """Standard output of the command, its lines joined."""
    done = CliRunner().invoke(app, ["vectors", "convert", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def rich():
    """Vectors with all that a file can keep."""
    parts = Subwords(numbers(1, 3, 4), numbers(2, 30, 4), 2, 4, han=False)
    return WordVectors(
        WORDS,
        parts.vectors(WORDS, np.arange(3)),
        np.array([9, 5, 1]),
        {"model": "cbow", "window": 3, "lowercase": True, "seed": 4},
        subwords=parts,
        outputs=numbers(3, 3, 4),
    )


def sources(folder, rich):
    """A file of every kind that is read."""
    plain = WordVectors(WORDS, rich.vectors)
    for name in TARGETS:
        (rich if name == "words.bin" else plain).save(folder / name)
    peer = KeyedVectors(4)
    peer.add_vectors(WORDS, rich.vectors)
    (folder / "words.kv").write_bytes(pickle.dumps(peer, 4))
    plain.save(folder / "headless.bin")
    content = (folder / "headless.bin").read_bytes()
    (folder / "headless.bin").write_bytes(content.partition(b"\n")[2])
    return [*(folder / name for name in TARGETS), folder / "words.kv", folder / "headless.bin"]


def test_every_format_becomes_every_format(tmp_path, rich):
    (tmp_path / "from").mkdir()
    for number, source in enumerate(sources(tmp_path / "from", rich)):
        (tmp_path / str(number)).mkdir()
        for name in TARGETS:
            target = tmp_path / str(number) / name
            told = json.loads(convert(source, target, "--dim", 4, "--json"))
            assert (told["words"], told["dim"], told["output"]) == (3, 4, str(target))
            read = WordVectors.load(target)
            assert read.words == WORDS
            np.testing.assert_allclose(read.vectors, rich.vectors, atol=1e-7)


def test_what_is_lost_is_told(tmp_path, rich):
    rich.save(tmp_path / "all.safetensors")
    lost = json.loads(convert(tmp_path / "all.safetensors", tmp_path / "words.vec", "--json"))["lost"]
    assert lost == [
        "counts are not kept: .vec has no place for them",
        "subwords are not kept: .vec has no place for them",
        "the output matrix, needed to continue training, is not kept: .vec has no place for it",
        "settings are not kept: .vec has no place for them",
    ]
    out = convert(tmp_path / "all.safetensors", tmp_path / "words.vec.gz")
    assert "3 words of 4 numbers in" in " ".join(out.split())
    assert "subwords are not kept: .vec.gz has no place for them" in " ".join(out.split())
    told = json.loads(convert(tmp_path / "all.safetensors", tmp_path / "words.bin", "--json"))
    assert told["format"] == "fasttext"
    assert told["lost"] == [
        "settings are kept but for lowercase, seed: a fastText .bin has no place for them"
    ]
    told = json.loads(convert(tmp_path / "all.safetensors", tmp_path / "words.safetensors", "--json"))
    assert told["lost"] == []
    assert (tmp_path / "all.safetensors").read_bytes() == (tmp_path / "words.safetensors").read_bytes()


def test_formats_can_be_given(tmp_path, rich):
    rich.save(tmp_path / "all.safetensors")
    told = json.loads(
        convert(tmp_path / "all.safetensors", tmp_path / "words.model", "--to-format", "binary", "--json")
    )
    assert told["format"] == "binary"
    assert "subwords are not kept: word2vec .bin has no place for them" in told["lost"]
    out = convert(tmp_path / "words.model", tmp_path / "words.vec", "--format", "binary")
    assert "(text)" in " ".join(out.split())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("words.vec", "words.kv"), "are read, not written"),
        (("words.vec", "words.ftz"), "are read, not written"),
        (("words.vec", "words.xyz"), "tells no format"),
        (("words.vec", "new.vec", "--to-format", "gensim"), "are read, not written"),
        (("words.vec", "new.vec", "--to-format", "fastext"), "Did you mean 'fasttext'"),
        (("words.vec", "new.vec", "--dim", "9"), "vectors have 4 numbers, not 9"),
        (("missing.vec", "new.vec"), "no such file"),
    ],
)
def test_mistakes_are_told(tmp_path, rich, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    rich.save("words.vec")
    with pytest.raises(UserError, match=message):
        convert(*args)
    assert [path.name for path in tmp_path.iterdir()] == ["words.vec"]
