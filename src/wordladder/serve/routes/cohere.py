"""Requests as clients of Cohere and Jina send them."""

from typing import Any, Literal
from uuid import uuid4

from pydantic import Field

from ..call import Call
from .route import Lenient, ModelName, Route, Strict


def error(status: int, message: str) -> dict[str, Any]:
    """The body of a response that refuses."""
    return {"message": message}


class Document(Lenient):
    """A document with other fields, which are not read."""

    text: str


class RerankRequest(Lenient):
    """Documents to rank by how well they fit a query."""

    model: ModelName = None
    query: str
    documents: list[str | Document]
    top_n: int | None = Field(None, ge=1)
    return_documents: bool = False


class Result(Strict):
    """The number of a document, and how well it fits."""

    index: int
    relevance_score: float
    document: Document | None = None


class Reranked(Strict):
    """The documents that fit best, the best first."""

    id: str
    model: str
    results: list[Result]
    usage: dict[str, int]
    meta: dict[str, Any]


class EmbedRequest(Lenient):
    """Texts to embed."""

    model: ModelName = None
    texts: list[str]
    embedding_types: tuple[Literal["float"]] = ("float",)
    output_dimension: int | None = Field(None, ge=1)


class Embedded(Strict):
    """The vectors."""

    id: str
    embeddings: dict[str, list[list[float]]]
    texts: list[str]
    meta: dict[str, Any]


_META = {"api_version": {"version": "2"}}


async def _rerank(given: RerankRequest, call: Call) -> dict[str, Any]:
    served = call.model(given.model, "rerank")
    texts = [one if isinstance(one, str) else one.text for one in given.documents]
    scores = await call.ask(served, "rerank", [(given.query, text) for text in texts])
    results = []
    for row, score in sorted(enumerate(scores), key=lambda one: -one[1])[: given.top_n]:
        document = {"document": {"text": texts[row]}} if given.return_documents else {}
        results.append({"index": row, "relevance_score": score, **document})
    return {
        "id": uuid4().hex,
        "model": served.name,
        "results": results,
        "usage": {"total_tokens": call.facts["tokens"]},
        "meta": _META,
    }


async def _embed(given: EmbedRequest, call: Call) -> dict[str, Any]:
    served = call.model(given.model, "embed")
    vectors = await call.ask(served, "embed", given.texts, dim=given.output_dimension)
    return {"id": uuid4().hex, "embeddings": {"float": vectors}, "texts": given.texts, "meta": _META}


ROUTES = (
    *(
        Route(path, "Documents ranked by a query.", _rerank, Reranked, RerankRequest, error)
        for path in ("/v1/rerank", "/v2/rerank")
    ),
    Route("/v2/embed", "Vectors of texts.", _embed, Embedded, EmbedRequest, error),
)
