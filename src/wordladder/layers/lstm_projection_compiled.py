"""The steps of an LSTM with a projection and clips, compiled: the functions of `lstm_projection_torch.py` for
a CPU, whole registers of units, and whole panels of what comes out. Glue to `kernels/lstm_projection.py`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..kernels import lstm_projection as kernel
from ..kernels.recurrence import LANES, PANEL, panels
from .lstm_projection_torch import Clips, Trace


def fits(gates: Tensor, w_projection: Tensor | None) -> bool:
    """Whether the kernel takes a layer with such weights."""
    if w_projection is None or gates.device.type != "cpu":
        return False
    dim, units = w_projection.shape
    return dim % PANEL == 0 and units % LANES == 0


def forward(
    counts: list[int],
    clips: Clips,
    w_recurrent: Tensor,
    w_projection: Tensor | None,
    gates: Tensor,
    memory: Tensor,
    hidden: Tensor,
) -> Trace:
    """As in `projected_steps`."""
    words = len(gates)
    memory = torch.cat([memory, memory.new_empty(words, memory.shape[1])])
    hidden = torch.cat([hidden, hidden.new_empty(words, hidden.shape[1])])
    trace = Trace(gates, memory, torch.empty_like(memory[:words]), hidden)
    kernel.forward(
        np.array(counts), _turned(w_recurrent), _turned(w_projection), *_limits(clips),
        *(tensor.numpy() for tensor in trace),
    )  # fmt: skip
    return trace


def backward(
    counts: list[int],
    clips: Clips,
    w_recurrent: Tensor,
    w_projection: Tensor | None,
    trace: Trace,
    d_hidden: Tensor,
) -> Tensor:
    """As in `projected_steps`."""
    d_gates = torch.empty_like(trace.gates)
    kernel.backward(
        np.array(counts), _straight(w_recurrent), _straight(w_projection), *_limits(clips),
        trace.gates.numpy(), trace.memory.numpy(), trace.hidden.numpy(), d_hidden.numpy(), d_gates.numpy(),
    )  # fmt: skip
    return d_gates


def _straight(weight: Tensor | None) -> NDArray[np.float32]:
    return panels(np.empty((0, 0), np.float32) if weight is None else weight.numpy())


def _turned(weight: Tensor | None) -> NDArray[np.float32]:
    return _straight(None if weight is None else weight.T)


def _limits(clips: Clips) -> list[np.float32]:
    return [np.float32(np.inf if clip is None else clip) for clip in clips]
