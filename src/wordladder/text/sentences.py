"""Sentences of a text, split at the marks that end them, by simple rules."""

import re
from itertools import pairwise

_TITLES = ("mr", "mrs", "ms", "dr", "prof", "st", "mt", "gen", "col", "lt", "sgt", "capt", "rev", "hon")
_SHORT = frozenset((*_TITLES, "no", "vs", "vol", "fig", "jr", "sr", "e.g", "i.e", "cf", "al"))
_END = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*(?=\s+[\"'“‘(\[]*[^\W_a-z])"  # a mark, a blank, and no small letter
    r"|(?<=[。！？])[”’」』）]*(?![”’」』）。！？])(?=\W{0,9}\w)"  # the last of several marks
)


def sentences(text: str) -> list[str]:
    """The sentences of a text; an initial or a common abbreviation ends none."""
    return [text[start:end] for start, end in sentence_spans(text)]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text start and end, without the white space around them."""
    cuts = [mark.end() for mark in _END.finditer(text) if not _abbreviated(text, mark.start() - 1)]
    spans = []
    for begin, end in pairwise([0, *cuts, len(text)]):
        part = text[begin:end]
        if stripped := part.strip():
            start = begin + part.index(stripped)
            spans.append((start, start + len(stripped)))
    return spans


def _abbreviated(text: str, dot: int) -> bool:
    """Whether there is a full stop at `dot` that ends an abbreviation rather than a sentence."""
    words = text[max(0, dot - 6) : dot].split()
    if text[dot] != "." or not words or text[dot - 1].isspace():
        return False
    last = words[-1].lstrip("\"'“‘([").lower()
    return (
        last in _SHORT
        or (len(last) == 1 and last.isalpha())
        or re.fullmatch(r"(?:\w\.)+\w", last) is not None
    )
