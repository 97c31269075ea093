"""WordVectors against gensim's KeyedVectors, the reference of the field."""

import gzip

import numpy as np
import pytest
from gensim.models import KeyedVectors

from wordladder.errors import DataError, SettingError, VectorsError
from wordladder.word_vectors.intrinsic import _ranks
from wordladder.word_vectors.ranking import highest
from wordladder.word_vectors.word_vectors import WordVectors

WORDS = [f"w{i}" for i in range(60)] + ["King", "king", "QUEEN", "queen", "man", "Woman", "汉字", "😀"]


@pytest.fixture(scope="module")
def vectors():
    return WordVectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32))


@pytest.fixture(scope="module")
def reference(vectors):
    peer = KeyedVectors(vectors.dim)
    peer.add_vectors(vectors.words, np.array(vectors.vectors))
    return peer


def same(ours, theirs):
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([score for _, score in ours], [score for _, score in theirs], atol=1e-5)


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("king", []),
        (["king", "w3"], []),
        (["king", "Woman"], ["man"]),
        (["w1"], ["w2", "w3", "w4"]),
        ([], ["😀"]),
    ],
)
@pytest.mark.parametrize("topn", [1, 7, 500])
def test_neighbours_are_those_of_gensim(vectors, reference, positive, negative, topn):
    same(vectors.most_similar(positive, negative, topn), reference.most_similar(positive, negative, topn))


def test_neighbours_of_a_vector(vectors, reference):
    query = np.arange(6, dtype=np.float32)
    same(vectors.most_similar(query), reference.most_similar([query]))
    same(vectors.most_similar([query, "w1"], topn=3), reference.most_similar([query, "w1"], topn=3))


def test_the_given_words_are_never_answers(vectors):
    answers = {word for word, _ in vectors.analogy("man", "king", "Woman", topn=1000)}
    assert answers == set(WORDS) - {"man", "king", "Woman"}
    assert "w5" not in dict(vectors.most_similar("w5", topn=1000))
    assert vectors.most_similar("w5", topn=0) == []


def test_analogy_is_c_plus_b_minus_a(vectors, reference):
    same(vectors.analogy("man", "king", "Woman"), reference.most_similar(["king", "Woman"], ["man"]))


def test_similarity_and_the_odd_one_out(vectors, reference):
    assert vectors.similarity("w1", "汉字") == pytest.approx(reference.similarity("w1", "汉字"), abs=1e-6)
    for words in (["w1", "w2", "w3"], ["king", "queen", "w9", "man"], ["w4"]):
        assert vectors.doesnt_match(words) == reference.doesnt_match(words)


def test_a_zero_vector_is_nobodys_neighbour():
    vectors = WordVectors(["a", "b", "nil"], np.array([[1, 0], [1, 1], [0, 0]], np.float32))
    assert vectors.most_similar("a")[-1] == ("nil", 0.0)
    assert vectors.similarity("nil", "a") == 0


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    chance = np.random.default_rng(1)
    lines = ["# people's scores"]
    for _ in range(80):
        first, second = chance.choice([*WORDS, "unknown"], 2)
        lines.append(f"{first}\t{second}\t{chance.integers(0, 9)}")
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("limit", [10, 300_000])
def test_word_pairs_are_judged_as_by_gensim(vectors, reference, pairs, limit):
    ours = vectors.evaluate_word_pairs(pairs, restrict_vocab=limit)
    pearson, spearman, unknown = reference.evaluate_word_pairs(str(pairs), restrict_vocab=limit)
    if limit > 10:
        assert ours.spearman == pytest.approx(spearman[0])
        assert ours.pearson == pytest.approx(pearson[0], abs=1e-5)
    assert 100 * (1 - ours.used / ours.total) == pytest.approx(unknown)


def test_ranks_of_equal_values_are_shared():
    assert _ranks(np.array([3.0, 1, 3, 2])).tolist() == [3.5, 1, 3.5, 2]


@pytest.fixture(scope="module")
def questions(tmp_path_factory, vectors):
    """Analogies of which about half are right, by the vectors themselves; cases are mixed."""
    chance = np.random.default_rng(2)
    lines = []
    for row in range(120):
        if row % 40 == 0:
            lines.append(f": section {row}")
        a, b, c = chance.choice(WORDS, 3, replace=False)
        answer = vectors.analogy(a, b, c)[0][0] if row % 2 else chance.choice(WORDS)
        lines.append(" ".join([a, b, c.upper(), answer if row % 7 else "unknown"]))
    path = tmp_path_factory.mktemp("analogies") / "questions.txt.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


@pytest.mark.parametrize("limit", [40, 300_000])
def test_analogies_are_solved_as_by_gensim(vectors, reference, questions, limit, tmp_path):
    plain = tmp_path / "questions.txt"
    plain.write_bytes(gzip.decompress(questions.read_bytes()))
    ours = vectors.evaluate_word_analogies(questions, restrict_vocab=limit)
    score, sections = reference.evaluate_word_analogies(str(plain), restrict_vocab=limit)
    assert ours.accuracy == pytest.approx(score)
    for mine, theirs in zip(ours.sections, sections):
        assert mine.name == theirs["section"]
        assert mine.correct == len(theirs["correct"])
        assert mine.used == len(theirs["correct"]) + len(theirs["incorrect"])
    assert (ours.total, sum(section.total for section in ours.sections)) == (120, 120)


def test_tests_that_nobody_can_take(vectors, tmp_path):
    (tmp_path / "pairs").write_text("x\ty\t1\n", encoding="utf-8")
    (tmp_path / "analogies").write_text(": none\nx y z v\n", encoding="utf-8")
    assert np.isnan(vectors.evaluate_word_pairs(tmp_path / "pairs").spearman)
    found = vectors.evaluate_word_analogies(tmp_path / "analogies")
    assert np.isnan(found.accuracy)
    assert (found.used, found.total) == (0, 1)


def test_the_names_of_columns_are_passed_over(vectors, tmp_path):
    (tmp_path / "pairs").write_text("Word 1\tWord 2\tHuman (mean)\nw1\tw2\t3\nw1 \tw3\t4\n", encoding="utf-8")
    assert vectors.evaluate_word_pairs(tmp_path / "pairs").used == 2


@pytest.mark.parametrize(
    ("method", "content", "message"),
    [
        ("evaluate_word_pairs", b"w1\tw2\t3\nw1\tw2\n", "line 2: two words and a score"),
        ("evaluate_word_analogies", b": x\nw1 w2 w3 w4\nw1 w2\n", "line 3: four words"),
        ("evaluate_word_pairs", b"w1\tw2\t3\nw\xff\tw2\t3\n", "line 2: invalid UTF-8: 0xFF at byte offset 9"),
    ],
)
def test_a_broken_test_file_is_told_by_its_line(vectors, tmp_path, method, content, message):
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(DataError, match=message):
        getattr(vectors, method)(tmp_path / "broken")
    with pytest.raises(DataError, match="no such file"):
        getattr(vectors, method)(tmp_path / "missing")


def test_looking_up(vectors):
    assert len(vectors) == len(WORDS)
    assert "汉字" in vectors
    assert "unknown" not in vectors
    np.testing.assert_array_equal(vectors["w3"], vectors.vectors[3])
    np.testing.assert_array_equal(vectors[["w3", "w1"]], vectors.vectors[[3, 1]])
    assert repr(vectors) == "<WordVectors: 68 words, 6 numbers each>"


@pytest.mark.parametrize(
    ("word", "hint"), [("KING", "Did you mean 'king'"), ("w5x", "Did you mean 'w5"), ("zz", r"'zz'\.$")]
)
def test_an_unknown_word_is_named(vectors, word, hint):
    with pytest.raises(VectorsError, match=hint):
        vectors[word]


def test_what_cannot_be_asked(vectors):
    with pytest.raises(SettingError, match="at least one word"):
        vectors.most_similar()
    with pytest.raises(SettingError, match="at least one word"):
        vectors.doesnt_match([])
    with pytest.raises(SettingError, match="shape"):
        vectors.most_similar(np.zeros(3))


def test_what_does_not_fit_together():
    with pytest.raises(VectorsError, match="2 words do not fit"):
        WordVectors(["a", "b"], np.zeros((3, 2)))
    with pytest.raises(VectorsError, match="counts of shape"):
        WordVectors(["a", "b"], np.zeros((2, 2)), np.zeros(3))


def test_the_first_of_repeated_words_counts():
    vectors = WordVectors(["a", "b", "a"], np.arange(6).reshape(3, 2))
    with pytest.warns(UserWarning, match="1 words are repeated"):
        assert vectors["a"].tolist() == [0, 1]


def test_texts_are_encoded_by_the_mean_of_their_words():
    vectors = WordVectors(
        ["good", "film", "电"], np.array([[1, 0], [0, 1], [2, 2]]), settings={"lowercase": True}
    )
    found = vectors.encode(["GOOD film, unknown", "", "电影 good good"])
    np.testing.assert_allclose(found, [[0.5, 0.5], [0, 0], [4 / 3, 2 / 3]])
    assert found.dtype == np.float32
    assert vectors.encode([]).shape == (0, 2)


@pytest.mark.parametrize("rows", [3, 1 << 14])
def test_the_highest_are_found_block_by_block_the_first_of_equals_first(monkeypatch, rows):
    monkeypatch.setattr("wordladder.word_vectors.ranking.ROWS", rows)
    scores = np.random.default_rng(3).integers(0, 9, 50).astype(np.float32)
    for count in (0, 1, 7, 50):
        assert highest(scores, count).tolist() == np.argsort(-scores, kind="stable")[:count].tolist()
