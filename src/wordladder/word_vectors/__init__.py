"""Static word vectors in memory: neighbours, analogies, and the tests of word similarity."""

from .word_vectors import WordVectors

__all__ = ["WordVectors"]
