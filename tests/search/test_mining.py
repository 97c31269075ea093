"""Pairs to train a reranker on: what is drawn from an index, and from which files; the reranker ranks."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from wordladder import Model
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.data.reading import read_examples
from wordladder.errors import DataError, SettingError
from wordladder.search.index import Index
from wordladder.search.mining import judged_pairs, mined_examples, mined_pairs
from wordladder.search.passages import Document

THINGS = ("wing", "boat", "house")
TEXTS = {f"{thing}{n}": f"the {thing} of {n} parts is number {n * 7}" for thing in THINGS for n in range(12)}
LONG = " ".join(f"The wing has {n} ribs and spars, as the drawing shows." for n in range(40))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    documents = [Document(name, text) for name, text in TEXTS.items()]
    with Index.create(tmp_path_factory.mktemp("search") / "index", passage_words=20, overlap=4) as made:
        made.add([*documents, Document("long", LONG), Document("copy", "The  WING of 3 parts is number 21")])
        yield made


def rows(examples):
    """The texts of each label by query."""
    found = {}
    for query, text, label in zip(*examples.segments, examples.labels):
        found.setdefault(query, {"relevant": [], "other": []})[label].append(text)
    return found


def test_passages_of_relevant_documents_and_others(index):
    queries = ["wing of parts", "the boat"]
    examples = mined_pairs(index, queries, [["wing3", "wing4"], ["boat7"]], negatives=3, first=2, depth=30)
    found = rows(examples)
    assert list(found) == queries
    assert found["wing of parts"]["relevant"] == [TEXTS["wing3"], TEXTS["wing4"]]
    assert found["the boat"]["relevant"] == [TEXTS["boat7"]]
    assert [len(found[query]["other"]) for query in queries] == [6, 3]
    for query in queries:
        ranked = [hit.text for hit in index.search(query, 30, depth=30, join=False)]
        others = found[query]["other"]
        assert len(set(others)) == len(others)
        assert all(ranked.index(text) >= 1 for text in others)
        assert [*map(ranked.index, others)] == sorted(map(ranked.index, others))
        assert not set(others) & {*found[query]["relevant"], "The  WING of 3 parts is number 21"}
    assert examples.groups == examples.segments[0]
    assert "9 pairs" not in examples.notes[0]
    assert f"{len(examples)} pairs" in examples.notes[0]


def test_every_rank_from_the_first_to_the_last_is_drawn(index):
    drawn = set()
    ranked = [hit.text for hit in index.search("wing", 9, depth=9, join=False)]
    for seed in range(40):
        found = mined_pairs(index, ["wing"], [["boat1"]], negatives=2, first=4, depth=9, seed=seed)
        drawn |= set(rows(found)["wing"]["other"])
    assert drawn == set(ranked[3:])


def test_the_same_seed_draws_the_same(index):
    one, same, other = (
        mined_pairs(index, ["wing of parts"], [["wing3"]], seed=seed).segments for seed in (1, 1, 2)
    )
    assert one == same != other


def test_the_passage_of_a_long_document_is_the_one_that_is_found(index):
    (found,) = rows(mined_pairs(index, ["33 ribs of the wing"], [["long"]], first=1)).values()
    (passage,) = found["relevant"]
    assert "33 ribs" in passage
    assert len(passage) < len(LONG) / 5
    assert not any("ribs" in text for text in found["other"]), "of the same document"
    (found,) = rows(mined_pairs(index, ["the boat"], [["long"]], first=1, depth=5)).values()
    assert found["relevant"] == [index.passages("long")[0].text]


def test_positives_that_are_texts(index):
    told = "Somebody wrote: the wing of 3 parts is number 21, and more."
    found = rows(mined_pairs(index, ["wing of 3 parts"], [[told, told]], negatives=50, first=1))
    (found,) = found.values()
    assert found["relevant"] == [told]
    assert TEXTS["wing3"] not in found["other"]
    assert TEXTS["wing4"] in found["other"]


def test_what_is_known_not_to_be_relevant(index):
    pairs = Examples((["wing"] * 3 + ["boat"], ["wing1", "house2", "nowhere", "wing3"]), [2.0, 0.0, 1.0, 0.0])
    examples = mined_examples(index, pairs, negatives=1)
    found = rows(examples)
    assert list(found) == ["wing"], "a query without anything relevant teaches nothing"
    assert found["wing"]["other"][0] == TEXTS["house2"]
    assert len(found["wing"]["other"]) == 2
    assert "1 of 4 judged documents is not in the index, and left out." not in examples.notes
    assert any("1 of 3 judged documents is not in the index" in note for note in examples.notes)
    with pytest.raises(DataError, match="no query has anything relevant"):
        mined_examples(index, Examples((["wing"], ["wing1"]), [0.0]))


def test_what_cannot_be_mined_is_told(index):
    with pytest.raises(DataError, match="nothing else from rank 50 on"):
        mined_pairs(index, ["boat"], [["boat1"]], first=50)
    with pytest.raises(SettingError, match="depth is 4"):
        mined_pairs(index, ["boat"], [["boat1"]], depth=4)
    with pytest.raises(SettingError, match="negatives is 0"):
        mined_pairs(index, ["boat"], [["boat1"]], negatives=0)
    with pytest.raises(SettingError, match="each query needs a list"):
        mined_pairs(index, ["boat"], [])
    with pytest.raises(DataError, match="the query is empty"):
        mined_pairs(index, [" "], [["boat1"]])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("a q\tits text\nb q\tother text\n", [("a q", "its text", 1.0), ("b q", "other text", 1.0)]),
        (
            "a q\tits text\tno\na q\tits text\tnay\n",
            [("a q", "its text", 1.0), ("a q", "no", 0.0), ("a q", "its text", 1.0), ("a q", "nay", 0.0)],
        ),
        ("query\tpositive\nq\t7\n", [("q", "7", 1.0)]),
    ],
)
def test_tables_of_queries_and_positives(tmp_path, lines, expected):
    (tmp_path / "t.tsv").write_text(lines, encoding="utf-8")
    found = read_examples(tmp_path / "t.tsv", "similarity")
    assert list(zip(*found.segments, found.labels)) == expected


def test_files_of_judgements(tmp_path):
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\n1\twing3\t2\n2\tboat1\t0\n")
    queries = {"1": "wing", "2": "boat"}
    found = judged_pairs(qrels, queries)
    assert list(zip(*found.segments, found.labels)) == [("wing", "wing3", 1.0), ("boat", "boat1", 0.0)]
    qrels.write_text("3\twing3\t2\n")
    with pytest.raises(DataError, match="there is no query '3'"):
        judged_pairs(qrels, queries)


def train(*arguments):
    done = CliRunner().invoke(app, ["train", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_reranker_is_trained_and_ranks(index, tmp_path):
    lines = [
        {"query": f"{thing} number {n}", "positives": [f"{thing}{n}"]} for thing in THINGS for n in range(12)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    name, folder = index.name, tmp_path / "reranker"
    index.close()
    given = ("--train", tmp_path / "train.jsonl", "--mine", name, "--output", folder)
    told = train("tfidf-cosine", *given, "--negatives", 2)
    assert "pairs with passages of" in " ".join(told.split())
    model = Model.load(folder)
    assert model.task_.labels == ["other", "relevant"], "relevance is the probability of the second"
    with Index.open(name) as opened:
        hits = opened.search("wing", 5, rerank=model, join=False)
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        chances = model.predict_proba([("wing", hit.text) for hit in hits])[:, 1]
        assert 1 / (1 + np.exp(-np.array(scores))) == pytest.approx(chances)
    (tmp_path / "queries.tsv").write_text("a\twing number 1\nb\tboat number 1\n", encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("1 0 wing1 1\n2 0 boat1 1\n", encoding="utf-8")
    judged = ("--train", tmp_path / "qrels.tsv", "--queries", tmp_path / "queries.tsv", *given[2:4])
    with pytest.raises(DataError, match="there is no query '1'"):
        train("tfidf-cosine", *judged, "--output", tmp_path / "judged")
    train(
        "tfidf-cosine", *judged, "--numbering", "order", "--dev", judged[1], "--output", tmp_path / "judged"
    )
    train(
        "vectors-similarity",
        *judged,
        "--numbering",
        "order",
        "--dev",
        judged[1],
        "--output",
        tmp_path / "near",
    )
    near = Model.load(tmp_path / "near")
    assert near.recipe_.task == "similarity"
    assert near.task_.objective == "ranking"
    with pytest.raises(SettingError, match="this recipe is for classification"):
        train("tfidf", *given)
    with pytest.raises(SettingError, match="--queries is given, but not --mine"):
        train("tfidf-cosine", *given[:2], *given[4:], "--queries", name)
