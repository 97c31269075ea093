"""Why a request gets no answer."""

from collections.abc import Mapping


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: The status of HTTP.
        message: What is wrong, for the client.
        headers: More headers of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})
