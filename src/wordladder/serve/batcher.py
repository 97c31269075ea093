"""Rows of many requests, computed together: a model has one queue and one thread.

Whenever the thread is free it takes from the queue the rows of the first request and, as far as a budget of
tokens goes, those of others that want the same of the model. What is left of a request goes to the end of the
queue, so that a large one does not hold up the small ones behind it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Compute = Callable[[list[Any]], Sequence[Any]]
_FADING = 0.8  # of the measured speed at each batch
_LONGEST_WAIT = 60.0  # seconds that a client is told to wait, at most


class QueueFull(Exception):
    """Too much is waiting.

    Args:
        seconds: After which there should be room.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many requests are waiting; try again in {seconds:.0f} s")
        self.seconds = seconds


class QueueClosed(Exception):
    """The queue takes nothing any more."""


class Late(Exception):
    """A request's time was over before it was computed."""


@dataclass(eq=False)
class _Work:
    """A request's rows.

    Attributes:
        what: What is computed; rows of the same are computed together.
        compute: Computes it.
        rows, sizes: The rows, and about how many tokens each has.
        deadline: When it is too late, by `time.monotonic`.
        taken: How many rows a batch has taken.
        results: Those of the rows that are done.
    """

    what: Hashable
    compute: Compute
    rows: list[Any]
    sizes: list[int]
    deadline: float
    future: "Future[list[Any]]" = field(default_factory=Future)
    taken: int = 0
    results: list[Any] = field(default_factory=list)


class _Part(NamedTuple):
    """Some rows of a request."""

    work: _Work
    first: int
    end: int

    @property
    def rows(self) -> list[Any]:
        return self.work.rows[self.first : self.end]


class Batcher:
    """A queue and a thread.

    Args:
        name: The thread's.
        batch_tokens: About how many tokens are computed together.
        queue_tokens: How many may wait.
        measured: Called with the rows, the tokens and the seconds of each batch.
    """

    def __init__(
        self,
        name: str,
        batch_tokens: int,
        queue_tokens: int,
        measured: Callable[[int, int, float], None] = lambda rows, tokens, seconds: None,
    ) -> None:
        self._batch_tokens, self._queue_tokens, self._measured = batch_tokens, queue_tokens, measured
        self._queue, self._changed, self._closed = deque[_Work](), threading.Condition(), False
        self.waiting = 0  # tokens
        self._speed = 0.0  # tokens a second, from the batches so far
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, what: Hashable, compute: Compute, rows: list[Any], sizes: list[int], deadline: float
    ) -> "Future[list[Any]]":
        """The results of some rows, once they are computed; cancelling takes them out of the queue.

        Raises:
            QueueFull: so much is waiting that there is no room for them.
            QueueClosed: the queue takes nothing any more.
        """
        work, tokens = _Work(what, compute, rows, sizes, deadline), sum(sizes)
        with self._changed:
            if self._closed:
                raise QueueClosed
            if self.waiting and self.waiting + tokens > self._queue_tokens:
                wait = self.waiting / self._speed if self._speed else 1.0
                raise QueueFull(min(max(wait, 1.0), _LONGEST_WAIT))
            if not rows:
                work.future.set_result([])
                return work.future
            self.waiting += tokens
            self._queue.append(work)
            self._changed.notify()
        return work.future

    def close(self) -> None:
        """Compute what is waiting, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return
                parts = self._take()
            if parts:
                self._compute(parts)

    def _take(self) -> list[_Part]:
        """The rows of the next batch."""
        room, parts = self._batch_tokens, list[_Part]()
        others, begun = deque[_Work](), list[_Work]()
        while self._queue and room > 0:
            work = self._queue.popleft()
            late = time.monotonic() > work.deadline
            if late or work.future.done():
                self.waiting -= sum(work.sizes[work.taken :])
                if late:
                    _fail(work, Late())
                continue
            if parts and work.what != parts[0].work.what:
                others.append(work)
                continue
            first = work.taken
            while work.taken < len(work.rows) and (room >= work.sizes[work.taken] or not parts):
                room -= work.sizes[work.taken]
                work.taken += 1
                if room <= 0:
                    break
            if work.taken > first:
                parts.append(_Part(work, first, work.taken))
            if work.taken < len(work.rows):
                (others if work.taken == first else begun).append(work)
                break
        self._queue.extendleft(reversed(others))
        self._queue.extend(begun)
        return parts

    def _compute(self, parts: list[_Part]) -> None:
        started = time.perf_counter()
        rows = [row for part in parts for row in part.rows]
        try:
            results = parts[0].work.compute(rows)
            assert len(results) == len(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the requests
            if len(parts) > 1:  # only those whose rows are at fault are to fail
                for part in parts:
                    self._compute([part])
                return
            self._done(parts)
            _fail(parts[0].work, error)
            return
        tokens, seconds = self._done(parts), time.perf_counter() - started
        speed = tokens / max(seconds, 1e-6)
        self._speed = _FADING * self._speed + (1 - _FADING) * speed if self._speed else speed
        self._measured(len(rows), tokens, seconds)
        at = 0
        for part in parts:
            work, count = part.work, part.end - part.first
            work.results += results[at : at + count]
            at += count
            if len(work.results) == len(work.rows):
                with suppress(Exception):  # it was given up just now
                    work.future.set_result(work.results)

    def _done(self, parts: list[_Part]) -> int:
        tokens = sum(sum(part.work.sizes[part.first : part.end]) for part in parts)
        with self._changed:
            self.waiting -= tokens
        return tokens


def _fail(work: _Work, error: Exception) -> None:
    with suppress(Exception):  # it was given up before
        work.future.set_exception(error)


def estimated_tokens(row: Any) -> int:
    """About how many tokens a text has, or several together: one for every four bytes."""
    if isinstance(row, str):
        return 1 + len(row.encode("utf-8", "surrogatepass")) // 4
    return sum(map(estimated_tokens, row)) if isinstance(row, list | tuple) else 1
