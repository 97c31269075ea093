"""Encoders: Sequence in, Sequence out. Each file is one kind; they can be chained. An encoder drops the
summary.

A kind is constructed with `dim`, the length of its input vectors, and has `dim`, the length of its output
vectors, and `reads`, which is `"segment"` (applied to each text of an example) or `"example"` (takes a tuple
of Sequences, one a segment). Vectors where the mask is False may hold anything and must not affect the
words. The whole state of an encoder is its weights.
"""
