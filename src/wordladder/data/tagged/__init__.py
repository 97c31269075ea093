"""Tagged text: files of words and tags, or of texts and spans, and lists of them in Python → Examples."""

from .reader import TaggedFormat, read_tagged
from .words import tagged_words, tags_of_words

__all__ = ["TaggedFormat", "read_tagged", "tagged_words", "tags_of_words"]
