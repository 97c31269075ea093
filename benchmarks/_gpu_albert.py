"""Pretraining of starter encoders as part of a longer script: some minutes for each prepared text."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["albert_part"]

LARGE = {"size": "starter", "max_pieces": 384, "batch_pieces": 32_768}
RATES = {True: 1.2e-3, False: 4e-4}  # with a teacher, and without: at the first, twelve layers learn nothing
SECONDS = 15.0  # between two progress lines


def albert_part(
    prepared: Mapping[str, Path],
    minutes: float | None,
    output: Path,
    *,
    teachers: Mapping[str, str] | None = None,
    **settings: Any,
) -> dict[str, dict[str, float]]:
    """Pretrain an ALBERT from each text, and print progress.

    Args:
        prepared: Folders written by `wordladder pretrain --prepare`, by name.
        minutes: Minutes for each; None if the settings have `steps`.
        output: Folder for the encoders, one per name; interrupted runs are resumed.
        teachers: Teacher folders by name, for names that have one.
        settings: Pretraining settings that differ from `LARGE`.

    Returns:
        By name: `masked_accuracy` and `order_accuracy` on held-out text, `pieces_per_second`, `steps`, and
        `size_mb` of the weights in half precision.
    """
    from wordladder.pretraining.pretrain import pretrain
    from wordladder.pretraining.settings import PretrainingSettings

    figures = {}
    for name, folder in prepared.items():
        teacher = (teachers or {}).get(name)
        chosen = {"kind": "albert", **LARGE, "minutes": minutes, "teacher": teacher}
        chosen["learning_rate"] = RATES[teacher is not None]
        run = PretrainingSettings(**{**chosen, **settings})
        report = pretrain([folder], output / name, run, resume=True, progress=_lines(name))
        figures[name] = {
            **{key: report["held_out"][key] for key in ("masked_accuracy", "order_accuracy")},
            "pieces_per_second": report["tokens"] / report["seconds"],
            "steps": report["steps"],
            "size_mb": report["parameters"] * 2 / 1e6,
        }
        print(f"{name}: " + ", ".join(f"{key} {value:,.4g}" for key, value in figures[name].items()))
    return figures


def _lines(name: str) -> Callable[..., None]:
    """Prints progress every few seconds."""
    last = time.monotonic()

    def tell(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS:
            last = time.monotonic()
            shown = " ".join(f"{key} {float(value):.4g}" for key, value in facts.items())
            print(f"{name}: {stage} {done:,.0f} of {total or 0:,.0f} {shown}", flush=True)

    return tell
