"""The vectors that come with wordladder, and what a recipe's own go on from."""

import numpy as np
import pytest

from wordladder import WordVectors
from wordladder.recipe import build
from wordladder.text.vocabulary import Vocabulary
from wordladder.text.words import TextSettings
from wordladder.vectors._recipe_vectors import train_vectors
from wordladder.vectors._starter import starter, starter_files

ENGLISH = [
    "the film was a joy to watch and the actors are very good",
    "a dull zorbified film, zorbified again",
]
CHINESE = ["这部电影很好看，演员也很出色", "房间很小，服务一般"]
OTHER = ["ein langer Abend ohne jede Freude wurde gezeigt"]


def words_of(texts):
    return Vocabulary.count([word for text in texts for word in text.replace(",", " ,").split()])


def trained(texts, **settings):
    table = {"kind": "word2vec", "dim": 16, "min_count": 1, "epochs": 1, "lowercase": True, **settings}
    return train_vectors(build("vectors", table), table, texts, TextSettings(), threads=1)


def test_each_file_is_small_and_whole():
    assert [file.stem for file in starter_files()] == ["en", "zh-words", "zh"]
    for file in starter_files():
        assert file.stat().st_size <= 8e6
        vectors = WordVectors.load(file)
        assert vectors.dim == 128
        assert len(set(vectors.words)) == len(vectors.words)
        assert np.isfinite(vectors.vectors).all()
        assert "Wikipedia" in str(vectors.settings["source"])


def test_they_know_what_words_mean():
    by_name = {file.stem: WordVectors.load(file) for file in starter_files()}
    for name, near, far in (
        ("en", ("awful", "terrible"), ("awful", "window")),
        ("zh", ("红", "蓝"), ("红", "书")),
        ("zh-words", ("电影", "影片"), ("电影", "细菌")),
    ):
        vectors = by_name[name]
        assert vectors.similarity(*near) > vectors.similarity(*far) + 0.1


def test_the_language_is_found_by_the_words():
    assert starter(words_of(ENGLISH), 128).settings["name"] == "starter en"
    assert starter(Vocabulary.count(list("".join(CHINESE))), 128).settings["name"] == "starter zh"
    assert (
        starter(Vocabulary.count(["电影", "演员", "非常", "出色"]), 128).settings["name"]
        == "starter zh-words"
    )
    assert starter(words_of(OTHER), 128) is None
    assert starter(words_of(ENGLISH), 200) is None


def test_known_words_keep_their_vectors_and_new_ones_are_learned():
    found = trained(ENGLISH * 20)
    assert found.start == "starter en"
    whole = WordVectors.load(starter_files()[0])
    np.testing.assert_array_equal(found.vectors["film"], whole["film"][:16])
    assert "zorbified" in found.vectors
    assert "zorbified" not in whole


@pytest.mark.parametrize("settings", [{"start": "none"}, {"dim": 200}])
def test_without_a_start_all_is_learned(settings):
    found = trained(ENGLISH * 20, **settings)
    assert found.start is None
    assert set(found.vectors.words) <= {word for text in ENGLISH for word in text.replace(",", " ,").split()}


def test_a_file_of_vectors_is_a_start_as_well(tmp_path):
    own = tmp_path / "own.safetensors"
    WordVectors(["film", "plot"], np.ones((2, 16), np.float32), settings={"kind": "word2vec"}).save(own)
    found = trained(ENGLISH * 20, start=str(own))
    assert found.start == own.name, "the folder is this machine's alone"
    assert "plot" in found.vectors
    np.testing.assert_array_equal(found.vectors["plot"], np.ones(16, np.float32))
