"""Tasks: what an example is, the labels, the head, the loss, the decoding, and one primary metric. One file
is one kind.

Every task has the same silhouette:

    __init__(dim, summary_dim, *, settings)      dim 0: a shallow model gives the scores, no head is built
    initialise(examples)                         a new model: learns the labels, builds the head
    restore(folder) / keep(folder)               a saved model: `labels.json`
    check(examples)                              raises a DataError for labels that were not seen in training
    targets(examples) -> tensor                  what the loss compares with
    pooled(sequence) -> (batch, dim)             what the head reads, and `Model.encode` returns
    forward(sequence) -> scores (batch, ...)     unnormalised
    loss(scores, targets) -> scalar
    fit_decoding(scores, examples) -> facts      what is fitted on dev: temperature, thresholds
    answers(scores) -> list of dict              for people and JSON
    outcomes(scores, examples) -> (rows, k)      what `primary` needs of each row, to be resampled
    primary(outcomes) -> float                   the primary metric; `metric`, `higher_is_better` describe it
    metrics(scores, examples) -> dict            all metrics
"""
