"""What happens inside one cell at one step, element by element: activations and their gradients, float32.

The matrix products around it are in `recurrence.py`. Each function works on one row of the batch and is a
plain loop over its units, which the compiler turns into vector code. Hence exp is spelt out below, as a call
to the C library would end vectorisation, and every constant is a float32, as one float64 would double the
width of all.

`_before` means the step before. A backward function finds in `d_hidden` the gradient of its output, and
leaves there what flows to the step before past the matrix product: nothing for LSTM and RNN, the kept share
for GRU.
"""

import numpy as np
from numba import njit

from .compiling import exact

_0, _1, _2 = np.float32(0), np.float32(1), np.float32(2)
_HALF, _LIMIT = np.float32(0.5), np.float32(87)  # e^±87 are still normal numbers
_LOG2_E = np.float32(1.4426950408889634)
# ln 2 in two parts: n times the first is exact for every n that can occur.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_C0, _C1, _C2 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
_C3, _C4, _C5 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)


@njit(inline="always")
def exponential(x):
    """e^x to 1e-7, relative: e^x = 2^n e^r with |r| ≤ ½ ln 2. Source: Cephes, `expf`."""
    x = min(max(x, -_LIMIT), _LIMIT)
    n = np.floor(x * _LOG2_E + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_C5 * r + _C4) * r + _C3) * r + _C2) * r + _C1) * r + _C0
    power = np.int32((np.int32(n) + 127) << 23).view(np.float32)  # 2^n, written as its bits
    return (p * (r * r) + r + _1) * power


@njit(inline="always")
def _sigmoid(x):
    return _1 / (_1 + exponential(-x))


@njit(inline="always")
def _tanh(x):
    """tanh x to 1.2e-7, absolute. By |x|: the quotient stays below one, and its rounding error small."""
    t = _1 - _2 / (_1 + exponential(_2 * abs(x)))
    return -t if x < _0 else t


@exact
def lstm_forward(gates, memory_before, memory, hidden, clip=None):
    """c = f c' + i g, h = o tanh c. `gates` holds the sums of i, f, g, o and then their activations.

    With a `clip`, float32, c is clipped to ±`clip`. Source: Hochreiter & Schmidhuber 1997 with the forget
    gate of Gers et al. 2000, in the order of torch.
    """
    units = len(hidden)
    ins, forgets, news, outs = gates[:units], gates[units:], gates[2 * units :], gates[3 * units :]
    for j in range(units):
        i, f, g, o = _sigmoid(ins[j]), _sigmoid(forgets[j]), _tanh(news[j]), _sigmoid(outs[j])
        c = f * memory_before[j] + i * g
        if clip is not None:
            c = min(max(c, -clip), clip)
        ins[j], forgets[j], news[j], outs[j] = i, f, g, o
        memory[j] = c
        hidden[j] = o * _tanh(c)


@exact
def lstm_backward(gates, memory_before, memory, d_gates, d_hidden, d_memory, clip=None):
    """The gradient of the sums of i, f, g, o; `d_memory` is taken from the step after to the step before.

    A memory that was clipped passes no gradient on.
    """
    units = len(d_memory)
    ins, forgets, news, outs = gates[:units], gates[units:], gates[2 * units :], gates[3 * units :]
    d_ins, d_forgets = d_gates[:units], d_gates[units:]
    d_news, d_outs = d_gates[2 * units :], d_gates[3 * units :]
    for j in range(units):
        i, f, g, o = ins[j], forgets[j], news[j], outs[j]
        t = _tanh(memory[j])
        d_h = d_hidden[j]
        d_c = d_memory[j] + d_h * o * (_1 - t * t)
        if clip is not None:
            d_c = d_c if abs(memory[j]) < clip else _0
        d_ins[j] = d_c * g * i * (_1 - i)
        d_forgets[j] = d_c * memory_before[j] * f * (_1 - f)
        d_news[j] = d_c * i * (_1 - g * g)
        d_outs[j] = d_h * t * o * (_1 - o)
        d_memory[j] = d_c * f
        d_hidden[j] = _0


@exact
def gru_forward(gates, hidden_before, hidden):
    """h = (1 − z) n + z h' with n = tanh(a + r b). `gates` holds a, then the sums of r and z, then b.

    a comes from the word and b from h', both with their own bias: torch resets after the product.
    Source: Cho et al. 2014, with the reset of cuDNN.
    """
    units = len(hidden)
    news, resets, keeps, recalls = gates[:units], gates[units:], gates[2 * units :], gates[3 * units :]
    for j in range(units):
        r, z = _sigmoid(resets[j]), _sigmoid(keeps[j])
        n = _tanh(news[j] + r * recalls[j])
        news[j], resets[j], keeps[j] = n, r, z
        hidden[j] = n + z * (hidden_before[j] - n)


@exact
def gru_backward(gates, hidden_before, d_gates, d_hidden):
    """The gradient of a, of the sums of r and z, and of b; `d_hidden` keeps what passes by z."""
    units = len(d_hidden)
    news, resets, keeps, recalls = gates[:units], gates[units:], gates[2 * units :], gates[3 * units :]
    d_news, d_resets = d_gates[:units], d_gates[units:]
    d_keeps, d_recalls = d_gates[2 * units :], d_gates[3 * units :]
    for j in range(units):
        n, r, z = news[j], resets[j], keeps[j]
        d_h = d_hidden[j]
        d_n = d_h * (_1 - z) * (_1 - n * n)
        d_news[j] = d_n
        d_recalls[j] = d_n * r
        d_resets[j] = d_n * recalls[j] * r * (_1 - r)
        d_keeps[j] = d_h * (hidden_before[j] - n) * z * (_1 - z)
        d_hidden[j] = d_h * z


@exact
def rnn_forward(gates, hidden):
    """h = tanh of the sum. Source: Elman 1990."""
    for j in range(len(hidden)):
        gates[j] = hidden[j] = _tanh(gates[j])


@exact
def rnn_backward(gates, d_gates, d_hidden):
    """The gradient of the sum."""
    for j in range(len(d_hidden)):
        d_gates[j] = d_hidden[j] * (_1 - gates[j] * gates[j])
        d_hidden[j] = _0
