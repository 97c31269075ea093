"""Our own requests: every task, and what the server itself is asked."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field
from starlette.responses import StreamingResponse

from ... import __version__
from ..call import Call
from ..refusal import Refusal
from .route import ModelName, Pair, Route, Several, Strict, several

Top = Annotated[int, Field(ge=1, le=100, description="Alternatives of each answer.")]


class Texts(Strict):
    """Texts, or pairs of texts for a model of pairs."""

    model: ModelName = None
    texts: str | list[str] | list[Pair]
    top: Top = 1


class Question(Strict):
    """A question, and the passage that may answer it."""

    question: str
    passage: str


class Questions(Strict):
    """Questions with their passages."""

    model: ModelName = None
    questions: list[Question]
    top: Top = 1


class Pairs(Strict):
    """Pairs of texts that are compared."""

    model: ModelName = None
    pairs: list[Pair]


class Words(Strict):
    """Words whose neighbours are asked for."""

    model: ModelName = None
    words: Several
    top: Top = 10


class Query(Strict):
    """What is searched in an index."""

    model: ModelName = None
    queries: Several
    k: int = Field(10, ge=1, le=1000, description="Most hits of each query.")
    by: Literal["hybrid", "vectors", "words"] | None = None
    where: dict[str, Any] | None = Field(None, description="Conditions on fields of the documents.")
    depth: int = Field(100, ge=1, le=1000, description="Passages that are fused or ranked again.")
    rerank: str | None = Field(None, description="A served model that ranks the passages again.")
    reader: str | None = Field(None, description="A served model that answers from the passages.")


class Prompt(Strict):
    """How a language model goes on."""

    model: ModelName = None
    prompt: str = ""
    length: int = Field(100, ge=1, le=2000, description="Most words after the prompt.")
    count: int = Field(1, ge=1, le=20)
    temperature: float = Field(1.0, gt=0, le=100)
    top_k: int = Field(0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int = Field(1, ge=0, lt=2**63)
    stream: bool = Field(False, description="Whether words come one by one, as server-sent events.")


class Answers(Strict):
    """One answer a text: what `wordladder predict --json` prints."""

    model: str
    answers: list[dict[str, Any]]


class Values(Strict):
    """One number a pair."""

    model: str
    values: list[float]


class Neighbor(Strict):
    """A word and its cosine."""

    word: str
    cosine: float


class Neighbors(Strict):
    """The words nearest to each word."""

    model: str
    neighbors: list[list[Neighbor]]


class Found(Strict):
    """The hits of each query."""

    model: str
    results: list[dict[str, Any]]


class Written(Strict):
    """The texts that a language model wrote."""

    model: str
    texts: list[str]


class State(Strict):
    """How the server is."""

    status: Literal["ok", "loading"]
    version: str
    models: list[str]


def _answering(operation: str) -> Any:
    async def answer(given: Texts, call: Call) -> dict[str, Any]:
        served = call.model(given.model, operation)
        rows = [given.texts] if isinstance(given.texts, str) else given.texts
        return {"model": served.name, "answers": await call.ask(served, operation, list(rows), top=given.top)}

    return answer


async def _answer(given: Questions, call: Call) -> dict[str, Any]:
    served = call.model(given.model, "answer")
    rows = [(one.question, one.passage) for one in given.questions]
    return {"model": served.name, "answers": await call.ask(served, "answer", rows, top=given.top)}


async def _similarity(given: Pairs, call: Call) -> dict[str, Any]:
    served = call.model(given.model, "similarity")
    return {"model": served.name, "values": await call.ask(served, "similarity", given.pairs)}


async def _neighbors(given: Words, call: Call) -> dict[str, Any]:
    served = call.model(given.model, "neighbors")
    found = await call.ask(served, "neighbors", several(given.words), top=given.top)
    return {"model": served.name, "neighbors": found}


async def _search(given: Query, call: Call) -> dict[str, Any]:
    served = call.model(given.model, "search")
    options: dict[str, Any] = {"k": given.k, "by": given.by, "where": given.where, "depth": given.depth}
    if given.rerank is not None:
        options["rerank"] = call.model(given.rerank, "rerank")
    if given.reader is not None:
        options["reader"] = call.model(given.reader, "answer")
    return {
        "model": served.name,
        "results": await call.ask(served, "search", several(given.queries), **options),
    }


async def _generate(given: Prompt, call: Call) -> Any:
    served, how = call.model(given.model, "generate"), given.model_dump(exclude={"model", "prompt", "stream"})
    if not given.stream:
        (texts,) = await call.ask(served, "generate", [given.prompt], **how)
        return {"model": served.name, "texts": texts}
    if given.count != 1:
        raise Refusal(400, "count: only one text can be streamed")

    async def events() -> AsyncIterator[bytes]:
        sent = ""
        try:
            async for text, whole in call.follow(served, "generate", given.prompt, **how):
                kept = text.startswith(sent)
                event = {"more": text[len(sent) :]} if kept else {"instead": text}
                sent = text
                yield b"data: " + orjson.dumps(event | ({"end": True} if whole else {})) + b"\n\n"
        except Refusal as refusal:
            yield b"data: " + orjson.dumps({"error": refusal.message}) + b"\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _state(call: Call) -> dict[str, Any]:
    status = "ok" if call.models.ready else "loading"
    return {"status": status, "version": __version__, "models": list(call.models.served)}


async def _health(given: None, call: Call) -> dict[str, Any]:
    return _state(call)


async def _ready(given: None, call: Call) -> dict[str, Any]:
    if not call.models.ready:
        raise Refusal(503, "the models are being loaded", {"Retry-After": "1"})
    return _state(call)


ROUTES = (
    Route("/classify", "Labels of texts or of pairs, or a number.", _answering("classify"), Answers, Texts),
    Route("/tag", "Entities or tags in texts.", _answering("tag"), Answers, Texts),
    Route("/answer", "Answers in passages.", _answer, Answers, Questions),
    Route("/translate", "Translations.", _answering("translate"), Answers, Texts),
    Route("/similarity", "How alike two texts are.", _similarity, Values, Pairs),
    Route("/neighbors", "Words near a word.", _neighbors, Neighbors, Words),
    Route("/search", "Passages of an index, and answers in them.", _search, Found, Query),
    Route("/generate", "Texts that a language model writes.", _generate, Written, Prompt),
    Route("/health", "Whether the server is there.", _health, State, method="GET", is_open=True),
    Route("/ready", "Whether all models are loaded.", _ready, State, method="GET", is_open=True),
)
