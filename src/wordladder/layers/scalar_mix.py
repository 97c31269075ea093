"""The scalar mix of ELMo: one weight a layer, learned by what reads the vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ScalarMix(nn.Module):
    """Layers summed with weights that are a softmax of learned numbers, times one more learned number
    (Peters et al. 2018, equation 1). It starts as the plain mean.

    Args:
        layers: How many layers there are.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.scalars = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    @property
    def weights(self) -> Tensor:
        """The weight of each layer, `(layers,)`."""
        return self.gamma * self.scalars.softmax(dim=0)

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Tensors of one shape, as many as there are layers, to one of that shape."""
        mixed = torch.zeros_like(layers[0])
        for weight, layer in zip(self.weights, layers, strict=True):
            mixed = mixed + weight * layer
        return mixed
