"""What columns of text and of labels are usually called, in English and Chinese. It knows names only, no cells."""

import re
from collections.abc import Iterable

__all__ = ["LABELS", "PAIRS", "TEXTS", "is_usual", "normal"]

# The first of a list that a table has is taken.
TEXTS = tuple(
    "text review sentence content comment title headline document body text_a passage question utterance query "
    "message tweet description abstract summary article post reviews texts input sentence1 sentence_a "
    "文本 内容 评论 正文 句子 标题".split()  # noqa: SIM905
)
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
LABELS = tuple(
    "label labels gold_label sentiment category class target topic cat intent y categories topics tags tag classes "
    "polarity emotion emotions stance rating stars quality is_duplicate entailment_judgment label_text score "
    "标签 类别 分类 情感".split()  # noqa: SIM905
)
_USUAL = frozenset((*TEXTS, *LABELS, *(name for pair in PAIRS for name in pair)))


def normal(name: str) -> str:
    """A column's name as names are compared: lower case, "_" for spaces and hyphens, no byte order mark."""
    return re.sub(r"[\s\-]+", "_", name.replace("\ufeff", "").strip().casefold())


def is_usual(names: Iterable[str]) -> list[bool]:
    """For each name whether it is one of the usual ones."""
    return [normal(name) in _USUAL for name in names]
