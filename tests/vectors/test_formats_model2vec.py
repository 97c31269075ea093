"""model2vec folders: written so that a text gets the mean of its words, and read in every layout."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from wordladder.errors import OutputError, VectorsError
from wordladder.text.words import TextSettings, lower, tokenize
from wordladder.word_vectors import WordVectors

WORDS = [
    "don't",
    "film",
    "电",
    "影",
    "😀",
    "12,5",
    "ok",
    ".",
    ",",
    "é",
    "👨‍👩‍👧",
    "👍🏽",
    "🇩🇪",
    "x1",
    "'",
    "(",
]
TEXTS = [
    "Don't film, OK.",
    "电影film 12,5 😀 ok",
    "👨‍👩‍👧👍🏽🇩🇪🇩🇪 ok",
    "x1's 'a' (film)-",
    "unknown words",
    "e\u0301 é, naïve café",
    "naïve O'Neill’s “quotes” — dash… 3.14 a_b C++ #tag @me",
    "日本語のテキスト한국어 текст ελληνικά 汉字。",
    "\u3000wide\u00a0space\ttab\nline",
    "",
]


def vectors(**settings):
    numbers = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
    return WordVectors(WORDS, numbers, settings=settings)


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_folder_comes_back(tmp_path, lowercase):
    written = vectors(lowercase=lowercase, seed=3)
    written.save(tmp_path / "folder")
    assert {path.name for path in tmp_path.iterdir()} == {"folder"}
    read = WordVectors.load(tmp_path / "folder")
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, written.vectors)
    assert read.settings == written.settings
    assert isinstance(read.vectors, np.memmap)


@pytest.mark.parametrize("segmenter", ["characters", "whitespace"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_the_tokenizer_finds_the_same_words(tmp_path, segmenter, lowercase):
    text = TextSettings(segmenter=segmenter)
    texts = [lower(one) if lowercase else one for one in TEXTS]
    every = sorted(set(tokenize(texts, text).surfaces()))
    settings = {"lowercase": lowercase, "text": {"segmenter": segmenter, "max_words": None}}
    WordVectors(every, np.ones((len(every), 2)), settings=settings).save(tmp_path / "folder")
    tokenizer = Tokenizer.from_file(str(tmp_path / "folder" / "tokenizer.json"))
    for one in TEXTS:
        ours = list(tokenize([lower(one) if lowercase else one], text).surfaces())
        assert tokenizer.encode(one).tokens == ours, one


def test_the_real_model2vec_opens_it(tmp_path):
    model2vec = pytest.importorskip("model2vec")
    ours = vectors(lowercase=True)
    ours.save(tmp_path / "folder")
    theirs = model2vec.StaticModel.from_pretrained(tmp_path / "folder", force_download=False)
    assert theirs.dim == 6
    for word in WORDS:
        if word != "12,5":  # three words
            np.testing.assert_array_equal(theirs.encode(word), ours[word])
    np.testing.assert_allclose(theirs.encode(TEXTS), ours.encode(TEXTS), atol=1e-6)
    theirs.save_pretrained(tmp_path / "again")
    again = WordVectors.load(tmp_path / "again")
    np.testing.assert_array_equal(again.vectors, ours.vectors)


def folder(path, tensors, vocabulary=None, added=(), config="config.json", part=""):
    """A folder as model2vec or sentence-transformers writes it."""
    (path / part).mkdir(parents=True, exist_ok=True)
    save_file(tensors, path / part / "model.safetensors")
    known = {"b": 1, "a": 0, "[PAD]": 2} if vocabulary is None else vocabulary
    tokenizer = {"model": {"type": "WordPiece", "vocab": known}, "added_tokens": list(added)}
    (path / part / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (path / config).write_text('{"normalize": true}', encoding="utf-8")
    return path


NUMBERS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int8])
def test_numbers_of_other_sizes(tmp_path, kind):
    tensors = {"embeddings": (NUMBERS * 10).astype(kind)}
    read = WordVectors.load(folder(tmp_path, tensors))
    assert read.words == ["a", "b", "[PAD]"]
    np.testing.assert_array_equal(read.vectors, tensors["embeddings"].astype(np.float32))


def test_weights_and_mapping(tmp_path):
    mapping, weights = np.array([2, 0, 2, 1]), np.array([1, 0.5, 2, 0.1])
    words = [["a", -1.5], ["b", -2.0], ["c", -3.0]]
    added = [{"id": 3, "content": "[NEW]"}]
    tensors = {"embeddings": NUMBERS, "mapping": mapping, "weights": weights}
    read = WordVectors.load(folder(tmp_path, tensors, words, added))
    assert read.words == ["a", "b", "c", "[NEW]"]
    expected = NUMBERS[mapping] * weights.astype(np.float32)[:, None]
    np.testing.assert_array_equal(read.vectors, expected)


@pytest.mark.parametrize("part", ["", "0_StaticEmbedding"])
def test_layouts_of_sentence_transformers(tmp_path, part):
    tensors = {"embedding.weight": NUMBERS}
    folder(tmp_path, tensors, config="config_sentence_transformers.json", part=part)
    np.testing.assert_array_equal(WordVectors.load(tmp_path).vectors, NUMBERS)


def test_what_does_not_fit_is_told(tmp_path):
    for number, (tensors, vocabulary, message) in enumerate(
        (
            ({"other": NUMBERS}, None, "a model.safetensors with the tensor 'embeddings'"),
            ({"embeddings": NUMBERS[:2]}, None, "3 words do not fit embeddings of shape"),
            ({"embeddings": NUMBERS}, {"a": 0, "b": 1, "c": 5}, "no word has the number 2, of 3 words"),
            ({"embeddings": NUMBERS}, {"a": 0, "b": None}, "whose vocabulary can be read"),
            ({"embeddings": NUMBERS, "mapping": np.array([0, 1, 3])}, None, "leads past the 3 rows"),
            ({"embeddings": NUMBERS, "weights": np.ones(2)}, None, "3 words do not fit"),
            ({"embeddings": NUMBERS * np.float32("inf")}, None, "row 0: the vector of 'a'"),
        )
    ):
        with pytest.raises(VectorsError, match=message):
            WordVectors.load(folder(tmp_path / str(number), tensors, vocabulary))


def test_folders_that_are_broken_are_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(VectorsError, match="a folder without word vectors"):
        WordVectors.load(tmp_path / "empty")
    with pytest.raises(VectorsError, match="no such file or folder"):
        WordVectors.load(tmp_path / "nothing")
    (tmp_path / "file").write_bytes(b"a 1 2\n")
    with pytest.raises(VectorsError, match="give it"):
        WordVectors.load(tmp_path / "file")
    assert WordVectors.load(tmp_path / "file", "text").words == ["a"]
    vectors().save(tmp_path / "folder")
    for name in ("tokenizer.json", "config.json", "model.safetensors"):
        path = tmp_path / "folder" / name
        whole = path.read_bytes()
        for size in (*range(0, len(whole) - 2, 13), len(whole) - 2):
            path.write_bytes(whole[:size])
            with pytest.raises(VectorsError, match="folder"):
                WordVectors.load(tmp_path / "folder")
        path.write_bytes(whole)
    (tmp_path / "folder" / "tokenizer.json").unlink()
    with pytest.raises(VectorsError, match=r"tokenizer\.json: there is no such file"):
        WordVectors.load(tmp_path / "folder")


def test_a_folder_is_replaced_whole_and_others_are_left_alone(tmp_path):
    target = tmp_path / "folder"
    vectors(seed=1).save(target)
    vectors(seed=2).save(target)
    assert WordVectors.load(target).settings == {"seed": 2}
    with pytest.raises(VectorsError, match="not valid Unicode"):
        WordVectors(["\ud83d"], np.ones((1, 2))).save(target)
    assert WordVectors.load(target).settings == {"seed": 2}
    assert list(tmp_path.iterdir()) == [target]
    (target / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="something else is there already"):
        vectors().save(target)
    with pytest.raises(OutputError, match="cannot be written"):
        vectors().save(tmp_path / "no" / "where")


def test_the_word_for_unknown_ones_is_new(tmp_path):
    WordVectors(["[UNK]", "a"], np.ones((2, 2))).save(tmp_path / "folder")
    assert load_file(tmp_path / "folder" / "model.safetensors")["embeddings"].tolist() == [
        [1, 1],
        [1, 1],
        [0, 0],
    ]
    assert WordVectors.load(tmp_path / "folder").words == ["[UNK]", "a"]
    assert "[[UNK]]" in (tmp_path / "folder" / "tokenizer.json").read_text(encoding="utf-8")
