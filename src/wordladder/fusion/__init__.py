"""Fusion: several Sequences of the same words become one. One file is one kind.

Every kind is built on the embedders' `dims` and `summary_dims`, in order, and has its own `dim` and
`summary_dim`, and `weights(sequences)` where it weighs the embedders. All that it learns is weights.
"""
