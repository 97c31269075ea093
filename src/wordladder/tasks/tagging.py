"""Tagging: entities in a text, or a tag for each of its words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples, Span, label_names
from ..errors import DataError
from ..files.json_files import read_facts, write_facts
from ..layers.tag_chain import TagChain, allowed_transitions, continuations, unweighted
from ..metrics.spans import per_type, span_counts, span_f1
from ..text.words import Tokens
from ._decoding import log_softmax
from ._word_scores import WordScores, WordTargets
from ._word_tags import Covered, TagSet, WordScheme, covered, spans_of

__all__ = ["Tagging"]


@dataclass(frozen=True)
class _Facts:
    """What `labels.json` holds."""

    labels: list[str]
    scheme: WordScheme


class Tagging:
    """Find entities, or tag every word.

    Entities are tagged word by word in a scheme, and come back as parts of the text, with the probability
    that the model gives the whole of each. Tags that the scheme forbids are never answered.

    Args:
        crf: Whether a linear-chain CRF (Lafferty et al. 2001) scores neighbouring tags together; if not, each
            word's tag is learned by itself.
        scheme: How entities become tags of words: `"bioes"` marks begin, inside, end and single words,
            `"bio"` begin and inside. Where the data has a tag for every word, such as parts of speech, that
            tag is taken as it is.
        dropout: Share of the components of the words' vectors set to zero before the head while training, the
            same ones at all words of a text.
    """

    segments = 1
    per_word = True
    labels_are = "spans"
    higher_is_better = True

    def __init__(
        self, *, crf: bool = True, scheme: Literal["bioes", "bio"] = "bioes", dropout: float = 0.3
    ) -> None:
        self.crf, self.dropout, self._scheme = crf, dropout, scheme
        self.labels: list[str] = []

    # Life of a component

    def initialise(self, examples: Examples) -> None:
        """Learn the types of spans from training examples.

        Raises:
            DataError: there are no spans, or they are of one kind where each word is one.
        """
        self._check_labels(examples)
        types = sorted({name for label in examples.labels or () for name in label_names(label)})
        of_words = examples.scheme == "words"
        if len(types) < 1 + of_words:
            found = "the same tag everywhere" if types else "no entities"
            raise DataError(f"{examples.source}: there is nothing to learn: {found}")
        self.take_labels(types, "words" if of_words else self._scheme)

    def take_labels(self, types: list[str], scheme: WordScheme) -> None:
        """Know these types, which something else may have learned."""
        self.labels, self.tag_set = types, TagSet(types, scheme)
        self.metric = "accuracy" if scheme == "words" else "f1"
        self.allowed = allowed_transitions(self.tag_set.names, scheme)

    @property
    def width(self) -> int:
        """Scores a word."""
        return len(self.tag_set.names)

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        write_facts(folder / "labels.json", {"labels": self.labels, "scheme": self.tag_set.scheme})

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        facts = read_facts(folder / "labels.json", _Facts)
        self.take_labels(facts.labels, facts.scheme)

    # Labels

    def _check_labels(self, examples: Examples) -> None:
        if examples.labels is None:
            raise DataError(f"{examples.source}: the words have no tags, and there are none to learn from")
        for row, label in enumerate(examples.labels):
            if isinstance(label, str) or not all(isinstance(part, Span) for part in label):
                raise DataError(
                    f"{examples.location(row)}: for tagging, a label is a list of (start, end, type), "
                    f"not {label!r}"
                )

    def check(self, examples: Examples) -> None:
        """Raise a DataError where the labels are no spans, or spans of another kind than in training.

        A type that training did not see is none: what stands there is missed, and counted.
        """
        self._check_labels(examples)
        here, there = examples.scheme == "words", self.tag_set.scheme == "words"
        if here != there and examples.scheme is not None:
            kinds = {True: "a tag for every word", False: "entities"}
            raise DataError(f"{examples.source}: it has {kinds[here]}, the training data had {kinds[there]}")

    def targets(self, examples: Examples, tokens: Tokens) -> WordTargets:
        """The tag of each word."""
        found = covered(tokens, self._known(examples))
        return WordTargets(self.tag_set.tags(found, len(tokens.starts)), tokens.example_offsets)

    def _known(self, examples: Examples) -> list[list[Span]]:
        known = set(self.labels)
        return [[span for span in row if span.type in known] for row in self._gold(examples)]

    def _gold(self, examples: Examples) -> list[tuple[Span, ...]]:
        return [tuple(row) for row in examples.labels or ()]  # type: ignore[arg-type]

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """How many spans there are, how many begin or end within a word, and how many have no word or reach
        behind what is read.
        """
        found = covered(tokens, self._gold(examples))
        lost = (found.last == found.first) | found.cut
        return {
            "spans": len(found.row),
            "spans_within_words": int((~lost & ~found.exact).sum()),
            "spans_lost": int(lost.sum()),
        }

    # From scores to answers and figures

    def fit_decoding(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """Nothing to fit."""
        return {}

    def _emissions(self, scores: WordScores) -> NDArray[np.float32]:
        return scores.values if self.crf else log_softmax(scores.values)

    def _chain(self, scores: WordScores) -> TagChain:
        return TagChain(unweighted(self.allowed)) if scores.chain is None else scores.chain

    def predicted(self, scores: WordScores) -> NDArray[np.int64]:
        """The tag of each word `(words,)`."""
        return self._chain(scores).decode(self._emissions(scores), scores.tokens.example_offsets)

    def predictions(self, scores: WordScores) -> list[list[Span]]:
        """The spans of each text."""
        return self._spans(scores.tokens, self.predicted(scores))

    def _spans(self, tokens: Tokens, tags: NDArray[np.int64]) -> list[list[Span]]:
        firsts, lasts = self.tag_set.segments(tags, tokens.example_offsets)
        types = [self.tag_set.type_of[tag] for tag in tags[firsts].tolist()]
        return spans_of(tokens, firsts, lasts, types)

    def answers(self, scores: WordScores, top: int = 1) -> list[dict[str, Any]]:
        """For each text its entities, or its words and their tags, with the probability of each.

        Args:
            scores: What the network said.
            top: If more than one, each text also has so many `"alternatives"`, the most probable first.
        """
        emissions, offsets = self._emissions(scores), scores.tokens.example_offsets
        answers = self._told(scores, emissions, self.predicted(scores))
        if top > 1:
            ways, probabilities = self._chain(scores).nbest(emissions, offsets, top)
            # Where there are fewer ways, the best one stands in their place and is left out.
            told = [self._told(scores, emissions, np.where(tags < 0, ways[0], tags)) for tags in ways]
            for row, answer in enumerate(answers):
                answer["alternatives"] = [
                    way[row] | {"probability": float(sure)}
                    for way, sure in zip(told, probabilities[row])
                    if sure > 0
                ]
        return answers

    def _told(
        self, scores: WordScores, emissions: NDArray[np.float32], tags: NDArray[np.int64]
    ) -> list[dict[str, Any]]:
        tokens, offsets = scores.tokens, scores.tokens.example_offsets
        firsts, lasts = self.tag_set.segments(tags, offsets)
        longer = continuations(self.tag_set.names) if self.tag_set.scheme == "bio" else None
        chain = self._chain(scores)
        sure = iter(chain.segment_probabilities(emissions, offsets, tags, firsts, lasts, longer).tolist())
        name = "words" if self.tag_set.scheme == "words" else "entities"
        return [
            {name: [_answer(text, span, next(sure)) for span in spans]}
            for text, spans in zip(tokens.texts, self._spans(tokens, tags))
        ]

    def outcomes(self, scores: WordScores, examples: Examples) -> NDArray[np.int64]:
        """What `primary` needs of each row: spans that are right, answered and wanted `(rows, 3)`; of words
        those that are right, and all `(rows, 2)`.
        """
        if self.tag_set.scheme != "words":
            return span_counts(self._gold(examples), self.predictions(scores))
        found, right = self._right_words(scores, examples)
        rows = len(scores)
        hits = np.bincount(found.row, weights=right, minlength=rows).astype(np.int64)
        return np.column_stack([hits, np.bincount(found.row, minlength=rows)])

    def _right_words(self, scores: WordScores, examples: Examples) -> tuple[Covered, NDArray[np.bool_]]:
        """The words of the data, and whether the first of ours in each has the right tag."""
        found = covered(scores.tokens, self._gold(examples))
        tags = np.append(self.predicted(scores), -1)
        place = np.where(found.last > found.first, found.first, len(tags) - 1)
        wanted = np.array([self.tag_set.place.get(kind, -2) for kind in found.types], np.int64)
        return found, tags[place] == wanted

    def primary(self, outcomes: NDArray[np.int64]) -> float:
        """F1 of entities, exactly as conlleval counts it, or the share of words that are right."""
        if self.tag_set.scheme != "words":
            return span_f1(outcomes)
        hits, words = outcomes.sum(axis=0)
        return float(hits / words) if words else 0.0

    def criterion(self, metric: float, scores: WordScores, examples: Examples) -> float:
        """The primary metric."""
        return metric

    def metrics(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """F1, precision and recall of entities, the same for every type; of words their accuracy."""
        gold = self._gold(examples)
        if self.tag_set.scheme == "words":
            answered = self._answered_words(scores, examples)
            accuracy = self.primary(self.outcomes(scores, examples))
            return {"accuracy": accuracy, "labels": per_type(gold, answered)}
        predicted = self.predictions(scores)
        outcomes = span_counts(gold, predicted)
        hits, answered_count, wanted = (int(part) for part in outcomes.sum(axis=0))
        return {
            "f1": span_f1(outcomes),
            "precision": hits / answered_count if answered_count else 0.0,
            "recall": hits / wanted if wanted else 0.0,
            "labels": per_type(gold, predicted),
        }

    def _answered_words(self, scores: WordScores, examples: Examples) -> list[list[Span]]:
        """The data's words with the tags that they got."""
        gold = self._gold(examples)
        found = covered(scores.tokens, gold)
        tags = self.predicted(scores).tolist()
        rows: list[list[Span]] = [[] for _ in gold]
        flat = (span for row in gold for span in row)
        for span, row, first, last in zip(
            flat, found.row.tolist(), found.first.tolist(), found.last.tolist()
        ):
            if last > first:
                rows[row].append(span._replace(type=self.tag_set.names[tags[first]]))
        return rows


def _answer(text: str, span: Span, sure: float) -> dict[str, Any]:
    return {
        "type": span.type,
        "start": span.start,
        "end": span.end,
        "text": text[span.start : span.end],
        "confidence": sure,
    }
