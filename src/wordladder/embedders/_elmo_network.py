"""ELMo's network: a character network and two stacks of LSTMs, one for each direction, and the batches that
it reads. Texts become batches here as well, whole or in parts.
"""

from collections.abc import Sequence as Seq
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..layers.character_cnn import CharacterCNN
from ..layers.lstm_projection import Clips, run_both_ways
from ..layers.packing import pack
from ._elmo_characters import CHARACTERS, SPECIAL_WORDS, TEXT_BEGIN, TEXT_END, spelled
from ._elmo_options import ElmoOptions


class Laid(NamedTuple):
    """Texts as the network reads them, each between a beginning and an end, without padding.

    Attributes:
        characters: The spelling of each different word of the batch, `(distinct, width)`.
        words: The row of `characters` of each packed word, for each direction, `(2, words)`.
        counts: Words of each step, `(steps,)`; they stay on the processor, which runs the steps.
        places: Where the words of the texts, one after another, are among the packed ones, for each
            direction, beginnings and ends left out, `(2, words of the texts)`.
    """

    characters: Tensor
    words: Tensor
    counts: NDArray[np.int64]
    places: Tensor


def part_lengths(lengths: NDArray[np.int64], window: int | None) -> NDArray[np.int64]:
    """Words of each part of texts with so many words: as few parts as windows allow, of about equal length;
    none for a text without words.
    """
    if window is None:
        return lengths[lengths > 0]
    parts = -(-lengths // window)
    owners = np.repeat(np.arange(len(lengths)), parts)
    numbers = np.arange(len(owners)) - np.repeat(np.cumsum(parts) - parts, parts)
    return lengths[owners] // parts[owners] + (numbers < lengths[owners] % parts[owners])


def laid(words: Seq[str], lengths: NDArray[np.int64], longest: int, widest: int) -> Laid:
    """Lay out the words of parts that have so many words each.

    Args:
        words: All words of the parts, one after another.
        lengths: Words of each part.
        longest, widest: As in `spelled`.
    """
    numbers: dict[str, int] = {}
    rows = np.fromiter((numbers.setdefault(word, len(numbers)) for word in words), np.int64, len(words))
    packing = pack(lengths + 2, time := int(lengths.max(initial=0)) + 2)
    step = np.arange(time)
    ids = np.full((len(lengths), time), TEXT_BEGIN, np.int64)
    inside = (step > 0) & (step <= lengths[:, None])
    ids[inside] = rows + SPECIAL_WORDS
    ids[np.arange(len(lengths)), lengths + 1] = TEXT_END
    packed = torch.from_numpy(ids.ravel())[packing.places]
    where = torch.empty(2, ids.size, dtype=torch.int64)
    order = torch.arange(packing.places.shape[1])
    for direction in range(2):
        where[direction, packing.places[direction]] = order
    characters = torch.from_numpy(spelled(list(numbers), longest, widest))
    return Laid(characters, packed, packing.counts.numpy(), where[:, torch.from_numpy(inside.ravel())])


class BiLM(nn.Module):
    """The two-way language model of Peters et al. 2018, section 3.3, up to its softmax.

    Args:
        options: Its sizes and settings.
        projects: Whether the character network ends in a projection; left out, where it has to.
        dropout: Share of what goes into each LSTM that is set to zero while training.
    """

    def __init__(self, options: ElmoOptions, projects: bool | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.options, self.dropout = options, nn.Dropout(dropout)
        projects = options.convolutions != options.dim if projects is None else projects
        self.characters = CharacterCNN(
            CHARACTERS,
            options.character_dim,
            options.filters,
            options.activation,
            options.highways,
            options.dim,
            projects,
        )
        self.forward_cells = nn.ModuleList(_cell(options) for _ in range(options.layers))
        self.backward_cells = nn.ModuleList(_cell(options) for _ in range(options.layers))

    def forward(self, laid: Laid, layers: int | None = None) -> list[tuple[Tensor, Tensor]]:
        """The vectors of the packed words, `(words, dim)`, from the start and from the end of the texts: of
        the character network and of each LSTM above it, or of the first `layers` LSTMs only.
        """
        spelled = self.characters(laid.characters).float()
        words = [spelled[laid.words[0]], spelled[laid.words[1]]]
        states, counts = [(words[0], words[1])], laid.counts.tolist()
        clips = Clips(self.options.memory_clip, self.options.hidden_clip)
        for number in range(self.options.layers if layers is None else layers):
            cells = [self.forward_cells[number], self.backward_cells[number]]
            read = [self.dropout(some) for some in words]
            words = run_both_ways(cells, read, counts, clips) if counts else words
            if self.options.skip and number:
                words = [new + old for new, old in zip(words, read)]
            states.append((words[0], words[1]))
        return states

    def sided(self, laid: Laid, layer: tuple[Tensor, Tensor]) -> Tensor:
        """One layer's vectors of the words of the texts, the directions side by side, `(words, 2 * dim)`."""
        return torch.cat([some[places] for some, places in zip(layer, laid.places)], dim=1)


def _cell(options: ElmoOptions) -> nn.LSTM:
    """A layer of one direction, drawn as TensorFlow draws it, its forget gates open at first."""
    projection = options.dim if options.dim < options.units else 0
    cell = nn.LSTM(options.dim, options.units, proj_size=projection)
    for name, weight in cell.named_parameters():
        if weight.ndim == 1:
            nn.init.zeros_(weight)
            if name == "bias_ih_l0":
                nn.init.ones_(weight[options.units : 2 * options.units])
            continue
        # Both matrices that reach the gates are one in TensorFlow, whose sides decide the range.
        sides = sum(weight.shape) + (0 if name == "weight_hr_l0" else options.dim)
        nn.init.uniform_(weight, -((6.0 / sides) ** 0.5), (6.0 / sides) ** 0.5)
    return cell
