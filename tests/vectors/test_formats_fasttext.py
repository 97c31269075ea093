"""fastText's models against gensim and, where it is installed, the real fastText."""

import gzip
import io
import json
import struct
import warnings
from itertools import pairwise

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import VectorsError
from wordladder.formats.fasttext import FastTextModel, read_model, write_model
from wordladder.text.subwords import Subwords, ngrams
from wordladder.word_vectors import WordVectors

WORDS = ["the", "cat", "where", "naïve", "北京", "🙂x", "</s>", "don't"]
SETTINGS = {
    "dim": 5, "ws": 4, "epoch": 3, "minCount": 2, "neg": 6, "wordNgrams": 1, "loss": "ns",
    "model": "skipgram", "bucket": 40, "minn": 2, "maxn": 4, "lrUpdateRate": 100, "t": 1e-4,
}  # fmt: skip


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model(**changes):
    """A small model; with labels it is a classifier."""
    labels = changes.pop("labels", [])
    settings = SETTINGS | ({"model": "supervised", "loss": "softmax"} if labels else {}) | changes
    rows = len(WORDS) + settings["bucket"]
    return FastTextModel(
        settings,
        WORDS,
        np.arange(len(WORDS), 0, -1),
        labels,
        np.arange(len(labels), 0, -1),
        numbers(1, rows, settings["dim"]),
        numbers(2, len(labels) or len(WORDS), settings["dim"]),
        36,
    )


MODELS = {
    "skipgram": model(),
    "cbow": model(model="cbow", loss="hs", minn=1, maxn=3),
    "words": model(bucket=0, minn=0, maxn=0),
    "labels": model(labels=["__label__a", "__label__b", "__label__ç"], wordNgrams=2),
    "ova": model(labels=["__label__a", "__label__b"], loss="ova", minn=0, maxn=0),
}


def packed(one):
    stream = io.BytesIO()
    write_model(stream, one)
    return stream.getvalue()


def same_models(one, other):
    assert dict(one.settings) == dict(other.settings)
    assert (list(one.words), list(one.labels), one.tokens) == (
        list(other.words),
        list(other.labels),
        other.tokens,
    )
    for name in ("counts", "label_counts", "inputs", "outputs"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_exactly(name, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(packed(MODELS[name]))
    read = read_model(path)
    same_models(read, MODELS[name])
    assert packed(read) == path.read_bytes()


@pytest.mark.parametrize("name", ["skipgram", "cbow", "words"])
def test_word_vectors_of_a_model_are_written_as_the_same_model(name, tmp_path):
    (tmp_path / "model.bin").write_bytes(packed(MODELS[name]))
    vectors = WordVectors.load(tmp_path / "model.bin")
    vectors.save(tmp_path / "again.bin", "fasttext")
    again = read_model(tmp_path / "again.bin")
    end = WORDS.index("</s>")
    np.testing.assert_array_equal(again.inputs[end], vectors["</s>"])
    same_models(again, MODELS[name])


def test_a_word_is_the_mean_of_its_parts(tmp_path):
    one = MODELS["skipgram"]
    (tmp_path / "model.bin").write_bytes(packed(one))
    vectors = WordVectors.load(tmp_path / "model.bin")
    for row, word in enumerate(WORDS):
        _, found = ngrams([word], 2, 4, 40, han=False)
        parts = [] if word == "</s>" else (found + len(WORDS)).tolist()
        np.testing.assert_allclose(
            vectors[word], one.inputs[[row, *parts]].mean(axis=0), rtol=1e-5, atol=1e-6
        )
    _, found = ngrams(["unseen"], 2, 4, 40, han=False)
    expected = one.inputs[len(WORDS) + found].mean(axis=0)
    np.testing.assert_allclose(vectors["unseen"], expected, rtol=1e-5, atol=1e-6)
    assert vectors.settings["window"] == 4
    assert vectors.settings["loss"] == "negative"
    np.testing.assert_array_equal(vectors.outputs, one.outputs)
    assert vectors.counts.tolist() == one.counts.tolist()


def test_converting_a_classifier_tells_what_it_loses(tmp_path):
    for name, content in (
        ("model.bin", packed(MODELS["labels"])),
        ("model.ftz", compressed(pruned=PRUNED)[0]),
    ):
        (tmp_path / name).write_bytes(content)
        arguments = ["vectors", "convert", str(tmp_path / name), str(tmp_path / "new.vec"), "--json"]
        told = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
        assert "the classifier's labels are not kept: these are the vectors of its words" in told["lost"]
        assert ("subwords are not kept: .vec has no place for them" in told["lost"]) == (name == "model.bin")
        assert [("dropped n-grams" in one) for one in told["warnings"]] == [True] * (name == "model.ftz")


def test_a_classifier_has_word_vectors_but_no_outputs_of_words(tmp_path):
    (tmp_path / "model.bin").write_bytes(packed(MODELS["labels"]))
    vectors = WordVectors.load(tmp_path / "model.bin")
    assert (vectors.outputs, vectors.settings["labels"]) == (None, 3)
    assert vectors.subwords is not None


@pytest.fixture(scope="module")
def gensim_model():
    chance = np.random.default_rng(5)
    texts = [chance.choice(WORDS[:6], 12).tolist() for _ in range(100)]
    return FastText(texts, vector_size=8, min_count=1, epochs=2, workers=1, bucket=300, seed=1)


def test_gensims_models_are_read_and_written(gensim_model, tmp_path):
    save_facebook_model(gensim_model, str(tmp_path / "theirs.bin"))
    theirs = load_facebook_vectors(str(tmp_path / "theirs.bin"))
    ours = WordVectors.load(tmp_path / "theirs.bin")
    assert ours.words == theirs.index_to_key
    np.testing.assert_allclose(ours.vectors, theirs.vectors, atol=1e-6)
    np.testing.assert_allclose(ours["unseen"], theirs["unseen"], atol=1e-6)
    ours.save(tmp_path / "ours.bin")
    assert (tmp_path / "ours.bin").read_bytes() == (tmp_path / "theirs.bin").read_bytes()


def test_gensim_reads_vectors_whose_subwords_keep_used_buckets_only(tmp_path):
    words = ["where", "thing", "other"]
    used = np.unique(ngrams(words, 3, 5, 500, han=True)[1])
    parts = Subwords(numbers(1, 3, 6), numbers(2, len(used), 6), 3, 5, True, 500, used)
    vectors = WordVectors(words, parts.vectors(words, np.arange(3)), subwords=parts, outputs=numbers(3, 3, 6))
    vectors.save(tmp_path / "words.bin")
    theirs = load_facebook_vectors(str(tmp_path / "words.bin"))
    np.testing.assert_allclose(theirs.vectors, vectors.vectors, atol=1e-6)
    np.testing.assert_allclose(theirs["somewhere"], vectors["somewhere"], atol=1e-6)
    np.testing.assert_array_equal(read_model(tmp_path / "words.bin").outputs, vectors.outputs)


def test_han_units_are_refused_as_fasttext_would_compose_others(tmp_path):
    for words, fine in ((["where", "北京"], False), (["where", "thing"], True)):
        parts = Subwords(numbers(1, 2, 4), numbers(2, 50, 4), 3, 5, han=True)
        vectors = WordVectors(words, parts.vectors(words, np.arange(2)), subwords=parts)
        if fine:
            vectors.save(tmp_path / "words.bin")
            continue
        with pytest.raises(VectorsError, match=r"'北京' has Han characters.*\.safetensors"):
            vectors.save(tmp_path / "words.bin")
        vectors.save(tmp_path / "words.vec")
        vectors.save(tmp_path / "words.bin", "binary")
        np.testing.assert_array_equal(WordVectors.load(tmp_path / "words.bin").vectors, vectors.vectors)


def test_the_content_tells_a_bin_and_the_format_settles_it(tmp_path):
    (tmp_path / "model.bin").write_bytes(packed(MODELS["skipgram"]))
    assert WordVectors.load(tmp_path / "model.bin", "fasttext").subwords is not None
    with pytest.raises(VectorsError, match="begins with 'words dim'"):
        WordVectors.load(tmp_path / "model.bin", "binary")
    WordVectors(["a"], np.ones((1, 2))).save(tmp_path / "words.bin")
    with pytest.raises(VectorsError, match="byte 0: a fastText model begins with"):
        WordVectors.load(tmp_path / "words.bin", "fasttext")


def test_a_model_may_be_compressed_by_gzip(tmp_path):
    (tmp_path / "model.bin.gz").write_bytes(gzip.compress(packed(MODELS["skipgram"])))
    vectors = WordVectors.load(tmp_path / "model.bin.gz")
    vectors.save(tmp_path / "again.bin.gz")
    same_models(read_model(tmp_path / "again.bin.gz"), MODELS["skipgram"])
    cut = (tmp_path / "model.bin.gz").read_bytes()[:-9]
    (tmp_path / "model.bin.gz").write_bytes(cut)
    with pytest.raises(VectorsError, match="are truncated or damaged"):
        WordVectors.load(tmp_path / "model.bin.gz")


def test_words_that_are_no_utf8_are_kept_and_shown_with_backslashes(tmp_path):
    content = packed(MODELS["skipgram"]).replace(b"where\0", b"wh\xff\xe5e\0")
    (tmp_path / "model.bin").write_bytes(content)
    assert packed(read_model(tmp_path / "model.bin")) == content
    with pytest.warns(UserWarning, match="1 words are not UTF-8"):
        vectors = WordVectors.load(tmp_path / "model.bin")
    assert vectors.words[2] == "wh\\xff\\xe5e"


# Compressed models


def quantiser(seed, dim, width):
    """(bytes, pieces, decode): `decode` adds up the centroids number by number, as fastText does."""
    pieces = -(-dim // width)
    last = dim - (pieces - 1) * width
    centroids = numbers(seed, 256 * dim)

    def decode(codes):
        row = np.zeros(dim, np.float32)
        for piece, code in enumerate(codes):
            size = last if piece == pieces - 1 else width
            begin = piece * 256 * width + int(code) * size
            for place in range(size):
                row[piece * width + place] += centroids[begin + place]
        return row

    return struct.pack("<4i", dim, pieces, width, last) + centroids.tobytes(), pieces, decode


def quantised(seed, rows, dim, width, lengths):
    """(bytes, matrix) of a quantised matrix."""
    head, pieces, decode = quantiser(seed, dim, width)
    codes = np.random.default_rng(seed).integers(0, 256, (rows, pieces), np.uint8)
    content = struct.pack("<?qqi", lengths, rows, dim, codes.size) + codes.tobytes() + head
    matrix = np.stack([decode(row) for row in codes])
    if lengths:
        head, _, decode = quantiser(seed + 1, 1, 1)
        codes = np.random.default_rng(seed + 1).integers(0, 256, rows, np.uint8)
        content += codes.tobytes() + head
        matrix *= np.stack([decode([code]) for code in codes])
    return content, matrix


def compressed(width=2, lengths=False, output=False, pruned=None):
    """A compressed classifier: its bytes, its inputs and its outputs."""
    one = MODELS["labels"]
    dense = packed(one)
    rows = len(WORDS) + (40 if pruned is None else len(pruned))
    end = len(dense) - one.inputs.nbytes - one.outputs.nbytes - 34
    head = dense[:end]
    if pruned is not None:
        at = 4 + 4 + 56 + 12 + 8  # magic, version, settings, sizes, tokens
        head = head[:at] + struct.pack("<q", len(pruned)) + head[at + 8 :]
        head += b"".join(struct.pack("<ii", *pair) for pair in pruned)
    content, inputs = quantised(7, rows, 5, width, lengths)
    outputs = one.outputs
    tail = struct.pack("<qq", *outputs.shape) + outputs.tobytes()
    if output:
        tail, outputs = quantised(17, 3, 5, 2, lengths)
    return head + b"\x01" + content + bytes([output]) + tail, inputs, outputs


PRUNED = [(33, 2), (4, 0), (17, 1)]


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("output", [False, True])
@pytest.mark.parametrize("pruned", [None, PRUNED, []])
def test_compressed_models_are_decoded(tmp_path, width, lengths, output, pruned):
    content, inputs, outputs = compressed(width, lengths, output, pruned)
    path = tmp_path / "model.ftz"
    path.write_bytes(content)
    read = read_model(path)
    np.testing.assert_allclose(read.inputs, inputs, rtol=1e-6)
    np.testing.assert_allclose(read.outputs, outputs, rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = WordVectors.load(path)
    kept = {bucket: row for bucket, row in pruned} if pruned is not None else {n: n for n in range(40)}
    for row, word in enumerate(WORDS):
        _, found = ngrams([word], 2, 4, 40, han=False)
        parts = [] if word == "</s>" else [kept[one] + len(WORDS) for one in found.tolist() if one in kept]
        np.testing.assert_allclose(vectors[word], inputs[[row, *parts]].mean(axis=0), rtol=1e-5, atol=1e-6)
    assert (vectors.subwords is None) == (pruned is not None)
    buckets = np.arange(40).reshape(4, 10)
    rows = [kept[one] + len(WORDS) if one in kept else -1 for one in range(40)]
    assert read.bucket_rows(buckets).ravel().tolist() == rows
    if pruned is None:
        path.with_suffix(".bin").write_bytes(packed(read))
        np.testing.assert_array_equal(read_model(path.with_suffix(".bin")).inputs, read.inputs)
    else:
        with pytest.raises(VectorsError, match="no place for that"):
            packed(read)


def test_dropped_ngrams_are_warned_of(tmp_path):
    (tmp_path / "model.ftz").write_bytes(compressed(pruned=PRUNED)[0])
    with pytest.warns(UserWarning, match="dropped n-grams"):
        WordVectors.load(tmp_path / "model.ftz")


# Broken files


@pytest.mark.parametrize("kind", ["bin", "ftz"])
def test_a_model_cut_anywhere_is_told_by_its_byte(tmp_path, kind):
    whole = packed(MODELS["labels"]) if kind == "bin" else compressed(5, True, True, PRUNED)[0]
    path = tmp_path / f"model.{kind}"
    for size in [*range(0, 400), *range(400, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(VectorsError, match=rf"model.{kind}, byte \d+: "):
            WordVectors.load(path, "fasttext")


@pytest.mark.parametrize("kind", ["bin", "ftz"])
def test_a_changed_byte_never_ends_in_another_error(tmp_path, kind):
    whole = packed(MODELS["labels"]) if kind == "bin" else compressed(5, True, True, PRUNED)[0]
    chance = np.random.default_rng(0)
    path, told = tmp_path / f"model.{kind}", 0
    warnings.simplefilter("ignore")
    for _ in range(600):
        changed = bytearray(whole)
        changed[chance.integers(0, 330)] = chance.integers(0, 256)
        path.write_bytes(changed)
        try:
            WordVectors.load(path, "fasttext")
        except VectorsError:
            told += 1
    assert told > 100


def changed(at, form, value):
    content = bytearray(packed(MODELS["labels"]))
    struct.pack_into(form, content, at, value)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(0, "<i", 5), "byte 0: a fastText model begins with ba 16 4f 2f"),
        (changed(4, "<i", 13), "byte 4: the model is of version 13"),
        (changed(8, "<i", 0), "byte 8: dim is 0; it must be from 1"),
        (changed(32, "<i", 9), "byte 32: loss is 9; it must be from 1 to 4"),
        (changed(36, "<i", 0), "byte 36: model is 0; it must be from 1 to 3"),
        (changed(40, "<i", -1), "byte 40: bucket is -1"),
        (changed(64, "<i", 99), "byte 64: 99 entries of a dictionary cannot be 8 words"),
        (changed(40, "<i", 41), "the input matrix is of 48 x 5 numbers, not 49 x 5"),
        (packed(MODELS["labels"]) + b"x", "goes on after its last number"),
        (
            packed(MODELS["labels"])[:-4] + np.float32("nan").tobytes(),
            "row 2 of the output matrix has a number",
        ),
        (
            packed(model(bucket=10**9, labels=["a"]))[:2000] if False else changed(84, "<q", 1 << 40),
            "cannot fit",
        ),
    ],
)
def test_a_broken_model_is_told_by_its_byte(tmp_path, content, message):
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(VectorsError, match=message):
        WordVectors.load(tmp_path / "model.bin", "fasttext")


def test_words_that_fasttext_cannot_hold_are_refused(tmp_path):
    with pytest.raises(VectorsError, match="zero character"):
        WordVectors(["a\0b"], np.ones((1, 2))).save(tmp_path / "words.bin", "fasttext")
    assert not list(tmp_path.iterdir())


# The real fastText


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """(plain text, labelled text, text of 300 labels)."""
    folder, chance = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)
    words = [*WORDS[:6], "don't", *(f"word{i}" for i in range(150))]
    plain, few, many = ([] for _ in range(3))
    for _ in range(2000):
        line = " ".join(chance.choice(words, 10))
        plain.append(line)
        label = chance.integers(3)
        few.append(f"__label__{label} " + " ".join(chance.choice(words[label * 50 : label * 50 + 57], 10)))
        many.append(f"__label__{chance.integers(300)} {line}")
    for name, lines in (("plain", plain), ("few", few), ("many", many)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def fasttext(texts):
    """The real one, where it is installed and its build works: some meet NaN, some do not know NumPy 2."""
    module = pytest.importorskip("fasttext")
    try:
        module.train_supervised(str(texts / "few"), dim=10, bucket=3000, verbose=0, thread=1).predict("a")
    except (RuntimeError, ValueError) as error:
        pytest.skip(f"this build of fastText does not work: {error}")
    return module


def their_model(fasttext, texts, kind):
    common = {"dim": 10, "epoch": 2, "thread": 1, "minCount": 1, "bucket": 3000, "verbose": 0}
    if kind in ("skipgram", "cbow"):
        settings = common | ({"loss": "hs", "minn": 1, "maxn": 3} if kind == "cbow" else {})
        return fasttext.train_unsupervised(str(texts / "plain"), model=kind, **settings)
    settings = {"labels": {}, "grams": {"wordNgrams": 2, "minn": 2, "maxn": 4}, "ova": {"loss": "ova"}}[kind]
    return fasttext.train_supervised(str(texts / "few"), **common | settings)


def hidden(one, line):
    """The mean of the rows of a line's words, n-grams and pairs of words."""

    def signed(word):
        value = 2166136261
        for byte in word.encode():
            value = ((value ^ (byte | 0xFFFFFF00 if byte >= 128 else byte)) * 16777619) & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value

    rows, settings, words = [], one.settings, [*line.split(), "</s>"]
    for word in words:
        rows += [one.words.index(word)] if word in one.words else []
        if settings["maxn"] and word != "</s>":
            _, found = ngrams([word], settings["minn"], settings["maxn"], settings["bucket"], han=False)
            rows += [row for row in one.bucket_rows(found.astype(np.int64)).tolist() if row >= 0]
    for first, second in pairwise(words) if settings["wordNgrams"] == 2 else ():
        value = (signed(first) * 116049371 + signed(second)) % (1 << 64)
        rows += [row for row in one.bucket_rows(np.array([value % settings["bucket"]])).tolist() if row >= 0]
    return one.inputs[rows].mean(axis=0)


LINES = ["cat word7 北京 unknownword", "naïve the word60", "word149 🙂x"]


@pytest.mark.parametrize("kind", ["skipgram", "cbow", "labels", "grams", "ova"])
def test_the_real_fasttext_agrees(fasttext, texts, kind, tmp_path):
    theirs = their_model(fasttext, texts, kind)
    theirs.save_model(str(tmp_path / "theirs.bin"))
    read = read_model(tmp_path / "theirs.bin")
    assert packed(read) == (tmp_path / "theirs.bin").read_bytes()
    np.testing.assert_array_equal(read.inputs, theirs.get_input_matrix())
    np.testing.assert_array_equal(read.outputs, theirs.get_output_matrix())
    vectors = WordVectors.load(tmp_path / "theirs.bin")
    np.testing.assert_array_equal(vectors.vectors, [theirs.get_word_vector(word) for word in vectors.words])
    if vectors.subwords is not None:
        np.testing.assert_allclose(vectors["unseen"], theirs.get_word_vector("unseen"), atol=1e-7)
    (tmp_path / "ours.bin").write_bytes(packed(read))
    again = fasttext.load_model(str(tmp_path / "ours.bin"))
    for line in LINES:
        assert again.get_word_vector(line).tolist() == theirs.get_word_vector(line).tolist()
        if read.labels:
            assert str(again.predict(line, k=2)) == str(theirs.predict(line, k=2))
            np.testing.assert_allclose(hidden(read, line), theirs.get_sentence_vector(line), atol=1e-6)
    vectors.save(tmp_path / "words.bin", "fasttext")
    again = fasttext.load_model(str(tmp_path / "words.bin"))
    np.testing.assert_array_equal(vectors.vectors, [again.get_word_vector(word) for word in vectors.words])


@pytest.mark.parametrize("source", ["grams", "many"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"qnorm": True},
        {"cutoff": 700, "retrain": True, "qnorm": True, "epoch": 1, "thread": 1},
        {"cutoff": 500, "dsub": 4},
        {"qout": True, "qnorm": True, "cutoff": 600},
    ],
    ids=["plain", "qnorm", "cutoff-retrain-qnorm", "cutoff-dsub4", "qout"],
)
def test_the_real_fasttext_agrees_on_compressed_models(fasttext, texts, source, how, tmp_path):
    if source == "many":
        settings = {"wordNgrams": 2, "minn": 2, "maxn": 4, "bucket": 3000, "verbose": 0, "thread": 1}
        theirs = fasttext.train_supervised(str(texts / "many"), dim=9, epoch=2, **settings)
    elif "qout" in how:
        pytest.skip("fastText compresses the outputs of 256 labels and more")
    else:
        theirs = their_model(fasttext, texts, source)
    theirs.quantize(input=str(texts / ("few" if source == "grams" else "many")), verbose=0, **how)
    theirs.save_model(str(tmp_path / "theirs.ftz"))
    read = read_model(tmp_path / "theirs.ftz")
    warnings.simplefilter("ignore")
    vectors = WordVectors.load(tmp_path / "theirs.ftz")
    expected = [theirs.get_word_vector(word) for word in vectors.words]
    np.testing.assert_allclose(vectors.vectors, expected, atol=1e-6)
    for line in LINES:
        found = hidden(read, line)
        np.testing.assert_allclose(found, theirs.get_sentence_vector(line), atol=1e-6)
        scores = read.outputs @ found
        shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        answers = theirs.f.predict(line + "\n", len(shares), 0.0, "strict")
        told = {label: share for share, label in answers}
        np.testing.assert_allclose(shares, [told[label] for label in read.labels], atol=2e-5)
