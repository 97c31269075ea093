"""A linear-chain CRF on sparse features, learned a sentence at a time; scores of words from their features.

Each word has a few features, and a feature one weight a tag; the scores of a word are the sum of its
features' weights. AdaGrad (Duchi, Hazan & Singer 2011): a weight's step is divided by the root of the sum of
its squared gradients so far, so that rare features move as far as frequent ones. The penalty ½ l2 Σ w² of the
whole text is spread evenly over the places where a feature occurs: touching only the rows of a sentence
follows, in the mean, the gradient of the whole objective.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .compiling import exact
from .forward_backward import Chain, fill_factors, new_factors, new_room, path_score, probability, sum_paths

_DELTA = np.float32(1e-2)  # where sums of squared gradients begin


class Weights(NamedTuple):
    """What is learned, float32: of features `(features, tags)` and of the chain, and for each of them the sum
    of its squared gradients.
    """

    features: np.ndarray
    chain: Chain
    feature_squares: np.ndarray
    chain_squares: Chain


@exact
def _score(features, first, size, weights, emissions):
    """Write the scores of words to the first rows of `emissions`; a feature below zero is none."""
    for t in range(size):
        emissions[t] = 0
        for column in range(features.shape[1]):
            feature = features[first + t, column]
            if feature >= 0:
                for j in range(weights.shape[1]):
                    emissions[t, j] += weights[feature, j]


@exact
def emissions_of(features, weights):
    """The scores of words `(words, tags)` float32.

    Args:
        features: The features of each word, `(words, columns)` int32, −1 where there is none.
        weights: `(features, tags)` float32.
    """
    emissions = np.empty((len(features), weights.shape[1]), np.float32)
    _score(features, 0, len(features), weights, emissions)
    return emissions


@njit(inline="always")
def _stepped(weight, squares, gradient, rate):
    """One step of AdaGrad: (the weight, the sum of its squared gradients)."""
    squares += gradient * gradient
    return weight - rate * gradient / np.sqrt(squares + _DELTA), squares


@exact
def _move_features(features, first, size, errors, weights, squares, penalties, rate):
    for t in range(size):
        for column in range(features.shape[1]):
            feature = features[first + t, column]
            if feature >= 0:
                penalty = penalties[feature]
                for j in range(weights.shape[1]):
                    gradient = errors[t, j] + penalty * weights[feature, j]
                    weights[feature, j], squares[feature, j] = _stepped(
                        weights[feature, j], squares[feature, j], gradient, rate
                    )


@exact
def _move_chain(weights, squares, gradients, penalty, rate):
    """Weights of −∞ stay."""
    for k in range(len(weights)):
        if weights[k] != -np.inf:
            gradient = np.float32(gradients[k]) + penalty * weights[k]
            weights[k], squares[k] = _stepped(weights[k], squares[k], gradient, rate)


@exact
def learn(order, begins, sizes, features, tags, weights, penalties, chain_penalty, rate):
    """Learn from the sentences `order`, one after the other: the sum of their losses before they are learned.

    Args:
        order: Numbers of sentences.
        begins, sizes: The words of each sentence, int64.
        features: The features of each word, `(words, columns)` int32, −1 where there is none.
        tags: The right tag of each word, `(words,)` int64, a path that the chain allows.
        weights: What is learned.
        penalties: The penalty of a weight at each place where its feature occurs, `(features,)` float32.
        chain_penalty: The same of the chain's weights, at each sentence.
        rate: The step of a weight whose gradients were all one, float32.
    """
    chain, squares = weights.chain, weights.chain_squares
    count, longest, loss = len(chain.starts), max(1, sizes.max()), 0.0
    room, emissions = new_room(longest, count), np.empty((longest, count), np.float32)
    (factors, _), d_chain = new_factors(chain), np.empty((count + 2, count))
    for sentence in order:
        first, size = begins[sentence], sizes[sentence]
        if size == 0:
            continue
        here = tags[first : first + size]
        _score(features, first, size, weights.features, emissions)
        gentle = fill_factors(chain, factors)
        log_z, logarithms = sum_paths(emissions, 0, size, chain, factors, gentle, room)
        loss += log_z - path_score(emissions, 0, size, here, chain)
        d_chain[:count] = room.pairs[:, :count]
        for t in range(size):
            for j in range(count):
                emissions[t, j] = probability(t, j, log_z, logarithms, room)
            emissions[t, here[t]] -= np.float32(1)
            if t > 0:
                d_chain[here[t - 1], here[t]] -= 1
        d_chain[count], d_chain[count + 1] = emissions[0], emissions[size - 1]
        moved = (weights.features, weights.feature_squares)
        _move_features(features, first, size, emissions, *moved, penalties, rate)
        transitions = (chain.transitions.ravel(), squares.transitions.ravel(), d_chain[:count].ravel())
        _move_chain(*transitions, chain_penalty, rate)
        _move_chain(chain.starts, squares.starts, d_chain[count], chain_penalty, rate)
        _move_chain(chain.ends, squares.ends, d_chain[count + 1], chain_penalty, rate)
    return loss
