"""Shallow models: whole models without a Sequence, from texts straight to scores. One file is one kind.

Every shallow model has the same silhouette:

    serves                                      the kind of task that it gives scores to
    __init__(text, *, settings)                 reads nothing
    fit(texts, targets, *, dev, weights, seed, threads, progress)
                                                trains; targets as `task.gold` gives them
    scores(texts) -> (rows, labels)             unnormalised, what a task decodes
    means(texts) -> (rows, dim)                 one vector a text, where the model has such
    restore(folder) / keep(folder)              a saved model

One for tagging has words in place of texts:

    fit(tokens, tags, allowed, *, seed, threads, progress)
                                                `allowed` are the transitions that the task allows
    scores(tokens) -> (words, tags)             the emissions of a chain
    chain                                       what it learned of neighbouring tags
"""
