"""Heads: what a network has on top for a task, in torch. One file is the head of the task of its name.

Every head has the same silhouette:

    __init__(task, dim, summary_dim)             a task that knows its labels; what the stages before give
    dim                                          numbers in a pooled vector
    pooled(sequence) -> (batch, dim)             one vector a text, which `Model.encode` returns
    forward(sequence) -> scores (batch, ...)     unnormalised
    loss(scores, targets) -> scalar              targets are rows of those of the task, as a tensor
    chain                                        a CRF, where it has one
"""
