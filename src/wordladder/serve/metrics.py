"""What Prometheus is told."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SEVERAL_PROCESSES = (
    "PROMETHEUS_MULTIPROC_DIR"  # the variable that prometheus_client reads when it is imported
)


class Metrics:
    """Counters of one server; of several processes, their sum is told."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("wordladder_requests", "Requests", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "wordladder_request_seconds", "Seconds to answer", ["path"], registry=registry, buckets=_SECONDS
        )
        self.running = Gauge(
            "wordladder_requests_running", "Requests that are being answered", registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.rows = Counter("wordladder_rows", "Texts computed", ["model"], registry=registry)
        self.tokens = Counter("wordladder_tokens", "Tokens computed, estimated", ["model"], registry=registry)
        self.batch_rows = Histogram(
            "wordladder_batch_rows", "Texts in a batch", ["model"], registry=registry, buckets=_ROWS
        )
        self.batch_seconds = Histogram(
            "wordladder_batch_seconds", "Seconds of a batch", ["model"], registry=registry, buckets=_SECONDS
        )
        self.waiting = Gauge(
            "wordladder_waiting_tokens", "Tokens that wait, estimated", ["model"], registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.reloads = Counter(
            "wordladder_model_reloads",
            "Times that a changed model was loaded again",
            ["model"],
            registry=registry,
        )

    def batch(self, model: str, rows: int, tokens: int, seconds: float) -> None:
        """Count a batch."""
        self.rows.labels(model).inc(rows)
        self.tokens.labels(model).inc(tokens)
        self.batch_rows.labels(model).observe(rows)
        self.batch_seconds.labels(model).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' format."""
        registry = self.registry
        if SEVERAL_PROCESSES in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)
