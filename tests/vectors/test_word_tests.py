"""Word similarity and analogies: gensim and SciPy are the twins; files of all the usual shapes are read."""

import json

import numpy as np
import pytest
from gensim.models import KeyedVectors
from scipy.stats import pearsonr, spearmanr
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import DataError, SettingError, UserError, VectorsError
from wordladder.text.subwords import Subwords
from wordladder.word_vectors import WordVectors
from wordladder.word_vectors.intrinsic import word_analogies

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")

WORDS = [f"w{i}" for i in range(90)] + ["King", "king", "QUEEN", "queen", "man", "Woman", "汉字", "😀"]


def run(*args):
    """Standard output of a command; an error of the user is raised as it is."""
    done = CliRunner().invoke(app, ["vectors", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def vectors():
    return WordVectors(WORDS, np.random.default_rng(3).normal(size=(len(WORDS), 7)).astype(np.float32))


@pytest.fixture(scope="module")
def reference(vectors):
    peer = KeyedVectors(vectors.dim)
    peer.add_vectors(vectors.words, np.array(vectors.vectors))
    return peer


@pytest.fixture(scope="module")
def composed():
    """Vectors with subwords, of words in lower case."""
    chance = np.random.default_rng(4)
    words = ["cat", "dog", "lion", "one", "two", "three"]
    own, buckets = (chance.normal(size=(rows, 8)).astype(np.float32) for rows in (len(words), 500))
    parts = Subwords(own, buckets)
    table = parts.vectors(words, np.arange(len(words)))
    return WordVectors(words, table, settings={"lowercase": True}, subwords=parts)


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("king", []),
        (["king", "Woman"], ["man"]),
        (["w1", "w2", "w3"], ["w4", "w5"]),
        (["汉字"], ["😀", "w7"]),
    ],
)
@pytest.mark.parametrize("topn", [1, 7, 500])
def test_multiplied_cosines_are_those_of_gensim(vectors, reference, positive, negative, topn):
    ours = vectors.most_similar_cosmul(positive, negative, topn)
    theirs = reference.most_similar_cosmul(positive, negative, topn)
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], rtol=1e-4)


def test_analogy_by_both_methods(vectors, reference):
    added, multiplied = (vectors.analogy("man", "king", "Woman", method=one) for one in ("add", "mul"))
    assert added == vectors.analogy("man", "king", "Woman")
    for ours, theirs in (
        (added, reference.most_similar(["king", "Woman"], ["man"])),
        (multiplied, reference.most_similar_cosmul(["king", "Woman"], ["man"])),
    ):
        assert [word for word, _ in ours] == [word for word, _ in theirs]


def brute_force(reference, a, b, c, method):
    """The answer as gensim's evaluation finds it: words that differ from the given ones by case only are
    passed over.
    """
    ask = reference.most_similar if method == "add" else reference.most_similar_cosmul
    given = {word.upper() for word in (a, b, c)}
    return next(word for word, _ in ask([b, c], [a], topn=len(WORDS)) if word.upper() not in given)


@pytest.fixture(scope="module")
def questions(tmp_path_factory, reference):
    """Analogies of which each method solves about half, in sections of both kinds."""
    chance = np.random.default_rng(5)
    words = [word for word in WORDS if word not in ("king", "queen")]  # of two cases, the first counts
    lines = []
    for row in range(200):
        if row % 40 == 0:
            lines.append(f": {('capital', 'gram1-adverb', 'family', 'gram2-plural', 'empty')[row // 40]}")
        a, b, c = chance.choice(words, 3)
        answer = brute_force(reference, a, b, c, ("add", "mul")[row % 2]) if row % 4 else chance.choice(WORDS)
        lines.append(" ".join([a.lower(), b, c.upper(), answer if row % 7 and row < 160 else "unknown"]))
    path = tmp_path_factory.mktemp("analogies") / "questions.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("method", ["add", "mul"])
@pytest.mark.parametrize("words_at_once", [5, 64, 4096])
def test_analogies_are_solved_as_one_by_one(
    vectors, reference, questions, method, words_at_once, monkeypatch
):
    monkeypatch.setattr("wordladder.word_vectors.intrinsic._BLOCK", words_at_once)
    ours = vectors.evaluate_word_analogies(questions, method=method)
    first = {}
    for word in WORDS:
        first.setdefault(word.upper(), word)
    used, right = 0, 0
    for line in questions.read_text(encoding="utf-8").split("\n"):
        if line.startswith(":") or "unknown" in line:
            continue
        a, b, c, d = (first[word.upper()] for word in line.split())
        used += 1
        right += brute_force(reference, a, b, c, method).upper() == d.upper()
    assert 0.3 * used < right < used
    assert (ours.correct, ours.used, ours.total, ours.method) == (right, used, 200, method)


def test_sections_are_summed_by_kind(vectors, questions, tmp_path):
    found = vectors.evaluate_word_analogies(questions)
    assert [section.name for section in found.sections][:2] == ["capital", "gram1-adverb"]
    for kind, places in ((found.semantic, (0, 2, 4)), (found.syntactic, (1, 3))):
        sections = [found.sections[place] for place in places]
        for key in ("correct", "used", "total"):
            assert getattr(kind, key) == sum(getattr(section, key) for section in sections)
    assert found.semantic.accuracy == found.semantic.correct / found.semantic.used
    assert np.isnan(found.sections[4].accuracy)
    (tmp_path / "plain").write_text(": nature\nw1 w2 w3 w4\n", encoding="utf-8")
    plain = vectors.evaluate_word_analogies(tmp_path / "plain")
    assert plain.semantic is None
    assert plain.syntactic is None


def test_none_can_answer_where_all_words_are_given(tmp_path):
    (tmp_path / "all").write_text("a b c a\nA B C c\na a a a\n", encoding="utf-8")
    for method in ("add", "mul"):
        found = word_analogies(tmp_path / "all", ["a", "b", "c"], np.eye(3, dtype=np.float32), method)
        assert (found.correct, found.used) == (0, 3)


def test_a_method_that_there_is_not(vectors, questions):
    with pytest.raises(SettingError, match=r"'mull'.*Did you mean 'mul'"):
        vectors.analogy("w1", "w2", "w3", method="mull")
    with pytest.raises(SettingError, match="add, mul"):
        vectors.evaluate_word_analogies(questions, method="x")
    with pytest.raises(SettingError, match="at least one positive"):
        vectors.most_similar_cosmul([], ["w1"])


SHAPES = {
    "tabs": "w1\tw2\t1.5\nw3\tw4\t9\nw1\tw5\t4\n",
    "spaces": "w1 w2 1.5\nw3  w4   9\nw1 w5 4\n",
    "commas, a header": "Word 1,Word 2,Human (mean)\r\nw1,w2,1.5\r\nw3,w4,9\r\nw1,w5,4\r\n",
    "comments, then a header": "# scores\nfirst\tsecond\tscore\nw1\tw2\t1.5\nw3\tw4\t9\nw1\tw5\t4\n",
    "more columns": "w1\tw2\t1.5\t3\t0\nw3\tw4\t9\t10\t8\nw1\tw5\t4\t4\t4\n",
    "a part of speech": "word1\tword2\tPOS\tmean\tsd\nw1\tw2\tA\t1.5\t7\nw3\tw4\tN\t9\t7\nw1\tw5\tA\t4\t7\n",
    "a byte order mark": "\ufeffw1\tw2\t1.5\n\nw3\tw4\t9\nw1\tw5\t4\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_files_of_all_shapes_say_the_same(vectors, tmp_path, shape):
    (tmp_path / "pairs").write_bytes(SHAPES[shape].encode("utf-8"))
    found = vectors.evaluate_word_pairs(tmp_path / "pairs")
    ours = [vectors.similarity(*pair) for pair in (("w1", "w2"), ("w3", "w4"), ("w1", "w5"))]
    assert found.pearson == pytest.approx(pearsonr([1.5, 9, 4], ours).statistic, abs=1e-5)
    assert (found.used, found.total, found.composed) == (3, 3, 0)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("w1\tw2\n", 1),
        ("a\tb\tscore\nw1\tw2\t3\nw1\tw2\tthree\n", 3),
        ("w1,w2,3\nw1,w2,nan\n", 2),
        ("w1 w2 3\n\n# more\nw1 3\n", 4),
        ("a\tb\tscore\nc\td\tscore\n", 2),
        ("w1\tw2\tA\t3\nw1\tw2\tA\n", 2),
    ],
)
def test_a_bad_line_is_named(vectors, tmp_path, content, line):
    (tmp_path / "pairs").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"pairs, line {line}: two words and a score"):
        vectors.evaluate_word_pairs(tmp_path / "pairs")


def test_words_count_through_their_subwords(composed, tmp_path):
    pairs = [("Cat", "dog", 8), ("cats", "lions", 7), ("lion", "twofold", 1), ("Threes", "ONES", 6)]
    (tmp_path / "pairs").write_text("\n".join(f"{a}\t{b}\t{s}" for a, b, s in pairs), encoding="utf-8")
    scores = [score for *_, score in pairs]
    cosines = [composed.similarity(a.lower(), b.lower()) for a, b, _ in pairs]
    found = composed.evaluate_word_pairs(tmp_path / "pairs")
    assert (found.used, found.total, found.composed) == (4, 4, 3)
    assert found.spearman == pytest.approx(spearmanr(scores, cosines).statistic)
    assert found.pearson == pytest.approx(pearsonr(scores, cosines).statistic, abs=1e-5)
    known = composed.evaluate_word_pairs(tmp_path / "pairs", subwords=False)
    assert (known.used, known.total, known.composed) == (1, 4, 0)


def test_commands_take_words_never_seen(composed, tmp_path):
    composed.save(tmp_path / "words.safetensors")
    file = tmp_path / "words.safetensors"
    found = json.loads(run("neighbors", file, "Cats", "--topn", 2, "--json"))["Cats"]
    assert [one["word"] for one in found] == [word for word, _ in composed.most_similar("cats", topn=2)]
    assert "from its subwords" in run("neighbors", file, "Cats")
    assert "from its subwords" not in run("neighbors", file, "Cat")
    found = json.loads(run("analogy", file, "cats", "Lions", "dogs", "--method", "mul", "--json"))
    expected = composed.analogy("cats", "lions", "dogs", method="mul")
    assert [one["word"] for one in found["answers"]] == [word for word, _ in expected]
    plain = WordVectors(composed.words, composed.vectors)
    plain.save(tmp_path / "plain.vec")
    with pytest.raises(VectorsError, match="no vector for 'cats'"):
        run("neighbors", tmp_path / "plain.vec", "cats")


def test_the_word_that_does_not_match(tmp_path):
    table = np.array([[1, 0], [1, 0.1], [0.9, 0], [0, 1]], np.float32)
    vectors = WordVectors(["cat", "dog", "cow", "three"], table, settings={"lowercase": True})
    vectors.save(tmp_path / "words.safetensors")
    words = ("Cat", "dog", "Three", "cow")
    assert run("doesnt-match", tmp_path / "words.safetensors", *words) == "Three\n"
    found = json.loads(run("doesnt-match", tmp_path / "words.safetensors", *words, "--json"))
    assert found == {"words": list(words), "doesnt_match": "Three"}
    with pytest.raises(UserError, match="at least three"):
        run("doesnt-match", tmp_path / "words.safetensors", "cat", "dog")


def test_the_command_tells_methods_kinds_and_subwords(composed, vectors, questions, tmp_path):
    vectors.save(tmp_path / "plain.vec")
    both = json.loads(
        run("evaluate", tmp_path / "plain.vec", "--analogies", questions, "--method", "both", "--json")
    )["analogies"][str(questions)]
    added, multiplied = (vectors.evaluate_word_analogies(questions, method=one) for one in ("add", "mul"))
    assert (both["method"], both["correct"]) == ("add", added.correct)
    assert (both["mul"]["method"], both["mul"]["correct"]) == ("mul", multiplied.correct)
    assert both["syntactic"]["correct"] == added.syntactic.correct
    assert both["sections"]["empty"]["accuracy"] is None
    told = run("evaluate", tmp_path / "plain.vec", "--analogies", questions, "--method", "both")
    assert all(word in told for word in ("3CosAdd", "3CosMul", "semantic", "syntactic", "all"))
    composed.save(tmp_path / "words.safetensors")
    (tmp_path / "pairs").write_text("cat\tdogs\t3\ncat\tlion\t5\ndog\tlion\t4\n", encoding="utf-8")
    tests = (tmp_path / "words.safetensors", "--pairs", tmp_path / "pairs")
    assert "through subwords" in run("evaluate", *tests)
    assert "through subwords" not in run("evaluate", *tests, "--known-only")
    found = json.loads(run("evaluate", *tests, "--known-only", "--json"))["pairs"][str(tmp_path / "pairs")]
    assert (found["used"], found["total"], found["composed"]) == (2, 3, 0)
    with pytest.raises(UserError, match="--method is 'sub'"):
        run("evaluate", *tests, "--method", "sub")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("EN-WS-353-ALL.txt", 353),
        ("EN-RW-STANFORD.txt", 2034),
        ("EN-SIMLEX-999.txt", 999),
        ("EN-MEN-TR-3k.txt", 3000),
        ("zh-wordsim-240.txt", 240),
        ("zh-wordsim-297.txt", 297),
    ],
)
def test_published_word_pairs_are_read(vectors, data_folder, name, total):
    assert vectors.evaluate_word_pairs(data_folder / "wordsim" / name).total == total


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "total", "kinds"),
    [("questions-words.txt.gz", 19544, (8869, 10675)), ("zh-ca8-semantic.txt.gz", 7636, None)],
)
def test_published_analogies_are_read(vectors, data_folder, name, total, kinds):
    found = vectors.evaluate_word_analogies(data_folder / "wordsim" / name)
    assert found.total == total
    assert kinds == (found.semantic and (found.semantic.total, found.syntactic.total))
