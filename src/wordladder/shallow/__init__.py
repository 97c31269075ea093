"""Shallow models: whole models from texts straight to scores, without a network. One file is one kind.

Every shallow model has the same interface:

    serves                                      the kind of task that it gives scores to
    __init__(text, *, settings)                 reads no files
    fit(texts, targets, *, dev, weights, seed, threads, progress)
                                                trains; targets as `task.targets` gives them
    scores(texts) -> (rows, labels)             unnormalised, what a task decodes; pairs of texts for `pairs`
    means(texts) -> (rows, dim)                 one vector for each text, if the model has them
    facts()                                     what was decided, for the report
    restore(folder) / keep(folder)              a saved model

A model for tagging takes words instead of texts:

    fit(tokens, tags, allowed, *, seed, threads, progress)
                                                `allowed` are the transitions of the task
    scores(tokens) -> (words, tags)             the emissions of a chain
    chain                                       the scores of neighbouring tags
"""
