"""What a format has no place for, told before it is lost."""

from collections.abc import Collection, Mapping

from ._table import Table

_FASTTEXT = {
    "kind", "model", "dim", "window", "epochs", "min_count", "negative", "sample", "word_ngrams",
    "update_rate", "loss", "words", "min_n", "max_n", "buckets", "labels",
}  # fmt: skip


def losses(table: Table, keeps: Collection[str], place: str) -> list[str]:
    """A sentence for each part of `table` that a format does not keep.

    Args:
        table: What is to be written.
        keeps: Names of the fields that the format has a place for; `fasttext settings` are those of fastText.
        place: What to call the format.
    """
    parts = {
        "counts": table.counts is not None,
        "subwords": table.subwords is not None,
        "outputs": table.outputs is not None,
        "settings": bool(table.settings),
    }
    names = {"outputs": "the output matrix, with which training could go on,", "counts": "counts"}
    verbs = {"outputs": "is"}
    found = [
        f"{names.get(part, part)} {verbs.get(part, 'are')} not kept: {place} has no place for "
        f"{'it' if part in verbs else 'them'}"
        for part, there in parts.items()
        if there and part not in keeps and not (part == "settings" and "fasttext settings" in keeps)
    ]
    if table.settings.get("model") == "supervised":
        found.append("the classifier's labels are not kept: these are the vectors of its words")
    if "fasttext settings" in keeps and (lost := _foreign(table.settings)):
        found.append(f"settings are kept but for {', '.join(lost)}: {place} has no place for them")
    return found


def _foreign(settings: Mapping[str, object]) -> list[str]:
    return sorted(
        name for name, value in settings.items() if name not in _FASTTEXT and value not in (None, False)
    )
