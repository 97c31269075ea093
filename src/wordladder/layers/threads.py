"""Threads for jobs that each need one core: several at once, each without further threads of its own.

torch splits a single operation over all its threads, which pays off for large operations only. A recurrent
layer is a long chain of small ones; it is run as several parallel chains instead.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

T = TypeVar("T")


def in_parallel(jobs: Sequence[Callable[[], T]], device: str = "cpu") -> list[T]:
    """Run all jobs, on as many threads as torch uses here, and return their results in order.

    A single job too: it is faster without the threads that torch would wake for every small operation. Where
    torch uses one thread, or the jobs compute on another device, the calling thread runs them all; else
    torch's settings of a thread, such as `no_grad` and autocast, are those of a new thread. A job must not
    call `in_parallel`.
    """
    threads = torch.get_num_threads()
    if threads == 1 or device != "cpu":
        return [job() for job in jobs]
    pool = _pool(threads)
    futures = [pool.submit(job) for job in jobs]
    return [future.result() for future in futures]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """A pool whose threads all run, and in each of which torch uses one thread; started when first needed.

    `torch.set_num_threads` affects the calling thread and all threads that are started later. The latter is
    undone: once the last thread of the pool runs, the caller's number is set again.
    """
    pool = ThreadPoolExecutor(threads, "wordladder", _use_one_thread)
    all_run = threading.Barrier(threads + 1)
    for _ in range(threads):
        pool.submit(all_run.wait)
    all_run.wait()
    torch.set_num_threads(torch.get_num_threads())
    return pool


def _use_one_thread() -> None:
    torch.get_num_threads()  # the first call in a thread sets the global number, and would do so later
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # a forked process has only the thread that forked
    os.register_at_fork(after_in_child=_pool.cache_clear)
