"""The requests that are answered, one module a family of clients."""

from .route import Route

__all__ = ["ROUTES", "Route"]

from . import bert_as_service, cohere, openai, own, tei

ROUTES: tuple[Route, ...] = (
    *own.ROUTES,
    *tei.ROUTES,
    *openai.ROUTES,
    *cohere.ROUTES,
    *bert_as_service.ROUTES,
)
