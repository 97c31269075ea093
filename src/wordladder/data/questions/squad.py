"""A document in SQuAD's JSON → its questions: articles of paragraphs, each a passage and its questions.

SQuAD 1.1 and 2.0, and what is written like them: CMRC 2018, DRCD.
"""

from collections.abc import Iterator, Sequence

from ...errors import DataError
from ..raw_table import scalar
from .answers import Question, parse_answers


def read_articles(articles: Sequence[object], source: str, labelled: bool | None = True) -> list[Question]:
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


def _read_entries(
    articles: Sequence[object], source: str
) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """The title and the passage of each question, the path to the question, and the question."""
    for number, article in enumerate(articles):
        path = f"{source}, data[{number}]"
        for paragraph_number, paragraph in enumerate(_list_under(article, "paragraphs", path)):
            paragraph_path = f"{path}.paragraphs[{paragraph_number}]"
            questions = _list_under(paragraph, "qas", paragraph_path)
            passage = _text_under(paragraph, "context", paragraph_path)
            title = str(article.get("title", f"data[{number}]")) if isinstance(article, dict) else ""
            for index, entry in enumerate(questions):
                if not isinstance(entry, dict):
                    raise DataError(f"{paragraph_path}.qas[{index}]: an object with a question is expected.")
                yield title, passage, f"{paragraph_path}.qas[{index}]", entry


def _read_question(
    entry: dict[str, object], passage: str, path: str, source: str, labelled: bool
) -> Question:
    name = _text_under(entry, "id", path)
    location = f"{source}, {name}"
    question = _text_under(entry, "question", location)
    if not labelled:
        return Question(name, question, passage, None)
    impossible = entry.get("is_impossible") is True
    if "answers" not in entry and not impossible:
        raise DataError(
            f"{location}: the key 'answers' is missing. A question without an answer has an empty list."
        )
    answers = parse_answers(entry.get("answers", []), location)
    return Question(name, question, passage, [] if impossible else answers, impossible and bool(answers))


def _list_under(value: object, key: str, location: str) -> list[object]:
    items = _get(value, key, location)
    if not isinstance(items, list):
        raise DataError(f"{location}: the key {key!r} must hold a list.")
    return items


def _text_under(value: object, key: str, location: str) -> str:
    text = scalar(_get(value, key, location))
    if text is None:
        raise DataError(f"{location}: the key {key!r} must hold a text.")
    return text


def _get(value: object, key: str, location: str) -> object:
    if not isinstance(value, dict):
        raise DataError(f"{location}: an object with the key {key!r} is expected.")
    if key not in value:
        keys = ", ".join(map(repr, value)) or "none"
        raise DataError(f"{location}: the key {key!r} is missing. Its keys: {keys}.")
    return value[key]
