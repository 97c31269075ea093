"""How models are served. The sentences are also the help of `wordladder serve`."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import SettingError, check_at_least
from ..kernels.cores import cores

KEYS_VARIABLE = "WORDLADDER_API_KEYS"


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How models are served.

    Args:
        host: Address to listen on; 0.0.0.0 listens on every network.
        port: Port to listen on; 0 takes a free one.
        workers: Processes that serve; each has all models. Memory-mapped weights are shared.
        threads: Threads that each process computes with; left out, its share of the cores.
        keys: File of API keys, one a line, `name:key` or the key alone. Left out, those of the environment
            variable WORDLADDER_API_KEYS, between commas. Without keys everybody is served.
        rate: Requests a minute of each key, or of each address where there are no keys; 0: any number.
        timeout: Seconds after which a request is given up.
        drain: Seconds that accepted requests have to end when the server is stopped.
        batch_tokens: About how many tokens are computed together; requests share batches.
        queue_tokens: About how many tokens may wait for each model before requests are refused.
        max_body_mb: Largest body of a request, in MB of 10⁶ bytes.
        max_texts: Most texts of a request.
        max_characters: Longest text.
        reload: Seconds between looks at whether a model's folder has changed; 0: never look.
        log_texts: Write texts into the log too.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    threads: int | None = None
    keys: Path | None = None
    rate: float = 0.0
    timeout: float = 30.0
    drain: float = 30.0
    batch_tokens: int = 4096
    queue_tokens: int = 200_000
    max_body_mb: float = 4.0
    max_texts: int = 2048
    max_characters: int = 100_000
    reload: float = 2.0
    log_texts: bool = False

    def __post_init__(self) -> None:
        counts = ("workers", "threads", "batch_tokens", "queue_tokens", "max_texts", "max_characters")
        check_at_least(1, **{name: getattr(self, name) for name in counts})
        check_at_least(0, rate=self.rate, reload=self.reload, drain=self.drain)
        if self.timeout <= 0 or self.max_body_mb <= 0:
            raise SettingError("timeout and max_body_mb must be above 0")
        if not 0 <= self.port <= 65535:
            raise SettingError(f"port is {self.port}; it must be from 0 to 65535")

    @property
    def own_threads(self) -> int:
        """The threads that a process computes with."""
        return self.threads or max(1, cores() // self.workers)

    def read_keys(self) -> dict[str, str]:
        """The keys, and the name of each.

        Raises:
            SettingError: the file has none, or one stands there twice.
        """
        if self.keys is None:
            lines, place = os.environ.get(KEYS_VARIABLE, "").split(","), KEYS_VARIABLE
        else:
            lines, place = self.keys.read_text(encoding="utf-8").splitlines(), str(self.keys)
        found: dict[str, str] = {}
        for line in map(str.strip, lines):
            if not line or line.startswith("#"):
                continue
            name, colon, key = line.partition(":")
            name, key = (name.strip(), key.strip()) if colon else (f"key {len(found) + 1}", line)
            if not key or key in found:
                raise SettingError(f"{place}: the key of {name!r} is {'there twice' if key else 'empty'}")
            found[key] = name
        if self.keys is not None and not found:
            raise SettingError(f"{place}: there are no keys in this file")
        return found
