"""What is answered in each shape, and what is refused, on a server with a model for every task."""

import base64
import json
import struct

import numpy as np
import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from made_up_server import write_models
from wordladder import Model, WordVectors
from wordladder.errors import SettingError
from wordladder.serve.app import Server
from wordladder.serve.metrics import Metrics
from wordladder.serve.models import Models
from wordladder.serve.settings import ServerSettings

TEXT = "the film was lovely"
QUESTION = {"question": "car ?", "passage": "the old house red , car blue ,"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("served"))


def server(folders, **settings):
    models = Models(
        [f"{name}={path}" for name, path in folders.items()], ServerSettings(**settings), Metrics()
    )
    models.load()
    return Server(models, models.settings, models.metrics)


@pytest.fixture(scope="module")
def served(folders):
    made = server(folders, threads=1, max_texts=50, max_characters=5000, max_body_mb=0.1)
    yield made
    made.models.close()


@pytest.fixture(scope="module")
def client(served):
    with TestClient(served.application()) as client:
        yield client


def post(client, path, body, status=200):
    response = client.post(path, json=body)
    assert response.status_code == status, response.text
    return response.json()


def test_answers_are_those_of_the_models(client, folders):
    for path, name, texts in (
        ("/classify", "small", [TEXT, "dull"]),
        ("/classify", "cheap", [TEXT, "dull"]),
        ("/tag", "tagger", ["we met Ann in Rome ."]),
        ("/translate", "other", ["the film was"]),
        ("/classify", "alike", [[TEXT, "a lovely film"]]),
    ):
        rows = [row if isinstance(row, str) else tuple(row) for row in texts]
        found = post(client, path, {"model": name, "texts": texts, "top": 2})
        expected = json.loads(json.dumps(Model.load(folders[name], threads=1).answers(rows, 2)))
        assert found == {"model": name, "answers": expected}
    found = post(client, "/answer", {"questions": [QUESTION]})
    reader = Model.load(folders["reader"], threads=1)
    assert found["answers"] == json.loads(json.dumps(reader.answers([tuple(QUESTION.values())])))


def test_the_first_model_that_can_is_taken(client):
    assert post(client, "/classify", {"texts": TEXT})["model"] == "small"
    assert post(client, "/similarity", {"pairs": [[TEXT, "x"]]})["model"] == "words"
    assert post(client, "/rerank", {"query": TEXT, "texts": [TEXT]})[0]["index"] == 0


def test_vectors_are_those_of_the_models_in_every_shape(client, folders):
    texts = ["fox word1 word2", "word3"]
    own = WordVectors.load(folders["words"]).encode(texts)
    unit = own / np.linalg.norm(own, axis=1, keepdims=True)
    assert post(client, "/embed", {"inputs": texts}) == pytest.approx(unit, abs=1e-6)
    assert post(client, "/embed", {"inputs": texts[0]}) == pytest.approx(unit[:1], abs=1e-6)
    assert post(client, "/embed", {"inputs": texts, "normalize": False}) == pytest.approx(own, abs=1e-6)
    found = post(client, "/encode", {"id": 7, "texts": texts})
    assert found["id"] == 7
    assert found["results"] == pytest.approx(own, abs=1e-6)
    found = post(client, "/v1/embeddings", {"model": "words", "input": texts})
    assert [one["embedding"] for one in found["data"]] == pytest.approx(unit, abs=1e-6)
    assert found["usage"]["total_tokens"] > 0
    cut = own[:, :3] / np.linalg.norm(own[:, :3], axis=1, keepdims=True)
    asked = {"model": "words", "input": texts, "encoding_format": "base64", "dimensions": 3}
    coded = post(client, "/v1/embeddings", asked)["data"]
    numbers = [struct.unpack("<3f", base64.b64decode(one["embedding"])) for one in coded]
    assert numbers == pytest.approx(cut, abs=1e-6)
    found = post(client, "/v2/embed", {"model": "words", "texts": texts, "output_dimension": 3})
    assert found["embeddings"]["float"] == pytest.approx(cut, abs=1e-6)
    values = post(client, "/similarity", {"model": "words", "pairs": [texts]})["values"]
    assert values == pytest.approx([unit[0] @ unit[1]], abs=1e-6)


def test_reranking_in_every_shape(client, folders):
    documents = ["a dull plot", TEXT, "the film was awful"]
    chances = Model.load(folders["alike"]).predict_proba([(TEXT, text) for text in documents])[:, 1]
    order = np.argsort(-chances)
    found = post(client, "/rerank", {"query": TEXT, "texts": documents, "return_text": True})
    assert [one["index"] for one in found] == order.tolist()
    assert [one["score"] for one in found] == pytest.approx(chances[order], abs=1e-6)
    assert found[0]["text"] == documents[order[0]]
    raw = post(client, "/rerank", {"query": TEXT, "texts": documents, "raw_scores": True})
    assert [one["score"] for one in raw] == pytest.approx(np.log(chances / (1 - chances))[order], abs=1e-4)
    for path in ("/v1/rerank", "/v2/rerank"):
        asked = {"query": TEXT, "documents": [{"text": documents[0]}, *documents[1:]], "top_n": 2}
        found = post(client, path, asked | {"return_documents": True})["results"]
        assert [one["index"] for one in found] == order[:2].tolist()
        assert found[0]["document"]["text"] == documents[order[0]]


def test_predictions_as_of_text_embeddings_inference(client, folders):
    chances = Model.load(folders["small"]).answers([TEXT])[0]["probabilities"]
    expected = [{"label": label, "score": pytest.approx(score)} for label, score in chances.items()]
    assert post(client, "/predict", {"inputs": TEXT}) == expected
    assert post(client, "/predict", {"inputs": [[TEXT], [TEXT]]}) == [expected, expected]
    pair = post(client, "/predict", {"model": "alike", "inputs": [TEXT, TEXT]})
    assert {one["label"] for one in pair} == {"same", "other"}
    assert "3 texts" in post(client, "/predict", {"inputs": ["a", "b", "c"]}, 400)["error"]


def test_tokens(client):
    found = post(client, "/tokenize", {"model": "small", "inputs": "a lovely film"})
    assert [one["text"] for one in found[0]] == ["a", "lovely", "film"]
    assert [(one["start"], one["stop"]) for one in found[0]] == [(0, 1), (2, 8), (9, 13)]
    found = post(client, "/tokenize", {"model": "words", "inputs": ["fox nothing"]})
    assert [one["id"] for one in found[0]] == [0, None]


def test_search_with_conditions_a_reranker_and_a_reader(client):
    found = post(client, "/search", {"queries": ["word1 word2"], "k": 3, "where": {"n": {"lt": 10}}})
    (result,) = found["results"]
    assert len(result["hits"]) == 3
    assert all(hit["fields"]["n"] < 10 for hit in result["hits"])
    start, end = result["hits"][0]["marks"][0]
    assert result["hits"][0]["text"][start:end].lower() in ("word1", "word2")
    asked = {"queries": "word1", "rerank": "alike", "reader": "reader"}
    assert "answer" in post(client, "/search", asked)["results"][0]
    assert "empty" in post(client, "/search", {"queries": " "}, 400)["error"]
    assert "cannot rerank" in post(client, "/search", {"queries": "x", "rerank": "small"}, 400)["error"]


def test_neighbors_and_generation(client, folders):
    near = post(client, "/neighbors", {"words": "fox", "top": 3})["neighbors"][0]
    words = WordVectors.load(folders["words"])
    assert [one["word"] for one in near] == [word for word, _ in words.most_similar("fox", topn=3)]
    asked = {"prompt": "the film", "length": 12, "seed": 3, "temperature": 1.5}
    expected = Model.load(folders["writer"], threads=1).generate(**asked)
    assert post(client, "/generate", asked)["texts"] == expected
    with client.stream("POST", "/generate", json=asked | {"stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[len("data: ") :]) for line in response.iter_lines() if line]
    assert len(events) > 3
    assert events[-1]["end"]
    text = ""
    for event in events:
        text = event["instead"] if "instead" in event else text + event["more"]
    assert text == expected[0]


BAD = {
    "no model of the name": ("/classify", {"model": "smal", "texts": [TEXT]}, 404, "Did you mean 'small'?"),
    "it cannot": ("/tag", {"model": "small", "texts": [TEXT]}, 400, "cannot tag; these can: tagger"),
    "an unknown key": ("/classify", {"text": TEXT}, 400, "text: Extra inputs"),
    "no texts": ("/classify", {}, 400, "texts: Field required"),
    "a number": ("/embed", {"inputs": [1]}, 400, "inputs"),
    "too many": ("/classify", {"texts": [TEXT] * 51}, 413, "51 texts; at most 50"),
    "too long": ("/classify", {"texts": [TEXT, "x" * 5001]}, 413, "text 1 has 5,001 characters"),
    "a large body": ("/classify", {"texts": ["x" * 110_000]}, 413, "larger than 0.1 MB"),
    "pairs for a model of texts": ("/classify", {"model": "small", "texts": [[TEXT, TEXT]]}, 400, ""),
    "texts for a model of pairs": ("/classify", {"model": "alike", "texts": [TEXT]}, 400, ""),
    "more numbers than there are": ("/embed", {"inputs": TEXT, "dimensions": 99}, 400, "have 8 numbers"),
    "no such prompt": ("/embed", {"inputs": TEXT, "prompt_name": "query"}, 400, "no prompts"),
    "an unknown word": ("/neighbors", {"words": "unheard"}, 400, "no vector for 'unheard'"),
    "a condition": ("/search", {"queries": "x", "where": {"n": {"near": 1}}}, 400, "'near'"),
    "several streamed": ("/generate", {"stream": True, "count": 2}, 400, "one text can be streamed"),
    "a wrong temperature": ("/generate", {"temperature": 0}, 400, "temperature"),
}


@pytest.mark.parametrize("why", BAD)
def test_bad_requests_say_what_is_wrong(client, why):
    path, body, status, text = BAD[why]
    assert text in post(client, path, body, status)["error"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/embeddings", lambda body: body["error"]["message"]),
        ("/v1/rerank", lambda body: body["message"]),
        ("/embed", lambda body: body["error"]),
        ("/encode", lambda body: body["error"]),
    ],
)
@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'{"a": "\xed\xa0\x80"}', b"[" * 100_00, b""])
def test_what_is_no_json_is_refused_in_the_clients_own_shape(client, path, place, body):
    response = client.post(path, content=body)
    assert response.status_code == 400
    assert place(response.json())


def test_paths_and_methods_that_there_are_not(client):
    assert client.get("/nothing").status_code == 404
    assert client.get("/../../etc/passwd").status_code == 404
    assert client.get("/page.css/../app.py").status_code == 404
    assert client.get("/classify").status_code == 405
    assert client.post("/health").status_code == 405
    assert "error" in client.get("/nothing").json()


def test_the_document_describes_what_is_answered(client, served):
    """Every route is in the document, and what it answers is of the type that it declares."""
    document = client.get("/openapi.json").json()
    own = {(route.path, route.methods - {"HEAD"} == {"GET"}) for route in served.application().routes}
    told = {(path, "get" in methods) for path, methods in document["paths"].items()}
    assert own == told
    answers = {route.path: TypeAdapter(route.answers) for route in served.routes}
    asked = {
        "/classify": {"texts": TEXT},
        "/tag": {"texts": TEXT},
        "/answer": {"questions": [QUESTION]},
        "/translate": {"texts": TEXT},
        "/similarity": {"pairs": [[TEXT, TEXT]]},
        "/neighbors": {"words": "fox"},
        "/search": {"queries": "word1"},
        "/generate": {"length": 3},
        "/embed": {"inputs": TEXT},
        "/rerank": {"query": TEXT, "texts": [TEXT]},
        "/predict": {"inputs": [[TEXT]]},
        "/tokenize": {"inputs": TEXT},
        "/v1/embeddings": {"model": "words", "input": TEXT},
        "/v1/rerank": {"query": TEXT, "documents": [TEXT]},
        "/v2/rerank": {"query": TEXT, "documents": [TEXT]},
        "/v2/embed": {"texts": [TEXT]},
        "/encode": {"texts": [TEXT]},
    }
    assert set(asked) == {route.path for route in served.routes if route.takes}
    for route in served.routes:
        response = (
            client.get(route.path) if route.takes is None else client.post(route.path, json=asked[route.path])
        )
        assert response.status_code == 200, (route.path, response.text)
        assert response.headers["content-type"].startswith(route.media.partition(";")[0])
        if route.media == "application/json":
            answers[route.path].validate_python(response.json())


def test_models_tell_what_they_can(client):
    told = {one["id"]: one for one in client.get("/v1/models").json()["data"]}
    assert list(told) == ["small", "cheap", "tagger", "reader", "alike", "writer", "other", "words", "notes"]
    assert told["small"]["labels"] == ["negative", "positive"]
    assert told["alike"]["pairs"]
    assert told["notes"]["operations"] == ["search"]
    assert told["notes"]["fields"] == ["n"]
    assert told["words"]["dim"] == 8


def test_metrics_count(client):
    before = client.get("/metrics").text
    post(client, "/classify", {"texts": [TEXT, TEXT]})
    after = client.get("/metrics").text

    def value(text, name):
        return next((float(line.split()[-1]) for line in text.split("\n") if line.startswith(name)), 0.0)

    rows = 'wordladder_rows_total{model="small"}'
    assert value(after, rows) == value(before, rows) + 2
    assert value(after, 'wordladder_requests_total{path="/classify",status="200"}') > 0
    client.get("/nothing-like-it")
    assert "nothing-like-it" not in client.get("/metrics").text


def test_ids_come_back(client):
    assert client.get("/health", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/health", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


def test_whatever_goes_wrong_in_loading_again_the_old_model_stays(served, monkeypatch, caplog):
    def broken(name):
        raise ZeroDivisionError("of a library")

    old = served.models.served["small"]
    monkeypatch.setattr(served.models, "_load", broken)
    served.models._reload("small")
    assert served.models.served["small"] is old
    assert "the model stays as it was" in caplog.text


def test_names(folders, tmp_path):
    settings = ServerSettings()
    assert list(Models([str(folders["small"])], settings, Metrics()).sources) == ["small"]
    address = "postgresql://host/database?index=notes"
    assert list(Models([address, f"own={address}"], settings, Metrics()).sources) == ["notes", "own"]
    with pytest.raises(SettingError, match="two models are called 'small'; name one of them: OTHER="):
        Models([str(folders["small"])] * 2, settings, Metrics())
