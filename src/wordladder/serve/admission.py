"""Who may ask, and how often."""

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Mapping

from .refusal import Refusal

_BURST_SECONDS = 10.0  # of unused requests that may be saved up
_REMEMBERED = 10_000  # clients
_SCHEME = "bearer "


class Admission:
    """Checks keys and counts requests.

    Args:
        keys: The name of each key; none: everybody may ask.
        rate: Requests a minute of each key, or of each address; 0: any number.
    """

    def __init__(self, keys: Mapping[str, str], rate: float) -> None:
        self._names = {_digest(key): name for key, name in keys.items()}
        self._rate, self._most = rate / 60, max(1.0, rate / 60 * _BURST_SECONDS)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests, and since when

    def admit(self, headers: Mapping[str, str], address: str) -> str:
        """The name of the key of a request, or its address.

        Raises:
            Refusal: it has no valid key, or there were too many of them.
        """
        client = self._named(headers) if self._names else address
        if self._rate:
            self._count(client)
        return client

    def _named(self, headers: Mapping[str, str]) -> str:
        given = headers.get("authorization", "")
        key = given[len(_SCHEME) :] if given.lower().startswith(_SCHEME) else headers.get("x-api-key", "")
        digest, found = _digest(key.strip()), None
        for known, name in self._names.items():  # all of them, so that time tells nothing
            if hmac.compare_digest(known, digest):
                found = name
        if found is None:
            what = "this key is not known" if key else "a key is needed: Authorization: Bearer KEY"
            raise Refusal(401, what, {"WWW-Authenticate": "Bearer"})
        return found

    def _count(self, client: str) -> None:
        now = time.monotonic()
        left, since = self._left.pop(client, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        admitted = left >= 1
        self._left[client] = (left - admitted, now)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        if not admitted:
            wait = math.ceil((1 - left) / self._rate)
            raise Refusal(429, f"too many requests; try again in {wait} s", {"Retry-After": str(wait)})


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
