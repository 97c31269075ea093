"""Encoders: Sequence in, Sequence out. One file, one kind; they chain. An encoder drops the summary.

Every kind has `dim`, the length of the vectors it gives, and `reads`, which is `"segment"` (applied to each
text of an example) or `"example"` (takes a tuple of Sequences, one a segment). All that it learns is weights.
"""
