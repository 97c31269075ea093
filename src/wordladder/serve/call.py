"""A request on its way: what it asks the models, within its limits and its time."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from typing import Any

from ..errors import UserError
from .batcher import Late, QueueClosed, QueueFull, estimated_tokens
from .models import Models, Served
from .refusal import Refusal
from .settings import ServerSettings


class Call:
    """One request.

    Args:
        models: The models.
        settings: Those of the server.

    Attributes:
        facts: What the log is told: the model, rows and tokens.
    """

    def __init__(self, models: Models, settings: ServerSettings) -> None:
        self.models, self.settings = models, settings
        self.deadline = time.monotonic() + settings.timeout
        self.facts: dict[str, Any] = {}

    def model(self, name: str | None, operation: str) -> Served:
        """The model of a name, or the first that can do something; see `Models.get`."""
        served = self.models.get(name, operation)
        self.facts.setdefault("model", served.name)
        return served

    async def ask(self, served: Served, operation: str, rows: list[Any], **options: Any) -> list[Any]:
        """The results of an operation, one a row.

        Raises:
            Refusal: the rows are too many, too long or wrong, too much is waiting, or the time is over.
        """
        sizes = self._sizes(rows)
        self.facts |= {"rows": len(rows), "tokens": sum(sizes)}
        if self.settings.log_texts:
            self.facts["texts"] = rows
        future = None
        while future is None:
            try:
                future = served.submit(operation, options, rows, sizes, self.deadline)
            except QueueClosed:  # the model was loaded again just now
                served = self.models.get(served.name, operation)
            except QueueFull as error:
                raise Refusal(429, str(error), {"Retry-After": str(math.ceil(error.seconds))}) from None
        try:
            return await asyncio.wait_for(
                asyncio.wrap_future(future), max(0.0, self.deadline - time.monotonic())
            )
        except (TimeoutError, Late):
            raise Refusal(504, f"no answer within {self.settings.timeout:g} s") from None
        except UserError as error:
            raise Refusal(400, str(error)) from None

    async def follow(
        self, served: Served, operation: str, row: Any, **options: Any
    ) -> AsyncIterator[tuple[str, bool]]:
        """The text that an operation writes as it grows, and at last the whole with True."""
        loop, grown = asyncio.get_running_loop(), asyncio.Queue[str]()

        def told(text: str) -> None:
            loop.call_soon_threadsafe(grown.put_nowait, text)
            if asking.done():
                raise Late

        asking = asyncio.ensure_future(self.ask(served, operation, [row], told=told, **options))
        try:
            while not asking.done() or not grown.empty():
                waiting = asyncio.ensure_future(grown.get())
                await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    yield waiting.result(), False
                waiting.cancel()
            yield (await asking)[0][0], True
        finally:
            asking.cancel()

    def _sizes(self, rows: list[Any]) -> list[int]:
        """About how many tokens each row has.

        Raises:
            Refusal: there are too many rows, or one has a text that is too long.
        """
        settings = self.settings
        if len(rows) > settings.max_texts:
            raise Refusal(413, f"{len(rows):,} texts; at most {settings.max_texts:,} are taken at a time")
        for number, row in enumerate(rows):
            longest = max(map(len, row), default=0) if isinstance(row, tuple | list) else len(row)
            if longest > settings.max_characters:
                most = f"{settings.max_characters:,}"
                raise Refusal(413, f"text {number} has {longest:,} characters; at most {most} are taken")
        return [estimated_tokens(row) for row in rows]
