"""What a request looks like, who answers it, and what the answer looks like."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..call import Call

Method = Literal["GET", "POST"]
Errors = Callable[[int, str], dict[str, Any]]


def own_error(status: int, message: str) -> dict[str, Any]:
    """The body of a response that refuses."""
    return {"error": message}


@dataclass(frozen=True)
class Route:
    """A request.

    Attributes:
        path: Its path.
        summary: What it gives, in one sentence.
        handler: Answers it, given the body and the call; what it returns becomes JSON.
        answers: The type of the answer.
        takes: The body; None: there is none.
        errors: From a status and a message to the body of a refusal.
        method: Of HTTP.
        is_open: Whether no key is needed.
        media: The type of the content, if it is not JSON; the handler then returns bytes.
    """

    path: str
    summary: str
    handler: Callable[[Any, Call], Awaitable[Any]]
    answers: Any
    takes: type[BaseModel] | None = None
    errors: Errors = own_error
    method: Method = "POST"
    is_open: bool = False
    media: str = "application/json"


class Strict(BaseModel):
    """A body in which every key has to be known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Lenient(BaseModel):
    """A body of clients that also send keys which mean nothing here."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, protected_namespaces=())


ModelName = Annotated[str | None, Field(description="A served model; left out, the first that can do it.")]
Pair = tuple[str, str]
Several = Annotated[str | list[str], Field(description="One text, or several.")]


def several(texts: str | list[str]) -> list[str]:
    """Texts as a list."""
    return [texts] if isinstance(texts, str) else texts
