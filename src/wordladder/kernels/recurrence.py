"""One recurrent layer in one direction over a batch of texts, forward and backward, float32, without padding.

Words are in packed order: the first words of all texts, then the second words, and so on, the longest text
first. Step t is `counts[t]` rows; since a text that has ended never comes back, row r of a step goes on from
row r of the step before. No time is spent on padding, and all texts of a step are worked on side by side.

Nearly all the time goes into matrix products: of each step's words and last hidden vectors into the gates, of
the gates' gradient back to both, and of all of them into the weights. With 32 texts side by side they are too
small for a library, which puts the weights in order at every call; `product` finds them in order. What a cell
does is in `recurrent_cells.py`. One call runs all steps and lets other threads run meanwhile: a direction a
thread.

The gates of a word are columns in blocks of `units`, as the functions of `recurrent_cells.py` have them. The
word reaches the first ones, the last hidden vector as many from `_recalled_at` on. `units` is the hidden size
padded to whole registers; a padded unit has zero weights and stays zero.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .compiling import exact
from .half import narrowed, widened
from .recurrent_cells import gru_backward, gru_forward, lstm_backward, lstm_forward, rnn_backward, rnn_forward
from .simd import LANES, broadcast, load, multiply_add, store

LSTM, GRU, RNN = 0, 1, 2
PANEL = 4 * LANES  # columns that `product` works on at a time
_CHUNK = 64  # rows of the gates' gradient that go into the weights together, and fit the first cache


def panels(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matrix `(depth, width)` as `product` reads it: `(panels, depth, PANEL)`, padded with zeros."""
    depth, width = matrix.shape
    padded = np.zeros((depth, -(-width // PANEL) * PANEL), np.float32)
    padded[:, :width] = matrix
    return np.ascontiguousarray(padded.reshape(depth, -1, PANEL).swapaxes(0, 1))


@intrinsic
def _fence(typing: Any) -> Any:
    """No instruction, but the compiler moves no load across it.

    It would else unroll the loop around and load for several turns at once, which takes more registers than
    there are: they go through memory, and a quarter of the speed with them.
    """

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
        return context.get_dummy_value()

    return types.void(), build


@exact
def product(a, a_at, a_row, a_step, rows, w, w_at, w_panel, w_step, depth, width, c, c_at):
    """c += a w, for `rows` rows of a and c, `depth` rows of w, and `width` columns of w and c, in whole
    panels.

    Element k of row r of a is at `a_at + r * a_row + k * a_step` of the array, which may be transposed; row k
    of panel j of w is at `w_at + j * w_panel + k * w_step`; c starts at `c_at`.

    Two rows by four registers of c stay in registers while k runs. A fused multiply-add takes four cycles,
    and two start in each: eight sums under way keep both busy. A register of w serves both rows, and the
    panel stays in the first cache until all rows have passed by.
    """
    for j in range(0, width, PANEL):
        panel = w_at + j // PANEL * w_panel
        for r in range(0, rows, 2):
            s = min(r + 1, rows - 1)  # the last of an odd number is worked on twice, with the same result
            p, q = c_at + r * c.shape[1] + j, c_at + s * c.shape[1] + j
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


@exact
def multiply(a, a_row, a_column, rows, w, c, c_row, c_column):
    """c[c_row : c_row + rows, c_column:] += a[a_row : a_row + rows, a_column:] w, for w in panels."""
    a_at, c_at = a_row * a.shape[1] + a_column, c_row * c.shape[1] + c_column
    width = w.shape[0] * PANEL
    product(a, a_at, a.shape[1], 1, rows, w, 0, w.shape[1] * PANEL, PANEL, w.shape[1], width, c, c_at)


@exact
def _multiply_rows(a, a_row, a_column, columns, w, w_row, w_column, rows, c):
    """c += aᵀ w, over `rows` rows of each, for `columns` columns of a and as many of w as c has."""
    a_at, w_at = a_row * a.shape[1] + a_column, w_row * w.shape[1] + w_column
    product(a, a_at, 1, a.shape[1], columns, w, w_at, PANEL, w.shape[1], rows, c.shape[1], c, 0)


@exact
def _recalled_at(cell, units):
    """The first column of the gates that the last hidden vector reaches."""
    return units if cell == GRU else 0


@exact
def _copy(source, target, count):
    for j in range(count):
        target[j] = source[j]


@exact
def activate(cell, count, gates, start, inputs, dim, memory, before, here, hidden):
    """One step of `count` texts whose sums are known, in rows `start` on of `gates`, which are activated.

    The last hidden vectors are in the same rows of `inputs`, after `dim` columns; LSTM's memory is in rows
    `before` on and goes to rows `here` on; the new hidden vectors are written to the first rows of `hidden`.
    """
    for r in range(count):
        if cell == LSTM:
            lstm_forward(gates[start + r], memory[before + r], memory[here + r], hidden[r])
        elif cell == GRU:
            gru_forward(gates[start + r], inputs[start + r, dim:], hidden[r])
        else:
            rnn_forward(gates[start + r], hidden[r])


@exact
def derive(cell, count, gates, start, inputs, dim, memory, before, here, d_gates, row, d_hidden, d_memory):
    """The gradients of a step's sums, in rows `row` on of `d_gates`, from those of its hidden vectors.

    `d_hidden` and `d_memory` keep what flows to the step before past the products; the others as above.
    """
    units = d_memory.shape[1]
    for r in range(count):
        sums, d_sums, d_new = gates[start + r], d_gates[row + r], d_hidden[r, :units]
        if cell == LSTM:
            lstm_backward(sums, memory[before + r], memory[here + r], d_sums, d_new, d_memory[r])
        elif cell == GRU:
            gru_backward(sums, inputs[start + r, dim:], d_sums, d_new)
        else:
            rnn_backward(sums, d_sums, d_new)


@exact
def activate_half(cell, count, gates, product, start, before, here, memory, hidden, half):
    """`activate` for hidden vectors that are multiplied in bfloat16.

    Args:
        cell, count, gates, start, before, here, memory: As there; `hidden` and `half` have the same rows as
            the memory.
        product: What the last hidden vectors add to the last columns of the gates, `(count, columns)`,
            bfloat16 as int16.
        hidden: The new hidden vectors are written here.
        half: They are also written here, as bfloat16.
    """
    units = hidden.shape[1]
    for r in range(count):
        row, new, bits = gates[start + r], hidden[here + r], half[here + r]
        sums = row[len(row) - product.shape[1] :]
        for j in range(product.shape[1]):
            sums[j] += widened(product[r, j])
        if cell == LSTM:
            lstm_forward(row, memory[before + r], memory[here + r], new)
        elif cell == GRU:
            gru_forward(row, hidden[before + r], new)
        else:
            rnn_forward(row, new)
        for j in range(units):
            bits[j] = narrowed(new[j])


@exact
def derive_half(
    cell, count, gates, start, before, here, memory, hidden, d_outputs, product, d_hidden, d_memory,
    d_half, d_bias,
):  # fmt: skip
    """`derive` for them; arguments as of both.

    Args:
        cell, count, gates, start, before, here, memory, hidden: As `activate_half` left them.
        d_outputs: The gradients of the outputs, a row a word.
        product: What the step after adds to those of the first hidden vectors, bfloat16 as int16.
        d_hidden, d_memory: As there.
        d_half: Those of the sums are written here, a row a word, bfloat16 as int16.
        d_bias: Added to: the gradient of each column of the gates.
    """
    units, sums = d_hidden.shape[1], np.empty(gates.shape[1], np.float32)
    for r in range(count):
        d_new, row, bits = d_hidden[r], gates[start + r], d_half[start + r]
        for j in range(units):
            d_new[j] += d_outputs[start + r, j]
        if r < len(product):
            for j in range(units):
                d_new[j] += widened(product[r, j])
        if cell == LSTM:
            lstm_backward(row, memory[before + r], memory[here + r], sums, d_new, d_memory[r])
        elif cell == GRU:
            gru_backward(row, hidden[before + r], sums, d_new)
        else:
            rnn_backward(row, sums, d_new)
        for j in range(len(sums)):
            bits[j] = narrowed(sums[j])
            d_bias[j] += sums[j]


@exact
def forward(
    cell, direction, vectors, places, counts, w_input, w_recurrent, bias, hidden, inputs, gates, memory,
    outputs,
):  # fmt: skip
    """Run one direction over packed words.

    Args:
        cell: LSTM, GRU or RNN.
        direction: Which of the `directions` of `outputs` to write.
        vectors: The words of the batch, `(texts * time, dim)`.
        places: The row of `vectors` of each packed word, `(words,)`.
        counts: Words of each step, `(steps,)`, never rising.
        w_input, w_recurrent: The weights of word and hidden vector, a row for each of their numbers, in
            panels.
        bias: One number a column of gates.
        hidden: The hidden vectors before the first step, `(counts[0], units)`, overwritten.
        inputs: Filled with each word and the hidden vector it meets, `(words, dim + units)`.
        gates: Filled with the cells' activations, `(words, columns)`.
        memory: For LSTM, `counts[0]` rows of what it is before the first step, and then filled with its
            memory, `(counts[0] + words, units)`.
        outputs: The new hidden vectors are written here, `(texts * time, directions, hidden)`.
    """
    units = memory.shape[1]
    dim, recalled_at = inputs.shape[1] - units, _recalled_at(cell, units)
    start, before = 0, 0
    for t in range(len(counts)):
        count, here = counts[t], counts[0] + start
        for r in range(count):
            _copy(vectors[places[start + r]], inputs[start + r], dim)
            _copy(hidden[r], inputs[start + r, dim:], units)
            _copy(bias, gates[start + r], len(bias))
        multiply(inputs, start, 0, count, w_input, gates, start, 0)
        multiply(inputs, start, dim, count, w_recurrent, gates, start, recalled_at)
        activate(cell, count, gates, start, inputs, dim, memory, before, here, hidden)
        for r in range(count):
            output = outputs[places[start + r], direction]
            _copy(hidden[r], output, len(output))
        start, before = start + count, here


@exact
def _into_weights(cell, units, inputs, start, d_gates, first, d_input, d_recurrent, d_bias):
    """Add what the gates' gradient from row `first` on gives; its words start at row `start` of `inputs`."""
    dim, recalled_at = inputs.shape[1] - units, _recalled_at(cell, units)
    for row in range(first, len(d_gates), _CHUNK):
        rows, word = min(_CHUNK, len(d_gates) - row), start + row - first
        _multiply_rows(inputs, word, 0, dim, d_gates, row, 0, rows, d_input)
        _multiply_rows(inputs, word, dim, len(d_recurrent), d_gates, row, recalled_at, rows, d_recurrent)
        for r in range(row, row + rows):
            for j in range(len(d_bias)):
                d_bias[j] += d_gates[r, j]


@exact
def backward(
    cell, direction, places, counts, w_input, w_recurrent, inputs, gates, memory,
    d_outputs, d_input, d_recurrent, d_bias, d_vectors,
):  # fmt: skip
    """The gradients of `forward`, the last step first.

    Args:
        cell, direction, places, counts, inputs, gates, memory: As `forward` had them and left them.
        w_input, w_recurrent: The weights the other way, a row for each column of gates they reach, in panels.
        d_outputs: The gradient of `outputs`.
        d_input, d_recurrent: Added to: the weights' gradient, rows and columns as in `forward`, in whole
            panels.
        d_bias: Added to: the gradient of each column of gates.
        d_vectors: The gradient of `vectors` is written here, in the rows of `places`; empty if not wanted.
    """
    units, hidden = memory.shape[1], d_outputs.shape[2]
    dim, recalled_at = inputs.shape[1] - units, _recalled_at(cell, units)
    # The gradient is collected until there are enough rows for the weights. They are filled from the last one
    # up, which is packed order again; a power of two apart they would share few cache lines.
    d_gates = np.zeros((_CHUNK + counts[0], gates.shape[1] + PANEL), np.float32)
    d_hidden = np.zeros((counts[0], w_recurrent.shape[0] * PANEL), np.float32)
    d_memory = np.zeros((counts[0], units), np.float32)
    d_words = np.zeros((counts[0], w_input.shape[0] * PANEL), np.float32)
    start, row = len(places), len(d_gates)
    for t in range(len(counts) - 1, -1, -1):
        count = counts[t]
        start, row = start - count, row - count
        here = counts[0] + start
        before = here - counts[t - 1] if t > 0 else 0
        for r in range(count):
            for j in range(hidden):
                d_hidden[r, j] += d_outputs[places[start + r], direction, j]
        derive(cell, count, gates, start, inputs, dim, memory, before, here, d_gates, row, d_hidden, d_memory)
        multiply(d_gates, row, recalled_at, count, w_recurrent, d_hidden, 0, 0)
        if len(d_vectors):
            d_words[:count] = 0
            multiply(d_gates, row, 0, count, w_input, d_words, 0, 0)
            for r in range(count):
                _copy(d_words[r], d_vectors[places[start + r]], dim)
        if len(d_gates) - row >= _CHUNK or t == 0:
            _into_weights(cell, units, inputs, start, d_gates, row, d_input, d_recurrent, d_bias)
            row = len(d_gates)
