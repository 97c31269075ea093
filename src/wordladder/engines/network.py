"""The network of a recipe: embedders, fusion, encoders and the head of the task, one after another."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..embedders._training_text import TrainingText
from ..errors import ModelError, RecipeError
from ..layers.sequence import Sequence, join_segments, split_segments
from ..recipe import Recipe, build, component
from ..text.padding import widths
from ..text.words import Tokens


class Batch(NamedTuple):
    """The input of one step.

    Attributes:
        inputs: The prepared tensors of each embedder.
        targets: The targets, if they are known.
        weights: The weight of each text in the loss, `(batch,)`, if texts have weights.
        widths: As `text.padding.widths` gives them.
        parts: The rows in parts, one after another, whose activations are not kept at once.
        goes_on: Which text of the last batch each one goes on from, -1 for none, `(batch,)`, where texts are
            read in segments.
    """

    inputs: tuple[Any, ...]
    targets: Tensor | None = None
    weights: Tensor | None = None
    widths: tuple[int, ...] = ()
    parts: "tuple[Batch, ...]" = ()
    goes_on: Tensor | None = None


class Network(nn.Module):
    """The layers that a recipe describes.

    Call `initialise` for a new network and `restore` for a saved one: then the embedders know their sizes,
    and fusion, encoders and head are built on top of them.

    Args:
        recipe: The recipe.
        task: Its task, which must know its labels before the head is built.
    """

    def __init__(self, recipe: Recipe, task: Any) -> None:
        super().__init__()
        self._recipe, self._task = recipe, task
        self.embedders: Any = nn.ModuleList(build("embedders", t) for t in recipe.tables["embedders"])
        self.fusion: Any = None
        self.encoders: Any = nn.ModuleList()
        self.reads_apart = False  # whether each text of an example is a row of its own
        self.task: Any = None  # the head; attributes are named after the recipe's tables

    def initialise(self, text: TrainingText) -> "Network":
        """Build a new network."""
        for embedder in self.embedders:
            embedder.initialise(text)
        self._build_upper_layers()
        for encoder in self.encoders:
            if hasattr(encoder, "initialise"):
                encoder.initialise(text.folder)
        return self

    def restore(self, folder: Path) -> "Network":
        """Build the network that `keep` wrote; the caller loads the weights."""
        for number, embedder in enumerate(self.embedders):
            embedder.restore(folder / "embedders" / str(number))
        self._build_upper_layers()
        return self

    def keep(self, folder: Path) -> None:
        """Write what is not in `weights`, such as vocabularies."""
        for number, embedder in enumerate(self.embedders):
            path = folder / "embedders" / str(number)
            path.mkdir(parents=True)
            embedder.keep(path)
            if not any(path.iterdir()):
                path.rmdir()

    def weights(self) -> dict[str, Tensor]:
        """All weights except those that embedders write themselves (`separate_weights`)."""
        separate = tuple(
            f"embedders.{number}.{name}"
            for number, embedder in enumerate(self.embedders)
            for name in getattr(embedder, "separate_weights", ())
        )
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith(separate)}

    def _build_upper_layers(self) -> None:
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
        together = any(getattr(embedder, "reads_together", False) for embedder in self.embedders)
        together |= any(encoder.reads == "example" for encoder in self.encoders)
        towers = getattr(self._task, "towers", False)
        if towers and any(encoder.reads == "example" for encoder in self.encoders):
            raise RecipeError("[[encoders]]: similarity reads each text alone; no encoder can compare two")
        self.reads_apart = getattr(self._task, "compares", False) and (towers or not together)
        if getattr(self._task, "causal", False):
            self._check_causal()
        self.task = component("heads", self._recipe.task)(self._task, dim, summary_dim)
        if hasattr(self.task, "tie"):
            self.task.tie(list(self.embedders))

    def _check_causal(self) -> None:
        """Raise a RecipeError if a part sees words that come later."""
        parts = {"embedders": self.embedders, "encoders": self.encoders}
        for name, several in parts.items():
            for number, one in enumerate(several, start=1):
                if not getattr(one, "causal", False):
                    raise RecipeError(
                        f"[[{name}]] number {number}: a language model reads from left to right; "
                        "bidirectional = false does, and embedders of words alone"
                    )

    def prepare(
        self, tokens: Tokens, targets: NDArray | None = None, weights: NDArray | None = None
    ) -> Batch:
        """A batch on the CPU, from the words of its texts."""
        most = getattr(self._task, "cached_rows", None)
        if targets is not None and most is not None and len(tokens) > most:
            starts = range(0, len(tokens), most)
            parts = (tokens.take(range(at, min(at + most, len(tokens)))) for at in starts)
            return Batch((), torch.from_numpy(targets), parts=tuple(map(self.prepare, parts)))
        tokens = tokens.apart() if self.reads_apart else tokens
        inputs = tuple(embedder.prepare(tokens) for embedder in self.embedders)
        target, weight = (None if one is None else torch.from_numpy(one) for one in (targets, weights))
        return Batch(inputs, target, weight, widths(tokens))

    def encode(self, batch: Batch) -> Sequence:
        """The input of the head.

        If one encoder takes the texts of an example as a tuple, all encoders read each text separately.
        """
        if hasattr(self.task, "go_on"):
            for part in (*self.encoders, self.task):
                part.go_on(batch.goes_on)
        sequence = self.embed(batch)
        if not any(encoder.reads == "example" for encoder in self.encoders):
            for encoder in self.encoders:
                sequence = encoder(sequence)
            return sequence
        *widths, longest = batch.widths
        widths += [0] * (self._task.segments - len(widths))  # of texts without their partner
        texts = split_segments(sequence, widths)
        for encoder in self.encoders:
            texts = encoder(texts) if encoder.reads == "example" else tuple(map(encoder, texts))
        return join_segments(texts, longest)

    def embed(self, batch: Batch) -> Sequence:
        """The input of the encoders."""
        sequences = self._embed(batch.inputs)
        return self.fusion(sequences) if self.fusion is not None else sequences[0]

    def frozen(self) -> list[Any]:
        """The embedders whose features of a text never change, so that they can be cached."""
        return [embedder for embedder in self.embedders if getattr(embedder, "frozen", False)]

    def drop_features(self) -> None:
        """Stop reading features from disk."""
        for embedder in self.frozen():
            embedder.store = None

    def fusion_weights(self, inputs: tuple[Any, ...]) -> Tensor:
        """The weights of the embedders at each word, `(batch, time, embedders)`.

        Raises:
            ModelError: there is no fusion, or it has no weights.
        """
        if not hasattr(self.fusion, "weights"):
            kind = self._recipe.table("fusion").get("kind")
            reason = f"[fusion] kind = {kind!r} has no weights" if kind else "the model has no [fusion]"
            raise ModelError(f"{self._recipe.name}: {reason}; use the kind 'gate' or 'attention'")
        return self.fusion.weights(self._embed(inputs))

    def _embed(self, inputs: tuple[Any, ...]) -> list[Sequence]:
        return [embedder(prepared) for embedder, prepared in zip(self.embedders, inputs)]

    def forward(self, batch: Batch) -> Tensor:
        """The loss if the batch has targets, else the scores."""
        if batch.parts:
            vectors = [checkpoint(self._pooled, part, use_reentrant=False) for part in batch.parts]
            return self.task.loss(self.task.compare(torch.cat(vectors)), batch.targets)
        scores = self.task(self.encode(batch))
        if batch.targets is None:
            return scores
        weights = () if batch.weights is None else (batch.weights,)
        return self.task.loss(scores, batch.targets, *weights)

    def _pooled(self, batch: Batch) -> Tensor:
        """The vectors of texts that the head compares."""
        return self.task.pooled(self.encode(batch))
