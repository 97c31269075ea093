"""Occlusion: a word counts what the score loses without it (Zeiler & Fergus 2014). It fits all models."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..text.words import Tokens
from .targets import Removed, Target, value

_TOGETHER = 4096  # texts that are scored at a time


def occlusion(
    engine: Any, tokens: Tokens, targets: list[Target | None], scores: Any
) -> list[NDArray[np.float64]]:
    """The weight of each word of each example.

    Args:
        engine: What computes scores.
        tokens: The words.
        targets: What is explained of each example.
        scores: The scores of the whole texts.
    """
    size, found = tokens.segments, list[NDArray[np.float64]]()
    waiting: list[tuple[int, int, Removed]] = []
    for row, target in enumerate(targets):
        counts = tokens.offsets[row * size : row * size + size + 1]
        found.append(np.zeros(counts[-1] - counts[0]))
        if target is None:
            continue
        for word in range(counts[0], counts[-1]):
            text = int(np.searchsorted(counts, word, side="right")) - 1
            removed = Removed(text, int(tokens.starts[word]), int(tokens.ends[word]))
            waiting.append((row, word - int(counts[0]), removed))
    for first in range(0, len(waiting), _TOGETHER):
        some = waiting[first : first + _TOGETHER]
        without = [_without(tokens.texts[row * size :][:size], removed) for row, _, removed in some]
        changed = engine.scores(Examples(tuple(map(list, zip(*without)))))
        for number, (row, word, removed) in enumerate(some):
            target = targets[row]
            assert target is not None
            found[row][word] = value(scores, row, target) - value(changed, number, target, removed)
    return found


def _without(texts: tuple[str, ...], removed: Removed) -> tuple[str, ...]:
    text = texts[removed.text]
    changed = f"{text[: removed.start]} {text[removed.end :]}"
    return (*texts[: removed.text], changed, *texts[removed.text + 1 :])
