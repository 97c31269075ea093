"""The queue of a model: what is computed together, in which order, and what becomes of what cannot be."""

import threading
import time
from concurrent.futures import CancelledError

import pytest

from wordladder.serve.batcher import Batcher, Late, QueueClosed, QueueFull, estimated_tokens

SOON = 60.0


class Held:
    """A computation that waits until it is let go, and remembers its batches."""

    def __init__(self):
        self.free, self.batches = threading.Event(), []

    def __call__(self, rows):
        self.free.wait(10)
        self.batches.append(list(rows))
        if "bad" in rows:
            raise ValueError("a bad row")
        return [row.upper() for row in rows]


@pytest.fixture
def held():
    return Held()


def batcher(**settings):
    return Batcher("test", **{"batch_tokens": 6, "queue_tokens": 40} | settings)


def submitted(queue, held, rows, what="upper", sizes=None, seconds=SOON):
    return queue.submit(what, held, rows, sizes or [1] * len(rows), time.monotonic() + seconds)


def first_one(queue, held):
    """Something that keeps the thread busy."""
    future = submitted(queue, held, ["first"])
    while queue.waiting != 1 or queue._queue:
        time.sleep(0.001)
    return future


def test_requests_share_batches_within_the_budget(held):
    queue = batcher()
    futures = [first_one(queue, held), *(submitted(queue, held, [f"{i}", f"{i}b"]) for i in range(5))]
    held.free.set()
    assert [future.result(5) for future in futures[1:]] == [[f"{i}", f"{i}B"] for i in range(5)]
    queue.close()
    assert held.batches == [["first"], ["0", "0b", "1", "1b", "2", "2b"], ["3", "3b", "4", "4b"]]


def test_other_work_waits_and_a_large_request_does_not_hold_up_small_ones(held):
    queue, other = batcher(batch_tokens=3), Held()
    other.free.set()
    first_one(queue, held)
    large = submitted(queue, held, list("abcdefg"))
    small, different = submitted(queue, held, ["small"]), submitted(queue, other, ["x"], "else")
    held.free.set()
    assert large.result(5) == list("ABCDEFG")
    assert small.result(5) == ["SMALL"]
    assert different.result(5) == ["X"]
    queue.close()
    assert held.batches[1] == ["a", "b", "c"]
    place = [i for i, batch in enumerate(held.batches) if "small" in batch]
    assert place == [2], held.batches
    assert other.batches == [["x"]]


def test_a_row_larger_than_the_budget_is_computed_alone(held):
    queue = batcher()
    held.free.set()
    assert submitted(queue, held, ["long", "x"], sizes=[30, 1]).result(5) == ["LONG", "X"]
    queue.close()
    assert held.batches == [["long"], ["x"]]


def test_only_the_request_at_fault_fails(held):
    queue = batcher()
    futures = [first_one(queue, held), submitted(queue, held, ["a"]), submitted(queue, held, ["bad", "b"])]
    futures.append(submitted(queue, held, ["c"]))
    held.free.set()
    assert futures[1].result(5) == ["A"]
    assert futures[3].result(5) == ["C"]
    with pytest.raises(ValueError, match="a bad row"):
        futures[2].result(5)
    queue.close()
    assert queue.waiting == 0


def test_too_much_is_refused_with_a_time_to_wait(held):
    queue = batcher()
    first_one(queue, held)
    submitted(queue, held, ["x"], sizes=[39])
    with pytest.raises(QueueFull) as refused:
        submitted(queue, held, ["y"], sizes=[1])
    assert 1 <= refused.value.seconds <= 60
    held.free.set()
    queue.close()
    assert queue.waiting == 0


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(held):
    queue = batcher()
    held.free.set()
    assert submitted(queue, held, ["x"], sizes=[1000]).result(5) == ["X"]
    queue.close()


def test_what_is_late_or_given_up_is_not_computed(held):
    queue = batcher()
    first_one(queue, held)
    late, given_up = submitted(queue, held, ["late"], seconds=-1), submitted(queue, held, ["left"])
    given_up.cancel()
    held.free.set()
    with pytest.raises(Late):
        late.result(5)
    with pytest.raises(CancelledError):
        given_up.result(5)
    queue.close()
    assert held.batches == [["first"]]
    assert queue.waiting == 0


def test_closing_computes_what_waits_and_takes_nothing_more(held):
    queue = batcher()
    futures = [first_one(queue, held), submitted(queue, held, ["a"])]
    closing = threading.Thread(target=queue.close)
    closing.start()
    held.free.set()
    closing.join(5)
    assert [future.result(5) for future in futures] == [["FIRST"], ["A"]]
    with pytest.raises(QueueClosed):
        submitted(queue, held, ["b"])


def test_nothing_to_compute(held):
    queue = batcher()
    assert submitted(queue, held, []).result(5) == []
    queue.close()


def test_many_threads_get_their_own_answers():
    queue = batcher(batch_tokens=50, queue_tokens=100_000)
    found = {}

    def many(number):
        for turn in range(50):
            rows = [f"{number}-{turn}-{i}" for i in range(turn % 7)]
            future = queue.submit(
                "upper", lambda rows: [row * 2 for row in rows], rows, [3] * len(rows), 1e18
            )
            found[number, turn] = (rows, future.result(30))

    threads = [threading.Thread(target=many, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()
    assert len(found) == 400
    assert all(results == [row * 2 for row in rows] for rows, results in found.values())
    assert queue.waiting == 0


def test_tokens_are_estimated_by_bytes():
    assert estimated_tokens("") == 1
    assert estimated_tokens("a" * 40) == 11
    assert estimated_tokens("中" * 40) == 31
    assert estimated_tokens(("a" * 40, "\ud800")) == 12
