"""The head of translation: a decoder that writes the pieces of a text, given the words of another one."""

from typing import Any

import torch
from torch import Tensor, nn

from ..layers.beam_search import Found, search
from ..layers.recurrent_decoder import Products, RecurrentDecoder
from ..layers.sequence import Pooling, Sequence
from ..layers.smoothed_loss import smoothed_loss
from ..layers.transformer_decoder import TransformerDecoder
from ..tasks._word_scores import IGNORED
from ..tasks.translation import Translation
from ..text.pieces import END, PAD, START, UNKNOWN

__all__ = ["TranslationHead"]


class TranslationHead(nn.Module):
    """Writes texts. The scores of the next piece are products with the vectors of all pieces (Press and Wolf
    2017).
    """

    def __init__(self, task: Translation, dim: int, summary_dim: int) -> None:
        super().__init__()
        self.dim, self.pooling, self.settings = dim, Pooling("mean"), task
        shared: dict[str, Any] = {"layers": task.layers, "dropout": task.dropout}
        if task.decoder == "transformer":
            inner = 4 * task.dim if task.feed_forward is None else task.feed_forward
            self.decoder: Any = TransformerDecoder(task.dim, dim, heads=task.heads, inner=inner, **shared)
        else:
            self.decoder = RecurrentDecoder(
                task.dim,
                dim,
                cell=task.decoder,
                hidden=task.hidden,
                attention=task.attention,
                feeding=task.feeding,
                **shared,
            )
        self.scale = task.dim**0.5
        self.table = nn.Embedding(len(task.vocabulary), task.dim)
        nn.init.normal_(self.table.weight, std=1 / self.scale)
        self.bias = nn.Parameter(torch.zeros(len(task.vocabulary)))
        self.dropout = nn.Dropout(task.dropout)

    def pooled(self, sequence: Sequence) -> Tensor:
        """The mean of the words' vectors, `(batch, dim)`."""
        return self.pooling(sequence)

    def forward(self, sequence: Sequence) -> Any:
        """What the decoder needs of the source."""
        return self.decoder.memory(sequence)

    def loss(self, memory: Any, targets: Tensor) -> Tensor:
        """The mean cross-entropy of the pieces `(batch, time)`, each given those before it."""
        known = targets != IGNORED
        inputs = torch.full_like(targets, PAD)
        inputs[:, 0], inputs[:, 1:] = START, targets[:, :-1].clamp(min=0)
        if self.training and self.settings.word_dropout:
            drawn = torch.rand(inputs.shape, device=inputs.device) < self.settings.word_dropout
            inputs = inputs.masked_fill(drawn & (inputs >= UNKNOWN), UNKNOWN)
        outputs = self.decoder(self.dropout(self._vectors(inputs)), known, memory)
        smoothing = self.settings.label_smoothing if self.training else 0.0
        outputs, goals = outputs.flatten(0, 1), targets.flatten()
        return smoothed_loss(outputs, self.table.weight, self.bias, goals, smoothing)

    def _vectors(self, pieces: Tensor) -> Tensor:
        return self.table(pieces) * self.scale

    @torch.no_grad()
    def write(
        self, memory: Any, longest: Tensor, *, weights: bool = False, half: bool = False
    ) -> list[list[Found]]:
        """The texts that are found for each source, the best first.

        Args:
            memory: As `forward` gives it.
            longest: The most pieces of each, `(batch,)`.
            weights: Whether attention is kept.
            half: Whether products are computed in bfloat16.
        """
        task = self.settings
        product = Products(half=half)

        def step(pieces: Tensor, state: Any, memory: Any, first: bool) -> tuple[Tensor, Any, Tensor]:
            vectors = self._vectors(pieces)
            output, state, attention = self.decoder.step(vectors, state, memory, first=first, product=product)
            return product(output, self.table.weight), state, attention

        bias = self.bias.clone()
        bias[[PAD, START] if task.copy_unknown else [PAD, START, UNKNOWN]] = float("-inf")
        initial = self.decoder.initial(memory, task.search.beams)
        kept = weights or task.copy_unknown
        return search(
            step, memory, initial, longest, task.search, start=START, end=END, bias=bias, keep_weights=kept
        )
