"""How long work tells how far it is: a callable that the caller passes in. The library never prints."""

from typing import Protocol


class Progress(Protocol):
    """Called from time to time by long work."""

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        """Tell that `done` of `total` units of `stage` are finished (`total` None: unknown).

        `facts` are a few named figures worth showing, such as `loss=0.31` or `words_per_second=2.1e6`.
        """


def quiet(stage: str, done: float, total: float | None, **facts: float | str) -> None:
    """Tell nobody."""
