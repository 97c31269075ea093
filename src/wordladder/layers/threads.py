"""Threads for jobs that each want one core: several at once, each without further threads of its own.

torch splits a single operation over all its threads, which pays for large ones only. A recurrent layer is a
long chain of small ones; it is run as several chains side by side instead.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")

_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def in_parallel(jobs: Sequence[Callable[[], T]], device: str = "cpu") -> list[T]:
    """Run all jobs, on as many threads as torch uses here, and return their results in order.

    Also a single job: it is quicker without the threads that torch would wake for every small operation.
    Where torch uses one thread, or the jobs compute on another device, the calling thread does it all; else
    torch's settings of a thread, such as `no_grad` and autocast, are those of a new thread. A job must not
    call `in_parallel`.
    """
    threads = torch.get_num_threads()
    if threads == 1 or device != "cpu":
        return [job() for job in jobs]
    futures = [_pool(threads).submit(job) for job in jobs]
    return [future.result() for future in futures]


def _pool(threads: int) -> ThreadPoolExecutor:
    """The pool of that many threads, started when first asked for."""
    with _lock:
        if threads not in _pools:
            _pools[threads] = _started(threads)
        return _pools[threads]


def _started(threads: int) -> ThreadPoolExecutor:
    """A pool whose threads all run, and in each of which torch uses one thread.

    `torch.set_num_threads` counts for the thread that calls it and for all that are started later. The second
    half is not wanted: once the last thread of the pool runs, the caller's number is set anew.
    """
    pool = ThreadPoolExecutor(threads, "wordladder", _use_one_thread)
    all_run = threading.Barrier(threads + 1)
    for _ in range(threads):
        pool.submit(all_run.wait)
    all_run.wait()
    torch.set_num_threads(torch.get_num_threads())
    return pool


def _use_one_thread() -> None:
    torch.get_num_threads()  # the first call in a thread takes over the number of all, and would do so later
    torch.set_num_threads(1)


def _forget() -> None:
    """A forked process has only the thread that forked."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
