"""Word2Vec: skip-gram and continuous bag of words, with negative sampling or hierarchical softmax.

The arithmetic is in `kernels`, that of an accelerator in `_on_device`.
"""

import re
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ..errors import SettingError
from ..extras import require
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..word_vectors import WordVectors
from ._hogwild import (
    Learner,
    Pace,
    Stretch,
    check_run,
    check_settings,
    compiled,
    cores,
    facts_of,
    first_rows,
    padded,
    run,
    stretches,
    target_tables,
)
from ._words import Words

if TYPE_CHECKING:
    import torch

__all__ = ["Word2Vec"]

Architecture = Literal["skipgram", "cbow"]
Loss = Literal["negative", "hierarchical"]
# word2vec.c and gensim have 0.05 for cbow; 0.06 gave better analogies on 4 M and 24 M words of Wikipedia.
_RATES = {"skipgram": 0.025, "cbow": 0.06}
# The largest number in the first vectors is this over √dim. word2vec.c starts within ±0.5/dim and gensim
# within ±1/dim. Longer first vectors learn earlier: on 25 MB of Wikipedia they gave better similarities and
# analogies than either, and the same on rare words.
_FIRST = 0.4


class Word2Vec:
    """Trains one vector a word so that words with like neighbours get like vectors.

    Source: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" and
    "Distributed Representations of Words and Phrases and their Compositionality".

    Args:
        model: `skipgram` learns from each pair of neighbours and is better on rare words; `cbow` learns from
            the neighbours together and is faster.
        loss: `negative` tells each word from a few random ones; `hierarchical` finds it by the decisions of a
            Huffman tree.
        dim: Numbers in a vector.
        window: Words to each side that count as neighbours, at most; each word draws its own number up to it.
        negative: Random words that each word is told from.
        cbow_mean: Whether cbow takes the mean of the neighbours; otherwise their sum.
        min_count: Words that occur less often have no vector.
        epochs: Times the corpus is read.
        sample: Words more frequent than this share of the text are thinned out; 0 keeps all.
        learning_rate: Step at the start, from where it falls evenly to nearly nothing; left out, 0.025 for
            skipgram and 0.06 for cbow.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: Words that get a vector at most, the most frequent first.
        corpus: Files or folders of more text to learn from.
        start: What a recipe's vectors go on from: `"starter"`, the vectors of English and Chinese that come
            with wordladder, where most of the text's words have one and `dim` is at most 128; `"none"`; or
            a file of word vectors.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    def __init__(
        self,
        *,
        model: Architecture = "skipgram",
        loss: Loss = "negative",
        dim: int = 100,
        window: int = 5,
        negative: int = 5,
        cbow_mean: bool = True,
        min_count: int = 5,
        epochs: int = 5,
        sample: float = 1e-3,
        learning_rate: float | None = None,
        lowercase: bool = False,
        max_vocabulary: int | None = None,
        corpus: str | list[str] | None = None,
        start: str = "starter",
    ) -> None:
        self.model, self.loss, self.dim, self.window, self.negative = model, loss, dim, window, negative
        self.cbow_mean = cbow_mean
        self.min_count, self.max_vocabulary, self.epochs = min_count, max_vocabulary, epochs
        self.sample, self.learning_rate = sample, learning_rate
        self.lowercase, self.corpus, self.start = lowercase, corpus, start
        counted = ("dim", "window", "negative", "min_count", "max_vocabulary", "epochs")
        choices = {"model": get_args(Architecture), "loss": get_args(Loss)}
        check_settings(self, at_least_one=counted, choices=choices)

    def train(
        self,
        corpus: Corpus,
        *,
        threads: int | None = None,
        seed: int = 1,
        start: WordVectors | None = None,
        device: str | None = None,
        progress: Progress = quiet,
    ) -> WordVectors:
        """Train vectors for the corpus's vocabulary.

        One thread and one seed give the same bytes on every run. Several threads write to the same vectors
        without waiting for each other (Hogwild), so their results differ a little from run to run; so does
        an accelerator, in the order of its sums. It also learns in other steps than the processor, with
        vectors as good and not the same. It is therefore used only when asked for.

        Args:
            corpus: The text as word numbers; what was left out of its vocabulary is not seen.
            threads: Threads to train with; all cores if not given, and one for a short text.
            seed: Start of everything random.
            start: Vectors to go on from. Their words stay, whether the corpus has them or not; what the
                corpus has beside them is learned anew.
            device: `"cuda"`, or of several accelerators `"cuda:1"`, trains skipgram with negative sampling
                there; `"cpu"` or left out: the processor.
            progress: Told the words learned, the mean loss of the epoch so far and the words per second.

        Raises:
            SettingError: `threads`, `seed`, `start` or `device` cannot be used.
            MissingExtraError: an accelerator is asked for, and PyTorch is not installed.
        """
        check_run(threads, seed)
        return self._train(corpus, self.place(device), threads, seed, start, progress)

    def place(self, device: str | None) -> "torch.device | None":
        """The accelerator that `device` names; None for the processor.

        Raises:
            SettingError: there is no such accelerator, or it cannot train this model.
            MissingExtraError: PyTorch is not installed.
        """
        if device in (None, "cpu"):
            return None
        if (self.model, self.loss) != ("skipgram", "negative"):
            raise SettingError(
                f"device is {device!r}, but the model is {self.model!r} and the loss {self.loss!r}: an "
                "accelerator trains model 'skipgram' with loss 'negative'. Leave device out for others."
            )
        torch = require("torch", "train", f"training word vectors on device {device!r}")
        if not re.fullmatch(r"cuda(:\d+)?", device):
            raise SettingError(f'device is {device!r}; it can be "cpu", "cuda", or of several "cuda:1".')
        place, count = torch.device(device), torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (place.index or 0) >= count:
            raise SettingError(
                f"device is {device!r}; accelerators that PyTorch finds here: {count or 'none'}."
            )
        return place

    def _train(
        self,
        corpus: Corpus,
        place: "torch.device | None",
        threads: int | None,
        seed: int,
        start: WordVectors | None,
        progress: Progress,
    ) -> WordVectors:
        """Train on any device of PyTorch, or with None by the kernels."""
        words = Words.of(corpus, start, self.dim)
        inputs = first_rows(len(words.names), self.dim, _FIRST / self.dim**0.5, seed)
        outputs = padded(len(words.names), self.dim)
        if start is not None:
            words.put(self._matrix(inputs, len(words.names)), start.vectors)
            if start.outputs is not None and self.loss == "negative":  # another text has another tree
                words.put(self._matrix(outputs, len(words.names)), start.outputs)
        if place is None:
            plan = stretches(corpus, self.epochs)
            threads = min(threads or cores(), len(plan) // self.epochs)
            learn = self._learner(corpus.ids, words.counts, inputs, outputs, seed, progress)
            losses = run("word2vec", corpus, plan, learn, threads, progress)
        else:
            from ._on_device import train_on

            threads = 1  # which feeds the device
            pace = Pace(self._rate, len(corpus.ids), self.epochs, seed)
            matrices = inputs.reshape(len(words.names), -1), outputs.reshape(len(words.names), -1)
            losses = train_on(place, corpus, words.counts, matrices, pace, self, progress)
        vectors, others = (
            words.rows_in_order(self._matrix(flat, len(words.names))) for flat in (inputs, outputs)
        )
        names, counts, _ = words.in_order()
        settings = self._settings(corpus, seed, threads, losses, start)
        if place is not None:
            settings["device"] = str(place)
        return WordVectors(names, vectors, counts, settings, outputs=others)

    def _matrix(self, flat: np.ndarray, rows: int) -> np.ndarray:
        return flat.reshape(rows, -1)[:, : self.dim]

    def _learner(
        self,
        ids: np.ndarray,
        counts: np.ndarray,
        inputs: np.ndarray,
        outputs: np.ndarray,
        seed: int,
        progress: Progress,
    ) -> Learner:
        from ..kernels.cbow import cbow
        from ..kernels.sampling import Weights
        from ..kernels.simd import LANES
        from ..kernels.skipgram import skipgram

        ids = ids.view()
        ids.flags.writeable = False  # the kernels are compiled for numbers that stay as they are
        tables, size = target_tables(counts, self.sample, self.loss, self.negative)
        width = -(-self.dim // LANES) * LANES
        weights = Weights(inputs, outputs, len(inputs) // len(counts), width)
        pace = Pace(self._rate, len(ids), self.epochs, seed)

        def learn(stretch: Stretch) -> tuple[float, int]:
            schedule, state = pace.at(stretch)
            where = (ids, stretch.start, stretch.end, tables, weights, schedule, self.window, self.negative)
            if self.model == "cbow":
                return cbow(*where, size, self.cbow_mean, state)
            return skipgram(*where, size, state)

        compiled(learn, progress)
        return learn

    @property
    def _rate(self) -> float:
        return _RATES[self.model] if self.learning_rate is None else self.learning_rate

    def _settings(
        self, corpus: Corpus, seed: int, threads: int, losses: list[float], start: WordVectors | None
    ) -> dict[str, object]:
        names = ("model", "loss", "dim", "window", "negative", "min_count", "epochs", "sample")
        return {
            "kind": "word2vec",
            **{name: getattr(self, name) for name in names},
            **({} if self.model == "skipgram" else {"cbow_mean": self.cbow_mean}),
            "learning_rate": self._rate,
            **facts_of(corpus, seed, threads, losses, start),
        }
