"""A document in SQuAD's JSON → its questions: articles of paragraphs, each a passage and its questions.

SQuAD 1.1 and 2.0, and what is written like them: CMRC 2018, DRCD.
"""

from collections.abc import Iterator, Sequence

from ...errors import DataError
from ..labels import scalar
from .answers import Question, answers_of


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
    if labelled is None:
        labelled = all(
            "answers" in asked or asked.get("is_impossible") is True
            for *_, asked in _questions(articles, source)
        )
    return [
        _question(asked, passage, path, source, labelled)._replace(title=title)
        for title, passage, path, asked in _questions(articles, source)
    ]


def _questions(articles: Sequence[object], source: str) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """The title and the passage of each question, the path to the question, and the question."""
    for place, article in enumerate(articles):
        path = f"data[{place}]"
        for number, paragraph in enumerate(_list(article, "paragraphs", path, source)):
            inner = f"{path}.paragraphs[{number}]"
            questions = _list(paragraph, "qas", inner, source)
            passage = _text(paragraph, "context", inner, source)
            title = str(article.get("title", path)) if isinstance(article, dict) else path
            for index, asked in enumerate(questions):
                own = f"{inner}.qas[{index}]"
                if not isinstance(asked, dict):
                    raise DataError(f"{source}, {own}: an object with a question is expected.")
                yield title, passage, own, asked


def _question(asked: dict[str, object], passage: str, path: str, source: str, labelled: bool) -> Question:
    name = _text(asked, "id", path, source)
    question = _text(asked, "question", name, source)
    if not labelled:
        return Question(name, question, passage, None)
    impossible = asked.get("is_impossible") is True
    if "answers" not in asked and not impossible:
        raise DataError(
            f"{source}, {name}: the key 'answers' is missing. A question without an answer has an empty list."
        )
    answers = answers_of(asked.get("answers", []), f"{source}, {name}")
    return Question(name, question, passage, [] if impossible else answers, impossible and bool(answers))


def _list(value: object, key: str, where: str, source: str) -> list[object]:
    found = _get(value, key, where, source)
    if not isinstance(found, list):
        raise DataError(f"{source}, {where}: the key {key!r} must hold a list.")
    return found


def _text(value: object, key: str, where: str, source: str) -> str:
    text = scalar(_get(value, key, where, source))
    if text is None:
        raise DataError(f"{source}, {where}: the key {key!r} must hold a text.")
    return text


def _get(value: object, key: str, where: str, source: str) -> object:
    if not isinstance(value, dict):
        raise DataError(f"{source}, {where}: an object with the key {key!r} is expected.")
    if key not in value:
        keys = ", ".join(map(repr, value)) or "none"
        raise DataError(f"{source}, {where}: the key {key!r} is missing. Its keys: {keys}.")
    return value[key]
