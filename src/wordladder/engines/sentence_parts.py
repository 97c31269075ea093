"""How sentence-transformers opens a saved network."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import nn

from ..embedders._sentence_layout import SentenceLayout, write_layout
from ..embedders._sentence_modules import VECTOR, Part, dense_part, write_parts
from ..recipe import Recipe


def write_sentence_parts(recipe: Recipe, task: Any, network: Any, folder: Path) -> None:
    """Write what sentence-transformers reads, if it can compute the same vectors of texts, or the same scores
    of pairs that are read together. It can if there is one embedder, and the head reads its summary.
    """
    if layout := _layout(recipe, task, network):
        after = write_parts(_parts(network.task, scores=layout.activation is not None), folder, 2)
        write_layout(folder, layout._replace(after=after), network.embedders[0].dim)


def _layout(recipe: Recipe, task: Any, network: Any) -> SentenceLayout | None:
    (embedder, *others), head = network.embedders, network.task
    if others or recipe.table("encoders") or recipe.text.max_words is not None:
        return None
    if not getattr(head, "use_summary", False) or getattr(head, "postprocess", None):
        return None
    if not hasattr(embedder, "sentence_layout"):
        return None
    layout = embedder.sentence_layout()
    if layout and task.segments == 2 and not network.reads_apart:
        activation = "Sigmoid" if task.multi_label else "Identity"
        layout = layout._replace(activation=f"torch.nn.{activation}")
    return layout and layout._replace(encoder="embedders/0")


def _parts(head: Any, *, scores: bool) -> list[Part]:
    """The linear layers after the summary: those of the scores, or the projection of a vector."""
    layers: list[Any] = list(head.head) if scores else list(getattr(head, "projection", ()))
    return [
        dense_part(layer, activation, "scores" if scores and layer is layers[-1] else VECTOR)
        for layer, activation in pairwise([*layers, nn.Identity()])
        if isinstance(layer, nn.Linear)
    ]
