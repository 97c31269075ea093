"""The steps of an LSTM whose hidden vector is projected and which may be clipped, forward and backward.

Words lie in packed order, as in `recurrence.py`, whose product of matrices is used: row r of a step goes on
from row r of the step before. What needs no step to be over, the words' share of the gates and the gradients
of all weights, is left to one large product each, outside. Rows of hidden vectors and memory begin with those
that the first step goes on from, `counts[0]` of them.
"""

import numpy as np
from numba import njit

from .recurrence import PANEL, product

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .recurrent_cells import _0, _1, _sigmoid, _tanh

_FAST = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(**_FAST)
def _multiply(a, a_row, rows, w, c, c_row):
    """c[c_row : c_row + rows] += a[a_row : a_row + rows] w, for w in panels."""
    a_at, c_at = a_row * a.shape[1], c_row * c.shape[1]
    width = w.shape[0] * PANEL
    product(a, a_at, a.shape[1], 1, rows, w, 0, w.shape[1] * PANEL, PANEL, w.shape[1], width, c, c_at)


@njit(**_FAST)
def _cell_forward(gates, memory_before, memory, wide, clip):
    """The cell of `gates.lstm_forward`, its memory cut to ±`clip` before anything is made of it."""
    units = len(wide)
    ins, forgets, news, outs = gates[:units], gates[units:], gates[2 * units :], gates[3 * units :]
    for j in range(units):
        i, f, g, o = _sigmoid(ins[j]), _sigmoid(forgets[j]), _tanh(news[j]), _sigmoid(outs[j])
        c = min(max(f * memory_before[j] + i * g, -clip), clip)
        ins[j], forgets[j], news[j], outs[j] = i, f, g, o
        memory[j] = c
        wide[j] = o * _tanh(c)


@njit(**_FAST)
def _cell_backward(gates, memory_before, memory, d_gates, d_wide, d_memory, clip):
    """The gradient of the sums of i, f, g, o; `d_memory` is taken from the step after to the step before.
    A number that was cut passes none on.
    """
    units = len(d_memory)
    ins, forgets, news, outs = gates[:units], gates[units:], gates[2 * units :], gates[3 * units :]
    d_ins, d_forgets = d_gates[:units], d_gates[units:]
    d_news, d_outs = d_gates[2 * units :], d_gates[3 * units :]
    for j in range(units):
        i, f, g, o = ins[j], forgets[j], news[j], outs[j]
        t, d_h = _tanh(memory[j]), d_wide[j]
        d_c = d_memory[j] + d_h * o * (_1 - t * t)
        d_c = d_c if abs(memory[j]) < clip else _0
        d_ins[j] = d_c * g * i * (_1 - i)
        d_forgets[j] = d_c * memory_before[j] * f * (_1 - f)
        d_news[j] = d_c * i * (_1 - g * g)
        d_outs[j] = d_h * t * o * (_1 - o)
        d_memory[j] = d_c * f


@njit(**_FAST)
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
        _multiply(hidden, before, count, w_recurrent, gates, start)
        for r in range(count):
            _cell_forward(
                gates[start + r], memory[before + r], memory[here + r], wide[start + r], memory_clip
            )
            hidden[here + r] = _0
        _multiply(wide, start, count, w_projection, hidden, here)
        for r in range(count):
            row = hidden[here + r]
            for j in range(len(row)):
                row[j] = min(max(row[j], -hidden_clip), hidden_clip)
        start, before = start + count, here


@njit(**_FAST)
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
        d_wide[:count] = _0
        _multiply(d_hidden, here, count, w_projection, d_wide, 0)
        for r in range(count):
            given, made = memory[before + r], memory[here + r]
            _cell_backward(
                gates[start + r], given, made, d_gates[start + r], d_wide[r], d_memory[r], memory_clip
            )
        if t > 0:
            _multiply(d_gates, start, count, w_recurrent, d_hidden, before)
