"""The character network: a vector for a word from its spelling, also for words never seen."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .highway import Highway

_TOGETHER = 256  # words whose convolutions are in memory together


class CharacterCNN(nn.Module):
    """Convolutions over the characters of a word, each at its strongest place, highway layers, a projection
    (Kim, Jernite, Sontag & Rush 2016; Jozefowicz et al. 2016).

    Args:
        characters: Rows of the table of characters, of which row 0 stands for none.
        dim: Length of a character's vector.
        filters: Width and number of the convolutions of each width.
        activation: What follows the strongest place.
        highways: Highway layers.
        output: Length of a word's vector.
        projects: Whether there is a projection; without one, `output` is the number of all convolutions.
    """

    def __init__(
        self,
        characters: int,
        dim: int,
        filters: Sequence[tuple[int, int]],
        activation: Literal["relu", "tanh"],
        highways: int,
        output: int,
        projects: bool,
    ) -> None:
        super().__init__()
        wide = sum(number for _, number in filters)
        self.activation = activation
        self.table = nn.Embedding(characters, dim, padding_idx=0)
        self.convolutions: Any = nn.ModuleList(nn.Conv1d(dim, number, width) for width, number in filters)
        self.highways = nn.ModuleList(Highway(wide) for _ in range(highways))
        self.projection = nn.Linear(wide, output) if projects else None
        self._draw(wide)

    def _draw(self, wide: int) -> None:
        nn.init.uniform_(self.table.weight, -1.0, 1.0)
        with torch.no_grad():
            self.table.weight[0] = 0.0
        for convolution in self.convolutions:
            if self.activation == "relu":
                nn.init.uniform_(convolution.weight, -0.05, 0.05)
            else:
                nn.init.normal_(convolution.weight, std=convolution.weight[0].numel() ** -0.5)
            nn.init.zeros_(convolution.bias)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, std=wide**-0.5)
            nn.init.zeros_(self.projection.bias)

    def forward(self, characters: Tensor) -> Tensor:
        """Numbers of characters `(words, width)` to vectors `(words, output)`. Each place counts, also those
        behind a word's end; `width` is at least that of the widest convolution.
        """
        found = torch.cat([self._found(some) for some in characters.split(_TOGETHER)])
        vectors = found.relu() if self.activation == "relu" else found.tanh()
        for layer in self.highways:
            vectors = layer(vectors)
        return vectors if self.projection is None else self.projection(vectors)

    def _found(self, characters: Tensor) -> Tensor:
        """What all convolutions find at their strongest places, `(words, convolutions)`."""
        spelled = self.table(characters)
        # The strongest place is the same before and after a bias, and an activation that only rises.
        return torch.cat([_strongest(spelled, layer) + layer.bias for layer in self.convolutions], dim=1)


def _strongest(spelled: Tensor, layer: nn.Conv1d) -> Tensor:
    """What a convolution finds at its strongest place, its bias left out, `(words, number)`, in characters
    `(words, width, dim)`.

    As a plain product it takes two thirds of the time of torch's convolution, made for many channels.
    """
    windows = spelled.unfold(1, layer.kernel_size[0], 1)
    scores = windows.reshape(-1, layer.weight[0].numel()) @ layer.weight.flatten(1).T
    return scores.view(*windows.shape[:2], -1).amax(dim=1)
