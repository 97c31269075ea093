"""Fusion: several Sequences of the same words become one. One file is one kind."""
