"""Requests as clients of Text Embeddings Inference send them."""

from typing import Any

from pydantic import Field

from ... import __version__
from ..call import Call
from ..refusal import Refusal
from .route import Lenient, ModelName, Route, Several, Strict, several

_KINDS = {413: "Validation", 400: "Validation", 404: "Validation", 429: "Overloaded", 401: "Unauthorized"}


def error(status: int, message: str) -> dict[str, Any]:
    """The body of a response that refuses."""
    return {"error": message, "error_type": _KINDS.get(status, "Backend")}


class EmbedRequest(Lenient):
    """Texts to embed; long ones are always cut to what the model reads."""

    model: ModelName = None
    inputs: Several
    normalize: bool = True
    prompt_name: str | None = None
    dimensions: int | None = Field(None, ge=1)


class RerankRequest(Lenient):
    """Texts to rank by how well they fit a query."""

    model: ModelName = None
    query: str
    texts: list[str]
    raw_scores: bool = False
    return_text: bool = False


class PredictRequest(Lenient):
    """A text, a pair as a list of two, or a list of lists of one or two texts."""

    model: ModelName = None
    inputs: str | list[str] | list[list[str]]


class TokenizeRequest(Lenient):
    """Texts to cut into what the model reads."""

    model: ModelName = None
    inputs: Several
    add_special_tokens: bool = True


class Rank(Strict):
    """The number of a text, and how well it fits."""

    index: int
    score: float
    text: str | None = None


class Prediction(Strict):
    """A label and its probability."""

    label: str
    score: float


class Token(Strict):
    """A word or a piece, and where it is."""

    id: int | None
    text: str
    special: bool
    start: int | None
    stop: int | None


class Info(Strict):
    """The first model, and the limits of the server."""

    model_id: str
    model_type: dict[str, Any]
    max_client_batch_size: int
    max_batch_tokens: int
    version: str


async def _embed(given: EmbedRequest, call: Call) -> list[Any]:
    served = call.model(given.model, "embed")
    options = {"normalize": given.normalize, "prompt_name": given.prompt_name, "dim": given.dimensions}
    return await call.ask(served, "embed", several(given.inputs), **options)


async def _rerank(given: RerankRequest, call: Call) -> list[dict[str, Any]]:
    served = call.model(given.model, "rerank")
    pairs = [(given.query, text) for text in given.texts]
    scores = await call.ask(served, "rerank", pairs, raw=given.raw_scores)
    ranked = sorted(enumerate(scores), key=lambda one: -one[1])
    texts = {row: {"text": given.texts[row]} for row, _ in ranked} if given.return_text else {}
    return [{"index": row, "score": score, **texts.get(row, {})} for row, score in ranked]


async def _predict(given: PredictRequest, call: Call) -> list[Any]:
    served = call.model(given.model, "classify")
    inputs = given.inputs
    batch = inputs if isinstance(inputs, list) and inputs and isinstance(inputs[0], list) else [inputs]
    rows: list[Any] = []
    for one in batch:
        texts = [one] if isinstance(one, str) else one
        if len(texts) not in (1, 2):
            raise Refusal(400, f"inputs: a text or a pair is expected, not {len(texts)} texts")
        rows.append(texts[0] if len(texts) == 1 else tuple(texts))
    answers = await call.ask(served, "classify", rows)
    found = [
        [{"label": label, "score": score} for label, score in answer["probabilities"].items()]
        if "probabilities" in answer
        else [{"label": "value", "score": answer["value"]}]
        for answer in answers
    ]
    return found if batch is inputs else found[0]


async def _tokenize(given: TokenizeRequest, call: Call) -> list[list[dict[str, Any]]]:
    served = call.model(given.model, "tokenize")
    found = await call.ask(served, "tokenize", several(given.inputs))
    return [
        [
            {
                "id": one["id"],
                "text": one["text"],
                "special": one["special"],
                "start": None if one["special"] else one["start"],
                "stop": None if one["special"] else one["end"],
            }
            for one in text
            if given.add_special_tokens or not one["special"]
        ]
        for text in found
    ]


async def _info(given: None, call: Call) -> dict[str, Any]:
    if not call.models.served:
        raise Refusal(503, "the models are being loaded", {"Retry-After": "1"})
    first = next(iter(call.models.served.values()))
    return {
        "model_id": first.name,
        "model_type": {operation: {} for operation in sorted(first.operations)},
        "max_client_batch_size": call.settings.max_texts,
        "max_batch_tokens": call.settings.batch_tokens,
        "version": __version__,
    }


ROUTES = (
    Route("/embed", "Vectors of texts.", _embed, list[list[float]], EmbedRequest, error),
    Route("/rerank", "Texts ranked by a query.", _rerank, list[Rank], RerankRequest, error),
    Route(
        "/predict",
        "Labels of texts or pairs, with probabilities.",
        _predict,
        list[Prediction] | list[list[Prediction]],
        PredictRequest,
        error,
    ),
    Route(
        "/tokenize", "What the model reads of texts.", _tokenize, list[list[Token]], TokenizeRequest, error
    ),
    Route("/info", "The first model, and limits.", _info, Info, errors=error, method="GET"),
)
