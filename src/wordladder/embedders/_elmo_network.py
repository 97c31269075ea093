"""ELMo's network, a character network and two stacks of LSTMs, one for each direction; and the batches that
it reads: the spelling of words, and texts, whole or in parts, in packed order.

Words are spelled as in the published models: a word is its bytes in UTF-8 between begin and end marks, then
padding. Byte b has the number b + 1; 0 is left for places of a batch without a word.
"""

from collections.abc import Sequence as Seq
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..layers.lstm_projection import Clips, run_both_ways
from ..layers.packing import pack
from ._elmo_options import CHARACTERS, ElmoOptions

_TEXT_BEGIN, _TEXT_END, _WORD_BEGIN, _WORD_END, _PADDING = 257, 258, 259, 260, 261
TEXT_BEGIN, TEXT_END, SPECIAL_WORDS = 0, 1, 2  # rows of `spell_words` that begin and end a text
_WORDS = 256  # words whose convolutions are in memory together


def spell_words(words: Seq[str], longest: int, widest: int) -> NDArray[np.int64]:
    """The characters of the begin and end marks of a text, and of words.

    Args:
        words: The words, as written.
        longest: Characters a word at most, its begin and end marks included; the rest is truncated.
        widest: The widest convolution that will read them.

    Returns:
        `(2 + words, width)`, without the padding that makes no difference to any convolution.
    """
    spellings = [word.encode("utf-8", "ignore")[: longest - 2] for word in words]
    lengths = np.fromiter((1, 1, *map(len, spellings)), np.int64, len(spellings) + SPECIAL_WORDS)
    width = min(longest, int(lengths.max()) + 2 + widest)
    places = np.arange(width) - 1
    table = np.full((len(lengths), width), _PADDING, np.int64)
    table[:, 0] = _WORD_BEGIN
    letters = np.frombuffer(b"".join(spellings), np.uint8).astype(np.int64) + 1
    inside = (places >= 0) & (places < lengths[:, None])
    table[inside] = np.concatenate([[_TEXT_BEGIN, _TEXT_END], letters])
    table[np.arange(len(lengths)), lengths + 1] = _WORD_END
    return table


def count_truncated(words: Seq[str], longest: int) -> int:
    """How many words have more bytes than are read."""
    return sum(
        len(word) > longest // 5 and len(word.encode("utf-8", "ignore")) > longest - 2 for word in words
    )


class PackedTexts(NamedTuple):
    """Texts as the network reads them, each between begin and end marks, without padding.

    Attributes:
        characters: The spelling of each different word of the batch, `(distinct, width)`.
        words: The row of `characters` of each packed word, for each direction, `(2, words)`.
        counts: Words of each step, `(steps,)`; they stay on the CPU, which runs the steps.
        places: Where the words of the texts, one after another, are among the packed ones, for each
            direction, without begin and end marks, `(2, words of the texts)`.
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


def pack_texts(words: Seq[str], lengths: NDArray[np.int64], options: ElmoOptions) -> PackedTexts:
    """Pack the words of parts of texts.

    Args:
        words: All words of the parts, one after another.
        lengths: Words of each part.
        options: The options of the network that will read them.
    """
    numbers: dict[str, int] = {}
    rows = np.fromiter((numbers.setdefault(word, len(numbers)) for word in words), np.int64, len(words))
    time = int(lengths.max(initial=0)) + 2
    (packed_places, counts), step = pack(lengths + 2, time), np.arange(time)
    ids = np.full((len(lengths), time), TEXT_BEGIN, np.int64)
    inside = (step > 0) & (step <= lengths[:, None])
    ids[inside] = rows + SPECIAL_WORDS
    ids[np.arange(len(lengths)), lengths + 1] = TEXT_END
    where = np.empty((2, ids.size), np.int64)
    np.put_along_axis(where, packed_places, np.arange(packed_places.shape[1])[None], axis=1)
    characters = spell_words(list(numbers), options.longest, options.widest)
    tensors = map(torch.from_numpy, (characters, ids.ravel()[packed_places], where[:, inside.ravel()]))
    spelling, packed, places = tensors
    return PackedTexts(spelling, packed, counts, places)


class _Highway(nn.Module):
    """`g · relu(W x + b) + (1 - g) · x` with `g = sigmoid(V x + c)` (Srivastava, Greff & Schmidhuber 2015,
    equation 3). At first little is changed: c starts at -2.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate, self.transform = nn.Linear(dim, dim), nn.Linear(dim, dim)
        for layer, bias in ((self.gate, -2.0), (self.transform, 0.0)):
            nn.init.normal_(layer.weight, std=dim**-0.5)
            nn.init.constant_(layer.bias, bias)

    def forward(self, vectors: Tensor) -> Tensor:
        gate = self.gate(vectors).sigmoid()
        return vectors + gate * (self.transform(vectors).relu() - vectors)


class CharacterCNN(nn.Module):
    """Convolutions over the characters of a word with max pooling, highway layers, a projection
    (Kim, Jernite, Sontag & Rush 2016; Jozefowicz et al. 2016).

    Args:
        options: Its sizes.
        projects: Whether there is a projection to `options.dim`.
    """

    def __init__(self, options: ElmoOptions, projects: bool) -> None:
        super().__init__()
        wide, dim = options.convolutions, options.character_dim
        self.activation = torch.relu if options.activation == "relu" else torch.tanh
        self.table = nn.Embedding(CHARACTERS, dim, padding_idx=0)
        convolutions: list[Any] = [nn.Conv1d(dim, number, width) for width, number in options.filters]
        self.convolutions: Any = nn.ModuleList(convolutions)
        self.highways = nn.ModuleList(_Highway(wide) for _ in range(options.highways))
        self.projection = nn.Linear(wide, options.dim) if projects else None
        nn.init.uniform_(self.table.weight, -1.0, 1.0)
        with torch.no_grad():
            self.table.weight[0] = 0.0
        for convolution in convolutions:
            if options.activation == "relu":
                nn.init.uniform_(convolution.weight, -0.05, 0.05)
            else:
                nn.init.normal_(convolution.weight, std=convolution.weight[0].numel() ** -0.5)
            nn.init.zeros_(convolution.bias)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, std=wide**-0.5)
            nn.init.zeros_(self.projection.bias)

    def forward(self, characters: Tensor) -> Tensor:
        """Character numbers `(words, width)` to vectors `(words, dim)`. Padding counts too; `width` is at
        least that of the widest convolution.
        """
        vectors = self.activation(torch.cat([self._pooled(some) for some in characters.split(_WORDS)]))
        for layer in self.highways:
            vectors = layer(vectors)
        return vectors if self.projection is None else self.projection(vectors)

    def _pooled(self, characters: Tensor) -> Tensor:
        """The maximum of each convolution, `(words, convolutions)`."""
        vectors = self.table(characters)
        # The maximum is at the same place before and after a bias and an increasing activation.
        return torch.cat([_max_of(layer, vectors) + layer.bias for layer in self.convolutions], dim=1)


def _max_of(layer: nn.Conv1d, vectors: Tensor) -> Tensor:
    """The maximum of a convolution without its bias, `(words, number)`, over `(words, width, dim)`.

    As a matrix product it takes two thirds of the time of torch's convolution, made for many channels.
    """
    windows = vectors.unfold(1, layer.kernel_size[0], 1)
    scores = windows.reshape(-1, layer.weight[0].numel()) @ layer.weight.flatten(1).T
    return scores.view(*windows.shape[:2], -1).amax(dim=1)


class BiLM(nn.Module):
    """The bidirectional language model of Peters et al. 2018, section 3.3, up to its softmax.

    Args:
        options: Its sizes and settings.
        projects: Whether the character network ends in a projection; left out, only if it has to.
        dropout: Share of the inputs of each LSTM that is set to zero in training.
    """

    def __init__(self, options: ElmoOptions, projects: bool | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.options, self.dropout = options, nn.Dropout(dropout)
        projects = options.convolutions != options.dim if projects is None else projects
        self.characters = CharacterCNN(options, projects)
        self.forward_cells = nn.ModuleList(_cell(options) for _ in range(options.layers))
        self.backward_cells = nn.ModuleList(_cell(options) for _ in range(options.layers))

    def forward(self, texts: PackedTexts, layers: int | None = None) -> list[tuple[Tensor, Tensor]]:
        """The vectors of the packed words, `(words, dim)`, of the forward and of the backward reader: those
        of the character network and of each LSTM above it, or of the first `layers` LSTMs only.
        """
        vectors = self.characters(texts.characters).float()
        words = [vectors[texts.words[0]], vectors[texts.words[1]]]
        states, counts = [(words[0], words[1])], texts.counts.tolist()
        clips = Clips(self.options.memory_clip, self.options.hidden_clip)
        for number in range(self.options.layers if layers is None else layers):
            cells = [self.forward_cells[number], self.backward_cells[number]]
            inputs = [self.dropout(own) for own in words]
            words = run_both_ways(cells, inputs, counts, clips) if counts else words
            if self.options.skip and number:
                words = [output + own for output, own in zip(words, inputs)]
            states.append((words[0], words[1]))
        return states


def unpack_layer(texts: PackedTexts, layer: tuple[Tensor, Tensor]) -> Tensor:
    """One layer's vectors of the words of the texts, both directions concatenated, `(words, 2 * dim)`."""
    return torch.cat([vectors[places] for vectors, places in zip(layer, texts.places)], dim=1)


def _cell(options: ElmoOptions) -> nn.LSTM:
    """A layer of one direction, initialised as in TensorFlow, with its forget gates open at first."""
    projection = options.dim if options.dim < options.units else 0
    cell = nn.LSTM(options.dim, options.units, proj_size=projection)
    for name, weight in cell.named_parameters():
        if weight.ndim == 1:
            nn.init.zeros_(weight)
            if name == "bias_ih_l0":
                nn.init.ones_(weight[options.units : 2 * options.units])
            continue
        # Both matrices that feed the gates are one in TensorFlow, whose shape decides the range.
        sides = sum(weight.shape) + (0 if name == "weight_hr_l0" else options.dim)
        nn.init.uniform_(weight, -((6.0 / sides) ** 0.5), (6.0 / sides) ** 0.5)
    return cell
