"""A pretrained encoder for prediction: the pieces of texts in, one vector a piece out; it learns nothing.

On a CPU the texts of a batch are packed one after another, without padding: everything but the attention
treats each piece on its own, and the attention is computed among texts of one length at a time. That needs an
encoder whose attention can be replaced; the result is compared with the encoder's own once. Where it differs,
or on an accelerator, texts are padded.
"""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..extras import require
from ..layers.devices import has_bfloat16
from ..layers.half_precision_attention import use_fast_attention
from ..text.padding import pad
from ._pretrained import position_tables

Precision = Literal["auto", "float32", "bfloat16"]
Ints = NDArray[np.int64]
Run = tuple[int, int, int]  # the first piece of neighbouring texts of one length, how many, and how long

_PACKED = "wordladder_packed"
PACKABLE = ("albert", "bert", "camembert", "distilbert", "electra", "roberta", "xlm-roberta")
_SCORES = 1 << 21  # attention scores at a time: they stay in the CPU's cache
_TYPICAL = 2048  # rows of a matrix product, which the order of its weights is optimised for
_TOLERANCE = 1e-3  # between packed and padded results, both in float32


def encoder_layers(model: Any, every: bool, types: Tensor | None, **inputs: Any) -> tuple[Tensor, ...]:
    """All layers of an encoder, embeddings first, or the last one."""
    options = {} if types is None else {"token_type_ids": types}
    output = model(output_hidden_states=every, **options, **inputs)
    return tuple(output.hidden_states) if every else (output.last_hidden_state,)


class FrozenEncoder:
    """An encoder for prediction, which reads padded texts.

    Args:
        model: The encoder.
        padding: The number of the padding piece.
    """

    def __init__(self, model: Any, padding: int = 0) -> None:
        self.model, self.padding = model, padding

    @torch.no_grad()
    def states(self, rows: Sequence[Ints]) -> Tensor:
        """The last layer's vectors of all pieces of the texts, one text after another, `(pieces, dim)`;
        texts of one length are neighbours.
        """
        ids, mask = pad_pieces(rows, self.padding, self.model.device)
        return self.layers(ids, mask, None, False)[0][mask]

    @torch.no_grad()
    def layers(self, ids: Tensor, mask: Tensor, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        """All layers `(texts, pieces, dim)`, embeddings first, or the last one; of padded texts."""
        return self._call(every, types, input_ids=ids, attention_mask=mask.long())

    def _call(self, every: bool, types: Tensor | None, **inputs: Any) -> tuple[Tensor, ...]:
        """The layers in float32, whatever precision is used around it."""
        with torch.autocast(self.model.device.type, enabled=False):
            return tuple(layer.float() for layer in encoder_layers(self.model, every, types, **inputs))


class PackedEncoder(FrozenEncoder):
    """An encoder for prediction, which reads all texts of a batch as one."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.first = next((first for _, first in position_tables(model)), 0)
        model.set_attn_implementation(_PACKED)

    @torch.no_grad()
    def states(self, rows: Sequence[Ints]) -> Tensor:
        lengths = np.array([len(row) for row in rows])
        return self._packed(torch.from_numpy(np.concatenate(rows)), lengths, None, False)[0][0]

    @torch.no_grad()
    def layers(self, ids: Tensor, mask: Tensor, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        types = None if types is None else types[mask]
        result = []
        for states in self._packed(ids[mask], mask.sum(dim=1).numpy(), types, every):
            result.append(states.new_zeros(*mask.shape, states.shape[2]))
            result[-1][mask] = states[0]
        return tuple(result)

    def _packed(self, ids: Tensor, lengths: Ints, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        inputs: dict[str, Any] = {"input_ids": ids[None], "wordladder_runs": find_runs(lengths)}
        inputs["position_ids"] = torch.from_numpy(np.arange(len(starts)) - starts + self.first)[None]
        return self._call(every, None if types is None else types[None], **inputs)


def frozen_copy(
    model: Any,
    *,
    precision: Precision = "auto",
    device: torch.device | None = None,
    padding: int = 0,
    pack: bool = True,
) -> FrozenEncoder:
    """The fastest encoder for prediction here, with the current weights of `model`.

    Args:
        model: The encoder, in float32; it is not changed.
        precision: The arithmetic; `"auto"` uses bfloat16 where the hardware computes in it, else float32.
        device: Where it computes; left out, where the encoder is.
        padding: The number of the padding piece.
        pack: Whether each piece is computed independently of where its text begins, so that texts may be
            packed one after another.
    """
    device = device or next(model.parameters()).device
    half = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    copy = _copy(model, torch.bfloat16 if half else torch.float32, device)
    if device.type != "cpu" and model.config.model_type in PACKABLE:
        use_fast_attention(copy)
    if device.type != "cpu" or not (pack and _can_pack(model, padding)):
        return FrozenEncoder(copy, padding)
    if half and has_bfloat16(device):
        _reorder_weights(copy)
    return PackedEncoder(copy)


def _copy(model: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """A copy for prediction; it shares the weights that need no change."""
    copies: dict[int, Any] = {}
    # Tables that are in no file, such as the frequencies of rotary positions, keep their precision.
    stored = {id(weight) for weight in model.state_dict(keep_vars=True).values()}
    for weight in (*model.parameters(), *model.buffers()):
        own = dtype if weight.is_floating_point() and id(weight) in stored else weight.dtype
        if (weight.dtype, weight.device) == (own, device):
            copies[id(weight)] = weight
            continue
        moved = weight.detach().to(device, own)
        is_parameter = isinstance(weight, nn.Parameter)
        copies[id(weight)] = nn.Parameter(moved, requires_grad=False) if is_parameter else moved
    return deepcopy(model, copies).eval()


def pad_pieces(rows: Sequence[Ints], padding: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The pieces of texts `(texts, pieces)`, and their mask."""
    padded = pad(np.concatenate(rows), np.cumsum([0, *map(len, rows)]), padding)
    ids, mask = (torch.from_numpy(one).to(device) for one in padded)
    return ids, mask


def find_runs(lengths: Ints) -> list[Run]:
    """Neighbouring texts of one length."""
    borders = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]
    starts = np.cumsum(lengths) - lengths
    return [(int(starts[a]), b - a, int(lengths[a])) for a, b in pairwise(borders)]


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    wordladder_runs: Sequence[Run] = (),
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention within each text, `(1, heads, pieces, dim)` to `(1, pieces, heads, dim)`."""
    _, heads, pieces, dim = query.shape
    out = query.new_empty(1, pieces, heads, dim)
    scale = dim**-0.5 if scaling is None else scaling
    for first, count, length in wordladder_runs:
        most = max(1, _SCORES // (heads * length * length))
        for start in range(0, count, most):
            texts = min(most, count - start)
            part = slice(first + start * length, first + (start + texts) * length)
            q, k, v = (
                x[0, :, part].unflatten(1, (texts, length)).transpose(0, 1) for x in (query, key, value)
            )
            out[0, part].view(texts, length, heads, dim).copy_(_attend(q, k, v, scale).transpose(1, 2))
    return out, None


def _attend(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Attention without a mask, `(texts, heads, length, dim)`; torch's own is slow in bfloat16 here."""
    if query.dtype == torch.float32:
        return functional.scaled_dot_product_attention(query, key, value, scale=scale)
    q, k, v = (x.flatten(0, 1) for x in (query * scale, key, value))
    return torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(dim=-1), v).view(query.shape)


class _Linear(nn.Module):
    """A linear layer whose weights are in the order of oneDNN's matrix product in bfloat16.

    Args:
        linear: The layer with its weights.
        gelu: Whether the exact GELU (Hendrycks and Gimpel 2016) follows.
    """

    def __init__(self, linear: nn.Linear, gelu: bool) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _TYPICAL)
        self.bias = None if linear.bias is None else linear.bias.detach()
        self.activation: tuple[Any, ...] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, vectors: Tensor) -> Tensor:
        """`(…, in)` to `(…, out)`."""
        return torch.ops.mkldnn._linear_pointwise(vectors, self.weight, self.bias, *self.activation)


def _reorder_weights(part: nn.Module) -> None:
    """Replace all linear layers within this one by `_Linear`."""
    gelu = type(getattr(part, "intermediate_act_fn", None)).__name__ == "GELUActivation"
    for name, inner in list(part.named_children()):
        if type(inner) is nn.Linear:
            setattr(part, name, _Linear(inner, gelu and name == "dense"))
        else:
            _reorder_weights(inner)
    if gelu:
        part.intermediate_act_fn = nn.Identity()


def _can_pack(model: Any, padding: int) -> bool:
    """Whether the encoder gives the same without padding."""
    if model.config.model_type not in PACKABLE:
        return False
    transformers = require("transformers", "train", "the transformer embedder")
    transformers.AttentionInterface.register(_PACKED, _attention)
    size = model.get_input_embeddings().num_embeddings
    rows = [(np.arange(length) * 7 + length) % (size - 1) for length in (3, 5, 5)]
    rows = [row + (row >= padding) for row in rows]  # any pieces but the padding
    copies = [_copy(model, torch.float32, torch.device("cpu")) for _ in range(2)]
    expected = FrozenEncoder(copies[0], padding).states(rows)
    return torch.allclose(PackedEncoder(copies[1]).states(rows), expected, atol=_TOLERANCE, rtol=_TOLERANCE)
