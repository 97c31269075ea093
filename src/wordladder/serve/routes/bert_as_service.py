"""Requests as clients of bert-as-service send them over HTTP."""

from typing import Any

from ..call import Call
from .route import Lenient, ModelName, Route, Strict


class EncodeRequest(Lenient):
    """Texts to embed; `id` comes back."""

    model: ModelName = None
    id: int | str = 0
    texts: list[str]


class Encoded(Strict):
    """The vectors, as the model gives them."""

    id: int | str
    results: list[list[float]]
    status: int


def error(status: int, message: str) -> dict[str, Any]:
    """The body of a response that refuses."""
    return {"status": status, "error": message}


async def _encode(given: EncodeRequest, call: Call) -> dict[str, Any]:
    vectors = await call.ask(call.model(given.model, "embed"), "embed", given.texts, normalize=False)
    return {"id": given.id, "results": vectors, "status": 200}


ROUTES = (Route("/encode", "Vectors of texts.", _encode, Encoded, EncodeRequest, error),)
