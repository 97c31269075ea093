"""Questions whose answers are spans of a passage: where the answer starts and where it ends."""

from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Answer, Examples, Span
from ..errors import DataError
from ..files.json_files import read_validated, write_json
from ..metrics.answers import Style, answer_outcomes, best_no_answer_threshold, style_of
from ..text.words import Tokens
from ._decoding import Floats, log_softmax
from ._word_scores import IGNORED, WordScores, WordTask
from ._word_tags import SpanWords, words_of_spans

__all__ = ["SpanQa"]

CANDIDATES = 20  # spans that are decoded for each answer with a different text


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    no_answer: bool
    style: Style
    threshold: float


class Candidate(NamedTuple):
    """A span of words and its probability, of start and end together."""

    first: int
    last: int
    probability: float


@dataclass(eq=False, repr=False)
class SpanQa(WordTask):
    """Answer a question with words of a passage.

    One score says for each word of the passage whether the answer starts there, another whether it ends there
    (Wang & Jiang 2017; Devlin et al. 2019). Both are normalised over the whole passage, whatever windows an
    encoder reads it in, so that spans of all windows are comparable.

    Args:
        no_answer: Whether a passage may lack the answer; left out, as in the data.
        max_answer_words: Words of an answer at most.
        metric: `"f1"` or `"exact_match"` is the primary metric.
        style: How answers are compared: `"squad"` by words, as SQuAD's script does, `"cmrc"` by Chinese
            characters, as CMRC 2018's; left out, it depends on the answers of the training data.
        dropout: Dropout of the components of word vectors before the scores in training, with the same mask
            for all words of an example.
    """

    _: KW_ONLY
    no_answer: bool | None = None
    max_answer_words: int = 30
    metric: Literal["f1", "exact_match"] = "f1"
    style: Style | None = None
    dropout: float = 0.1

    segments = 2
    labels_are = "answers"
    width = 2

    def __post_init__(self) -> None:
        self._settings = (self.no_answer, self.style)
        self.no_answer, self.style = bool(self.no_answer), self.style or "squad"
        self.threshold = 0.0
        self.labels: list[str] = []

    # Life of a component

    def initialise(self, examples: Examples) -> None:
        """Learn from training examples whether passages may lack the answer, and how answers are compared.

        Raises:
            DataError: there are no answers to learn from.
        """
        self.check(examples)
        answers = self._gold(examples)
        if not any(map(len, _answer_spans(answers))):
            raise DataError(f"{examples.source}: no question has an answer that is in its passage")
        lacking = any(not row for row in answers)
        no_answer, style = self._settings
        if lacking and no_answer is False:
            raise DataError(
                f"{examples.source}: no_answer = false, but there are questions without an answer"
            )
        self.no_answer = lacking or bool(no_answer)
        self.style = style or style_of(self._gold_texts(examples))

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        content = {"no_answer": self.no_answer, "style": self.style, "threshold": self.threshold}
        write_json(folder / "labels.json", content)

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        vars(self).update(vars(read_validated(folder / "labels.json", _Saved)))

    # Labels

    def check(self, examples: Examples) -> None:
        """Raise a DataError where there are no questions with answers."""
        if len(examples.segments) != 2:
            raise DataError(f"{examples.source}: a question and a passage are needed, and there is one text")
        expected = "for questions, a label is a list of answers"
        self._check_labels(examples, Answer, "the questions have no answers", expected)

    def _gold_texts(self, examples: Examples) -> list[list[str]]:
        return [[answer.text for answer in row] for row in self._gold(examples)]

    def targets(self, examples: Examples, tokens: Tokens) -> NDArray[np.int64]:
        """The first and the last word of the first answer of each row, counted over the words of question and
        passage `(rows, 2)`; 0 and 0 for no answer, `IGNORED` if it is not in the words that are read.
        """
        targets = np.full((len(examples), 2), IGNORED, np.int64)
        answers = self._gold(examples)
        words, learnable = _answer_words(tokens, answers)
        rows = words.row[learnable]
        first = tokens.example_offsets[rows]
        targets[rows, 0] = words.first[learnable] - first
        targets[rows, 1] = words.last[learnable] - 1 - first
        if self.no_answer:
            has_question = tokens.lengths[::2] > 0  # the question's first word stands for no answer
            targets[[row for row, gold in enumerate(answers) if not gold and has_question[row]]] = 0
        return targets

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """How many answers there are, and how many cannot be learned: they are not in the passage, or not in
        the part of it that is read.
        """
        answers = self._gold(examples)
        count = sum(map(bool, answers))
        return {"answers": count, "answers_lost": count - int(_answer_words(tokens, answers)[1].sum())}

    # From scores to answers and metrics

    def fit_decoding(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """Fit on the dev set the threshold above which there is no answer."""
        if not self.no_answer:
            return {}
        self.threshold = np.inf  # the best span of each passage is predicted
        values = self.outcomes(scores, examples)[:, self._column]
        margins = np.nan_to_num(np.array([margin for _, margin in self._decode(scores)]))
        has_answer = np.array(list(map(bool, self._gold(examples))))
        self.threshold = best_no_answer_threshold(margins, values, has_answer)
        return {"no_answer_threshold": self.threshold}

    @property
    def _column(self) -> int:
        return ("exact_match", "f1").index(self.metric)

    def _decode(self, scores: WordScores, count: int = 1) -> list[tuple[list[Candidate], float]]:
        """For each row the best spans, their words counted from the start of the passage, and by how much no
        answer is more probable than the best of them, in logarithms; decoded once for each `count`.
        """
        if count not in scores.decoded:
            bounds, questions = pairwise(scores.tokens.example_offsets.tolist()), scores.tokens.lengths[::2]
            scores.decoded[count] = [
                self._decode_row(scores.values[low:high].astype(np.float64), question, count)
                for (low, high), question in zip(bounds, questions.tolist())
            ]
        return scores.decoded[count]

    def _decode_row(self, scores: Floats, question: int, count: int) -> tuple[list[Candidate], float]:
        if len(scores) == question:
            return [], np.inf
        has_nothing = self.no_answer and question > 0
        rows = scores[[0, *range(question, len(scores))]] if has_nothing else scores[question:]
        chances = log_softmax(rows, axis=0)
        nothing, words = (chances[0].sum(), chances[1:]) if has_nothing else (-np.inf, chances)
        spans = best_spans(words[:, 0], words[:, 1], self.max_answer_words, count)
        best = np.log(spans[0].probability) if spans else -np.inf
        return spans, float(nothing - best)

    def _span(self, tokens: Tokens, row: int, candidate: Candidate) -> dict[str, Any]:
        """A candidate as a part of the passage."""
        text = tokens.texts[2 * row + 1]
        first = int(tokens.offsets[2 * row + 1])
        start, end = int(tokens.starts[first + candidate.first]), int(tokens.ends[first + candidate.last])
        return {"text": text[start:end], "start": start, "end": end, "score": candidate.probability}

    def predictions(self, scores: WordScores) -> list[str]:
        """The text of each answer, empty for none."""
        return [answer["answer"]["text"] for answer in self.answers(scores)]

    def answers(self, scores: WordScores, top: int = 1) -> list[dict[str, Any]]:
        """For each question its answer: `{"text", "start", "end", "score"}`; without one the text is empty.

        Args:
            scores: The scores of the network.
            top: If more than one, each row also has this many `"candidates"` with different texts.
        """
        answers: list[dict[str, Any]] = []
        for row, (candidates, margin) in enumerate(self._decode(scores, 1 if top == 1 else CANDIDATES * top)):
            spans = [self._span(scores.tokens, row, candidate) for candidate in candidates]
            if not spans or (self.no_answer and margin > self.threshold):
                probability = float(np.exp(margin) * candidates[0].probability) if candidates else 1.0
                answer = {"text": "", "start": None, "end": None, "score": probability}
            else:
                answer = spans[0]
            answers.append({"answer": answer})
            if top > 1:
                distinct = {span["text"]: span for span in reversed(spans)}
                best = sorted(distinct.values(), key=lambda span: -span["score"])[:top]
                answers[-1]["candidates"] = best
        return answers

    def outcomes(self, scores: WordScores, examples: Examples) -> NDArray[np.float64]:
        """Exact match and F1 of each row, `(rows, 2)`."""
        texts, gold = self.predictions(scores), self._gold_texts(examples)
        return answer_outcomes(texts, gold, self.style or "squad")

    def right(self, outcomes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which questions have exactly one of their answers, `(rows,)`."""
        return outcomes[:, 0] == 1

    def primary(self, outcomes: NDArray[np.float64]) -> float:
        """The mean of the primary metric."""
        return float(outcomes[:, self._column].mean()) if len(outcomes) else 0.0

    def metrics(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """Exact match and F1; also F1 of the questions that have an answer and of those that have none."""
        exact_match, f1 = self.outcomes(scores, examples).T
        has_answer = np.array(list(map(bool, self._gold(examples))))
        metrics = {"exact_match": float(exact_match.mean()), "f1": float(f1.mean())}
        if has_answer.any() and not has_answer.all():
            metrics["f1_answerable"] = float(f1[has_answer].mean())
            metrics["f1_unanswerable"] = float(f1[~has_answer].mean())
        return metrics


def best_spans(starts: Floats, ends: Floats, longest: int, count: int) -> list[Candidate]:
    """The most probable spans of at most `longest` words, all different, the best first.

    Args:
        starts: The log-probability that each word is the first, `(words,)`.
        ends: The log-probability that each word is the last, `(words,)`.
        longest: Words of a span at most.
        count: Spans at most.
    """
    words = len(starts)
    longest = min(longest, words)
    table = np.full((longest, words), -np.inf)  # a span of `row + 1` words that starts at `column`
    for more in range(longest):
        table[more, : words - more] = starts[: words - more] + ends[more:]
    flat = table.ravel()
    count = min(count, flat.size)
    if not count:
        return []
    best = np.argpartition(-flat, count - 1)[:count]
    best = best[np.argsort(-flat[best], kind="stable")]
    extra, first = np.divmod(best, words)
    candidates = zip(first.tolist(), (first + extra).tolist(), np.exp(flat[best]).tolist())
    return [Candidate(*candidate) for candidate in candidates if candidate[2] > 0.0]


def _answer_words(tokens: Tokens, answers: list[tuple[Any, ...]]) -> tuple[SpanWords, NDArray[np.bool_]]:
    """The words of the first answer of each row, and whether they can be learned."""
    words = words_of_spans(tokens, _answer_spans(answers), segment=1)
    return words, (words.last > words.first) & ~words.cut


def _answer_spans(answers: list[tuple[Any, ...]]) -> list[list[Span]]:
    """Where the first answer of each row is in its passage."""
    first = [[answer for answer in row[:1] if answer.start is not None] for row in answers]
    return [[Span(one.start, one.start + len(one.text), "") for one in row] for row in first]
