"""A pretrained encoder as it answers: the pieces of texts in, one vector a piece out; it learns nothing.

On a processor the texts of a batch stand one behind another, without padding: all but the attention treats
every piece by itself, and the attention is taken among texts of one length at a time. That needs an encoder
whose attention can be exchanged; what the exchange gives is compared with the encoder's own way once, and
where it differs, or on an accelerator, texts are padded.
"""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..extras import require
from ..layers.half_precision_attention import use_fast_attention
from ..layers.precision import has_bfloat16

Precision = Literal["auto", "float32", "bfloat16"]
Ints = NDArray[np.int64]
Run = tuple[int, int, int]  # the first piece of neighbouring texts of one length, how many, and how long

_PACKED = "wordladder_packed"
PACKABLE = ("albert", "bert", "camembert", "distilbert", "electra", "roberta", "xlm-roberta")
_SCORES = 1 << 21  # attention scores at a time: they stay in the processor's cache
_TYPICAL = 2048  # rows of a matrix product, which the order of its weights is made for
_NEAR = 1e-3  # by which a number may differ between the two ways, both in float32


class Answering(Protocol):
    """An encoder that is ready to answer."""

    def states(self, rows: Sequence[Ints]) -> Tensor:
        """The last layer's vectors of all pieces of the texts, one text behind another, `(pieces, dim)`;
        texts of one length are neighbours.
        """
        ...

    def layers(self, ids: Tensor, mask: Tensor, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        """All layers `(texts, pieces, dim)`, embeddings first, or the last one; of padded texts."""
        ...


def answering(
    model: Any,
    *,
    precision: Precision = "auto",
    device: torch.device | None = None,
    pad: int = 0,
    pack: bool = True,
) -> Answering:
    """An encoder that computes as fast as can be here, from the weights that `model` has now.

    Args:
        model: The encoder, in float32; it stays as it is.
        precision: The arithmetic; `"auto"` takes bfloat16 where the hardware computes in it, else float32.
        device: Where it computes; left out, where the encoder is.
        pad: The number of the padding piece.
        pack: Whether each piece is computed without regard to where its text begins, so that texts may stand
            one behind another.
    """
    device = device or next(model.parameters()).device
    half = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    copied = _copied(model, torch.bfloat16 if half else torch.float32, device)
    if device.type != "cpu" and model.config.model_type in PACKABLE:
        use_fast_attention(copied)
    if device.type != "cpu" or not (pack and _can_pack(model, pad)):
        return _Padded(copied, pad)
    if half and has_bfloat16(device):
        _reorder_weights(copied)
    return _Packed(copied)


def _copied(model: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """A copy that answers; it shares the weights that need no change."""
    copies: dict[int, Any] = {}
    # Tables that no file has, such as the frequencies of rotary positions, stay as they were computed.
    stored = {id(weight) for weight in model.state_dict(keep_vars=True).values()}
    for weight in (*model.parameters(), *model.buffers()):
        wanted = dtype if weight.is_floating_point() and id(weight) in stored else weight.dtype
        if (weight.dtype, weight.device) == (wanted, device):
            copies[id(weight)] = weight
            continue
        moved = weight.detach().to(device, wanted)
        is_parameter = isinstance(weight, nn.Parameter)
        copies[id(weight)] = nn.Parameter(moved, requires_grad=False) if is_parameter else moved
    return deepcopy(model, copies).eval()


def padded(rows: Sequence[Ints], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The pieces of texts `(texts, pieces)`, and which of them are no padding."""
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    ids = torch.full(mask.shape, pad)
    ids[mask] = torch.from_numpy(np.concatenate(rows))
    return ids.to(device), mask.to(device)


class _Padded:
    """The encoder's own way."""

    def __init__(self, model: Any, pad: int) -> None:
        self.model, self.pad = model, pad

    @torch.no_grad()
    def states(self, rows: Sequence[Ints]) -> Tensor:
        ids, mask = padded(rows, self.pad, self.model.device)
        (states,) = self.layers(ids, mask, None, False)
        return states[mask]

    @torch.no_grad()
    def layers(self, ids: Tensor, mask: Tensor, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        known = {} if types is None else {"token_type_ids": types}
        return _layers(self.model, every, input_ids=ids, attention_mask=mask.long(), **known)


class _Packed:
    """All texts of a batch as one."""

    def __init__(self, model: Any) -> None:
        self.model, self.first = model, _first_position(model)
        model.set_attn_implementation(_PACKED)

    @torch.no_grad()
    def states(self, rows: Sequence[Ints]) -> Tensor:
        lengths = np.array([len(row) for row in rows])
        (states,) = self._layers(torch.from_numpy(np.concatenate(rows)), lengths, None, False)
        return states[0]

    @torch.no_grad()
    def layers(self, ids: Tensor, mask: Tensor, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        packed = self._layers(
            ids[mask], mask.sum(dim=1).numpy(), None if types is None else types[mask], every
        )
        found = []
        for states in packed:
            found.append(states.new_zeros(*mask.shape, states.shape[2]))
            found[-1][mask] = states[0]
        return tuple(found)

    def _layers(self, ids: Tensor, lengths: Ints, types: Tensor | None, every: bool) -> tuple[Tensor, ...]:
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        given = {"position_ids": torch.from_numpy(np.arange(len(starts)) - starts + self.first)[None]}
        if types is not None:
            given["token_type_ids"] = types[None]
        return _layers(self.model, every, input_ids=ids[None], wordladder_runs=runs(lengths), **given)


def _layers(model: Any, every: bool, **given: Any) -> tuple[Tensor, ...]:
    """What the encoder says, in float32, whatever arithmetic is usual around it."""
    with torch.autocast(model.device.type, enabled=False):
        output = model(output_hidden_states=every, **given)
    states = output.hidden_states if every else (output.last_hidden_state,)
    return tuple(one.float() for one in states)


def runs(lengths: Ints) -> list[Run]:
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
            some = min(most, count - start)
            part = slice(first + start * length, first + (start + some) * length)
            q, k, v = (
                x[0, :, part].unflatten(1, (some, length)).transpose(0, 1) for x in (query, key, value)
            )
            out[0, part].view(some, length, heads, dim).copy_(_mixed(q, k, v, scale).transpose(1, 2))
    return out, None


def _mixed(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Attention without a mask, `(texts, heads, length, dim)`; torch's own is slow in bfloat16 here."""
    if query.dtype == torch.float32:
        return functional.scaled_dot_product_attention(query, key, value, scale=scale)
    shape = query.shape
    q, k, v = ((x * scale if x is query else x).flatten(0, 1) for x in (query, key, value))
    return torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(dim=-1), v).view(shape)


class _Linear(nn.Module):
    """A linear layer whose weights lie as oneDNN's matrix product in bfloat16 reads them.

    Args:
        linear: What it is made from.
        gelu: Whether the exact GELU (Hendrycks and Gimpel 2016) follows.
    """

    def __init__(self, linear: nn.Linear, gelu: bool) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _TYPICAL)
        self.bias = None if linear.bias is None else linear.bias.detach()
        self.after = ("gelu", "none") if gelu else ("none", "")

    def forward(self, vectors: Tensor) -> Tensor:
        """`(…, in)` to `(…, out)`."""
        return torch.ops.mkldnn._linear_pointwise(
            vectors, self.weight, self.bias, self.after[0], [], self.after[1]
        )


def _reorder_weights(part: nn.Module) -> None:
    """Give all linear layers within this one the weights of `_Linear`."""
    gelu = type(getattr(part, "intermediate_act_fn", None)).__name__ == "GELUActivation"
    for name, inner in list(part.named_children()):
        if type(inner) is nn.Linear:
            setattr(part, name, _Linear(inner, gelu and name == "dense"))
        else:
            _reorder_weights(inner)
    if gelu:
        part.intermediate_act_fn = nn.Identity()


def _first_position(model: nn.Module) -> int:
    """The number of the first place in a text; RoBERTa and its kin count from behind the padding's."""
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            return 0 if part.padding_idx is None else part.padding_idx + 1
    return 0


def _can_pack(model: Any, pad: int) -> bool:
    """Whether the encoder is the same without padding."""
    if model.config.model_type not in PACKABLE:
        return False
    require("transformers", "train", "the transformer embedder").AttentionInterface.register(
        _PACKED, _attention
    )
    size = model.get_input_embeddings().num_embeddings
    rows = [(np.arange(length) * 7 + length) % (size - 1) for length in (3, 5, 5)]
    rows = [row + (row >= pad) for row in rows]  # any pieces but the padding
    shared = [_copied(model, torch.float32, torch.device("cpu")) for _ in range(2)]
    expected = _Padded(shared[0], pad).states(rows)
    return torch.allclose(_Packed(shared[1]).states(rows), expected, atol=_NEAR, rtol=_NEAR)
