"""What a training of word vectors tells people: how far it is, and at its end what it made."""

import time
from typing import Any

from ..console import console
from ..tables import duration


class Watch:
    """Passes progress on, and remembers when training began and what was told last."""

    def __init__(self, progress: Any) -> None:
        self._progress, self._compiled = progress, time.perf_counter()
        self.facts: dict[str, Any] = {}
        self.seconds = self.compile_seconds = 0.0

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage == "compiling":
            self._compiled = time.perf_counter()
            self.compile_seconds += float(facts.get("seconds", 0))
        elif stage.startswith("training"):
            self.seconds, self.facts = time.perf_counter() - self._compiled, facts
        self._progress(stage, done, total, **facts)


def print_training(found: dict[str, Any]) -> None:
    """What a training made, and how fast."""
    console.print(
        f"[bold]{found['vocabulary']:,}[/bold] words of {found['dim']} numbers from "
        f"{found['words']:,} words of text, in [bold]{found['output']}[/bold]"
    )
    if found["known_before"]:
        console.print(f"{found['known_before']:,} of the words were known before")
    if made := found["phrases"]:
        console.print(f"{made['found']:,} phrases, joined at {made['joined']:,} places of the text")
    by = f"{found['threads']} threads" if found["device"] == "cpu" else found["device"]
    speed = f"{found['words_per_second'] or 0:,.0f} words/s, {by}"
    console.print(
        f"trained {found['epochs']} epochs in {duration(found['seconds'])} "
        f"({speed}, loss {found['loss']:.4f}); "
        f"{duration(found['seconds_total'])} with reading and writing"
    )
    if found["compile_seconds"] > 1:
        console.print(f"[dim]compiling took {duration(found['compile_seconds'])}, once on this machine[/dim]")
    if found["threads"] > 1 or found["device"] != "cpu":
        console.print(f"[dim]{by}: another run gives slightly other vectors (--threads 1 does not)[/dim]")
