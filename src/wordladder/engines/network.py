"""The network of a recipe: embedders, fusion, encoders, the task's head, one after another. It knows no
training and no files.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..embedders._training_text import TrainingText
from ..errors import ModelError, RecipeError
from ..layers.sequence import Sequence, join_segments, split_segments
from ..recipe import Recipe, build, component
from ..text.words import Tokens


class Batch(NamedTuple):
    """What one step reads: each embedder's prepared tensors, and the targets if they are known, with the
    weight of each text if they have weights; beside them, as plain numbers, the words of the longest text of
    each segment and those of the longest example.
    """

    inputs: tuple[Any, ...]
    targets: Tensor | None = None
    weights: Tensor | None = None
    widths: tuple[int, ...] = ()


class Network(nn.Module):
    """The stack that a recipe describes.

    A new one calls `initialise`, a saved one `restore`; only then do its parts know their sizes, and
    fusion, encoders and head are built on top of the embedders from left to right.

    Args:
        recipe: The recipe.
        task: Its task; it knows its labels before the head is built.
    """

    def __init__(self, recipe: Recipe, task: Any) -> None:
        super().__init__()
        self._recipe, self._task = recipe, task
        self.embedders: Any = nn.ModuleList(build("embedders", t) for t in recipe.tables["embedders"])
        self.fusion: Any = None
        self.encoders: Any = nn.ModuleList()
        self.task: Any = None  # the head: parts have the names of the recipe's tables

    def initialise(self, text: TrainingText) -> "Network":
        """Build a new network."""
        for embedder in self.embedders:
            embedder.initialise(text)
        self._build_upwards()
        return self

    def restore(self, folder: Path) -> "Network":
        """Build the network that `keep` wrote; `weights` are loaded by the caller."""
        for number, embedder in enumerate(self.embedders):
            embedder.restore(folder / "embedders" / str(number))
        self._build_upwards()
        return self

    def keep(self, folder: Path) -> None:
        """Write what is not among `weights`: vocabularies, what an embedder keeps itself."""
        for number, embedder in enumerate(self.embedders):
            place = folder / "embedders" / str(number)
            place.mkdir(parents=True)
            embedder.keep(place)
            if not any(place.iterdir()):
                place.rmdir()

    def weights(self) -> dict[str, Tensor]:
        """All weights but those in an embedder's own folder, whose prefixes are its `separate_weights`."""
        own = tuple(
            f"embedders.{number}.{name}"
            for number, embedder in enumerate(self.embedders)
            for name in getattr(embedder, "separate_weights", ())
        )
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith(own)}

    def _build_upwards(self) -> None:
        tables = self._recipe.tables
        dims = [embedder.dim for embedder in self.embedders]
        summaries = [embedder.summary_dim for embedder in self.embedders]
        dim, summary_dim = dims[0], summaries[0]
        if "fusion" in tables:
            self.fusion = build("fusion", tables["fusion"], dims, summaries)
            dim, summary_dim = self.fusion.dim, self.fusion.summary_dim
        for table in tables.get("encoders", ()):
            encoder = build("encoders", table, dim)
            if encoder.reads == "example" and self._task.segments == 1:
                raise RecipeError(
                    f"[[encoders]] kind = {table['kind']!r} compares the texts of an example; the task "
                    f"{tables['task']['kind']!r} has one text"
                )
            self.encoders.append(encoder)
            dim, summary_dim = encoder.dim, 0
        self.task = component("heads", self._recipe.task)(self._task, dim, summary_dim)

    def prepare(
        self, tokens: Tokens, targets: NDArray | None = None, weights: NDArray | None = None
    ) -> Batch:
        """A batch on the CPU, from the words of its texts."""
        inputs = tuple(embedder.prepare(tokens) for embedder in self.embedders)
        right, counts = (None if one is None else torch.from_numpy(one) for one in (targets, weights))
        longest = tokens.lengths.reshape(-1, tokens.segments).max(axis=0, initial=0).tolist()
        longest.append(int(np.diff(tokens.example_offsets).max(initial=0)))
        return Batch(inputs, right, counts, tuple(longest))

    def encode(self, batch: Batch) -> Sequence:
        """The Sequence that reaches the head.

        Where an encoder takes the texts of an example as a tuple, all encoders have them apart.
        """
        sequences = self._embed(batch.inputs)
        sequence = self.fusion(sequences) if self.fusion is not None else sequences[0]
        if not any(encoder.reads == "example" for encoder in self.encoders):
            for encoder in self.encoders:
                sequence = encoder(sequence)
            return sequence
        *widths, longest = batch.widths
        widths += [0] * (self._task.segments - len(widths))  # texts that are read by themselves
        texts = split_segments(sequence, widths)
        for encoder in self.encoders:
            texts = encoder(texts) if encoder.reads == "example" else tuple(map(encoder, texts))
        return join_segments(texts, longest)

    def frozen(self) -> list[Any]:
        """The embedders whose features of a text never change, and are worth keeping."""
        return [embedder for embedder in self.embedders if getattr(embedder, "frozen", False)]

    def forget(self) -> None:
        """Have all features computed again: those on the disk go."""
        for embedder in self.frozen():
            embedder.store = None

    def fusion_weights(self, inputs: tuple[Any, ...]) -> Tensor:
        """What the fusion gives each embedder at each word, `(batch, time, embedders)`.

        Raises:
            ModelError: there is no fusion, or it does not weigh.
        """
        if not hasattr(self.fusion, "weights"):
            kind = self._recipe.table("fusion").get("kind")
            have = f"[fusion] kind = {kind!r} has no weights" if kind else "there is no [fusion]"
            raise ModelError(f"{self._recipe.name}: {have}; the kinds 'gate' and 'attention' have them")
        return self.fusion.weights(self._embed(inputs))

    def _embed(self, inputs: tuple[Any, ...]) -> list[Sequence]:
        return [embedder(prepared) for embedder, prepared in zip(self.embedders, inputs)]

    def forward(self, batch: Batch) -> Tensor:
        """The loss where the batch has targets, else the head's scores."""
        scores = self.task(self.encode(batch))
        if batch.targets is None:
            return scores
        weights = () if batch.weights is None else (batch.weights,)
        return self.task.loss(scores, batch.targets, *weights)
