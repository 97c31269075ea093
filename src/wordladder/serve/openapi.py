"""The document that describes all requests, made from the table that answers them."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from .. import __version__
from .routes.route import Route

_WHERE = "#/components/schemas/{model}"
_REFUSALS = {
    400: "The request is wrong.",
    401: "A key is missing or not known.",
    404: "There is no such model.",
    408: "The body did not come in time.",
    413: "A text, the number of texts or the body is too large.",
    429: "Too much is waiting, or too many requests came; Retry-After says when to try again.",
    503: "The models are being loaded, or the server is ending.",
    504: "There was no answer in time.",
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of some routes."""
    adapters = [(route.path, "serialization", TypeAdapter(route.answers)) for route in routes]
    adapters += [(route.path, "validation", TypeAdapter(route.takes)) for route in routes if route.takes]
    found, schemas = TypeAdapter.json_schemas(adapters, ref_template=_WHERE)  # type: ignore[arg-type]
    paths: dict[str, Any] = {}
    for route in routes:
        operation: dict[str, Any] = {
            "summary": route.summary,
            "operationId": f"{route.method.lower()}{route.path.replace('/', '_').replace('.', '_')}",
            "responses": {
                "200": {
                    "description": route.summary,
                    "content": {route.media: {"schema": found[route.path, "serialization"]}},
                }
            },
        }
        if route.takes:
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": found[route.path, "validation"]}},
            }
            operation["responses"] |= {str(status): {"description": why} for status, why in _REFUSALS.items()}
        if not route.is_open:
            operation["security"] = [{"key": []}]
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "wordladder", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
