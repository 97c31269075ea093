"""What a network writes for texts, batch by batch."""

from collections.abc import Callable
from typing import Any

from ..tasks.translation import Translations
from ..text.words import Tokens

_ROWS = 320  # texts that are written at a time: beams for each source
_MORE = 10  # pieces that a short text may have besides


def written(
    network: Any, results: Callable[..., Any], tokens: Tokens, *, half: bool, weights: bool = False
) -> Translations:
    """The texts that a network writes for each text.

    Args:
        network: The network; its head has `write`.
        results: Yields the rows of each batch and what is computed of it.
        tokens: The words of the texts.
        half: Whether pieces are scored in bfloat16.
        weights: Whether attention is kept.
    """
    head, task = network.task, network.task.settings

    def write(batch: Any) -> Any:
        sequence = network.encode(batch)
        longest = (sequence.lengths * task.longest).long() + _MORE
        return head.write(head(sequence), longest, weights=weights, half=half)

    found: list[Any] = [None] * len(tokens)
    for rows, texts in results(tokens, write, max(1, _ROWS // task.beams)):
        for row, text in zip(rows.tolist(), texts):
            found[row] = text
    return Translations(found, tokens)
