"""Trains the rungs of a climb side by side, before each is measured alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from threading import Lock
from typing import Any

from ..progress import Progress
from .runner import Runner


def train_side_by_side(runner: Runner, tasks: Sequence[Callable[[Runner], Any]], jobs: int) -> None:
    """Do all training, so many rungs at a time; its results lie in the folder of the climb then.

    Args:
        runner: What runs them; its threads are shared out.
        tasks: Train one rung each, with the runner that they are given.
        jobs: How many run at the same time.
    """
    shared = replace(runner, threads=max(1, runner.threads // jobs), progress=_one_at_a_time(runner.progress))
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(task, shared) for task in tasks]
        try:
            for done in as_completed(futures):
                done.result()
        except BaseException:  # also when the user interrupts: what has not begun does not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_at_a_time(progress: Progress) -> Progress:
    lock = Lock()

    def told(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        with lock:
            progress(stage, done, total, **facts)

    return told
