"""What columns of texts and labels are usually called, and whether a line holds such names."""

import re
from collections.abc import Iterable, Sequence

_TEXTS = """
    text review sentence content comment title headline document body text_a passage question utterance query
    message tweet description abstract summary article post reviews texts input sentence1 sentence_a
    文本 内容 评论 正文 句子 标题
"""
_LABELS = """
    label labels gold_label sentiment category class target topic cat intent y categories topics tags
    tag classes polarity emotion emotions stance rating stars quality is_duplicate
    entailment_judgment label_text score
    标签 类别 分类 情感
"""
# Of several that a table has, the first is taken.
TEXTS = tuple(_TEXTS.split())
LABELS = tuple(_LABELS.split())
SCORES = tuple(dict.fromkeys(("score", "similarity", "relatedness_score", "stars", "rating", *LABELS)))
PAIRS = (
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("question", "passage"),
    ("query", "passage"),
    ("query", "document"),
    ("#1_string", "#2_string"),
)
_USUAL = frozenset((*TEXTS, *LABELS, *(name for pair in PAIRS for name in pair)))


def normalize(name: str) -> str:
    """A column's name as names are compared: lower case, "_" for spaces and hyphens, no byte order mark."""
    return re.sub(r"[\s\-]+", "_", name.replace("\ufeff", "").strip().casefold())


def is_usual(names: Iterable[str]) -> list[bool]:
    """For each name whether it is one of the usual ones."""
    return [normalize(name) in _USUAL for name in names]


def has_header(records: Sequence[Sequence[str]], given: Sequence[str] = (), guess: bool = True) -> bool:
    """Whether the first of some records holds the columns' names.

    A name does not come back further down in its column; a label does, even one that is called "question" or
    "topic".

    Args:
        records: All records, of equal width.
        given: Names of columns that the user has given: then there must be a header.
        guess: The answer when no name is a usual one and nothing else speaks against a header.
    """
    first = records[0]
    usual = [column for column, known in enumerate(is_usual(first)) if known]
    if given or len(usual) > 1:
        return True
    if not usual and (not guess or len(first) == 1 or any(not _may_be_name(field) for field in first)):
        return False
    columns = usual or range(len(first))
    return not any(record[column] == first[column] for column in columns for record in records[1:])


def _may_be_name(field: str) -> bool:
    return 0 < len(field) <= 64 and not field.replace(".", "", 1).lstrip("-").isdigit()
