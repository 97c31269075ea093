"""One recurrent layer in one direction over a batch of texts, forward and backward, float32, without padding.

Words lie in packed order: the first words of all texts, then the second words, and so on, longest text first.
Step t is `counts[t]` rows, and since a text that has ended never comes back, row r of a step goes on from row r
of the step before. No time is spent on padding, and all texts are worked on side by side.

Nearly all the time goes into five matrix products a step: word and last hidden vector into the gates, the gates'
gradient back to both, and into the weights. A batch of 32 texts makes them too small for a library, which
rearranges the weights at every call; `product` finds them arranged once and for all. What the gates do is in
`gates.py`. One call runs all steps and lets other threads run meanwhile: a direction a thread.

All arrays are flat; places in them are element offsets. Units are padded to whole registers; a padded unit
has zero weights and stays zero for ever.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, register_jitable
from numpy.typing import NDArray

from .gates import gru_backward, gru_forward, lstm_backward, lstm_forward, rnn_backward, rnn_forward
from .registers import LANES, broadcast, load, multiply_add, store

__all__ = ["GRU", "LSTM", "LANES", "RNN", "Shape", "backward", "forward", "in_panels", "panels"]

LSTM, GRU, RNN = 0, 1, 2
PANEL = 4 * LANES  # columns that `product` works on at a time
_CHUNK = 64  # rows of gradients that are gathered before they go into the weights: they stay in the first cache


class Shape(NamedTuple):
    """Sizes of one layer; the gates' columns are blocks of `units`, in the order of the functions in `gates.py`.

    Attributes:
        cell: LSTM, GRU or RNN.
        inputs: numbers in the vector of a word.
        hidden: numbers in the hidden vector.
        units: `hidden`, padded to whole registers.
        fed: columns that the word reaches, from the first on.
        recalled_at: first column that the last hidden vector reaches.
        recalled: columns that it reaches.
        gates_row: floats from one row of gates to the next.
    """

    cell: int
    inputs: int
    hidden: int
    units: int
    fed: int
    recalled_at: int
    recalled: int
    gates_row: int


@register_jitable
def in_panels(columns: int) -> int:
    """Columns, padded to whole panels."""
    return -(-columns // PANEL) * PANEL


def panels(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matrix `(depth, width)` as `product` reads it: PANEL columns after PANEL columns, each panel row by row."""
    depth, width = matrix.shape
    padded = np.zeros((depth, in_panels(width)), np.float32)
    padded[:, :width] = matrix
    return np.ascontiguousarray(padded.reshape(depth, -1, PANEL).swapaxes(0, 1)).reshape(-1)


_FAST = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@intrinsic
def _fence(typing: Any) -> Any:
    """No instruction: the compiler moves no load across it.

    Without it, loads of several turns of an unrolled loop are moved together, need more registers than there are,
    and go through memory: a quarter slower.
    """

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
        return context.get_dummy_value()

    return types.void(), build


@njit(**_FAST)
def product(a, a_at, a_row, a_step, rows, depth, w, w_at, w_panel, w_step, width, c, c_at, c_row):
    """c += a w, for a of `rows` rows and w of `width` columns, both `depth` deep.

    Element k of row r of a is `a[a_at + r * a_row + k * a_step]`: either way round. Row k of panel j of w starts
    at `w_at + j * w_panel + k * w_step`; the last panel is worked on as a whole, and so is c.

    Two rows by four registers of c stay in registers while k runs: eight sums under way at once are what two
    fused multiply-adds a cycle of four cycles each need, and each loaded register of w serves twice. The panel of
    w stays in the first cache while the rows pass by.
    """
    for j in range(0, width, PANEL):
        panel = w_at + j // PANEL * w_panel
        for r in range(0, rows, 2):
            s = min(r + 1, rows - 1)  # the last of an odd number of rows is worked on twice, with one result
            p, q = c_at + r * c_row + j, c_at + s * c_row + j
            p0, p1 = load(c, p), load(c, p + LANES)
            p2, p3 = load(c, p + 2 * LANES), load(c, p + 3 * LANES)
            q0, q1 = load(c, q), load(c, q + LANES)
            q2, q3 = load(c, q + 2 * LANES), load(c, q + 3 * LANES)
            x, y, k = a_at + r * a_row, a_at + s * a_row, panel
            for _ in range(depth):
                w0, w1 = load(w, k), load(w, k + LANES)
                w2, w3 = load(w, k + 2 * LANES), load(w, k + 3 * LANES)
                e = broadcast(a, x, w0)
                p0, p1 = multiply_add(w0, e, p0), multiply_add(w1, e, p1)
                p2, p3 = multiply_add(w2, e, p2), multiply_add(w3, e, p3)
                e = broadcast(a, y, w0)
                q0, q1 = multiply_add(w0, e, q0), multiply_add(w1, e, q1)
                q2, q3 = multiply_add(w2, e, q2), multiply_add(w3, e, q3)
                x, y, k = x + a_step, y + a_step, k + w_step
                _fence()
            store(c, p, p0), store(c, p + LANES, p1)
            store(c, p + 2 * LANES, p2), store(c, p + 3 * LANES, p3)
            store(c, q, q0), store(c, q + LANES, q1)
            store(c, q + 2 * LANES, q2), store(c, q + 3 * LANES, q3)


@njit(**_FAST)
def _multiply(a, a_at, a_row, rows, depth, w, width, c, c_at, c_row):
    """c += a w, for rows of a as they lie and w in panels."""
    product(a, a_at, a_row, 1, rows, depth, w, 0, depth * PANEL, PANEL, width, c, c_at, c_row)


@njit(**_FAST)
def _cells_forward(shape, inputs, gates, memory, start, before, here, count, hidden):
    """All cells of one step: from the sums in `gates` to activations and new hidden vectors."""
    units, row = shape.units, shape.inputs + shape.units
    for r in range(count):
        own = gates[(start + r) * shape.gates_row : (start + r + 1) * shape.gates_row]
        new = hidden[r * units : (r + 1) * units]
        if shape.cell == LSTM:
            lstm_forward(own, memory[(before + r) * units :], memory[(here + r) * units :], new)
        elif shape.cell == GRU:
            gru_forward(own, inputs[(start + r) * row + shape.inputs :], new)
        else:
            rnn_forward(own, new)


@njit(**_FAST)
def forward(shape, vectors, index, counts, w_input, w_recurrent, bias, inputs, gates, memory, outputs, output_row):
    """Run one direction over packed words.

    Args:
        shape: The layer's sizes.
        vectors: The batch `(rows * time, inputs)`.
        index: The row of `vectors` that each packed word has, `(words,)`.
        counts: Words of each step, never rising.
        w_input, w_recurrent: The weights `(inputs, fed)` and `(hidden, recalled)`, in panels.
        bias: One number a column of gates.
        inputs: Filled with each word and the hidden vector it meets, `(words, inputs + units)`.
        gates: Filled with the activations, `(words, gates)`.
        memory: An LSTM's c is written here, after `counts[0]` rows of zeros: `(counts[0] + words, units)`.
        outputs: The new hidden vectors are written here, in the rows that `index` says.
        output_row: Floats from one row of `outputs` to the next.
    """
    row, units = shape.inputs + shape.units, shape.units
    hidden = np.zeros(counts[0] * units, np.float32)
    start, before = 0, 0
    for t in range(len(counts)):
        count, here = counts[t], counts[0] + start
        for r in range(count):
            p, word = start + r, index[start + r] * shape.inputs
            inputs[p * row : p * row + shape.inputs] = vectors[word : word + shape.inputs]
            inputs[p * row + shape.inputs : (p + 1) * row] = hidden[r * units : (r + 1) * units]
            gates[p * shape.gates_row : (p + 1) * shape.gates_row] = bias
        x, h, g = start * row, start * row + shape.inputs, start * shape.gates_row
        _multiply(inputs, x, row, count, shape.inputs, w_input, shape.fed, gates, g, shape.gates_row)
        g += shape.recalled_at
        _multiply(inputs, h, row, count, shape.hidden, w_recurrent, shape.recalled, gates, g, shape.gates_row)
        _cells_forward(shape, inputs, gates, memory, start, before, here, count, hidden)
        for r in range(count):
            to = index[start + r] * output_row
            outputs[to : to + shape.hidden] = hidden[r * units : r * units + shape.hidden]
        start, before = start + count, here


@njit(**_FAST)
def _cells_backward(shape, inputs, gates, memory, start, before, here, count, d_gates, d_hidden, d_memory):
    """All cells of one step: from the gradient of the hidden vectors to that of the sums."""
    units, row, d_row = shape.units, shape.inputs + shape.units, shape.gates_row + PANEL
    d_hidden_row = in_panels(units)
    for r in range(count):
        own = gates[(start + r) * shape.gates_row : (start + r + 1) * shape.gates_row]
        d_own = d_gates[r * d_row : (r + 1) * d_row]
        d_new = d_hidden[r * d_hidden_row : r * d_hidden_row + units]
        if shape.cell == LSTM:
            earlier, now = memory[(before + r) * units :], memory[(here + r) * units :]
            lstm_backward(own, earlier, now, d_own, d_new, d_memory[r * units :])
        elif shape.cell == GRU:
            gru_backward(own, inputs[(start + r) * row + shape.inputs :], d_own, d_new)
        else:
            rnn_backward(own, d_own, d_new)


@njit(**_FAST)
def _into_weights(shape, inputs, start, count, d_gates, d_input, d_recurrent, d_bias):
    """Add to the weights' gradient what `count` rows of the gates' gradient give."""
    row, d_row = shape.inputs + shape.units, shape.gates_row + PANEL
    for some in range(0, count, _CHUNK):
        depth = min(_CHUNK, count - some)
        x, d = (start + some) * row, some * d_row
        fed, recalled = in_panels(shape.fed), in_panels(shape.recalled)
        product(inputs, x, 1, row, shape.inputs, depth, d_gates, d, PANEL, d_row, fed, d_input, 0, fed)
        x, d = x + shape.inputs, d + shape.recalled_at
        product(inputs, x, 1, row, shape.hidden, depth, d_gates, d, PANEL, d_row, recalled, d_recurrent, 0, recalled)
    for r in range(count):
        d_own = d_gates[r * d_row : r * d_row + len(d_bias)]
        for j in range(len(d_bias)):
            d_bias[j] += d_own[j]


@njit(**_FAST)
def backward(
    shape, index, counts, w_input, w_recurrent, inputs, gates, memory, d_outputs, outputs_row,
    d_input, d_recurrent, d_bias, d_vectors,
):
    """The gradients of `forward`, last step first.

    Args:
        shape, index, counts, inputs, gates, memory: As `forward` had and left them.
        w_input, w_recurrent: The weights the other way round, `(fed, inputs)` and `(recalled, hidden)`, in panels.
        d_outputs: The gradient of `outputs`.
        outputs_row: Floats from one row of `d_outputs` to the next.
        d_input, d_recurrent: Added to: the weights' gradient `(inputs, fed)` and `(hidden, recalled)`, with rows
            padded to whole panels.
        d_bias: Added to: the gradient of each column of gates.
        d_vectors: The gradient of `vectors` is written here; where it is empty, none is wanted.
    """
    d_row = shape.gates_row + PANEL  # not a power of two, or all rows would fall in the same lines of the cache
    room, d_hidden_row, d_words_row = _CHUNK + counts[0], in_panels(shape.units), in_panels(shape.inputs)
    d_gates = np.zeros(room * d_row, np.float32)
    d_hidden = np.zeros(counts[0] * d_hidden_row, np.float32)
    d_memory = np.zeros(counts[0] * shape.units, np.float32)
    d_words = np.zeros(counts[0] * d_words_row, np.float32)
    start = end = len(index)
    for t in range(len(counts) - 1, -1, -1):
        count = counts[t]
        start -= count
        here = counts[0] + start
        before = here - counts[t - 1] if t > 0 else 0
        for r in range(count):
            at, to = index[start + r] * outputs_row, r * d_hidden_row
            for j in range(shape.hidden):
                d_hidden[to + j] += d_outputs[at + j]
        own = (room - (end - start)) * d_row  # filled from its end, so that rows come to lie in packed order
        _cells_backward(shape, inputs, gates, memory, start, before, here, count, d_gates[own:], d_hidden, d_memory)
        d_recalled = own + shape.recalled_at
        _multiply(d_gates, d_recalled, d_row, count, shape.recalled, w_recurrent, shape.hidden, d_hidden, 0, d_hidden_row)
        if len(d_vectors):
            d_words[:] = 0
            _multiply(d_gates, own, d_row, count, shape.fed, w_input, shape.inputs, d_words, 0, d_words_row)
            for r in range(count):
                to, at = index[start + r] * shape.inputs, r * d_words_row
                d_vectors[to : to + shape.inputs] = d_words[at : at + shape.inputs]
        if end - start >= _CHUNK or t == 0:
            _into_weights(shape, inputs, start, end - start, d_gates[own:], d_input, d_recurrent, d_bias)
            end = start
