"""Tasks: what an example is, the labels, the decoding, and one primary metric, in NumPy. One file is one
kind; the head of a network for it is in the file of the same name in `heads/`.

Every task has the same interface:

    segments, labels_are                         texts of an example; "names", "numbers", "spans" or "answers"
    compares                                     True where a text is read alone, unless something in the
                                                 network reads both together
    per_word, width                              whether scores are of words; scores of a word, or a text
    __init__(*, settings)                        including those of its head
    initialise(examples)                         a new model: learns the labels
    restore(folder) / keep(folder)               a saved model: `labels.json`
    check(examples)                              raises a DataError for labels that cannot be compared
    targets(examples, tokens) -> rows to array   the targets of a loss
    facts(examples, tokens) -> dict              which labels cannot be learned, for the report
    fit_decoding(scores, examples) -> facts      what is fitted on dev: temperature, thresholds
    answers(scores, top) -> list of dict         for people and JSON
    predictions(scores) -> list                  the same as plain values
    outcomes(scores, examples) -> (rows, k)      what `primary` needs of each row, to be resampled
    right(outcomes) -> (rows,)                   which rows are exactly right; not of numbers and translations
    primary(outcomes) -> float                   the primary metric; `metric`, `higher_is_better` describe it
    criterion(metric, scores, examples) -> float what epochs are chosen by, given the primary metric on dev
    metrics(scores, examples) -> dict            all metrics

Scores are an array `(rows, labels)`, or `WordScores` for tasks on words.
"""
