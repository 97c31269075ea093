"""Chains of tags: which tag may follow which, the best paths of tags through sentences, and their
probabilities.

The words of several sentences come one after another: emissions `(words, tags)` float32, and offsets
`(sentences + 1,)`. The arithmetic is in `kernels/crf.py` and `kernels/viterbi.py`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError, did_you_mean
from ..kernels import crf as kernel
from ..kernels import viterbi as paths

MANY = 1 << 18  # words · tags · tags from which threads pay off


class Allowed(NamedTuple):
    """Which tags are allowed at the start of a sentence `(tags,)`, which after which `(tags, tags)` [from,
    to], and which at the end `(tags,)`: bool, NumPy or torch.
    """

    start: Any
    to: Any
    end: Any


def allowed_transitions(tags: Sequence[str], scheme: Literal["bio", "bioes", "words"]) -> Allowed:
    """What a tagging scheme allows, as NumPy arrays.

    Args:
        tags: Names such as O, B-PER, I-PER, E-PER, S-PER.
        scheme: `"bio"`: I-X continues B-X or I-X. `"bioes"` (Ratinov & Roth 2009): a segment of several words
            is B-X, any number of I-X, and E-X; a segment of one word is S-X. `"words"`: tags of any name,
            each of which may follow each.

    Raises:
        SettingError: the scheme is unknown, or has no such tag.
    """
    letters = {"bio": "BI", "bioes": "BIES", "words": ""}.get(scheme)
    if letters is None:
        raise SettingError(f"the scheme is {scheme!r}.{did_you_mean(scheme, ('bio', 'bioes', 'words'))}")
    if scheme == "words":
        anything = np.ones((len(tags), len(tags)), bool)
        return Allowed(anything[0], anything, anything[0])
    for tag in tags:
        if tag != "O" and not (tag[:1] in letters and tag[1:2] == "-" and tag[2:]):
            known = ", ".join(f"{letter}-X" for letter in letters)
            raise SettingError(f"the tag {tag!r} is not one of {scheme.upper()}: O, {known}")
    inside = letters[1:3]
    continues = np.array([tag[0] in inside for tag in tags])  # an open segment of its type
    is_open = np.array([tag[0] in "BI" for tag in tags])
    types = np.array([tag[2:] for tag in tags])
    same_type = is_open[:, None] & (types[:, None] == types)
    must_continue = is_open & (scheme == "bioes")
    return Allowed(~continues, np.where(continues, same_type, ~must_continue[:, None]), ~must_continue)


def continuations(tags: Sequence[str]) -> NDArray[np.int64]:
    """The tag that continues a segment that ends in each tag, `(tags,)`: I-X for B-X and I-X of BIO, −1 where
    there is none.
    """
    numbers = {tag: number for number, tag in enumerate(tags) if tag}
    names = [f"I-{tag[2:]}" if tag.startswith(("B", "I")) else "" for tag in tags]
    return np.array([numbers.get(name, -1) for name in names], np.int64)


def unweighted(allowed: Allowed) -> kernel.Chain:
    """The weights of a chain in which all allowed transitions cost the same."""
    masks = allowed.to, allowed.start, allowed.end
    return kernel.Chain(*(np.where(mask, 0, -np.inf).astype(np.float32) for mask in masks))


class TagChain:
    """The weights of neighbouring tags, and what they predict.

    Args:
        weights: The weights, −∞ where they are not allowed.
        spread: How much work is spread over threads.
    """

    def __init__(self, weights: kernel.Chain, spread: kernel.Spread = kernel.one_by_one) -> None:
        self.weights, self.spread, self.tags = weights, spread, len(weights.starts)

    def decode(self, emissions: NDArray, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tags of the best path of each sentence, `(words,)`.

        Raises:
            SettingError: shapes do not fit.
        """
        sentences, spread = self._sentences(emissions, offsets)
        return paths.best(sentences, self.weights, spread)[0]

    def nbest(
        self, emissions: NDArray, offsets: NDArray[np.int64], n: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The tags of the `n` best paths `(n, words)`, and the paths' probabilities `(sentences, n)`. Where
        there are fewer paths, the tags are −1 and the probability is 0.

        Raises:
            SettingError: `n` is below 1, or shapes do not fit.
        """
        if n < 1:
            raise SettingError(f"n is {n}; it must be at least 1.")
        sentences, spread = self._sentences(emissions, offsets)
        tags, scores = paths.nbest(sentences, self.weights, n, spread)
        losses = kernel.likelihood(sentences, np.maximum(tags[0], 0), self.weights, spread)[0]
        best = np.where(np.isneginf(scores[:, :1]), 0.0, scores[:, :1])
        return tags, np.exp(scores - best - losses[:, None])

    def marginals(self, emissions: NDArray, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """The probability of each tag at each word, `(words, tags)`."""
        sentences, spread = self._sentences(emissions, offsets)
        return kernel.marginals(sentences, self.weights, spread)

    def segment_probabilities(
        self,
        emissions: NDArray,
        offsets: NDArray[np.int64],
        tags: NDArray[np.int64],
        firsts: NDArray[np.int64],
        ends: NDArray[np.int64],
        continued: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """The probability that the words of a segment have their tags, all of them together (Culotta &
        McCallum 2004).

        Args:
            emissions, offsets: The sentences.
            tags: The tags of all words, `(words,)`, such as those from `decode`.
            firsts, ends: Segment s is the words `firsts[s] : ends[s]`, `(segments,)`: at least one word, all
                of one sentence.
            continued: For each tag the one that would make the segment longer, or −1, as from
                `continuations`: then a longer segment does not count as the segment. A scheme that marks the
                end needs none.

        Raises:
            SettingError: a segment has no word, or extends beyond its sentence.
        """
        sentences, spread = self._sentences(emissions, offsets)
        owners = np.searchsorted(offsets, firsts, "right") - 1
        limits = np.append(offsets, 0)[owners + 1]
        if ((owners < 0) | (owners >= len(offsets) - 1) | (ends <= firsts) | (ends > limits)).any():
            raise SettingError("a segment needs at least one word, and all its words from one sentence")
        lengths = ends - firsts
        bounds = np.append(0, np.cumsum(lengths))
        words = np.arange(bounds[-1]) + np.repeat(firsts - bounds[:-1], lengths)
        inside = firsts - offsets[owners]
        result = kernel.segments(sentences, self.weights, owners, inside, bounds, tags[words], spread)
        if continued is not None:
            following = continued[tags[ends - 1]]
            longer = (following >= 0) & (ends < limits)
            path = np.insert(tags[words], bounds[1:][longer], following[longer])
            bounds = np.append(0, np.cumsum(lengths + longer))
            of_longer = kernel.segments(sentences, self.weights, owners, inside, bounds, path, spread)
            result[longer] = np.maximum(0.0, result[longer] - of_longer[longer])
        return result

    def _sentences(self, emissions: NDArray, offsets: NDArray) -> tuple[kernel.Sentences, kernel.Spread]:
        """The sentences, checked and in the types of the kernels, and how they are spread over threads."""
        if emissions.ndim != 2 or emissions.shape[1] != self.tags or offsets[-1] != len(emissions):
            raise SettingError(
                f"emissions {emissions.shape} are not ({offsets[-1]}, {self.tags}): a row a word, a column a "
                "tag"
            )
        emissions, offsets = np.ascontiguousarray(emissions, np.float32), np.asarray(offsets, np.int64)
        spread = self.spread if len(emissions) * self.tags**2 >= MANY else kernel.one_by_one
        return kernel.Sentences(emissions, offsets[:-1].copy(), np.diff(offsets)), spread
