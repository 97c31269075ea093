"""Questions whose answers stand in a passage: where the answer starts and where it ends."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Answer, Examples, Span
from ..errors import DataError
from ..files.json_files import read_facts, write_facts
from ..metrics.answers import answer_outcomes, best_no_answer_threshold, style_of
from ..text.words import Tokens
from ._decoding import log_softmax
from ._spans_in_passages import Candidate, best_spans
from ._word_scores import IGNORED, WordScores
from ._word_tags import covered

__all__ = ["SpanQa"]

CANDIDATES = 20  # spans of which the different texts are told


@dataclass(frozen=True)
class _Facts:
    """What `labels.json` holds."""

    no_answer: bool
    style: Literal["squad", "cmrc"]
    threshold: float


class SpanQa:
    """Answer a question with words of a passage.

    One pointer says for each word of the passage whether the answer starts there, another one whether it ends
    there (Wang & Jiang 2017; Devlin et al. 2019). Both are normalised over the whole passage, whatever
    windows an encoder reads it in, so that spans of all windows compare.

    Args:
        no_answer: Whether a passage may lack the answer; left out, as the data has it.
        max_answer_words: Most words of an answer.
        metric: `"f1"` or `"exact_match"` is the primary metric.
        style: How answers are compared: `"squad"` by words, as SQuAD's script does, `"cmrc"` by Chinese
            characters, as CMRC 2018's; left out, as the answers of the training data are written.
        dropout: Share of the components of words' vectors set to zero before the pointers while training, the
            same ones at all words of an example.
    """

    segments = 2
    per_word = True
    labels_are = "answers"
    higher_is_better = True
    width = 2

    def __init__(
        self,
        *,
        no_answer: bool | None = None,
        max_answer_words: int = 30,
        metric: Literal["f1", "exact_match"] = "f1",
        style: Literal["squad", "cmrc"] | None = None,
        dropout: float = 0.1,
    ) -> None:
        self.metric, self.max_answer_words, self.dropout = metric, max_answer_words, dropout
        self._given = (no_answer, style)
        self.no_answer, self.style = bool(no_answer), style or "squad"
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
        placed = sum(1 for row in answers for answer in row[:1] if answer.start is not None)
        if not placed:
            raise DataError(f"{examples.source}: no question has an answer that stands in its passage")
        lacking = any(not row for row in answers)
        if lacking and self._given[0] is False:
            raise DataError(
                f"{examples.source}: no_answer = false, but there are questions without an answer"
            )
        self.no_answer = lacking or bool(self._given[0])
        self.style = self._given[1] or style_of([[answer.text for answer in row] for row in answers])

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        facts = {"no_answer": self.no_answer, "style": self.style, "threshold": self.threshold}
        write_facts(folder / "labels.json", facts)

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        facts = read_facts(folder / "labels.json", _Facts)
        self.no_answer, self.style, self.threshold = facts.no_answer, facts.style, facts.threshold

    # Labels

    def check(self, examples: Examples) -> None:
        """Raise a DataError where there are no questions with answers."""
        if len(examples.segments) != 2:
            raise DataError(f"{examples.source}: a question and a passage are needed, and there is one text")
        if examples.labels is None:
            raise DataError(
                f"{examples.source}: the questions have no answers, and there are none to learn from"
            )
        for row, label in enumerate(examples.labels):
            if isinstance(label, str) or not all(isinstance(part, Answer) for part in label):
                raise DataError(
                    f"{examples.location(row)}: for questions, a label is a list of answers, not {label!r}"
                )

    def _gold(self, examples: Examples) -> list[tuple[Answer, ...]]:
        return [tuple(row) for row in examples.labels or ()]  # type: ignore[arg-type]

    def targets(self, examples: Examples, tokens: Tokens) -> NDArray[np.int64]:
        """The first and the last word of the first answer of each row, counted over the words of question and
        passage `(rows, 2)`; 0 and 0 for no answer, `IGNORED` where it does not stand in the words that are
        read.
        """
        found = np.full((len(examples), 2), IGNORED, np.int64)
        answers = self._gold(examples)
        words = covered(tokens, _places(answers), segment=1)
        some = ((words.last > words.first) & ~words.cut).nonzero()[0]
        first = tokens.example_offsets[words.row[some]]
        found[words.row[some], 0] = words.first[some] - first
        found[words.row[some], 1] = words.last[some] - 1 - first
        if self.no_answer:
            asked = tokens.lengths[::2] > 0  # no answer stands at the question's first word
            found[[row for row, right in enumerate(answers) if not right and asked[row]]] = 0
        return found

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """How many answers there are, and how many cannot be learned: they stand nowhere, or behind what is
        read.
        """
        answers = self._gold(examples)
        wanted = sum(1 for row in answers if row)
        words = covered(tokens, _places(answers), segment=1)
        learned = int(((words.last > words.first) & ~words.cut).sum())
        return {"answers": wanted, "answers_lost": wanted - learned}

    # From scores to answers and figures

    def fit_decoding(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """Fit on dev from where on no answer is the better one."""
        if not self.no_answer:
            return {}
        self.threshold = 0.0
        found = self._all_found(scores)
        texts = [
            self._span(scores.tokens, row, spans[0])["text"] if spans else ""
            for row, (spans, _) in enumerate(found)
        ]
        gold = [[answer.text for answer in row] for row in self._gold(examples)]
        values = answer_outcomes(texts, gold, self.style)[:, self._column]
        gaps = np.nan_to_num(np.array([gap for _, gap in found]))
        self.threshold = float(best_no_answer_threshold(gaps, values, np.array([bool(row) for row in gold])))
        return {"no_answer_threshold": self.threshold}

    @property
    def _column(self) -> int:
        return ("exact_match", "f1").index(self.metric)

    def _rows(self, scores: WordScores) -> list[tuple[NDArray[np.float64], int]]:
        """Of each row the scores of its words, and the number of words of the question."""
        offsets, question = scores.tokens.example_offsets, scores.tokens.lengths[::2]
        return [
            (scores.values[low:high].astype(np.float64), int(count))
            for (low, high), count in zip(pairwise(offsets.tolist()), question)
        ]

    def _all_found(self, scores: WordScores, count: int = 1) -> list[tuple[list[Candidate], float]]:
        """`_found` of all rows, sought once however often it is asked for."""
        if count not in scores.decoded:
            scores.decoded[count] = [self._found(row, count) for row in self._rows(scores)]
        return scores.decoded[count]

    def _found(self, row: tuple[NDArray[np.float64], int], count: int) -> tuple[list[Candidate], float]:
        """The best spans, their words counted from the passage's first, and by how much no answer is more
        probable than the best of them, in logarithms.
        """
        scores, question = row
        if len(scores) == question:
            return [], np.inf
        has_nothing = self.no_answer and question > 0
        kept = scores[[0, *range(question, len(scores))]] if has_nothing else scores[question:]
        chances = log_softmax(kept, axis=0)
        nothing, words = (chances[0].sum(), chances[1:]) if has_nothing else (-np.inf, chances)
        spans = best_spans(words[:, 0], words[:, 1], self.max_answer_words, count)
        best = np.log(spans[0].probability) if spans else -np.inf
        return spans, float(nothing - best)

    def _span(self, tokens: Tokens, row: int, found: Candidate) -> dict[str, Any]:
        """A candidate as a part of the passage."""
        text = tokens.texts[2 * row + 1]
        first = int(tokens.offsets[2 * row + 1])
        start, end = int(tokens.starts[first + found.first]), int(tokens.ends[first + found.last])
        return {"text": text[start:end], "start": start, "end": end, "score": found.probability}

    def predictions(self, scores: WordScores) -> list[str]:
        """The text of each answer, empty for none."""
        return [answer["answer"]["text"] for answer in self.answers(scores)]

    def answers(self, scores: WordScores, top: int = 1) -> list[dict[str, Any]]:
        """For each question its answer: `{"text", "start", "end", "score"}`; without one the text is empty.

        Args:
            scores: What the network said.
            top: If more than one, each row also has so many `"candidates"` with different texts.
        """
        found = self._all_found(scores, 1 if top == 1 else CANDIDATES * top)
        return [self._answer(scores.tokens, row, spans, gap, top) for row, (spans, gap) in enumerate(found)]

    def _answer(
        self, tokens: Tokens, row: int, spans: list[Candidate], gap: float, top: int
    ) -> dict[str, Any]:
        found = [self._span(tokens, row, span) for span in spans]
        if (self.no_answer and gap > self.threshold) or not found:
            nothing = float(np.exp(gap) * spans[0].probability) if spans else 1.0
            answer = {"text": "", "start": None, "end": None, "score": nothing}
        else:
            answer = found[0]
        told: dict[str, Any] = {"answer": answer}
        if top > 1:
            different = {candidate["text"]: candidate for candidate in reversed(found)}
            told["candidates"] = sorted(different.values(), key=lambda c: -c["score"])[:top]
        return told

    def outcomes(self, scores: WordScores, examples: Examples) -> NDArray[np.float64]:
        """Exact match and F1 of each row, `(rows, 2)`."""
        gold = [[answer.text for answer in row] for row in self._gold(examples)]
        return answer_outcomes(self.predictions(scores), gold, self.style)

    def primary(self, outcomes: NDArray[np.float64]) -> float:
        """The mean of the primary metric."""
        return float(outcomes[:, self._column].mean()) if len(outcomes) else 0.0

    def criterion(self, metric: float, scores: WordScores, examples: Examples) -> float:
        """The primary metric."""
        return metric

    def metrics(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """Exact match and F1; also of those questions that have an answer and those that have none."""
        outcomes = self.outcomes(scores, examples)
        has = np.array([bool(row) for row in self._gold(examples)])
        found = {"exact_match": float(outcomes[:, 0].mean()), "f1": float(outcomes[:, 1].mean())}
        if has.any() and not has.all():
            found["f1_answerable"] = float(outcomes[has, 1].mean())
            found["f1_unanswerable"] = float(outcomes[~has, 1].mean())
        return found


def _places(answers: list[tuple[Answer, ...]]) -> list[list[Span]]:
    """Where the first answer of each row stands in its passage."""
    return [
        [
            Span(answer.start, answer.start + len(answer.text), "")
            for answer in row[:1]
            if answer.start is not None
        ]
        for row in answers
    ]
