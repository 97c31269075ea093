"""A document in SQuAD's JSON → its questions: articles of paragraphs, each a passage and its questions.

SQuAD 1.1 and 2.0, and what is written like them: CMRC 2018, DRCD.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ...errors import DataError
from ..json_records import read_value
from .answers import Question, get_key, get_text, parse_answers

Entry = dict[str, object]


class Paragraph(NamedTuple):
    """A passage and what is asked about it.

    Attributes:
        title: The article that it is from.
        text: The passage.
        questions: The questions as the file has them.
        path: The path to it, for messages.
    """

    title: str
    text: str
    questions: list[object]
    path: str


def find_articles(content: str, source: str) -> list[object] | None:
    """What a SQuAD document has under "data"; None: it is none, but has a row a question.

    Raises:
        DataError: it is not JSON, or goes on after its end; names the line.
    """
    start = len(content) - len(content.lstrip())
    value, end = read_value(content, source, start, content.count("\n", 0, start) + 1)
    articles = value.get("data") if isinstance(value, dict) else value
    if not isinstance(articles, list) or not (
        isinstance(value, dict) or any(isinstance(one, dict) and "paragraphs" in one for one in articles)
    ):
        return None
    if content[end:].strip():
        line = content.count("\n", 0, end) + 1
        raise DataError(f"{source}, line {line}: there is more text after the end of the document.")
    return articles


def read_articles(articles: list[object], source: str, labelled: bool | None = True) -> list[Question]:
    """The questions of all articles.

    Args:
        articles: What the document has under "data".
        source: The file, for messages.
        labelled: Whether each question must have answers (True), they are not read (False), or they are read
            if all questions have them (None).

    Raises:
        DataError: a key is missing or holds something else; names the question's id, or the path to it.
    """
    entries = list(_read_entries(articles, source))
    if labelled is None:
        labelled = all("answers" in entry or entry.get("is_impossible") is True for *_, entry in entries)
    return [
        _read_question(entry, passage, path, source, labelled)._replace(title=title)
        for title, passage, path, entry in entries
    ]


def read_paragraphs(articles: list[object], source: str) -> Iterator[Paragraph]:
    """The paragraphs of all articles in order; arguments and errors as for `read_articles`."""
    for number, article in enumerate(articles):
        path = f"{source}, data[{number}]"
        for index, paragraph in enumerate(_get_list(article, "paragraphs", path)):
            place = f"{path}.paragraphs[{index}]"
            questions = _get_list(paragraph, "qas", place)
            passage = get_text(paragraph, "context", place)
            title = str(article.get("title", f"data[{number}]")) if isinstance(article, dict) else ""
            yield Paragraph(title, passage, questions, place)


def _read_entries(articles: list[object], source: str) -> Iterator[tuple[str, str, str, Entry]]:
    """The title and the passage of each question, the path to the question, and the question."""
    for title, passage, questions, path in read_paragraphs(articles, source):
        for index, entry in enumerate(questions):
            if not isinstance(entry, dict):
                raise DataError(f"{path}.qas[{index}]: an object with a question is expected.")
            yield title, passage, f"{path}.qas[{index}]", entry


def _read_question(entry: Entry, passage: str, path: str, source: str, labelled: bool) -> Question:
    name = get_text(entry, "id", path)
    location = f"{source}, {name}"
    question = get_text(entry, "question", location)
    if not labelled:
        return Question(name, question, passage, None)
    impossible = entry.get("is_impossible") is True
    if "answers" not in entry and not impossible:
        raise DataError(f"{location}: the key 'answers' is missing. Write [] for no answer.")
    answers = parse_answers(entry.get("answers", []), location)
    return Question(name, question, passage, [] if impossible else answers, impossible and bool(answers))


def _get_list(value: object, key: str, location: str) -> list[object]:
    items = get_key(value, key, location)
    if not isinstance(items, list):
        raise DataError(f"{location}: the key {key!r} must hold a list.")
    return items
