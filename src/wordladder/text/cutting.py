"""Texts → pieces of words, as their words."""

from collections.abc import Sequence

import numpy as np

from .pieces import PieceVocabulary
from .words import TextSettings, Tokens, offsets_of, tokenize, truncate, with_line_ends


def cut_to_pieces(
    texts: Sequence[str], vocabulary: PieceVocabulary, settings: TextSettings, *, segments: int = 1
) -> Tokens:
    """The pieces of `texts` as their words, `segments` texts to an example.

    No piece reaches over white space: each different word is cut once.
    """
    words = tokenize(texts, TextSettings(segmenter="whitespace"), segments=segments)
    numbers = dict[str, int]()
    which = np.array([numbers.setdefault(word, len(numbers)) for word in words.surfaces()], np.int64)
    counts, starts, ends = vocabulary.spans(list(numbers))
    own, firsts = counts[which], (offsets_of(counts)[:-1])[which]
    places = np.arange(own.sum()) + np.repeat(firsts - offsets_of(own)[:-1], own)
    shift = np.repeat(words.starts, own)
    offsets = offsets_of(own)[words.offsets]
    tokens = Tokens(
        words.texts, offsets, starts[places] + shift, ends[places] + shift, words.lost, segments, pieces=True
    )
    return truncate(with_line_ends(tokens) if settings.line_ends else tokens, settings.max_words)
