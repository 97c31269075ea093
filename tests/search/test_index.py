"""The verbs of an index."""

import numpy as np
import pytest

from wordladder import WordVectors
from wordladder.errors import DataError, SettingError, StoreError
from wordladder.search.index import Index
from wordladder.search.passages import Document, Hit

pytest.importorskip("qdrant_edge")

WORDS = ["cat", "dog", "pet", "bank", "money", "market", "rain", "snow", "weather", "film", "actor", "story"]
TEXTS = {
    "pets": "The cat and the dog. Every pet is a friend.",
    "finance": "The bank has the money. The market fell.",
    "sky": "Rain and snow. The weather is bad.",
}


@pytest.fixture(scope="module")
def encoder():
    random = np.random.default_rng(1)
    themes = random.normal(size=(4, 16))
    vectors = np.repeat(themes, 3, axis=0) + 0.3 * random.normal(size=(12, 16))
    return WordVectors(WORDS, vectors.astype(np.float32))


@pytest.fixture
def documents():
    return [
        Document(name, text, {"year": 2000 + i, "tags": ["all", name]})
        for i, (name, text) in enumerate(TEXTS.items())
    ]


@pytest.fixture
def index(tmp_path, encoder, documents):
    with Index.create(tmp_path / "index", encoder) as index:
        assert index.add(documents) == (3, 0, 0)
        yield index


@pytest.mark.parametrize("by", ["hybrid", "vectors", "words"])
def test_what_was_added_is_found(index, by):
    (first, *_) = index.search("the market and the money", by=by)
    assert (first.id, first.text, first.start, first.end) == (
        "finance",
        TEXTS["finance"],
        0,
        len(TEXTS["finance"]),
    )
    assert first.fields == {"year": 2001, "tags": ["all", "finance"]}
    assert isinstance(first, Hit)


def test_cosines_are_those_of_the_encoder(index, encoder):
    query = encoder.encode(["snow story"], normalize_embeddings=True)[0]
    texts = encoder.encode(list(TEXTS.values()), normalize_embeddings=True)
    expected = dict(zip(TEXTS, texts @ query))
    assert {hit.id: hit.score for hit in index.search("snow story", by="vectors")} == pytest.approx(
        expected, abs=1e-5
    )
    assert {hit.id: hit.score for hit in index.search(query * 3)} == pytest.approx(expected, abs=1e-5)


def test_conditions_on_fields(index):
    def names(**where):
        return {hit.id for hit in index.search("the", where=where)}

    assert names(year=2001) == {"finance"}
    assert names(year=[2000, 2002]) == {"pets", "sky"}
    assert names(year={"gte": 2001}) == {"finance", "sky"}
    assert names(year={"gt": 2000, "lt": 2002}) == {"finance"}
    assert names(tags="pets") == {"pets"}
    assert names(tags="all", year={"lte": 2000}) == {"pets"}
    assert names(colour="red") == set()
    with pytest.raises(SettingError, match="'above' is none of gt, gte, lt, lte"):
        names(year={"above": 3})
    with pytest.raises(SettingError, match="a number is needed"):
        names(year={"gt": "now"})


def test_only_what_has_changed_is_written_again(index, documents):
    changed = Document("sky", "The film has an actor.", {"year": 2002, "tags": ["all", "sky"]})
    new = Document("new", "A story about a pet.")
    assert index.update([*documents[:2], changed, new]) == (1, 1, 2)
    assert index.count() == 4
    assert index.search("actor", by="words")[0].text == changed.text
    assert index.search("weather", by="words") == []
    other_fields = Document("sky", changed.text, {"year": 1999})
    assert index.update([other_fields]) == (0, 1, 0)
    assert index.search("actor", where={"year": 1999})[0].id == "sky"


def test_a_deleted_document_is_gone(index):
    assert index.delete(["unknown"]) == 0
    assert index.delete("pets") == 1  # an id is not taken for its letters
    assert index.count() == 2
    assert "pets" not in {hit.id for hit in index.search("cat dog pet the")}


def test_long_documents_are_found_by_passages(tmp_path, encoder):
    sentences = [f"Sentence number {i} is about {WORDS[i % 12]} and nothing else at all." for i in range(60)]
    text = "\n".join(sentences)
    with Index.create(tmp_path / "index", encoder, passage_words=24, overlap=0) as index:
        index.add([Document("long", text)])
        assert index.count() == 1
        assert index.count_passages() == 30
        (best, *_) = index.search("number 31", by="words")
        assert sentences[31] in best.text
        assert text[best.start : best.end].split() == best.text.split()
        index.update([Document("long", text[:200])])
        assert index.count_passages() == 2
        assert index.search("number 31", by="words")[0].end <= 200


def test_an_index_is_opened_again(tmp_path, encoder, documents):
    with Index.create(tmp_path / "index", encoder, stemmer="none", overlap=7) as index:
        index.add(documents)
        hits = index.search("dogs and weather")
    with Index.open(tmp_path / "index", encoder) as again:
        assert again.settings == index.settings
        assert again.search("dogs and weather") == hits
        assert again.update(documents) == (0, 0, 3)
    with pytest.raises(StoreError, match="there is an index already"):
        Index.create(tmp_path / "index", encoder)


def test_an_encoder_is_loaded_from_where_it_was(tmp_path, encoder, documents):
    encoder.save(tmp_path / "vectors.safetensors")
    with Index.create(tmp_path / "index", tmp_path / "vectors.safetensors") as index:
        index.add(documents)
        hits = index.search("cat")
    with Index.open(tmp_path / "index") as again:
        assert again.search("cat") == hits


def test_an_index_of_words_alone(tmp_path, documents):
    with Index.create(tmp_path / "index") as index:
        index.add(documents)
        assert [hit.id for hit in index.search("dogs")] == ["pets"]
        with pytest.raises(SettingError, match="built without an encoder"):
            index.search("dogs", by="vectors")
        with pytest.raises(SettingError, match="built without an encoder"):
            index.search(np.ones(16))


def test_many_documents_are_found_through_the_graph(tmp_path):
    random = np.random.default_rng(2)
    names = [f"w{i}" for i in range(12_000)]
    encoder = WordVectors(names, random.normal(size=(12_000, 24)).astype(np.float32))
    with Index.create(tmp_path / "index", encoder) as index:
        index.add(Document(name, name) for name in names)
        index.settle()
        queries = random.normal(size=(50, 24)).astype(np.float32)
        units = encoder.vectors / np.linalg.norm(encoder.vectors, axis=1, keepdims=True)
        truth = np.argsort(-(queries @ units.T), axis=1)[:, :10]
        found = index.search_all(list(queries), 10)
        hits = sum(len({hit.id for hit in one} & {names[i] for i in best}) for one, best in zip(found, truth))
        assert hits >= 450


def test_what_a_reranker_says_decides(index):
    class Reader:
        """Scores a passage by how often it has the last word of the query."""

        class recipe_:
            task = "similarity"

        def predict(self, pairs):
            return [passage.lower().count(query.split()[-1]) for query, passage in pairs]

    hits = index.search("money cat", rerank=Reader())
    assert (hits[0].id, hits[0].score) == ("pets", 1.0)
    assert hits[-1].score == 0.0


def test_queries_that_cannot_be(index):
    with pytest.raises(DataError, match="the query is empty"):
        index.search("  ")
    with pytest.raises(DataError, match="a vector of 16 numbers is needed, not of 3"):
        index.search(np.ones(3))
    with pytest.raises(SettingError, match="a vector has no words"):
        index.search(np.ones(16), by="words")
    with pytest.raises(SettingError, match="by"):
        index.search("cat", by="magic")
