"""Attention with several heads, and the positions that tell it the order of words (Vaswani et al. 2017)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import RecipeError
from .dropout import ByteDropout
from .half_precision_attention import by_products


def check_heads(dim: int, heads: int) -> None:
    """Raise a RecipeError if vectors cannot be cut into so many heads."""
    if heads < 1 or dim % heads:
        raise RecipeError(f"heads = {heads}: vectors of {dim} numbers cannot be cut into so many")


def positions(first: int, count: int, dim: int, device: torch.device) -> Tensor:
    """Sines and cosines of the places from `first` on, `(count, dim)` (Vaswani et al. 2017, section 3.5)."""
    place = torch.arange(first, first + count, device=device)[:, None]
    half = torch.arange((dim + 1) // 2, device=device)
    angle = place * torch.exp(half * (-2 * math.log(10_000.0) / dim))
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :dim]


class MultiHeadAttention(nn.Module):
    """Each vector looks at others, in several ways at once.

    Args:
        dim: Numbers in a vector that looks, and in the result.
        heads: The ways.
        seen_dim: Numbers in a vector that is looked at; None: as many.
    """

    def __init__(self, dim: int, heads: int, seen_dim: int | None = None) -> None:
        super().__init__()
        check_heads(dim, heads)
        self.heads, seen = heads, dim if seen_dim is None else seen_dim
        self.query, self.key = nn.Linear(dim, dim), nn.Linear(seen, dim)
        self.value, self.output = nn.Linear(seen, dim), nn.Linear(dim, dim)
        for layer in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def seen(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values of what is looked at, `(batch, heads, seen, dim / heads)`."""
        return self._split(self.key(vectors)), self._split(self.value(vectors))

    def forward(
        self,
        vectors: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
    ) -> Tensor:
        """`(batch, time, dim)` to the same shape.

        Args:
            vectors: What looks.
            keys: As `seen` gives them.
            values: The same.
            mask: `(batch, seen)`, True for what can be seen; at least one a row.
            causal: Whether each place sees only itself and those before.
        """
        visible = None if mask is None else mask[:, None]
        query = self._split(self.query(vectors))
        keys, values = keys.to(query.dtype), values.to(query.dtype)
        if query.device.type == "cpu" and query.dtype == torch.bfloat16:
            if causal:
                places = query.shape[2], keys.shape[2]
                visible = torch.ones(1, *places, dtype=torch.bool).tril()
            found = by_products(query, keys, values, visible, query.shape[3] ** -0.5)
        else:
            visible = None if visible is None else visible[:, None]
            found = functional.scaled_dot_product_attention(query, keys, values, visible, is_causal=causal)
        return self.output(found.transpose(1, 2).flatten(2))

    def weights(self, vectors: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """How much each place looks at each other, the mean over the heads, `(batch, time, seen)`."""
        query = self._split(self.query(vectors)).float()
        scores = query @ keys.float().transpose(2, 3) / math.sqrt(query.shape[3])
        return scores.masked_fill(~mask[:, None, None], float("-inf")).softmax(dim=3).mean(dim=1)

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two layers at each place, `(…, dim)` to the same shape."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        inner, outer = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        super().__init__(inner, nn.GELU(), ByteDropout(dropout), outer)
        for layer in (inner, outer):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
