"""Trainers of static word vectors: a corpus in, `WordVectors` out. One file, one kind.

Every kind has `corpus`, `lowercase`, `min_count` and `max_vocabulary`, which say what it wants to read, and
`train(corpus, *, threads, seed, progress)`, which learns from it.
"""
