"""Texts made from others, for a teacher to label: words left out, others in their place, and parts of texts
(after Tang, Lu, Liu, Mou, Vechtomova & Lin 2019).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..text.vocabulary import Vocabulary
from ..text.words import text_of, tokenize
from ..vectors._starter import starter

_LEFT_OUT, _REPLACED, _CUT = 0.1, 0.1, 0.25  # the share of words, of words, and of texts
_LONGEST_PART = 5  # words, of a text that is cut
_NEAREST = 10  # words that one is replaced by
_BLOCK = 1024  # words whose neighbours are found together


def made_up(examples: Examples, copies: int, seed: int = 1) -> Examples:
    """Texts without labels, `copies` of each of the examples, of which none is as before.

    A tenth of the words is left out, another tenth is replaced by one of the ten nearest words of the starter
    vectors of the language, and a quarter of the texts is cut to one to five neighbouring words. Of two texts
    one is changed.
    """
    random = np.random.default_rng(seed)
    tokens = tokenize(examples.flat())
    words = [tokens.words_of(row) for row in range(len(tokens.texts))]
    near = _neighbours([word for row in words for word in row])
    segments = len(examples.segments)
    rows, seen = list[list[str]](), set(zip(*examples.segments))
    for row in range(len(examples)):
        own = [examples.segments[part][row] for part in range(segments)]
        for _ in range(copies):
            part = int(random.integers(segments))
            changed = _changed(words[row * segments + part], near, random)
            made = [*own[:part], text_of(changed), *own[part + 1 :]]
            if changed and tuple(made) not in seen:
                seen.add(tuple(made))
                rows.append(made)
    columns = tuple([row[part] for row in rows] for part in range(segments))
    return Examples(columns, source=f"texts made from {examples.source}")


def _changed(words: list[str], near: dict[str, list[str]], random: np.random.Generator) -> list[str]:
    chances = random.random(len(words))
    found = [
        word if chance >= _LEFT_OUT + _REPLACED else near[word][random.integers(len(near[word]))]
        for word, chance in zip(words, chances)
        if chance >= _LEFT_OUT + _REPLACED or (chance >= _LEFT_OUT and word in near)
    ]
    if random.random() < _CUT and found:
        size = int(random.integers(1, _LONGEST_PART + 1))
        first = int(random.integers(max(1, len(found) - size + 1)))
        found = found[first : first + size]
    return found


def _neighbours(words: Sequence[str]) -> dict[str, list[str]]:
    """The nearest words of those that have starter vectors."""
    vocabulary = Vocabulary.count(word.lower() for word in words)
    vectors = starter(vocabulary)
    if vectors is None:
        return {}
    known = [word for word in vocabulary.words if word in vectors.index]
    units: NDArray[np.float32] = vectors.vectors / np.maximum(vectors.norms, 1e-9)[:, None]
    found: dict[str, list[str]] = {}
    for first in range(0, len(known), _BLOCK):
        block = known[first : first + _BLOCK]
        numbers = [vectors.index[word] for word in block]
        cosines = units[numbers] @ units.T
        cosines[np.arange(len(block)), numbers] = -np.inf
        best = np.argpartition(-cosines, _NEAREST, axis=1)[:, :_NEAREST]
        found |= {word: [vectors.words[place] for place in row] for word, row in zip(block, best.tolist())}
    return found
