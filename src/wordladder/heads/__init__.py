"""Heads: the task's part of a network, in torch. Each file is the head of the task of its name.

Every head has the same interface:

    __init__(task, dim, summary_dim)             a task that knows its labels; sizes of the input
    dim                                          numbers in a pooled vector
    pooled(sequence) -> (batch, dim)             one vector a text, which `Model.encode` returns
    forward(sequence) -> scores (batch, ...)     unnormalised
    loss(scores, targets) -> scalar              targets are rows of those of the task, as a tensor
    chain                                        a CRF, where it has one
"""
