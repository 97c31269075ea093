"""Language model: how probable a text is, word by word, each given those before it."""

from dataclasses import KW_ONLY, dataclass
from math import log
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError, check_at_least
from ..text.vocabulary import Vocabulary
from ..text.words import LINE_END, TextSettings, Tokens, tokenize
from ._word_scores import WordTargets

__all__ = ["LanguageModel"]

END, UNKNOWN = 0, 1
SPECIAL = ("</s>", "<unk>")


@dataclass(eq=False, repr=False)
class LanguageModel:
    """Predict each word of a text, and its end, from the words before it.

    All encoders have to read from left to right. With `[text] pieces` words are cut into pieces: then none is
    unknown, and perplexities of models with other pieces can be compared.

    Args:
        max_vocabulary: Words that are predicted, the most frequent ones; all others count as one, the unknown
            word.
        min_count: Words rarer than this in the training texts are unknown.
        dim: Numbers in the vector that scores a word; left out, as many as the words' vectors have, which are
            then the same (Press & Wolf 2017), if there is one static embedder that is trained from random
            numbers.
        dropout: Share of the hidden numbers set to zero in training, the same ones for all words of a text.
        segment: Most words of a text that training reads at once. Of a longer one the state goes on from one
            segment to the next, gradients do not (truncated backpropagation through time).
        samples: Words that the right one competes with in training, drawn anew for each step (sampled
            softmax); left out, all of them.
        metric: The primary metric, the lower the better: `"perplexity"` of words, where the end of a text
            or of a line (`text.line_ends`) counts as one, or `"bits_per_byte"` of UTF-8.
    """

    _: KW_ONLY
    max_vocabulary: int = 50_000
    min_count: int = 2
    dim: int | None = None
    dropout: float = 0.3
    segment: int = 256
    samples: int | None = None
    metric: Literal["perplexity", "bits_per_byte"] = "perplexity"

    segments = 1
    per_word = False
    causal = True  # no word sees those after it
    labels_are = "nothing"
    higher_is_better = False
    width = 1
    labels: ClassVar[list[str]] = []  # it has no names

    def __post_init__(self) -> None:
        check_at_least(1, max_vocabulary=self.max_vocabulary, min_count=self.min_count)
        check_at_least(1, dim=self.dim, samples=self.samples, segment=self.segment)
        self.vocabulary = Vocabulary([*SPECIAL])

    def initialise(self, examples: Examples) -> None:
        """Nothing: the words are learned when they are known."""

    def learn_words(self, tokens: Tokens) -> None:
        """Learn the words of the training texts.

        Raises:
            DataError: there are none.
        """
        most = None if tokens.pieces else self.max_vocabulary
        found = Vocabulary.count(tokens.surfaces(), 1 if tokens.pieces else self.min_count, most)
        if not len(found):
            raise DataError("no word is frequent enough to be learned; a lower task.min_count keeps more")
        assert found.counts is not None
        unknown = len(tokens.starts) - found.counts.sum()
        self.vocabulary = Vocabulary(
            [*SPECIAL, *found.words], np.concatenate([[len(tokens), unknown], found.counts])
        )

    def keep(self, folder: Path) -> None:
        """Write `vocabulary.txt`."""
        self.vocabulary.save(folder / "vocabulary.txt")

    def restore(self, folder: Path) -> None:
        """Read `vocabulary.txt`."""
        self.vocabulary = Vocabulary.load(folder / "vocabulary.txt")

    def check(self, examples: Examples) -> None:
        """Nothing can be wrong with a text."""

    def targets(self, examples: Examples | None, tokens: Tokens) -> WordTargets:
        """The numbers of the words of each text and its end, `(batch, time + 1)` for a batch."""
        offsets = tokens.offsets + np.arange(len(tokens.offsets))
        numbers = np.full(offsets[-1], END)
        is_word = np.ones(len(numbers), bool)
        is_word[offsets[1:] - 1] = False
        numbers[is_word] = self.vocabulary.ids(tokens.surfaces(), UNKNOWN)
        return WordTargets(numbers, offsets)

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """The share of words that are unknown."""
        unknown = np.count_nonzero(self.vocabulary.ids(tokens.surfaces()) < 0)
        return {"unknown_words": unknown / max(1, len(tokens.starts))}

    def fit_decoding(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Nothing is fitted."""
        return {}

    def predictions(self, scores: NDArray) -> list[float]:
        """The log-probability of each text."""
        return [float(score) for score in scores[:, 0]]

    def answers(self, scores: NDArray, top: int = 1) -> list[dict[str, Any]]:
        """For each text its natural log-probability; `top` is not used."""
        return [{"log_probability": value} for value in self.predictions(scores)]

    def outcomes(self, scores: NDArray, examples: Examples) -> NDArray[np.float64]:
        """What `primary` needs of each row: minus the log-probability, the words and the bytes of the text
        and its end, `(rows, 3)`.
        """
        settings = TextSettings(line_ends=LINE_END in self.vocabulary)
        words = tokenize(examples.texts, settings).lengths + 1
        sizes = [len(text.encode("utf-8", "surrogatepass")) + 1 for text in examples.texts]
        return np.column_stack([-scores[:, 0].astype(np.float64), words, sizes])

    def primary(self, outcomes: NDArray[np.float64]) -> float:
        """The primary metric of (resampled) rows."""
        return _measures(outcomes)[self.metric]

    def criterion(self, metric: float, scores: NDArray, examples: Examples) -> float:
        """The log-probability."""
        return float(scores.sum())

    def metrics(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Perplexity of words, and bits a byte."""
        return _measures(self.outcomes(scores, examples))


def _measures(outcomes: NDArray[np.float64]) -> dict[str, float]:
    loss, words, size = outcomes.sum(axis=0).tolist()
    return {"perplexity": float(np.exp(loss / words)), "bits_per_byte": loss / log(2) / size}
