"""Shallow models: whole models without a Sequence, from texts straight to scores. One file is one kind.

Every shallow model has the same silhouette:

    __init__(*, settings)                       reads nothing
    fit(texts, targets, *, seed, threads, progress)
                                                trains; targets as `task.gold` gives them
    scores(texts) -> (rows, labels)             unnormalised, what a task decodes
    means(texts) -> (rows, dim)                 one vector a text, where the model has such
    restore(folder) / keep(folder)              a saved model
"""
