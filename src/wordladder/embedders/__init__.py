"""Embedders: from the words of a batch of texts to a Sequence, one vector a word. Each file is one kind.

Every embedder has the same interface:

    __init__(*, settings)           reads nothing
    initialise(text)                a new model: reads `source`; then `dim` and `summary_dim` are known
    restore(folder) / keep(folder)  a saved model: everything but the weights
    separate_weights                prefixes of the weights that `keep` writes itself
    prepare(tokens) -> prepared     on the CPU, batched: a NamedTuple of tensors
    forward(prepared) -> Sequence   on the device
    facts(tokens) -> dict           what a user should know about these texts: unknown words, truncated texts
    knows_words                     True where it has vectors of words as our tokenizer splits them
    causal                          True where a word's vector does not depend on those around it
    reads_together                  True where a word's vector depends on the other text of its example
"""
