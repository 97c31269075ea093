"""How fast a pretrained encoder is tuned, from its shape alone. What is above it has a rate of its own.

A step of AdamW moves every weight by about the learning rate, so what it does to the output grows with the
weights that act one after another: their number in the layers, depth × width², divides the rate.
"""

from typing import NamedTuple

__all__ = ["EncoderRates", "encoder_rates"]


class EncoderRates(NamedTuple):
    """The highest learning rate, that of the top layer, and the share of it that the layer below gets."""

    learning_rate: float
    layer_decay: float


_BASE_RATE, _BASE_WIDTH, _BASE_DEPTH = 3e-5, 768, 12  # Devlin et al. 2019: 2e-5 to 5e-5; ALBERT: 1e-5 to 3e-5
_LOWEST, _HIGHEST = 1e-5, 5e-4
_BOTTOM = 0.5  # share of the rate that reaches the embeddings


def encoder_rates(width: int, depth: int, *, shared: bool) -> EncoderRates:
    """The rates for an encoder of `depth` layers of `width` numbers.

    Args:
        width: Numbers in a hidden vector.
        depth: Layers that a text passes.
        shared: Whether layers share their weights, as ALBERT's do: there is then no lower one to slow down.
    """
    weights = (depth / _BASE_DEPTH) * (width / _BASE_WIDTH) ** 2
    rate = min(max(_BASE_RATE / weights, _LOWEST), _HIGHEST)
    return EncoderRates(rate, 1.0 if shared else _BOTTOM ** (1 / depth))
