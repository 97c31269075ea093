"""How fast a pretrained encoder is tuned, from its shape alone. What is above it has a rate of its own.

A step of AdamW moves every weight by about the learning rate, so what it does to the output grows with the
weights that act one after another: their number in the layers, depth × width², divides the rate.
"""

_BASE_RATE, _BASE_WIDTH, _BASE_DEPTH = 3e-5, 768, 12  # Devlin et al. 2019: 2e-5 to 5e-5; ALBERT: 1e-5 to 3e-5
_LOWEST, _HIGHEST = 1e-5, 5e-4
_BOTTOM = 0.5  # share of the rate that reaches the embeddings


def encoder_rates(width: int, depth: int, *, shared: bool) -> tuple[float, float]:
    """The learning rate of the top layer, and the share of a layer's rate that the layer below it gets.

    Args:
        width: Numbers in a hidden vector.
        depth: Layers that a text passes.
        shared: Whether layers share their weights, as ALBERT's do: there is then no lower one to slow down.
    """
    weights = (depth / _BASE_DEPTH) * (width / _BASE_WIDTH) ** 2
    rate = min(max(_BASE_RATE / weights, _LOWEST), _HIGHEST)
    return rate, 1.0 if shared else _BOTTOM ** (1 / depth)
