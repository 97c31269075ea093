"""fastText's classifier: the mean of the vectors of a text's words and word n-grams, and a linear model.

The arithmetic is in `kernels.ngram_bags`.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ..errors import DataError
from ..files.json_files import read_validated, write_json
from ..progress import Progress
from ..text.corpus import read_corpus
from ..text.subwords import encode_words, ngrams
from ..text.vocabulary import Vocabulary
from ..text.words import TextSettings, Tokens, tokenize
from ..vectors._hogwild import check_settings, random_rows, zero_rows
from ._text_classifier import Candidate, TextClassifier, Training

__all__ = ["FastTextClassifier"]

_END = "</s>"  # fastText counts the end of a text as a word
_BATCHES = 200  # of an epoch
_LEAST_RATE = 1e-4  # of the initial learning rate
_EPOCHS = (10, 50)  # by default: with many texts, with few
_READINGS = 25_000  # of texts, at least
_CHARACTERS = 5  # of the longest n-gram, where n-grams are tried
_LONG = 10_000_000  # characters of all texts: with more, n-grams are not tried
_LEAST_PART = 1000  # texts that a thread reads, at least


class Choice(NamedTuple):
    """The settings that the dev set decides where the recipe leaves them out."""

    epochs: int
    max_n: int


@dataclass(eq=False, repr=False)
class FastTextClassifier(TextClassifier):
    """Averages one vector for each word and each word n-gram, and classifies by a linear model; all are
    trained together.

    Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification".

    Args:
        dim: Numbers in a vector.
        word_ngrams: Longest word n-gram that has a vector.
        buckets: How many buckets word n-grams and character n-grams are hashed into.
        min_n: Characters of the shortest character n-gram of a word.
        max_n: Characters of the longest character n-gram of a word, 0 for none; left out, the dev set decides
            between 5 and none.
        min_count: Words that occur less often have no vector of their own.
        min_count_runs: Word n-grams that occur less often have no vector.
        epochs: Passes over the texts; left out, 10, more if there are few texts, or five times that if the
            dev set says so.
        learning_rate: Initial learning rate; it falls linearly to almost zero.
        loss: `softmax` predicts one label; `ova` predicts each label independently, as is always done where
            a text may have several.
        lowercase: Whether words are lower-cased.
    """

    text: TextSettings
    _: KW_ONLY
    dim: int = 100
    word_ngrams: int = 1
    buckets: int = 2_000_000
    min_n: int = 3
    max_n: int | None = None
    min_count: int = 1
    min_count_runs: int = 1
    epochs: int | None = None
    learning_rate: float = 0.1
    loss: Literal["softmax", "ova"] = "softmax"
    lowercase: bool = True

    def __post_init__(self) -> None:
        check_settings(self)
        self.choice = Choice(_EPOCHS[0] if self.epochs is None else self.epochs, self.max_n or 0)
        self.words = Vocabulary([])  # those with a row of their own
        self.used: NDArray[np.int32] = np.zeros(0, np.int32)  # the buckets that have rows, ascending
        self.rows: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # of words, then of buckets; padded
        self.outputs: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # of labels; padded

    def _choices(self, texts: list[str]) -> tuple[Choice, list[list[dict[str, Any]]]]:
        least, most = _EPOCHS
        usual = min(most, max(least, _READINGS // len(texts)))
        epochs = [usual, 5 * usual] if self.epochs is None else [self.epochs]
        long = sum(map(len, texts)) > _LONG
        max_n = [self.max_n] if self.max_n is not None else [0] if long else [0, _CHARACTERS]
        default, *others = [Choice(times, longest) for longest in max_n for times in epochs]
        return default, [[choice._asdict() for choice in others]]

    def _fit_choices(self, choices: list[Choice], training: Training) -> list[Candidate]:
        candidates, dev = [], training.dev
        for choice in choices:
            model = copy(self)
            model.choice = choice
            model._fit(training)
            losses = np.zeros(1) if dev is None else dev.losses(model.scores(dev.texts))
            candidates.append(Candidate(choice, vars(model), losses))
        return candidates

    def _fit(self, training: Training) -> None:
        """One thread and one seed give the same weights on every run; several threads update the same weights
        without locks.
        """
        from ..kernels.ngram_bags import bags_of

        forms, counts, word_ids = self._read(training.texts, training.threads, training.progress)
        frequent = np.argsort(-counts, kind="stable")
        frequent = frequent[counts[frequent] >= self.min_count]
        self.words = Vocabulary([forms[form] for form in frequent.tolist()], counts[frequent])
        own_rows = np.full(len(forms), -1)
        own_rows[frequent] = np.arange(len(frequent))
        begins, runs = self._word_ngrams(word_ids, forms, training.threads)
        used = np.bincount(runs, minlength=self.buckets) >= self.min_count_runs
        used[ngrams(forms, self.min_n, self.choice.max_n, self.buckets, han=False)[1]] = True
        self._set_buckets(np.flatnonzero(used).astype(np.int32))
        self.rows = zero_rows(len(self.words) + len(self.used), self.dim)
        random = random_rows(len(self.words), self.dim, 1 / self.dim, training.seed)
        self.rows[: len(random)] = random  # n-grams start at zero: they add to what the words say
        bags = bags_of(word_ids, self._spelling(forms, own_rows), begins, runs)
        self._train(bags, training)

    def _read(
        self, texts: list[str], threads: int, progress: Progress
    ) -> tuple[list[str], NDArray[np.int64], Any]:
        """The word forms of the texts, the end of a text last; how often each occurs; and the texts as ids of
        forms. Each thread reads a part of the texts.
        """
        from ..kernels.ngram_bags import Texts

        bounds = np.linspace(0, len(texts), min(threads, max(1, len(texts) // _LEAST_PART)) + 1)
        parts = [texts[a:b] for a, b in pairwise(bounds.astype(np.int64).tolist())]
        settings = {"text": self.text, "lowercase": self.lowercase, "min_count": 1, "threads": len(parts)}

        def read(part: list[str]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32]]:
            """The words of some texts, their counts, and the texts as ids of words, −1 after each text."""
            with read_corpus(texts=part, progress=progress, **settings) as corpus:  # type: ignore[arg-type]
                words = corpus.vocabulary
                return list(words.words), np.asarray(words.counts), corpus.ids.copy()

        with ThreadPoolExecutor(len(parts)) as pool:
            try:
                found = list(pool.map(read, parts))
            except DataError:  # a part may have no word while the texts have
                found = [read(texts)]
        numbers: dict[str, int] = {}
        mapped = [[numbers.setdefault(word, len(numbers)) for word in words] for words, _, _ in found]
        end = len(numbers)
        counts = np.zeros(end + 1, np.int64)
        counts[end] = len(texts)
        for forms, (_, part_counts, _) in zip(mapped, found):
            counts[forms] += part_counts
        # each text ends with -1, which indexes the last number: that of the end
        ids = np.concatenate(
            [np.array([*forms, end], np.int32)[part] for forms, (*_, part) in zip(mapped, found)]
        )
        return [*numbers, _END], counts, Texts(np.append(0, np.flatnonzero(ids == end) + 1), ids)

    def _word_ngrams(self, texts: Any, forms: list[str], threads: int) -> tuple[NDArray, NDArray]:
        """The buckets of the word n-grams of each text: (where those of each begin (texts + 1,), buckets)."""
        from ..kernels.ngram_bags import hash_word_ngrams
        from ..kernels.subwords import hashes

        lengths, of_forms = np.diff(texts.begins), hashes(*encode_words(forms))
        counts = sum(np.maximum(0, lengths - less) for less in range(1, self.word_ngrams))
        begins = np.append(0, np.cumsum(counts + np.zeros_like(lengths)))
        buckets = np.empty(begins[-1], np.int32)

        def hash_texts(first: int, last: int) -> None:
            hash_word_ngrams(texts, of_forms, self.word_ngrams, self.buckets, first, last, begins, buckets)

        if threads == 1:
            hash_texts(0, len(lengths))
            return begins, buckets
        cuts = np.linspace(0, len(lengths), threads + 1).astype(np.int64).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(hash_texts, cuts[:-1], cuts[1:]))
        return begins, buckets

    def _set_buckets(self, used: NDArray[np.int32]) -> None:
        """Give these buckets rows, after those of the words; the others have row −1."""
        self.used, self._bucket_rows = used, np.full(self.buckets, -1, np.int32)
        self._bucket_rows[used] = len(self.words) + np.arange(len(used))

    def _spelling(self, forms: list[str], own_rows: NDArray[np.int64]) -> Any:
        """The rows of word forms and of their n-grams; `own_rows` are the former, −1 for one without."""
        from ..kernels.ngram_bags import Spelling

        offsets, buckets = ngrams(forms, self.min_n, self.choice.max_n, self.buckets, han=False)
        rows = np.insert(self._bucket_rows[buckets].astype(np.int64), offsets[:-1], own_rows)
        forms_of_rows = np.repeat(np.arange(len(forms)), np.diff(offsets) + 1)
        begins = np.searchsorted(forms_of_rows[rows >= 0], np.arange(len(forms) + 1))
        return Spelling(begins, rows[rows >= 0], self._bucket_rows)

    def _train(self, bags: Any, training: Training) -> None:
        from ..kernels.ngram_bags import train_texts
        from ..kernels.sampling import Schedule

        targets, progress, epochs = training.targets, training.progress, self.choice.epochs
        softmax = targets.ndim == 1 and self.loss == "softmax"
        several = targets if targets.ndim == 2 else np.eye(int(targets.max()) + 1)[targets]
        indicators = several.astype(np.float32)
        rows, labels = indicators.shape
        weights = np.ones(rows, np.float32) if training.weights is None else training.weights
        self.outputs = zero_rows(labels, self.dim)
        matrices = (self.rows.ravel(), self.outputs.ravel(), self.rows.shape[1])
        slope = self.learning_rate / (rows * epochs)
        floor = self.learning_rate * _LEAST_RATE

        def learn(epoch: int, begin: int, order: NDArray[np.int64]) -> tuple[float, int]:
            schedule = Schedule(self.learning_rate - slope * (epoch * rows + begin), slope, floor)
            losses = train_texts(order, bags, indicators, weights, softmax, *matrices, schedule)
            return losses, len(order)

        progress("compiling", 0, 1)
        learn(0, 0, np.zeros(0, np.int64))
        progress("compiling", 1, 1)
        done, begins = 0, range(0, rows, max(1, -(-rows // _BATCHES)))
        with ThreadPoolExecutor(training.threads) as pool:
            for epoch in range(epochs):
                order = np.random.default_rng([training.seed, epoch]).permutation(rows)
                batches = [order[begin : begin + begins.step] for begin in begins]
                loss = seen = 0.0
                for more, count in pool.map(learn, [epoch] * len(batches), begins, batches):
                    loss, seen, done = loss + more, seen + count, done + count
                    progress("training fasttext", done, rows * epochs, loss=loss / seen)

    def means(self, texts: list[str]) -> NDArray[np.float32]:
        """The mean of the vectors of each text: (rows, dim); zeros for a text without any."""
        from ..kernels.ngram_bags import Texts, bags_of, text_means

        tokens = tokenize(texts, self.text)
        surfaces = tokens.surfaces(lowercase=self.lowercase)
        numbers: dict[str, int] = {}
        ids = np.array([numbers.setdefault(one, len(numbers)) for one in surfaces], np.int64)
        end = numbers.setdefault(_END, len(numbers))
        begins = tokens.offsets + np.arange(len(texts) + 1)
        word_ids = Texts(begins, np.insert(ids, tokens.offsets[1:], end).astype(np.int32))
        forms = list(numbers)
        spelling = self._spelling(forms, self.words.ids(forms))
        bags = bags_of(word_ids, spelling, *self._word_ngrams(word_ids, forms, 1))
        return text_means(bags, self.rows.ravel(), self.rows.shape[1])[:, : self.dim]

    def scores(self, texts: list[str]) -> NDArray[np.float32]:
        """Unnormalised scores `(rows, labels)`."""
        return self.means(texts) @ self.outputs[:, : self.dim].T

    def contributions(self, text: str) -> tuple[Tokens, NDArray[np.float64], NDArray[np.float64]]:
        """What each word adds to each score, a word n-gram in equal parts to its words.

        Returns:
            The words; what they add, `(words, labels)`; and what is left without them, that of the end of
            the text, `(labels,)`.
        """
        from ..kernels.ngram_bags import Texts

        tokens = tokenize([text], self.text)
        forms = [*tokens.surfaces(lowercase=self.lowercase), _END]
        size, spelling = len(forms), self._spelling(forms, self.words.ids(forms))
        _, buckets = self._word_ngrams(Texts(np.array([0, size]), np.arange(size, dtype=np.int32)), forms, 1)
        spans = [(word, word) for word, count in enumerate(np.diff(spelling.begins)) for _ in range(count)]
        spans += [
            (one, last) for one in range(size) for last in range(one + 1, min(size, one + self.word_ngrams))
        ]
        rows = np.concatenate([spelling.rows, self._bucket_rows[buckets]])
        added = (
            self.rows[rows].astype(np.float64) @ self.outputs.T.astype(np.float64) / max(1, sum(rows >= 0))
        )
        weights = np.zeros((size, len(self.outputs)))
        for row, part, (first, last) in zip(rows.tolist(), added, spans):
            if row >= 0:
                weights[first : last + 1] += part / (last - first + 1)
        return tokens, weights[:-1], weights[-1]

    def set_weights(self, words: Vocabulary, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Use the weights of a saved model or of another program.

        Args:
            words: The words with a row of their own.
            arrays: `used`, the buckets with rows; `rows` (words + buckets, dim); `outputs` (labels, dim).
        """
        self.words = words
        self._set_buckets(arrays["used"])
        self.rows, self.outputs = _padded(arrays["rows"]), _padded(arrays["outputs"])

    def facts(self) -> dict[str, Any]:
        """What the dev set decided."""
        return {"chosen": self.choice._asdict()}

    def keep(self, folder: Path) -> None:
        """Write words and weights."""
        self.words.save(folder / "words.txt")
        write_json(folder / "chosen.json", self.choice._asdict())
        rows, outputs = (np.ascontiguousarray(a[:, : self.dim]) for a in (self.rows, self.outputs))
        save_file({"used": self.used, "rows": rows, "outputs": outputs}, folder / "fasttext.safetensors")

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        if (path := folder / "chosen.json").is_file():  # not in models of the first versions
            self.choice = read_validated(path, Choice)
        self.set_weights(Vocabulary.load(folder / "words.txt"), load_file(folder / "fasttext.safetensors"))


def _padded(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = zero_rows(*matrix.shape)
    rows[:, : matrix.shape[1]] = matrix
    return rows
