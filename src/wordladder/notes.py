"""What a user should know about a fit: sentences made from its report. No figure is computed here."""

from typing import Any

__all__ = ["notes_on"]

CUT, UNKNOWN = 0.05, 0.05


def notes_on(report: dict[str, Any]) -> list[str]:
    """One sentence for each thing that happened to the text in silence and matters."""
    notes = []
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
    if report.get("best_epoch") and report["best_epoch"] == len(report["history"]) >= 3:
        notes.append("the last epoch was the best on dev: more epochs may help")
    return notes
