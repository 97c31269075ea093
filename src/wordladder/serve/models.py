"""The models that are served, by name, each with its queue. One whose folder changes is loaded again."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import SettingError, did_you_mean
from ..model.loading import load
from ..search.index import Index
from ..search.store import SETTINGS_FILE
from ..word_vectors import WordVectors
from .batcher import Batcher
from .metrics import Metrics
from .operations import OPERATIONS, operations_of, task_of
from .refusal import Refusal
from .settings import ServerSettings

log = logging.getLogger("wordladder.serve")
_NAMED = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
_PROBE = "A text to begin with."
_SHOWN_LABELS = 100
_OF_VECTORS = ("embed", "similarity", "tokenize")

Stamp = frozenset[tuple[str, int, int, int]]


class Served:
    """A model, what it can do, and the queue of what it is asked.

    Args:
        name: Its name.
        source: Where it was loaded from.
        model: A `Model`, `WordVectors` or an `Index`.
        settings: Those of the server.
        metrics: Where its batches are counted.
    """

    def __init__(
        self, name: str, source: str, model: Any, settings: ServerSettings, metrics: Metrics
    ) -> None:
        self.name, self.source, self.model = name, source, model
        self.task, self.operations = task_of(model), operations_of(model)
        self.since, self._lock = int(time.time()), threading.Lock()
        self._warm()
        self.batcher = Batcher(
            f"model {name}", settings.batch_tokens, settings.queue_tokens, partial(metrics.batch, name)
        )

    def _warm(self) -> None:
        """Compute everything once, so that nobody waits for what is loaded or compiled then."""
        rows = [
            (_PROBE, _PROBE)
            if getattr(self.model, "task_", None) and self.model.task_.segments > 1
            else _PROBE
        ]
        for operation in self.operations.keys() - {"embed", "tokenize", "neighbors"}:
            options = {"length": 1} if operation == "generate" else {}
            pairs = [(_PROBE, _PROBE)] if operation in ("similarity", "rerank") else rows
            self.compute(operation, options, pairs)

    def submit(
        self, operation: str, options: dict[str, Any], rows: list[Any], sizes: list[int], deadline: float
    ) -> "Future[list[Any]]":
        """The results of an operation on some rows, one a row; see `Batcher.submit`."""
        what = (operation, repr(sorted(options.items())))
        return self.batcher.submit(what, partial(self.compute, operation, options), rows, sizes, deadline)

    def compute(self, operation: str, options: dict[str, Any], rows: list[Any]) -> list[Any]:
        """Compute an operation now. Options may be other served models."""
        others = [one for one in options.values() if isinstance(one, Served)]
        given = {key: one.model if isinstance(one, Served) else one for key, one in options.items()}
        with ExitStack() as stack:
            for one in (self, *others):
                stack.enter_context(one._lock)
            return OPERATIONS[operation](self.model, rows, **given)

    @property
    def dim(self) -> int:
        """How many numbers its vectors have."""
        return self.operations.get("embed", 0)

    def facts(self) -> dict[str, Any]:
        """What clients are told of it."""
        labels = list(getattr(getattr(self.model, "task_", None), "labels", ()) or ()) if self.task else []
        kind = {Index: "index", WordVectors: "word vectors"}.get(type(self.model))
        kind = kind or ("model" if self.task else "encoder")
        return {
            "id": self.name,
            "object": "model",
            "created": self.since,
            "owned_by": "wordladder",
            "kind": kind,
            "rung": self.model.recipe_.name if kind == "model" else kind,
            "task": self.task or None,
            "operations": sorted(self.operations),
            "dim": self.dim or None,
            "pairs": kind == "model" and self.model.task_.segments > 1,
            "labels": labels[:_SHOWN_LABELS],
            "fields": sorted(self.model.fields()) if isinstance(self.model, Index) else [],
        }

    def close(self) -> None:
        """Compute what is waiting, and let go of the model."""
        self.batcher.close()
        if isinstance(self.model, Index):
            self.model.close()


class Models:
    """All served models.

    Args:
        sources: Paths, hub names or addresses of indexes, perhaps with a name before: `name=path`.
        settings: Those of the server.
        metrics: Where batches are counted.

    Raises:
        SettingError: two have the same name.
    """

    def __init__(self, sources: Sequence[str], settings: ServerSettings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.sources: dict[str, str] = {}
        for source in sources:
            name, path = named(source)
            if name in self.sources:
                raise SettingError(f"two models are called {name!r}; name one of them: OTHER={path}")
            self.sources[name] = path
        self.served: dict[str, Served] = {}
        self._stamps: dict[str, Stamp] = {}

    @property
    def ready(self) -> bool:
        """Whether all are loaded."""
        return len(self.served) == len(self.sources)

    def load(self, told: Callable[[Served, float], None] = lambda served, seconds: None) -> None:
        """Load all models; `told` is called with each and the seconds it took."""
        for name, source in self.sources.items():
            started = time.perf_counter()
            self._stamps[name] = stamp(source)
            self.served[name] = self._load(name)
            told(self.served[name], time.perf_counter() - started)

    def _load(self, name: str) -> Served:
        source, threads = self.sources[name], self.settings.own_threads
        is_index = "://" in source or (Path(source) / SETTINGS_FILE).is_file()
        model = Index.open(source, threads=threads) if is_index else load(source, threads=threads)
        return Served(name, source, model, self.settings, self.metrics)

    def get(self, name: str | None, operation: str) -> Served:
        """The model of a name, or the first that can do something.

        Raises:
            Refusal: there is none, or it cannot.
        """
        able = [one.name for one in self.served.values() if operation in one.operations]
        if operation in _OF_VECTORS:  # those come first that are for nothing else
            able.sort(key=lambda one: self.served[one].task not in ("", "similarity"))
        if not name:
            if not able:
                raise Refusal(404, f"no model here can {operation}")
            return self.served[able[0]]
        if name not in self.served:
            raise Refusal(404, f"there is no model {name!r}.{did_you_mean(name, self.served)}")
        if name not in able:
            others = f"; these can: {', '.join(able)}" if able else ", and none here can"
            raise Refusal(400, f"the model {name!r} cannot {operation}{others}")
        return self.served[name]

    async def watch(self) -> None:
        """Load models again whose folders have changed, for ever. A folder that is still changing is left
        until the next look; one that cannot be loaded leaves the old model in place.
        """
        seen = dict(self._stamps)
        while True:
            await asyncio.sleep(self.settings.reload)
            for name, source in self.sources.items():
                now = await asyncio.to_thread(stamp, source)
                settled, seen[name] = now == seen[name], now
                if settled and now and now != self._stamps[name]:
                    self._stamps[name] = now
                    await asyncio.to_thread(self._reload, name)

    def _reload(self, name: str) -> None:
        try:
            fresh = self._load(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are still to be looked after
            log.error("the model stays as it was", extra={"model": name, "error": f"{error!r}"})
            return
        old, self.served[name] = self.served[name], fresh
        self.metrics.reloads.labels(name).inc()
        log.info("loaded again", extra={"model": name})
        old.close()

    def close(self) -> None:
        """End all queues, when what is waiting there is computed."""
        for served in self.served.values():
            served.close()


def named(source: str) -> tuple[str, str]:
    """The name and the place of `name=place`, or of a place alone, which is called by its last part."""
    if (found := _NAMED.fullmatch(source)) is not None:
        return found[1], found[2]
    if "://" in source:
        return source.rpartition("=")[2].rpartition("/")[2], source
    return (Path(source).resolve().name if Path(source).exists() else source), source


def stamp(source: str) -> Stamp:
    """What changes when a model is written anew; empty for what is not a folder or file, or is an index."""
    path = Path(source)
    if "://" in source or not path.exists() or (path / SETTINGS_FILE).is_file():
        return frozenset()
    found = set()
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        try:
            facts = file.stat()
        except OSError:  # it was replaced just now
            continue
        found.add((str(file), facts.st_ino, facts.st_mtime_ns, facts.st_size))
    return frozenset(found)
