"""The steps of an LSTM whose hidden vector is projected and which may be clipped, forward and backward.

Words are in packed order, as in `recurrence.py`, whose product of matrices is used: row r of a step goes on
from row r of the step before. What does not depend on the step before, the words' share of the gates and the
gradients of all weights, is left to one large product each, outside. Rows of hidden vectors and memory begin
with those that the first step goes on from, `counts[0]` of them.
"""

import numpy as np

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .compiling import exact
from .recurrence import PANEL, multiply
from .recurrent_cells import _0, lstm_backward, lstm_forward


@exact
def forward(counts, w_recurrent, w_projection, memory_clip, hidden_clip, gates, memory, wide, hidden):
    """Run the steps.

    Args:
        counts: Words of each step, `(steps,)`, never rising.
        w_recurrent, w_projection: The weights of hidden vector and cell, a row for each of their numbers, in
            panels.
        memory_clip, hidden_clip: The largest size of a number, float32; infinite where nothing is cut.
        gates: The words' share of the sums, and then the cells' activations, `(words, 4 * units)`.
        memory: The first rows are given, the others filled, `(counts[0] + words, units)`.
        wide: Filled with the cells' outputs, `(words, units)`.
        hidden: Likewise their projections, `(counts[0] + words, columns)`, columns in whole panels.
    """
    start, before = 0, 0
    for t in range(len(counts)):
        count, here = counts[t], counts[0] + start
        multiply(hidden, before, 0, count, w_recurrent, gates, start, 0)
        for r in range(count):
            lstm_forward(gates[start + r], memory[before + r], memory[here + r], wide[start + r], memory_clip)
            hidden[here + r] = _0
        multiply(wide, start, 0, count, w_projection, hidden, here, 0)
        for r in range(count):
            row = hidden[here + r]
            for j in range(len(row)):
                row[j] = min(max(row[j], -hidden_clip), hidden_clip)
        start, before = start + count, here


@exact
def backward(
    counts, w_recurrent, w_projection, memory_clip, hidden_clip, gates, memory, hidden, d_hidden, d_gates
):
    """The gradients of `forward`, the last step first.

    Args:
        counts, memory_clip, hidden_clip, gates, memory, hidden: As `forward` had them and left them.
        w_recurrent, w_projection: The weights the other way, in panels.
        d_hidden: The gradient of what comes out; what flows back through the steps is added.
        d_gates: Filled with the gradient of the sums, `(words, 4 * units)`.
    """
    units = memory.shape[1]
    d_memory = np.zeros((counts[0], units), np.float32)
    d_wide = np.zeros((counts[0], w_projection.shape[0] * PANEL), np.float32)
    start = len(gates)
    for t in range(len(counts) - 1, -1, -1):
        count = counts[t]
        start -= count
        here = counts[0] + start
        before = here - counts[t - 1] if t > 0 else 0
        for r in range(count):
            row, d_row = hidden[here + r], d_hidden[here + r]
            for j in range(len(row)):
                d_row[j] = d_row[j] if abs(row[j]) < hidden_clip else _0
        multiply(d_hidden, here, 0, count, w_projection, d_wide, 0, 0)
        for r in range(count):
            step = (gates[start + r], memory[before + r], memory[here + r], d_gates[start + r])
            lstm_backward(*step, d_wide[r], d_memory[r], memory_clip)  # leaves zeros in d_wide
        if t > 0:
            multiply(d_gates, start, 0, count, w_recurrent, d_hidden, before, 0)
