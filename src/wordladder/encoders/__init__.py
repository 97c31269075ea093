"""Encoders: Sequence in, Sequence out. Each file is one kind; they can be chained. An encoder drops the
summary.

Every kind has `dim`, the length of its output vectors, and `reads`, which is `"segment"` (applied to each
text of an example) or `"example"` (takes a tuple of Sequences, one a segment). Its whole state is its
weights.
"""
