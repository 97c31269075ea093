"""What a user should know about a fit: sentences made from its report. No figure is computed here."""

from typing import Any

CUT, UNKNOWN = 0.05, 0.05


def notes_on(report: dict[str, Any]) -> list[str]:
    """One sentence for each thing that happened to the text in silence and matters."""
    notes = list(report.get("reading", ()))
    for name, facts in report.get("text", {}).items():
        if facts["texts_cut"] > CUT:
            notes.append(
                f"{facts['texts_cut']:.0%} of the {name} texts are longer than text.max_words; "
                f"{facts['words_lost']:.0%} of all their words are not read"
            )
        if facts.get("unknown_words", 0.0) > UNKNOWN:
            notes.append(
                f"{facts['unknown_words']:.0%} of the words of the {name} texts have no vector of their own"
            )
        notes += _labels_lost(name, facts)
    for found in report.get("features", ()):
        if not found["kept"]:
            size = f"{found['gigabytes']:.1f} GB on the disk"
            notes.append(
                f"the encoder's features would take {size}, and {found['why']}: "
                "they are computed anew in every epoch"
            )
    if report["duplicates_train_dev"]:
        notes.append(f"{report['duplicates_train_dev']} of the dev texts also occur in the training texts")
    if not report["rows"]["dev"]:
        notes.append(
            "too few rows to hold out a dev set: no early stopping, and probabilities are not calibrated"
        )
    return notes


def _labels_lost(name: str, facts: dict[str, Any]) -> list[str]:
    """What became of spans and answers that do not fit the words."""
    notes = []
    if facts.get("spans_within_words"):
        notes.append(
            f"{facts['spans_within_words']:,} of the {facts['spans']:,} entities of the {name} texts begin "
            "or end within a word: they are learned and answered as whole words"
        )
    if facts.get("spans_lost"):
        notes.append(
            f"{facts['spans_lost']:,} of the {facts['spans']:,} entities of the {name} texts reach behind "
            "text.max_words, or have no word"
        )
    if facts.get("answers_lost"):
        notes.append(
            f"{facts['answers_lost']:,} of the {facts['answers']:,} answers of the {name} questions stand "
            "nowhere in what is read of their passages: nothing is learned from them"
        )
    return notes
