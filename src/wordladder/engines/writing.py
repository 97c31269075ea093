"""What a network writes: the texts for others, batch by batch, or what goes on after a prompt."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..layers.beam_search import search
from ..layers.devices import device_of, to_device
from ..layers.search_settings import Search
from ..tasks.language_model import END, UNKNOWN
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
        half: Whether products are computed in bfloat16.
        weights: Whether attention is kept.
    """
    head, task = network.task, network.task.settings

    def write(batch: Any) -> Any:
        with torch.autocast(device_of(network).type, torch.bfloat16, enabled=half):
            sequence = network.encode(batch)
        longest = (sequence.lengths * task.longest).long() + _MORE
        return head.write(head(sequence), longest, weights=weights, half=half)

    found: list[Any] = [None] * len(tokens)
    for rows, texts in results(tokens, write, max(1, _ROWS // task.beams)):
        for row, text in zip(rows.tolist(), texts):
            found[row] = text
    return Translations(found, tokens)


class _Begun(NamedTuple):
    """Texts that are being written.

    Attributes:
        context: What the next word of each is scored from, `(rows, dim)`.
        states: The state of each encoder.
    """

    context: Tensor
    states: Any

    def take(self, rows: Tensor) -> "_Begun":
        """The rows with these numbers."""
        states = [[tuple(part[rows] for part in layer) for layer in encoder] for encoder in self.states or ()]
        return _Begun(self.context[rows], states or None)


def continued(
    network: Any,
    read: Callable[[list[str]], Tokens],
    prompt: list[str],
    length: int,
    how: Search,
    told: Callable[[list[str]], None] | None = None,
) -> list[list[str]]:
    """The words that a language model writes after those of a prompt, the likeliest first.

    Args:
        network: The network; its encoders have `step`.
        read: Gives words as they are written as texts of one word each.
        prompt: The words of the prompt.
        length: The most words.
        how: How they are searched, or drawn.
        told: Called with the words so far after each word; there is one beam.
    """
    so_far: list[str] = []
    head, words, device = network.task, network.task.settings.vocabulary.words, device_of(network)

    def advanced(given: list[str], begun: _Begun) -> _Begun:
        vectors = network.embed(to_device(network.prepare(read(given)), device)).vectors[:, 0]
        after = []
        for encoder, before in zip(network.encoders, begun.states or [None] * len(network.encoders)):
            vectors, state = encoder.step(vectors, before)
            after.append(state)
        return _Begun(vectors, after)

    def step(numbers: Tensor, begun: _Begun, memory: _Begun, first: bool) -> tuple[Tensor, _Begun, Tensor]:
        if not first:
            last = [words[number] for number in numbers.tolist()]
            begun = advanced(last, begun)
            so_far.extend(last)
            if told is not None:
                told(so_far)
        scores = head.scores(head.scorer(begun.context[:, None])[:, 0])
        return scores, begun, scores[:, :1]

    begun = _Begun(head.start[None], None)
    for word in prompt:
        begun = advanced([word], begun)
    longest = torch.full((1,), length, device=device)
    rows = torch.zeros(how.beams, dtype=torch.long, device=device)
    bias = torch.zeros(len(words), device=device)
    bias[UNKNOWN] = float("-inf")
    found = search(step, begun, begun.take(rows), longest, how, start=END, end=END, bias=bias)
    return [[words[number] for number in one.numbers] for one in found[0]]
