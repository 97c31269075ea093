"""Fusion: several Sequences of the same words become one. Each file is one kind.

Every kind is built on the embedders' `dims` and `summary_dims`, in order, and has its own `dim` and
`summary_dim`, and `weights(sequences)` where it weights the embedders. Its whole state is its weights.
"""
