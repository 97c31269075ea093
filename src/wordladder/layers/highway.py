"""The highway layer: each number of a vector is part what a layer makes of it, part what it was."""

from torch import Tensor, nn


class Highway(nn.Module):
    """`g · relu(W x + b) + (1 - g) · x` with `g = sigmoid(V x + c)` (Srivastava, Greff & Schmidhuber 2015,
    equation 3). At first little is changed: c starts at -2.

    Args:
        dim: Length of the vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate, self.transform = nn.Linear(dim, dim), nn.Linear(dim, dim)
        for layer, bias in ((self.gate, -2.0), (self.transform, 0.0)):
            nn.init.normal_(layer.weight, std=dim**-0.5)
            nn.init.constant_(layer.bias, bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """`(..., dim)` to the same shape."""
        gate = self.gate(vectors).sigmoid()
        return vectors + gate * (self.transform(vectors).relu() - vectors)
