"""Requests as clients of OpenAI send them."""

import base64
from typing import Any, Literal

from pydantic import Field

from ..call import Call
from .route import Lenient, Route, Several, Strict, several

_KINDS = {401: "authentication_error", 429: "rate_limit_error"}


def error(status: int, message: str) -> dict[str, Any]:
    """The body of a response that refuses."""
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


class EmbeddingsRequest(Lenient):
    """Texts to embed; vectors have length one."""

    model: str
    input: Several
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1, description="Only the first so many numbers, scaled anew.")


class Embedding(Strict):
    """A vector, as numbers or as base64 of float32, little-endian."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(Strict):
    """About how many tokens were read."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Strict):
    """The vectors."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


class ModelCard(Strict):
    """A served model: what it can do, its labels, and how many numbers its vectors have."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    kind: str
    rung: str
    task: str | None
    operations: list[str]
    dim: int | None
    pairs: bool
    labels: list[str]
    fields: list[str]


class ModelList(Strict):
    """The served models."""

    object: Literal["list"]
    data: list[ModelCard]


async def _embeddings(given: EmbeddingsRequest, call: Call) -> dict[str, Any]:
    served, texts = call.model(given.model, "embed"), several(given.input)
    vectors: list[Any] = await call.ask(served, "embed", texts, dim=given.dimensions)
    if given.encoding_format == "base64":
        vectors = [base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii") for vector in vectors]
    tokens = call.facts["tokens"]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(vectors)
        ],
        "model": served.name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


async def _models(given: None, call: Call) -> dict[str, Any]:
    return {"object": "list", "data": [served.facts() for served in call.models.served.values()]}


ROUTES = (
    Route("/v1/embeddings", "Vectors of texts.", _embeddings, Embeddings, EmbeddingsRequest, error),
    Route("/v1/models", "The served models.", _models, ModelList, errors=error, method="GET"),
)
