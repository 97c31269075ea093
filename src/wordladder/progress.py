"""Progress of long work: it calls a function that the caller passes. The library never prints."""

from typing import Protocol


class Progress(Protocol):
    """A function that long work calls from time to time."""

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        """Report that `done` of `total` units of `stage` are finished (`total` None: unknown).

        `facts` are a few named numbers to show, such as `loss=0.31` or `words_per_second=2.1e6`.
        """


def quiet(stage: str, done: float, total: float | None, **facts: float | str) -> None:
    """Report nothing."""
