"""fastText's classifier: the mean of the vectors of a text's words and runs of words, and a linear model.

The arithmetic is in `kernels.ngram_bags`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import astuple, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.json_files import read_facts, write_facts
from ..progress import Progress, quiet
from ..text.corpus import read_corpus
from ..text.subwords import encode_words, ngrams
from ..text.vocabulary import Vocabulary
from ..text.words import TextSettings, tokenize
from ..vectors._hogwild import check_settings, cores, first_rows, padded
from ._dev_loss import Judged

__all__ = ["FastTextClassifier"]

_END = "</s>"  # fastText takes the end of a text for a word
_LOTS = 200  # that the texts of an epoch are learned in
_LEAST_RATE = 1e-4  # of the first one
_EPOCHS = (10, 50)  # as a rule: with many texts, with few
_READINGS = 25_000  # of texts, at least
_CHARACTERS = 5  # of the longest n-gram, where n-grams are tried
_LONG = 10_000_000  # characters of all texts: with more, n-grams are not tried
_LEAST_PART = 1000  # texts that a thread reads, at least


@dataclass(frozen=True)
class _Facts:
    """What `chosen.json` holds."""

    epochs: int
    max_n: int


class FastTextClassifier:
    """Averages one vector a word and one a run of words, and decides by a linear model; all learned together.

    Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification".

    Args:
        dim: Numbers in a vector.
        word_ngrams: Longest run of words that has a vector.
        buckets: How many buckets runs of words, and n-grams of characters, are hashed into.
        min_n: Characters of the shortest n-gram of a word.
        max_n: Characters of the longest n-gram of a word, 0 for none; left out, 5 or none as dev decides.
        min_count: Words that occur less often have no vector of their own.
        min_count_runs: Runs of words that occur less often have no vector.
        epochs: Times the texts are gone through; left out, 10, more where there are few texts, or five times
            that if dev says so.
        learning_rate: Step at the start, from where it falls evenly to nearly nothing.
        loss: `softmax` decides for one label; `ova` decides on each label by itself, as is always done where
            a text may have several.
        lowercase: Whether words are lower-cased.
    """

    serves = "classification"

    def __init__(
        self,
        text: TextSettings,
        *,
        dim: int = 100,
        word_ngrams: int = 1,
        buckets: int = 2_000_000,
        min_n: int = 3,
        max_n: int | None = None,
        min_count: int = 1,
        min_count_runs: int = 1,
        epochs: int | None = None,
        learning_rate: float = 0.1,
        loss: Literal["softmax", "ova"] = "softmax",
        lowercase: bool = True,
    ) -> None:
        self.text, self.dim, self.word_ngrams, self.buckets = text, dim, word_ngrams, buckets
        self.min_n, self.min_count, self.min_count_runs = min_n, min_count, min_count_runs
        self.learning_rate, self.loss, self.lowercase = learning_rate, loss, lowercase
        self.given = {"epochs": epochs, "max_n": max_n}
        self.epochs, self.max_n = _EPOCHS[0] if epochs is None else epochs, max_n or 0
        counted = ("dim", "word_ngrams", "buckets", "min_count", "min_count_runs", "epochs")
        check_settings(self, at_least_one=counted)
        self.words = Vocabulary([])  # those with a row of their own
        self.used: NDArray[np.int32] = np.zeros(0, np.int32)  # the buckets that have rows, ascending
        self._placed: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
        self.rows: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # of words, then of buckets; padded
        self.outputs: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # of labels; padded

    def fit(
        self,
        texts: list[str],
        targets: NDArray[np.int64],
        *,
        dev: Judged | None = None,
        weights: NDArray[np.float32] | None = None,
        seed: int = 1,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> "FastTextClassifier":
        """Learn from texts; `targets` (rows,) are labels, or (rows, labels) where a text may have several,
        and `weights` say how much each text counts.

        What the settings leave open is tried in several ways: the usual one is kept unless another is better
        on dev by more than chance.

        One thread and one seed give the same weights on every run; several threads write to the same weights
        without waiting for each other.

        Raises:
            DataError: there is no word in the texts.
        """
        usual, *others = self._ways(texts)
        if dev is None:
            others = []
        counts = np.ones(len(texts), np.float32) if weights is None else weights

        def learned(way: dict[str, int]) -> tuple[FastTextClassifier, NDArray[np.float64]]:
            model = copy(self)
            vars(model).update(way)
            model._fit(texts, targets, counts, seed, threads or cores(), progress)
            return model, np.zeros(1) if dev is None else dev.losses(model.scores(dev.texts))

        best = learned(usual)
        if dev is not None and others:
            found = min(map(learned, others), key=lambda one: one[1].mean())
            best = found if dev.better(found[1], best[1]) else best
        vars(self).update(vars(best[0]))
        return self

    def _ways(self, texts: list[str]) -> list[dict[str, int]]:
        """The epochs and n-grams that are tried, the usual ones first."""
        least, most = _EPOCHS
        usual = min(most, max(least, _READINGS // len(texts)))
        epochs, max_n = (self.given[name] for name in ("epochs", "max_n"))
        short = sum(map(len, texts)) <= _LONG
        return [
            {"epochs": times, "max_n": longest}
            for longest in ((0, _CHARACTERS)[: 1 + short] if max_n is None else [max_n])
            for times in ((usual, 5 * usual) if epochs is None else [epochs])
        ]

    def _fit(
        self,
        texts: list[str],
        targets: NDArray[np.int64],
        weights: NDArray[np.float32],
        seed: int,
        threads: int,
        progress: Progress,
    ) -> None:
        from ..kernels.ngram_bags import bags_of

        forms, counts, read = self._read(texts, threads, progress)
        kept = np.argsort(-counts, kind="stable")
        kept = kept[counts[kept] >= self.min_count]
        self.words = Vocabulary([forms[form] for form in kept.tolist()], counts[kept])
        own = np.full(len(forms), -1)
        own[kept] = np.arange(len(kept))
        begins, runs = self._runs(read, forms, threads)
        counted = np.bincount(runs, minlength=self.buckets)
        characters = ngrams(forms, self.min_n, self.max_n, self.buckets, han=False)[1]
        used = counted >= self.min_count_runs
        used[characters] = True
        self.used = np.flatnonzero(used).astype(np.int32)
        self.rows = padded(len(self.words) + len(self.used), self.dim)
        random = first_rows(len(self.words), self.dim, 1 / self.dim, seed)
        self.rows[: len(random)] = random  # runs begin at zero: what they say is learned beside the words
        bags = bags_of(read, self._spelling(forms, own), begins, runs)
        self._learn(bags, targets, weights, seed, threads, progress)

    def _read(
        self, texts: list[str], threads: int, progress: Progress
    ) -> tuple[list[str], NDArray[np.int64], Any]:
        """The forms of words in the texts, the end of a text last; how often each occurs; the texts as their
        numbers. Each thread reads a part of the texts.
        """
        from ..kernels.ngram_bags import Texts

        bounds = np.linspace(0, len(texts), min(threads, max(1, len(texts) // _LEAST_PART)) + 1)
        parts = [texts[a:b] for a, b in pairwise(bounds.astype(np.int64).tolist())]
        settings = {"text": self.text, "lowercase": self.lowercase, "min_count": 1, "threads": len(parts)}
        reading = partial(_part, settings | {"progress": progress})
        with ThreadPoolExecutor(len(parts)) as pool:
            try:
                found = list(pool.map(reading, parts))
            except DataError:  # perhaps a part has no word, but the texts have
                found = [reading(texts)]
        numbers: dict[str, int] = {}
        places = [[numbers.setdefault(word, len(numbers)) for word in words] for words, _, _ in found]
        end = len(numbers)
        counts = np.zeros(end + 1, np.int64)
        counts[end] = len(texts)
        for here, (_, several, _) in zip(places, found):
            counts[here] += several
        # the numbers end each text by −1, which takes the last place
        ids = np.concatenate([np.array([*here, end], np.int32)[of] for here, (*_, of) in zip(places, found)])
        return [*numbers, _END], counts, Texts(np.append(0, np.flatnonzero(ids == end) + 1), ids)

    def _runs(self, texts: Any, forms: list[str], threads: int) -> tuple[NDArray, NDArray]:
        """The buckets of the runs of each text: (where those of each begin (texts + 1,), buckets)."""
        from ..kernels.ngram_bags import runs_of
        from ..kernels.subwords import hashes

        lengths, of_forms = np.diff(texts.begins), hashes(*encode_words(forms))
        counts = sum(np.maximum(0, lengths - less) for less in range(1, self.word_ngrams))
        begins = np.append(0, np.cumsum(counts + np.zeros_like(lengths)))
        found = np.empty(begins[-1], np.int32)
        cuts = np.linspace(0, len(lengths), threads + 1).astype(np.int64).tolist()
        hashed = (texts, of_forms, self.word_ngrams, self.buckets)

        def hash_some(part: tuple[int, int]) -> None:
            first, last = part
            runs_of(*hashed, first, last, begins, found)

        if threads == 1:
            hash_some((0, len(lengths)))
            return begins, found
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(hash_some, pairwise(cuts)))
        return begins, found

    @property
    def _places(self) -> NDArray[np.int32]:
        """The row of each bucket, −1 for one without: made once for the same `used`."""
        if self._placed is None or self._placed[0] is not self.used:
            places = np.full(self.buckets, -1, np.int32)
            places[self.used] = len(self.words) + np.arange(len(self.used))
            self._placed = (self.used, places)
        return self._placed[1]

    def _spelling(self, forms: list[str], own: NDArray[np.int64]) -> Any:
        """The parts of word forms; `own` is the row of each, −1 for one without."""
        from ..kernels.ngram_bags import Spelling

        places = self._places
        offsets, found = ngrams(forms, self.min_n, self.max_n, self.buckets, han=False)
        rows, owner = places[found], np.repeat(np.arange(len(forms)), np.diff(offsets))
        rows, owner = np.concatenate([own, rows]), np.concatenate([np.arange(len(forms)), owner])
        order = np.argsort(owner, kind="stable")
        rows, owner = rows[order], owner[order]
        begins = np.searchsorted(owner[rows >= 0], np.arange(len(forms) + 1))
        return Spelling(begins, rows[rows >= 0], places)

    def _learn(
        self,
        texts: Any,
        targets: NDArray[np.int64],
        weights: NDArray[np.float32],
        seed: int,
        threads: int,
        progress: Progress,
    ) -> None:
        from ..kernels.ngram_bags import textbags
        from ..kernels.sampling import Schedule

        softmax = targets.ndim == 1 and self.loss == "softmax"
        several = targets if targets.ndim == 2 else np.eye(int(targets.max()) + 1)[targets]
        wanted = several.astype(np.float32)
        labels, rows = wanted.shape[1], len(wanted)
        self.outputs = padded(labels, self.dim)
        width = len(self.outputs) // labels
        slope = self.learning_rate / (rows * self.epochs)
        floor = self.learning_rate * _LEAST_RATE
        longest = int(np.diff(texts.begins).max())

        def learn(epoch: int, begin: int, order: NDArray[np.int64]) -> tuple[float, int]:
            schedule = Schedule(self.learning_rate - slope * (epoch * rows + begin), slope, floor)
            matrices = (self.rows, self.outputs, width)
            return textbags(order, texts, wanted, weights, softmax, *matrices, schedule, longest), len(order)

        progress("compiling", 0, 1)
        learn(0, 0, np.zeros(0, np.int64))
        progress("compiling", 1, 1)
        step, done = max(1, -(-rows // _LOTS)), 0
        with ThreadPoolExecutor(threads) as pool:
            for epoch in range(self.epochs):
                order = np.random.default_rng([seed, epoch]).permutation(rows)
                begins = range(0, rows, step)
                lots = [order[begin : begin + step] for begin in begins]
                loss = seen = 0.0
                for more, count in pool.map(learn, [epoch] * len(lots), begins, lots):
                    loss, seen, done = loss + more, seen + count, done + count
                    progress("training fasttext", done, rows * self.epochs, loss=loss / seen)
        self.rows = self.rows.reshape(-1, width)
        self.outputs = self.outputs.reshape(-1, width)

    def means(self, texts: list[str]) -> NDArray[np.float32]:
        """The mean of the vectors of each text: (rows, dim); zeros for a text without any."""
        from ..kernels.ngram_bags import Texts, bag_means, bags_of

        tokens = tokenize(texts, self.text)
        surfaces = tokens.surfaces(lowercase=self.lowercase)
        forms: dict[str, int] = {}
        found = np.fromiter((forms.setdefault(one, len(forms)) for one in surfaces), np.int64, len(surfaces))
        end = forms.setdefault(_END, len(forms))
        ids = np.insert(found, tokens.offsets[1:], end).astype(np.int32)
        begins = tokens.offsets + np.arange(len(texts) + 1)
        names = list(forms)
        read = Texts(begins, ids)
        bags = bags_of(read, self._spelling(names, self.words.ids(names)), *self._runs(read, names, 1))
        means = np.zeros((len(texts), self.rows.shape[1]), np.float32)
        longest = int(np.diff(bags.begins).max()) if len(texts) else 0
        bag_means(bags, self.rows.ravel(), self.rows.shape[1], longest, means)
        return means[:, : self.dim]

    def scores(self, texts: list[str]) -> NDArray[np.float32]:
        """Unnormalised scores `(rows, labels)`."""
        return self.means(texts) @ self.outputs[:, : self.dim].T

    def take(
        self,
        words: Sequence[str],
        counts: NDArray[np.int64],
        used: NDArray[np.int32],
        rows: NDArray[np.float32],
        outputs: NDArray[np.float32],
    ) -> None:
        """Take over what another program has learned: rows of words and then of the buckets `used`."""
        self.words, self.used = Vocabulary(list(words), counts), used
        self.rows, self.outputs = _padded(rows), _padded(outputs)

    def facts(self) -> dict[str, Any]:
        """What was decided."""
        return {"chosen": {name: getattr(self, name) for name in self.given}}

    def keep(self, folder: Path) -> None:
        """Write words and weights."""
        from safetensors.numpy import save_file

        self.words.save(folder / "words.txt")
        write_facts(folder / "chosen.json", self.facts()["chosen"])
        arrays = {"used": self.used, "rows": self.rows[:, : self.dim], "outputs": self.outputs[:, : self.dim]}
        save_file(
            {name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / "fasttext.safetensors"
        )

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        from safetensors.numpy import load_file

        self.words = Vocabulary.load(folder / "words.txt")
        if (path := folder / "chosen.json").is_file():  # all was given in models of the first versions
            self.epochs, self.max_n = astuple(read_facts(path, _Facts))
        arrays = load_file(folder / "fasttext.safetensors")
        self.used = arrays["used"]
        self.rows, self.outputs = (_padded(arrays[name]) for name in ("rows", "outputs"))


def _part(
    settings: dict[str, Any], texts: list[str]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32]]:
    """The words of some texts, their counts, and the texts as numbers of words, −1 behind each."""
    with read_corpus(texts=texts, **settings) as corpus:
        return list(corpus.vocabulary.words), np.asarray(corpus.vocabulary.counts), corpus.ids.copy()


def _padded(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = padded(*matrix.shape).reshape(len(matrix), -1)
    rows[:, : matrix.shape[1]] = matrix
    return rows
