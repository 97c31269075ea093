"""Tagging: entities in a text, or a tag for each of its words."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples, Span, all_names
from ..errors import DataError, SettingError
from ..files.json_files import read_validated, write_json
from ..layers.tag_chain import TagChain, allowed_transitions, continuations, unweighted
from ..metrics.labels import per_type, precision_recall_f1, span_counts, span_f1
from ..text.words import Tokens
from ._decoding import least_for_recall, log_softmax
from ._word_scores import WordScores, WordTargets, WordTask
from ._word_tags import TagSet, WordScheme, spans_of, words_of_spans

__all__ = ["Tagging"]

PATHS = 10  # taggings of a text whose entities are candidates for its set


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    labels: list[str]
    scheme: WordScheme
    least: float = 0.0


@dataclass(eq=False, repr=False)
class Tagging(WordTask):
    """Find entities, or tag every word.

    Entities are tagged word by word in a scheme, and come back as parts of the text, with the probability of
    each. Tags that the scheme forbids are never predicted.

    Args:
        crf: Whether a linear-chain CRF (Lafferty et al. 2001) scores neighbouring tags; if not, each word's
            tag is learned independently.
        scheme: How entities become tags of words: `"bioes"` marks begin, inside, end and single words,
            `"bio"` begin and inside. If the data has a tag for every word, such as parts of speech, the tags
            are used as they are.
        dropout: Dropout of the components of word vectors before the head in training, with the same mask
            for all words of a text.
        guarantee: The share of a text's entities, such as 0.9, that its set of entities is to hold on
            average: with it answers have such a set, of more entities where the model is not sure (conformal
            risk control on dev; Angelopoulos et al. 2024).
    """

    _: KW_ONLY
    crf: bool = True
    scheme: Literal["bioes", "bio"] = "bioes"
    dropout: float = 0.3
    guarantee: float | None = None

    segments = 1
    labels_are = "spans"

    def __post_init__(self) -> None:
        if self.guarantee is not None and not 0 < self.guarantee < 1:
            raise SettingError(f"guarantee is {self.guarantee}; it must be between 0 and 1")
        self.labels: list[str] = []
        self.least = 0.0  # the least probability of an entity in a set

    # Life of a component

    def initialise(self, examples: Examples) -> None:
        """Learn the types of spans from training examples.

        Raises:
            DataError: there are no spans, or all words have the same tag.
        """
        self._check_spans(examples)
        types = sorted(all_names(examples))
        of_words = examples.scheme == "words"
        if len(types) < 1 + of_words:
            reason = "the same tag everywhere" if types else "no entities"
            raise DataError(f"{examples.source}: there is nothing to learn: {reason}")
        if self.guarantee is not None and of_words:
            raise DataError(f"{examples.source}: guarantee is for entities; these are tags of words")
        self.set_labels(types, "words" if of_words else self.scheme)

    def set_labels(self, types: list[str], scheme: WordScheme) -> None:
        """Use these types of spans."""
        self.labels, self.tag_set = types, TagSet(types, scheme)
        self.metric = "accuracy" if scheme == "words" else "f1"
        self.allowed = allowed_transitions(self.tag_set.names, scheme)

    @property
    def width(self) -> int:
        """Scores for each word."""
        return len(self.tag_set.names)

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        write_json(folder / "labels.json", vars(_Saved(self.labels, self.tag_set.scheme, self.least)))

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        saved = read_validated(folder / "labels.json", _Saved)
        self.set_labels(saved.labels, saved.scheme)
        self.least = saved.least

    # Labels

    def _check_spans(self, examples: Examples) -> None:
        expected = "for tagging, a label is a list of (start, end, type)"
        self._check_labels(examples, Span, "the words have no tags", expected)

    def check(self, examples: Examples) -> None:
        """Raise a DataError where the labels are no spans, or spans of another kind than in training.

        Types that are not in the training data are allowed: their spans count as missed.
        """
        self._check_spans(examples)
        here, there = examples.scheme == "words", self.tag_set.scheme == "words"
        if here != there and examples.scheme is not None:
            kinds = {True: "a tag for every word", False: "entities"}
            raise DataError(f"{examples.source}: it has {kinds[here]}, the training data had {kinds[there]}")

    def targets(self, examples: Examples, tokens: Tokens) -> WordTargets:
        """The tag of each word."""
        known = set(self.labels)
        spans = [[span for span in row if span.type in known] for row in self._gold(examples)]
        tags = self.tag_set.tags(words_of_spans(tokens, spans), len(tokens.starts))
        return WordTargets(tags, tokens.example_offsets)

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """How many spans there are, how many begin or end inside a word, and how many have no word or are not
        completely in the part of the text that is read.
        """
        words = words_of_spans(tokens, self._gold(examples))
        lost = (words.last == words.first) | words.cut
        inexact = int((~lost & ~words.exact).sum())
        return {"spans": len(words.row), "spans_within_words": inexact, "spans_lost": int(lost.sum())}

    # From scores to answers and metrics

    def fit_decoding(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """Fit what belongs to the set of a text, with a `guarantee`."""
        if self.guarantee is not None:
            rows = zip(self._gold(examples), self.candidates(scores))
            chances = [np.array([known.get(span, 0.0) for span in gold]) for gold, known in rows if gold]
            self.least = least_for_recall(chances, self.guarantee)
        return {}

    def _emissions(self, scores: WordScores) -> NDArray[np.float32]:
        return scores.values if self.crf else log_softmax(scores.values)

    def _chain(self, scores: WordScores) -> TagChain:
        return TagChain(unweighted(self.allowed)) if scores.chain is None else scores.chain

    def predicted(self, scores: WordScores) -> NDArray[np.int64]:
        """The tag of each word `(words,)`."""
        return self._chain(scores).decode(self._emissions(scores), scores.tokens.example_offsets)

    def sure(self, scores: WordScores) -> NDArray[np.float64]:
        """The probability that all tags of a text are right, `(texts,)`."""
        return self._chain(scores).nbest(self._emissions(scores), scores.tokens.example_offsets, 1)[1][:, 0]

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
            scores: The scores of the network.
            top: If more than one, each text also has this many `"alternatives"`, the most probable first.
        """
        emissions, offsets = self._emissions(scores), scores.tokens.example_offsets
        answers = self._answers_of(scores, emissions, self.predicted(scores))
        if self.guarantee is not None:
            for text, answer, found in zip(scores.tokens.texts, answers, self.sets(scores)):
                answer["set"] = [_answer(text, span, chance) for span, chance in sorted(found.items())]
        if top > 1:
            paths, probabilities = self._chain(scores).nbest(emissions, offsets, top)
            # where a text has fewer paths, the best one is used in their place and then left out
            paths = np.where(paths < 0, paths[:1], paths)
            alternatives = [self._answers_of(scores, emissions, tags) for tags in paths]
            for row, answer in enumerate(answers):
                answer["alternatives"] = [
                    alternative[row] | {"probability": float(probability)}
                    for alternative, probability in zip(alternatives, probabilities[row])
                    if probability > 0
                ]
        return answers

    def candidates(self, scores: WordScores) -> list[dict[Span, float]]:
        """The entities of the most probable taggings of each text, with their probabilities."""
        emissions, offsets = self._emissions(scores), scores.tokens.example_offsets
        paths = self._chain(scores).nbest(emissions, offsets, PATHS)[0]
        found: list[dict[Span, float]] = [{} for _ in range(len(scores))]
        for tags in np.where(paths < 0, paths[:1], paths):
            sure = iter(self._segment_probabilities(scores, emissions, tags).tolist())
            for known, spans in zip(found, self._spans(scores.tokens, tags)):
                known.update((span, next(sure)) for span in spans)
        return found

    def sets(self, scores: WordScores) -> list[dict[Span, float]]:
        """The entities in the set of each text, with their probabilities; there is a `guarantee`."""
        return [
            {span: chance for span, chance in known.items() if chance >= self.least}
            for known in self.candidates(scores)
        ]

    def _segment_probabilities(
        self, scores: WordScores, emissions: NDArray[np.float32], tags: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The probability of each segment that the tags of all words make up."""
        offsets = scores.tokens.example_offsets
        firsts, lasts = self.tag_set.segments(tags, offsets)
        longer = continuations(self.tag_set.names) if self.tag_set.scheme == "bio" else None
        return self._chain(scores).segment_probabilities(emissions, offsets, tags, firsts, lasts, longer)

    def _answers_of(
        self, scores: WordScores, emissions: NDArray[np.float32], tags: NDArray[np.int64]
    ) -> list[dict[str, Any]]:
        """The answers that the tags of all words make up."""
        tokens = scores.tokens
        probabilities = iter(self._segment_probabilities(scores, emissions, tags).tolist())
        name = "words" if self.tag_set.scheme == "words" else "entities"
        return [
            {name: [_answer(text, span, next(probabilities)) for span in spans]}
            for text, spans in zip(tokens.texts, self._spans(tokens, tags))
        ]

    def outcomes(self, scores: WordScores, examples: Examples) -> NDArray[np.int64]:
        """What `primary` needs of each row: correct, predicted and gold spans `(rows, 3)`; of words the
        correct ones, and all `(rows, 2)`.
        """
        gold = self._gold(examples)
        if self.tag_set.scheme == "words":
            return span_counts(gold, self._tagged_words(scores, gold))[:, [0, 2]]
        return span_counts(gold, self.predictions(scores))

    def right(self, outcomes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which texts have exactly their entities, or tags, `(rows,)`."""
        return (outcomes == outcomes[:, :1]).all(axis=1)

    def primary(self, outcomes: NDArray[np.int64]) -> float:
        """F1 of entities, exactly as in conlleval, or the accuracy of words."""
        if self.tag_set.scheme != "words":
            return span_f1(outcomes)
        hits, words = outcomes.sum(axis=0)
        return float(hits / words) if words else 0.0

    def metrics(self, scores: WordScores, examples: Examples) -> dict[str, Any]:
        """F1, precision and recall of entities, in total and of every type; of words their accuracy."""
        gold = self._gold(examples)
        if self.tag_set.scheme == "words":
            accuracy = self.primary(self.outcomes(scores, examples))
            return {"accuracy": accuracy, "labels": per_type(gold, self._tagged_words(scores, gold))}
        predicted = self.predictions(scores)
        total = precision_recall_f1(*span_counts(gold, predicted).sum(axis=0).tolist())
        found = {"f1": total.pop("f1"), **total, "labels": per_type(gold, predicted)}
        if self.guarantee is not None:
            sets = self.sets(scores)
            held = [np.mean([span in known for span in row]) for row, known in zip(gold, sets) if row]
            found["coverage"] = float(np.mean(held)) if held else 1.0
            found["labels_a_set"] = float(np.mean([len(known) for known in sets])) if sets else 0.0
        return found

    def _tagged_words(self, scores: WordScores, gold: list[tuple[Span, ...]]) -> list[list[Span]]:
        """The words of the data with the predicted tag of the first token of each."""
        words = words_of_spans(scores.tokens, gold)
        tags = self.predicted(scores).tolist()
        rows: list[list[Span]] = [[] for _ in gold]
        spans = (span for row in gold for span in row)
        for span, row, first, last in zip(spans, *(part.tolist() for part in words[:3])):
            if last > first:
                rows[row].append(span._replace(type=self.tag_set.names[tags[first]]))
        return rows


def _answer(text: str, span: Span, probability: float) -> dict[str, Any]:
    place = {"type": span.type, "start": span.start, "end": span.end}
    return place | {"text": text[span.start : span.end], "confidence": probability}
