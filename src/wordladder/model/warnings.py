"""Warnings about a fit: sentences made from the numbers in its report."""

from typing import Any

CUT, UNKNOWN = 0.05, 0.05  # shares of texts and of words above which there is a warning
_LABEL_WARNINGS = (  # the count of the labels concerned, that of all labels, and the end of the sentence
    (
        "spans_within_words",
        "spans",
        "entities of the {} texts begin or end inside a word: whole words are used",
    ),
    ("spans_lost", "spans", "entities of the {} texts end after text.max_words, or contain no word"),
    (
        "answers_lost",
        "answers",
        "answers of the {} questions are not in the part of the passage that is read",
    ),
)


def training_warnings(report: dict[str, Any]) -> list[str]:
    """One sentence for each problem that raised no error."""
    warnings = list(report.get("reading", ()))
    for name, facts in report.get("text", {}).items():
        if facts["texts_cut"] > CUT:
            warnings.append(
                f"{facts['texts_cut']:.0%} of the {name} texts are longer than text.max_words; "
                f"{facts['words_lost']:.0%} of their words are not read"
            )
        if facts.get("unknown_words", 0.0) > UNKNOWN:
            unknown = f"{facts['unknown_words']:.0%} of the words of the {name} texts"
            warnings.append(f"{unknown} have no vector of their own")
        for count, total, text in _LABEL_WARNINGS:
            if facts.get(count):
                warnings.append(f"{facts[count]:,} of the {facts[total]:,} {text.format(name)}")
    for features in report.get("features", ()):
        if not features["kept"]:
            warnings.append(
                f"the encoder's features would take {features['gigabytes']:.1f} GB on disk, and "
                f"{features['why']}: they are computed again in every epoch"
            )
    if skipped := report.get("steps_skipped"):
        warnings.append(
            f"{skipped:,} of {report['steps']:,} steps were left out, as their gradients were not finite; "
            "a lower training.learning_rate usually helps"
        )
    if share := (report.get("decoding") or {}).get("order_matters"):
        warnings.append(
            f"{share:.1%} of the dev pairs get another label with their texts swapped; if their order means "
            "nothing, set task.symmetric = true"
        )
    if report["duplicates_train_dev"]:
        warnings.append(f"{report['duplicates_train_dev']} of the dev texts also occur in the training texts")
    if not report["rows"]["dev"]:
        warnings.append(
            "no dev set (too few rows, or texts that are their own partners): no early stopping, and nothing "
            "is calibrated"
        )
    return warnings
