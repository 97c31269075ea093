"""Word2Vec: skip-gram and continuous bag of words, with negative sampling or hierarchical softmax.

The arithmetic is in `kernels.word2vec`, that of an accelerator in `_on_device`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ..errors import SettingError
from ..extras import require
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..word_vectors import WordVectors
from ._hogwild import HogwildTrainer, Run, random_rows, zero_rows
from ._words import Words

if TYPE_CHECKING:
    import torch

__all__ = ["Word2Vec"]

# word2vec.c and gensim have 0.05 for cbow; 0.06 gave better analogies on 4 M and 24 M words of Wikipedia.
_RATES = {"skipgram": 0.025, "cbow": 0.06}
# The largest number in the first vectors is this over √dim. word2vec.c starts within ±0.5/dim and gensim
# within ±1/dim. Longer first vectors learn earlier: on 25 MB of Wikipedia they gave better similarities and
# analogies than either, and the same on rare words.
_FIRST = 0.4


@dataclass(kw_only=True)
class Word2Vec(HogwildTrainer):
    """Trains one vector per word, so that words in similar contexts get similar vectors.

    Source: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" and
    "Distributed Representations of Words and Phrases and their Compositionality".

    Args:
        model: `skipgram` predicts each context word and is better on rare words; `cbow` predicts a word from
            its whole context and is faster.
        loss: `negative` is negative sampling; `hierarchical` is hierarchical softmax over a Huffman tree.
        dim: Dimension of the vectors.
        window: Maximum distance of context words; each word draws its own distance up to it.
        negative: Negative samples for each training pair.
        cbow_mean: Whether cbow averages the context vectors; otherwise it sums them.
        min_count: Words that occur less often have no vector.
        epochs: Passes over the corpus.
        sample: Subsampling threshold: words more frequent than this share of the text are thinned out; 0 is
            off.
        learning_rate: Initial learning rate, which decreases linearly to nearly zero; by default 0.025 for
            skipgram and 0.06 for cbow.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: The most words in the vocabulary; the most frequent are kept.
        corpus: Files or folders of additional text to train on.
        start: What a recipe's vectors are initialised from: `"starter"`, the bundled English and Chinese
            vectors, if most of the text's words have one and `dim` is at most 128; `"none"`; or a file of
            word vectors.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    kind: ClassVar[str] = "word2vec"
    model: Literal["skipgram", "cbow"] = "skipgram"
    loss: Literal["negative", "hierarchical"] = "negative"
    dim: int = 100
    window: int = 5
    negative: int = 5
    cbow_mean: bool = True
    min_count: int = 5
    epochs: int = 5
    sample: float = 1e-3
    learning_rate: float | None = None
    lowercase: bool = False
    max_vocabulary: int | None = None
    corpus: str | list[str] | None = None
    start: str = "starter"

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
        without waiting for each other (Hogwild), so their results differ a little from run to run, and so do
        those of an accelerator, in the order of its sums. An accelerator also takes other steps than the
        processor: its vectors are as good, but not the same. So it is used only when asked for.

        Args:
            corpus: The text as word numbers; words that are not in its vocabulary are left out.
            threads: Threads to train with; all cores if not given, and one for a short text.
            seed: Start of everything random.
            start: Vectors to go on from. Their words stay, whether the corpus has them or not; its other
                words are new.
            device: `"cuda"`, or one of several such as `"cuda:1"`, to train skip-gram with negative sampling
                on an accelerator; `"cpu"` or left out: the processor.
            progress: Told the words learned, the mean loss of the epoch so far and the words per second.

        Raises:
            SettingError: `threads`, `seed`, `start` or `device` cannot be used.
            MissingExtraError: an accelerator is asked for, and PyTorch is not installed.
        """
        run = Run(threads, seed, progress).check()
        return self._train(corpus, start, run, self.accelerator(device))

    def accelerator(self, device: str | None) -> "torch.device | None":
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
        require("torch", "train", f"training word vectors on device {device!r}")
        from ..layers.devices import choose_device

        accelerator = choose_device(device)
        if accelerator.type != "cuda":
            raise SettingError(f'device is {device!r}; it can be "cpu", "cuda" or "cuda:1"')
        return accelerator

    def _train(
        self, corpus: Corpus, start: WordVectors | None, run: Run, device: "torch.device | None" = None
    ) -> WordVectors:
        """Train on any device of PyTorch, or with None by the kernels."""
        words = Words.from_corpus(corpus, start, self.dim)
        matrices = (
            random_rows(len(words.names), self.dim, _FIRST / self.dim**0.5, run.seed),
            zero_rows(len(words.names), self.dim),
        )
        inputs, outputs = (matrix[:, : self.dim] for matrix in matrices)
        if start is not None:
            words.copy_known(inputs, start.vectors)
            if start.outputs is not None and self.loss == "negative":  # another text has another tree
                words.copy_known(outputs, start.outputs)
        if device is None:
            losses, threads = self.train_rows(corpus, words.counts, matrices, run, mean=self.cbow_mean)
        else:
            from ._on_device import train_on

            losses, threads = train_on(device, corpus, words.counts, matrices, self, run), 1
        settings = self.settings(corpus, run.seed, threads, losses, start)
        if self.model == "skipgram":
            del settings["cbow_mean"]
        if device is not None:
            settings["device"] = str(device)
        return words.by_frequency(inputs, settings, outputs)

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        return _RATES[self.model] if self.learning_rate is None else self.learning_rate
