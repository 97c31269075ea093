"""Questions and their answers in passages: files of them, and lists in Python → Examples."""

from .given import given_answers
from .reader import read_questions

__all__ = ["given_answers", "read_questions"]
