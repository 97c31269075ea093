"""Embedders: from the words of a batch of texts to a Sequence, one vector a word. One file is one kind.

Every embedder has the same silhouette:

    __init__(*, settings)           reads nothing
    initialise(material)            a new model: reads `source`; then `dim` and `summary_dim` are known
    restore(folder) / keep(folder)  a saved model: what is not a weight
    prepare(tokens) -> prepared     on the CPU, batched: a NamedTuple of tensors
    forward(prepared) -> Sequence   on the device
    facts(tokens) -> dict           what it does to these texts that a user should know
    knows_words                     True where it has vectors of words as our tokenizer takes them
"""
