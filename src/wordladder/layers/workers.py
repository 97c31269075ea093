"""Threads for pieces of work that each want one core: a few jobs at once, each without further threads of its own.

torch splits a single operation over all its threads, which pays for large ones only. A recurrent layer is a long
chain of small ones; it is run as several chains side by side instead.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["in_parallel"]

T = TypeVar("T")

_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def in_parallel(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Run all jobs, on as many threads as torch uses here, and return their results in order.

    A job must not call `in_parallel`. Thread-local settings of torch, such as `no_grad` and autocast, are those
    of a new thread. With one thread, or one job, the calling thread does it all.
    """
    threads = min(torch.get_num_threads(), len(jobs))
    if threads <= 1:
        return [job() for job in jobs]
    return [future.result() for future in [_pool(torch.get_num_threads()).submit(job) for job in jobs]]


def _pool(size: int) -> ThreadPoolExecutor:
    """The pool of `size` threads, started when first asked for."""
    with _lock:
        if size not in _pools:
            _pools[size] = _started(size)
        return _pools[size]


def _started(size: int) -> ThreadPoolExecutor:
    """A pool whose threads all run, and in which torch uses one thread.

    `torch.set_num_threads` holds for the thread that calls it and for all that are started later. The second
    half is not wanted, so the caller's number is set anew once the last thread of the pool has started.
    """
    pool = ThreadPoolExecutor(size, "wordladder", torch.set_num_threads, (1,))
    all_started = threading.Barrier(size + 1)
    for _ in range(size):
        pool.submit(all_started.wait)
    all_started.wait()
    torch.set_num_threads(torch.get_num_threads())
    return pool


if hasattr(os, "register_at_fork"):  # a forked process has no threads but the one that forked
    os.register_at_fork(after_in_child=_pools.clear)
