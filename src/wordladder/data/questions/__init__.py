"""Questions and their answers in passages: files of them, and lists in Python → Examples."""

from .answers import Question, answers_of, placed
from .reader import read_questions

__all__ = ["Question", "answers_of", "placed", "read_questions"]
