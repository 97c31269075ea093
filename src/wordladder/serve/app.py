"""The application: one wrapper around all requests admits, reads, answers, counts and logs them."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Answering

from .admission import Admission
from .call import Call
from .metrics import CONTENT_TYPE, Metrics
from .models import Models
from .openapi import document
from .refusal import Refusal
from .routes import ROUTES, Route
from .routes.route import own_error
from .settings import ServerSettings

log = logging.getLogger("wordladder.serve")
_ID = re.compile(r"[\w.-]{1,64}")
_CLOSED_BY_CLIENT = 499  # as nginx calls it
_JSON = "application/json"
_PAGE = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Server:
    """Answers requests.

    Args:
        models: The models.
        settings: How they are served.
        metrics: What Prometheus is told.
    """

    def __init__(self, models: Models, settings: ServerSettings, metrics: Metrics) -> None:
        self.models, self.settings, self.metrics = models, settings, metrics
        self._admission = Admission(settings.read_keys(), settings.rate / settings.workers)
        self.routes = (
            *ROUTES,
            Route(
                "/metrics", "Counters for Prometheus.", self._metrics, str, method="GET", media=CONTENT_TYPE
            ),
            Route(
                "/openapi.json", "This document.", self._document, dict[str, Any], method="GET", is_open=True
            ),
            *(
                Route(path, "The page.", partial(_page, name), str, method="GET", is_open=True, media=media)
                for path, (name, media) in _PAGE.items()
            ),
        )
        self._openapi = orjson.dumps(document(self.routes))

    def application(self, lifespan: Lifespan | None = None) -> Starlette:
        """The application for a server of ASGI."""
        return Starlette(
            routes=[
                Answering(route.path, partial(self._respond, route), methods=[route.method])
                for route in self.routes
            ],
            exception_handlers={HTTPException: self._unknown},
            lifespan=lifespan,
        )

    async def _respond(self, route: Route, request: Request) -> Response:
        """Answer a request, or say why not; count it and log it."""
        started, call = time.perf_counter(), Call(self.models, self.settings)
        given = request.headers.get("x-request-id", "")
        facts: dict[str, Any] = {"id": given if _ID.fullmatch(given) else uuid4().hex, "path": route.path}
        self.metrics.running.inc()
        try:
            response = await self._answered(route, request, call, facts)
        except Refusal as refusal:
            body = orjson.dumps(route.errors(refusal.status, refusal.message))
            response = Response(body, refusal.status, refusal.headers, _JSON)
            facts["why"] = (
                refusal.message if refusal.status != 400 or self.settings.log_texts else "bad request"
            )
        except ClientDisconnect:
            response = Response(status_code=_CLOSED_BY_CLIENT)
        except Exception:
            log.exception("a fault in wordladder", extra=facts)
            body = orjson.dumps(route.errors(500, f"a fault of the server, in its log under {facts['id']}"))
            response = Response(body, 500, media_type=_JSON)
        finally:
            self.metrics.running.dec()
        seconds = time.perf_counter() - started
        response.headers["X-Request-Id"] = facts["id"]
        self.metrics.requests.labels(route.path, str(response.status_code)).inc()
        self.metrics.seconds.labels(route.path).observe(seconds)
        if route.method == "POST" or response.status_code >= 400:
            facts |= call.facts | {"status": response.status_code, "ms": round(1000 * seconds, 1)}
            log.info("request", extra=facts)
        return response

    async def _answered(self, route: Route, request: Request, call: Call, facts: dict[str, Any]) -> Response:
        if not route.is_open:
            address = request.client.host if request.client else ""
            facts["client"] = self._admission.admit(request.headers, address)
        body = None
        if route.takes is not None:
            try:
                body = route.takes.model_validate_json(await self._body(request))
            except ValidationError as error:
                raise Refusal(400, _explained(error)) from None
        answer = await route.handler(body, call)
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, bytes):
            return Response(answer, headers=_SAFE if route.path in _PAGE else None, media_type=route.media)
        return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type=_JSON)

    async def _body(self, request: Request) -> bytes:
        """The body of a request.

        Raises:
            Refusal: it is too large, or does not come in time.
        """
        most, parts, size = int(self.settings.max_body_mb * 1e6), list[bytes](), 0
        try:
            async with asyncio.timeout(self.settings.timeout):
                async for part in request.stream():
                    size += len(part)
                    if size > most:
                        text = f"the body is larger than {self.settings.max_body_mb:g} MB"
                        raise Refusal(413, text, {"Connection": "close"})
                    parts.append(part)
        except TimeoutError:
            raise Refusal(
                408, f"the body did not come within {self.settings.timeout:g} s", {"Connection": "close"}
            ) from None
        return b"".join(parts)

    async def _unknown(self, request: Request, error: Exception) -> Response:
        """The answer to a path or a method that there is not."""
        assert isinstance(error, HTTPException)
        self.metrics.requests.labels("other", str(error.status_code)).inc()
        text = {404: "there is nothing at this path", 405: "this path takes another method"}
        body = own_error(error.status_code, text.get(error.status_code, error.detail))
        return Response(orjson.dumps(body), error.status_code, error.headers, _JSON)

    async def _metrics(self, given: None, call: Call) -> bytes:
        for served in self.models.served.values():
            self.metrics.waiting.labels(served.name).set(served.batcher.waiting)
        return await asyncio.to_thread(self.metrics.text)

    async def _document(self, given: None, call: Call) -> bytes:
        return self._openapi


async def _page(name: str, given: None, call: Call) -> bytes:
    return (Path(__file__).parent / name).read_bytes()


def _explained(error: ValidationError) -> str:
    """What is wrong with a body: the key and the reason of the first mistakes."""
    found = []
    for one in error.errors(include_url=False, include_input=False, include_context=False)[:3]:
        place = ".".join(map(str, one["loc"]))
        found.append(f"{place}: {one['msg']}" if place else one["msg"])
    return "; ".join(found)


@asynccontextmanager
async def watching(models: Models) -> AsyncIterator[None]:
    """Look after changed models inside the block."""
    if not models.settings.reload:
        yield
        return
    watch = asyncio.ensure_future(models.watch())
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
