"""Queries and judgements of each format; measures against values worked out by hand; fitted shares."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from test_document_files import squad

from wordladder import WordVectors
from wordladder.errors import DataError, SettingError
from wordladder.evaluation.intervals import bootstrap_scores, percentile_interval
from wordladder.search.building import build_index
from wordladder.search.documents import read_documents
from wordladder.search.evaluation import evaluate, fit_reranker, fit_words
from wordladder.search.index import Index
from wordladder.search.judgements import read_judgements, read_queries
from wordladder.search.passages import Document


@pytest.fixture
def write(tmp_path):
    def write(content, name="file"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return write


TOPICS = """<top>
<num> Number: 051
<title> Topic: Airbus &amp; subsidies
<desc> Description:
long
</top>
<top><num>52</num><title>two
lines</title></top>
"""


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("q1\tone two\nq2\tthree\n", "queries.tsv", {"q1": "one two", "q2": "three"}),
        ("q1\tone two\nq2\tthree\n", "queries.txt", {"q1": "one two", "q2": "three"}),
        ("qid\tquery\n7\tone\n8\ttwo\n", "queries.tsv", {"7": "one", "8": "two"}),
        ('{"_id": "a", "text": "one", "metadata": {}}\n', "queries.jsonl", {"a": "one"}),
        (".I 001\n.W\none\n.I 004\n.W\ntwo\nthree\n", "cran.qry", {"001": "one", "004": "two\nthree"}),
        (TOPICS, "topics", {"51": "Airbus & subsidies", "52": "two lines"}),
        (squad(("T", {"x": {"q1": "a?"}, "y": {"q2": "b?"}})), "dev.json", {"q1": "a?", "q2": "b?"}),
    ],
)
def test_queries(write, content, name, expected):
    assert read_queries(write(content, name)) == expected
    ordered = {str(number): text for number, text in enumerate(expected.values(), start=1)}
    assert read_queries(write(content, name), numbering="order") == ordered


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q1\tone\nq1\ttwo\n", "the id 'q1' comes twice"),
        ("q1\tone\nq2\t \n", "the query 'q2' is empty"),
        ("only a text\n", "line 1: there is no id"),
        (
            "<top><num>1</num>\n</top>\n<top><num>2</num><title>a</title></top>",
            "line 1: the <top> .* <title>",
        ),
        ("<top><num>1<title>a</top>\n<top><num>1<title>b</top>", "line 2: the topic 1 comes twice"),
    ],
)
def test_what_is_wrong_with_queries_is_told(write, content, message):
    with pytest.raises(DataError, match=message):
        read_queries(write(content))
    with pytest.raises(SettingError, match="numbering is 'file'"):
        read_queries(write(content), numbering="file")


def test_judgements(write):
    expected = {"1": {"a": 2, "b": 0}, "2": {"a": 1}}
    assert read_judgements(write("1 0 a 2\n1 0 b -1\n\n2 Q0 a 1\n")) == expected
    assert read_judgements(write("1 a 2 \n1 b 0\n2 a 1\n")) == expected
    beir = "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n2\ta\t1\n"
    assert read_judgements(write(beir)) == expected
    cranfield = read_judgements(write("1 a 1\n1 b 4\n1 c -1\n2 a 3\n"), lowest_is_best=True)
    assert cranfield == {"1": {"a": 4, "b": 1, "c": 0}, "2": {"a": 2}}
    content = squad(("T", {"x": {"q1": "a?", "q3": "c?"}, "y": {"q2": "b?"}}))
    found = read_judgements(write(content, "dev.json"))
    assert found == {"q1": {"T#1": 1}, "q3": {"T#1": 1}, "q2": {"T#2": 1}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 a 2\n1 b\n", "line 2: `query document grade` or"),
        ("1 0 a 2\n1 b 1\n", "line 2: `query document grade` or"),
        ("1 a 2\n1 b 0.5\n", "line 2: a grade is a whole number, not '0.5'"),
        ("1 a 2\n1 a 2\n", "line 2: the document a is judged twice for the query 1"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_with_judgements_is_told_with_the_line(write, content, message):
    with pytest.raises(DataError, match=message):
        read_judgements(write(content))


WORDS = ["apple", "pear", "plum", "fig", "lime", "kiwi", "dog"]
DOCUMENTS = [
    Document("both", "apple pear"),
    Document("apple", "apple fig lime"),
    Document("pear", "plum pear kiwi fig"),
    Document(
        "long", "Lime kiwi lime kiwi fig lime. Kiwi lime fig fig kiwi. Plum fig kiwi apple lime kiwi fig."
    ),
    Document("other", "kiwi"),
]


@pytest.fixture
def index(tmp_path):
    """An index of these documents whose passages have at most eight words; its vectors are one for a word."""
    encoder = WordVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
    with Index.create(tmp_path / "index", encoder, passage_words=8, overlap=0) as made:
        made.add(DOCUMENTS)
        yield made


def test_measures_are_those_worked_out_by_hand(index):
    queries = {"q1": "apple pear", "q2": "plum", "q3": "kiwi", "q4": "fig"}
    judgements = {"q1": {"apple": 3, "both": 1, "gone": 2}, "q2": {"other": 1, "pear": 0}, "q4": {"long": -1}}
    ranked = list(dict.fromkeys(hit.id for hit in index.search("apple pear", 10, by="words")))
    assert ranked[0] == "both"
    place = {name: rank for rank, name in enumerate(ranked, start=1)}
    gains = 1 / math.log2(2) + 3 / math.log2(place["apple"] + 1)
    best = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    found = evaluate(index, queries, judgements, by="words", k=3)
    assert (found.queries, found.left_out, found.unknown, found.by) == (2, 2, 1, "words")
    assert found.ids == ["q1", "q2"]
    assert list(found.measures) == ["nDCG@3", "MRR@3", "recall@3", "recall@100"]
    expected = np.array([[gains / best, 1, 2 / 3, 2 / 3], [0, 0, 0, 0]])
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    for column, one in enumerate(found.measures.values()):
        assert one.value == pytest.approx(expected[:, column].mean())
        draws = bootstrap_scores(expected[:, column], lambda drawn: drawn.mean())
        assert one.interval == pytest.approx(percentile_interval(draws))
    assert 0 < found.p50 <= found.p95
    assert found.to_json()["measures"]["MRR@3"]["value"] == 0.5


def test_documents_are_ranked_by_their_best_passage(index):
    assert index.count_passages() > len(DOCUMENTS)
    hits = [hit.id for hit in index.search("fig kiwi lime", 10, by="vectors")]
    assert hits[0] == "long"
    found = evaluate(index, {"q": "fig kiwi lime"}, {"q": {hits[-1]: 1}}, by="vectors")
    rank = list(dict.fromkeys(hits)).index(hits[-1]) + 1
    assert found.measures["MRR@10"].value == pytest.approx(1 / rank)


def test_a_later_document_counts_only_within_k(index):
    ranked = list(dict.fromkeys(hit.id for hit in index.search("fig lime", 10, by="words")))
    judged = {"q": {ranked[1]: 1}}
    assert evaluate(index, {"q": "fig lime"}, judged, by="words", k=1).measures["MRR@1"].value == 0
    assert evaluate(index, {"q": "fig lime"}, judged, by="words", k=2).measures["MRR@2"].value == 0.5


def test_a_reranker_reads_as_many_passages_as_depth_says(index):
    class Longest:
        """Finds the longest passage the most similar."""

        recipe_ = SimpleNamespace(task="similarity")
        read = 0

        def predict(self, pairs):
            self.read = max(self.read, len(pairs))
            return [len(text) for _, text in pairs]

    queries, judgements = {"q": "apple pear"}, {"q": {"long": 1}}
    assert evaluate(index, queries, judgements).measures["MRR@10"].value < 1
    model = Longest()
    assert evaluate(index, queries, judgements, rerank=model).measures["MRR@10"].value == 1
    assert model.read == index.count_passages()
    assert evaluate(index, queries, judgements, rerank=(model := Longest()), k=2, depth=3).by == "hybrid"
    assert model.read == 3


def test_two_evaluations_are_compared_query_by_query(index):
    queries = {"q1": "apple pear", "q2": "plum", "q3": "lime"}
    judgements = {"q1": {"both": 1}, "q2": {"pear": 1}, "q3": {"apple": 1}}
    one, other = (evaluate(index, queries, judgements, by=by) for by in ("words", "vectors"))
    found = one.better_than(other)
    draws = [bootstrap_scores(ones.scores[:, [1]], lambda rows: rows.mean()) for ones in (one, other)]
    assert found["MRR@10"].value == pytest.approx((one.scores - other.scores)[:, 1].mean())
    assert (found["MRR@10"].low, found["MRR@10"].high) == pytest.approx(
        percentile_interval(draws[0] - draws[1])
    )
    assert all(difference.value == difference.low == 0 for difference in one.better_than(one).values())
    with pytest.raises(SettingError, match="on the same queries"):
        one.better_than(evaluate(index, {"q1": "apple"}, judgements))


def test_the_share_of_words_that_is_best_is_kept(index, tmp_path):
    queries, judgements = {"q1": "apple pear", "q2": "fig lime"}, {"q1": {"pear": 1}, "q2": {"apple": 1}}
    fitted = fit_words(index, queries, judgements)
    for share, value in fitted.tried.items():
        index.set_shares(words_share=share)
        assert evaluate(index, queries, judgements).measures["nDCG@10"].value == pytest.approx(value)
    assert fitted.value == max(fitted.tried.values())
    best = [share for share in fitted.tried if fitted.tried[share] == fitted.value]
    assert fitted.share == min(best, key=lambda share: abs(share - 0.5))
    fit_words(index, queries, judgements)
    index.close()
    with Index.open(tmp_path / "index", WordVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))) as again:
        assert again.settings.words_share == fitted.share
        with pytest.raises(SettingError, match="words_share = -1: a share is from 0 to 1"):
            again.set_shares(words_share=-1)


class Shortest:
    """Finds the shortest passage the most similar."""

    recipe_ = SimpleNamespace(task="similarity")

    def predict(self, pairs):
        return [-len(text) for _, text in pairs]


@pytest.mark.parametrize(("gold", "share"), [("long", 0.0), ("fig", 1.0)])
def test_the_share_of_a_reranker_that_is_best_is_kept(index, gold, share):
    queries, judgements = {"q1": "apple pear"}, {"q1": {gold: 1}}
    fitted = fit_reranker(index, queries, judgements, Shortest())
    assert index.settings.reranker_share == fitted.share
    for tried, value in fitted.tried.items():
        index.set_shares(reranker_share=tried)
        found = evaluate(index, queries, judgements, rerank=Shortest(), depth=50)
        assert found.measures["nDCG@10"].value == pytest.approx(value)


def test_scores_of_a_reranker_are_mixed_with_those_before(index):
    hits = index.search("apple pear", 10, join=False)
    index.set_shares(reranker_share=0.25)
    mixed = index.search("apple pear", 10, join=False, rerank=Shortest())
    first = np.array([hit.score for hit in hits])
    second = np.array([-len(hit.text) for hit in hits])
    both = sum(
        share * (scores - scores.mean()) / scores.std() for share, scores in ((0.75, first), (0.25, second))
    )
    order = np.argsort(-both, kind="stable")
    assert [hit.text for hit in mixed] == [hits[row].text for row in order]
    assert [hit.score for hit in mixed] == pytest.approx(both[order].tolist())


def test_what_cannot_be_evaluated_is_told(index, tmp_path):
    with pytest.raises(DataError, match="the queries are a …, the judgements of z, a …"):
        evaluate(index, {"a": "fig"}, {"z": {"both": 1}, "a": {"both": 0}})
    with pytest.raises(SettingError, match="k is 0"):
        evaluate(index, {"a": "fig"}, {"a": {"both": 1}}, k=0)
    with Index.create(tmp_path / "words") as words:
        words.add(DOCUMENTS)
        assert evaluate(words, {"a": "fig"}, {"a": {"both": 1}}).by == "words"
        with pytest.raises(SettingError, match="built without an encoder"):
            fit_words(words, {"a": "fig"}, {"a": {"both": 1}})


def test_building_again_changes_only_what_has_changed(tmp_path):
    built = build_index(iter(DOCUMENTS), tmp_path / "index")
    assert (built.added, built.updated, built.unchanged, built.documents) == (5, 0, 0, 5)
    changed = [*DOCUMENTS[1:4], Document("other", "new text"), Document("fresh", "fig")]
    built = build_index(changed, tmp_path / "index")
    assert (built.added, built.updated, built.unchanged, built.deleted) == (1, 1, 3, 0)
    assert built.documents == 6
    built = build_index(changed, tmp_path / "index", prune=True, stemmer="english")
    assert (built.unchanged, built.deleted, built.documents) == (5, 1, 5)
    with Index.open(tmp_path / "index") as index:
        assert sorted(index.ids()) == ["apple", "fresh", "long", "other", "pear"]
        assert index.known(["both", "fresh"]) == {"fresh"}
    with pytest.raises(SettingError, match="stemmer is 'english' in this index"):
        build_index(changed, tmp_path / "index", stemmer="none")
    with pytest.raises(DataError, match="there are no documents"):
        build_index([], tmp_path / "none", prune=True)
    assert not (tmp_path / "none").exists()


def test_cranfield_by_words(data_folder, tmp_path):
    folder = data_folder / "retrieval/cranfield"
    queries = read_queries(folder / "cran.qry.gz", numbering="order")
    judgements = read_judgements(folder / "cranqrel.gz", lowest_is_best=True)
    build_index(read_documents(folder / "cran.all.1400.gz"), tmp_path / "index")
    with Index.open(tmp_path / "index") as index:
        found = evaluate(index, queries, judgements)
    assert (found.queries, found.left_out, found.unknown) == (225, 0, 0)
    assert found.measures["nDCG@10"].value == pytest.approx(0.368, abs=0.002)
