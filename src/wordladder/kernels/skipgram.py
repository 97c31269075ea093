import numpy as np
from numba import njit, uint64, uint32, int64, float32

from .registers import (
    LANES,
    add,
    broadcast,
    gather,
    load,
    multiply_add,
    prefetch,
    scatter_add,
    sigmoid,
    store,
    sums,
    weighted,
    zeros,
)

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


@njit(nogil=True, inline="never" if False else "never")
def mix(z):
    z = (z ^ (z >> _30)) * _M1
    z = (z ^ (z >> _27)) * _M2
    return z ^ (z >> _31)


@njit(nogil=True)
def below(z, n):
    return int64(((z >> _32) * uint64(n)) >> _32)


@njit(nogil=True, fastmath=True)
def score(
    inputs, contexts, count, outputs, targets, tfirst, labels, rates, gfirst, gains, blocks, dim, shape
):
    size = len(shape)
    for b in range(blocks):
        label = load(labels, gfirst + b * LANES)
        rate = load(rates, gfirst + b * LANES)
        for c in range(count):
            dots = zeros(shape)
            row = contexts[c]
            for d in range(0, dim, LANES):
                dots = multiply_add(
                    gather(outputs, targets, tfirst + b * size, d, dots), load(inputs, row + d), dots
                )
            store(gains, (c * blocks + b) * LANES, gain(sums(dots), label, rate))


@njit(nogil=True, fastmath=True)
def update(inputs, contexts, count, outputs, targets, tfirst, gains, dim, shape):
    for d in range(0, dim, LANES):
        delta = zeros(shape)
        old = gather(outputs, targets, tfirst, d, delta)
        for c in range(count):
            g = broadcast(gains, c * LANES, delta)
            place = contexts[c] + d
            row = load(inputs, place)
            delta = multiply_add(g, row, delta)
            store(inputs, place, weighted(g, old, row))
        scatter_add(outputs, targets, tfirst, d, delta)


from .registers import gain


@njit(nogil=True, fastmath=True)
def skipgram(
    ids, start, end, keep, odds, alias, inputs, outputs, stride, dim, window, rate, slope, seed, shape
):
    words = len(keep)
    size = len(shape)
    sentence = np.empty(1024, np.int64)
    contexts = np.empty(2 * window, np.int64)
    targets = np.zeros(2 * size, np.int64)
    labels = np.zeros(2 * LANES, np.float32)
    labels[0] = 1
    labels[LANES] = 1
    rates = np.zeros(2 * LANES, np.float32)
    gains = np.zeros(2 * window * LANES, np.float32)
    state = uint64(seed)
    at = start
    loss = 0.0
    pairs = 0
    while at < end:
        n = 0
        first = at
        while at < end and n < 1024:
            w = ids[at]
            at += 1
            if w < 0:
                break
            state += _GAMMA
            if uint32(mix(state) >> _32) <= keep[w]:
                sentence[n] = w
                n += 1
        now = float32(rate - slope * (at - start))
        for i in range(-1, n):
            if i + 1 < n:
                side = (i + 1) & 1
                centre = sentence[i + 1]
                targets[side * size] = centre * stride
                rates[side * LANES] = now
                for p in range(0, dim, 16):
                    prefetch(outputs, centre * stride + p)
                for t in range(1, size):
                    state += _GAMMA
                    z = mix(state)
                    w = below(z, words)
                    if uint32(z) > odds[w]:
                        w = int64(alias[w])
                    targets[side * size + t] = w * stride
                    rates[side * LANES + t] = float32(0) if w == centre else now
                    for p in range(0, dim, 16):
                        prefetch(outputs, w * stride + p)
                if i + 1 + window < n:
                    for p in range(0, dim, 16):
                        prefetch(inputs, sentence[i + 1 + window] * stride + p)
            if i < 0:
                continue
            side = i & 1
            state += _GAMMA
            span = 1 + below(mix(state), window)
            count = 0
            for j in range(max(0, i - span), min(n, i + span + 1)):
                if j != i:
                    contexts[count] = sentence[j] * stride
                    count += 1
            score(
                inputs,
                contexts,
                count,
                outputs,
                targets,
                side * size,
                labels,
                rates,
                side * LANES,
                gains,
                1,
                dim,
                shape,
            )
            update(inputs, contexts, count, outputs, targets, side * size, gains, dim, shape)
            if i & 15 == 0:
                for c in range(count):
                    for t in range(size):
                        r = rates[side * LANES + t]
                        if r > 0:
                            loss -= np.log(1 - abs(gains[c * LANES + t]) / r + 1e-7)
                pairs += count
    return loss, pairs
