"""The head of a language model: scores of the next word, given the words so far."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..layers.recurrence import carried
from ..layers.sampled_softmax import draw_candidates, found_among, log_expected, sampled_softmax
from ..layers.sequence import Pooling, Sequence, VariationalDropout
from ..layers.smoothed_loss import smoothed_loss
from ..tasks._word_scores import IGNORED
from ..tasks.language_model import SPECIAL, LanguageModel

__all__ = ["LanguageModelHead"]

_SCORES = 1 << 23  # the most scores that are there at a time


class LanguageModelHead(nn.Module):
    """Scores all words after each word, and before the first."""

    last: Tensor

    def __init__(self, task: LanguageModel, dim: int, summary_dim: int) -> None:
        super().__init__()
        self.dim, words, size = dim, len(task.vocabulary), task.dim or dim
        self.start = nn.Parameter(torch.zeros(dim))
        self.dropout, self.pooling = VariationalDropout(task.dropout), Pooling("mean")
        self.project = nn.Linear(dim, size)
        self.table = nn.Embedding(words, size)
        nn.init.normal_(self.table.weight, std=size**-0.5)
        self.bias = nn.Parameter(torch.zeros(words))
        if (counts := task.vocabulary.counts) is not None:  # training starts from how frequent words are
            self.bias.data += torch.from_numpy(np.log((counts + 1) / (counts + 1).sum())).float()
        self.settings, self._tied = task, list[tuple[Any, Tensor]]()
        self.rows: Tensor | None = None

    def tie(self, embedders: list[Any]) -> None:
        """Score words by the vectors that they are read by, if these are trained from random numbers."""
        (first, *others) = embedders
        fits = getattr(first, "source", None) == "random" and first.tune and not first.lowercase
        if others or not fits or self.settings.dim is not None:
            return
        first.table.sparse = False
        words = self.settings.vocabulary.words[len(SPECIAL) :]
        self._tied = [(first, torch.from_numpy(first.vocabulary.ids(words) + len(SPECIAL)))]
        self.project = nn.Linear(self.dim, first.dim)
        self.table = nn.Embedding(len(SPECIAL), first.dim)
        nn.init.normal_(self.table.weight, std=first.dim**-0.5)

    def _weights(self) -> Tensor:
        """The vectors of all words, `(words, size)`."""
        if not self._tied:
            return self.table.weight
        ((embedder, rows),) = self._tied
        return torch.cat([self.table.weight, embedder.table.weight[rows.to(self.bias.device)]])

    def pooled(self, sequence: Sequence) -> Tensor:
        """The mean of the words' vectors, `(batch, dim)`."""
        return self.pooling(sequence)

    def remember(self, rows: int) -> None:
        """Keep the last vector of up to `rows` texts from one batch to the next."""
        self.register_buffer("last", torch.zeros(rows, self.dim), persistent=False)

    def go_on(self, rows: Tensor | None) -> None:
        """Begin the next batch with the vectors that texts of the last one ended with; see
        `encoders.recurrent`.
        """
        self.rows = rows

    def forward(self, sequence: Sequence) -> Tensor:
        """What scores the words after each word, `(batch, time + 1, size)`, the start first."""
        vectors, texts = sequence.vectors, len(sequence.mask)
        start = self.start.to(vectors.dtype).expand(texts, -1)
        if self.rows is not None:
            before = carried(self.last, self.rows, dim=0).to(vectors.dtype)
            start = torch.where((self.rows >= 0)[:, None], before, start)
        vectors = torch.cat([start[:, None], vectors], dim=1)
        if self.rows is not None:
            ends = torch.arange(texts, device=vectors.device), sequence.mask.sum(dim=1)
            self.last[:texts] = vectors.detach()[ends].float()
        return self.scorer(vectors)

    def scorer(self, vectors: Tensor) -> Tensor:
        """Hidden vectors `(batch, time, dim)` as vectors that are multiplied with those of words."""
        return self.project(self.dropout(vectors))

    def loss(self, scorers: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy of the words `(batch, time + 1)`."""
        vectors, right = scorers[:, : targets.shape[1]].flatten(0, 1), targets.flatten()
        samples, words = self.settings.samples, len(self.bias)
        if samples is None or samples >= words:
            return smoothed_loss(vectors, self._weights(), self.bias, right, 0.0)
        random = np.random.default_rng(int(torch.randint(1 << 62, ())))  # on the CPU, which waits for nothing
        numbers, draws = draw_candidates(random, words, samples)
        candidates, weights = torch.from_numpy(numbers).to(right.device, non_blocking=True), self._weights()
        known = right != IGNORED
        right = right.clamp(min=0)
        own, others = (
            (weights[some], self.bias[some] - log_expected(some, torch.tensor(float(draws)), words))
            for some in (right, candidates)
        )
        return sampled_softmax(vectors, own, others, found_among(right, candidates), known)

    def log_probabilities(self, scorers: Tensor, targets: Tensor) -> Tensor:
        """The natural log-probability of each text, `(batch, 1)`."""
        known, found = (
            targets != IGNORED,
            torch.zeros(targets.shape, dtype=torch.float64, device=targets.device),
        )
        vectors, words = scorers[:, : targets.shape[1]][known], targets[known]
        size = max(1, _SCORES // len(self.bias))
        parts = [
            self.scores(some).log_softmax(dim=1).gather(1, right[:, None])[:, 0]
            for some, right in zip(vectors.split(size), words.split(size))
        ]
        found[known] = torch.cat(parts).double()
        return found.sum(dim=1, keepdim=True)

    def scores(self, scorers: Tensor) -> Any:
        """Unnormalised scores of all words, `(rows, words)`."""
        return nn.functional.linear(scorers, self._weights(), self.bias).float()
