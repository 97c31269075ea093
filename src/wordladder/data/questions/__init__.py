"""Questions and their answers in passages: files of them, and lists in Python → Examples."""

from .answers import answers_from_python
from .reader import read_questions

__all__ = ["answers_from_python", "read_questions"]
