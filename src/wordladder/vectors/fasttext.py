"""fastText: Word2Vec over the subwords of words, so that words never seen have vectors too.

The arithmetic is in `kernels.word2vec`, the hashing of n-grams in `text.subwords`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..errors import SettingError
from ..text.corpus import Corpus
from ..text.subwords import Subwords, ngrams
from ..word_vectors import WordVectors
from ._hogwild import HogwildTrainer, Run, random_rows, zero_rows
from ._words import Words

__all__ = ["FastText"]


@dataclass(kw_only=True)
class FastText(HogwildTrainer):
    """Trains vectors of words and character n-grams; a word is the mean of its own and its n-grams' vectors.

    Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".

    Args:
        model: `skipgram` predicts each context word and is better on rare words; `cbow` predicts a word from
            its whole context.
        loss: `negative` is negative sampling; `hierarchical` is hierarchical softmax over a Huffman tree.
        dim: Dimension of the vectors.
        window: Maximum distance of context words; each word draws its own distance up to it.
        negative: Negative samples for each training pair.
        min_n: Shortest character n-gram; the marks < and > around a word count as characters.
        max_n: Longest character n-gram; 0 for none.
        buckets: Hash buckets of the n-grams; n-grams in one bucket share a vector.
        han: Whether each Han character is a unit of its word, whatever `min_n` is; fastText's .bin files have
            no such units.
        min_count: Words that occur less often have no vector of their own.
        epochs: Passes over the corpus.
        sample: Subsampling threshold: words more frequent than this share of the text are thinned out; 0 is
            off. fastText's own default is 1e-4.
        learning_rate: Initial learning rate, which decreases linearly to nearly zero; by default 0.04.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: The most words in the vocabulary; the most frequent are kept.
        corpus: Files or folders of additional text to train on.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    kind: ClassVar[str] = "fasttext"
    # fastText's own default is 0.05. On 24 M words of Wikipedia 0.04 gave analogies 0.609 and rare words
    # 0.488, 0.05 gave 0.606 and 0.481.
    default_rate: ClassVar[float] = 0.04
    power: ClassVar[float] = 0.5  # as in fastText; Word2Vec has 0.75
    model: Literal["skipgram", "cbow"] = "skipgram"
    loss: Literal["negative", "hierarchical"] = "negative"
    dim: int = 100
    window: int = 5
    negative: int = 5
    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000
    han: bool = True
    min_count: int = 5
    epochs: int = 5
    sample: float = 1e-4
    learning_rate: float | None = None
    lowercase: bool = False
    max_vocabulary: int | None = None
    corpus: str | list[str] | None = None

    def __post_init__(self) -> None:
        if self.max_n and not 1 <= self.min_n <= self.max_n:
            raise SettingError(
                f"min_n is {self.min_n} and max_n {self.max_n}; they must be 1 ≤ min_n ≤ max_n."
            )
        super().__post_init__()

    def _train(self, corpus: Corpus, start: WordVectors | None, run: Run) -> WordVectors:
        from ..kernels.word2vec import SubwordRows

        words = Words.from_corpus(corpus, start, self.dim)
        count, rows = len(words.names), _Rows(self, words.names)
        matrices = (
            random_rows(count + len(rows.buckets), self.dim, 1 / self.dim, run.seed),
            zero_rows(count, self.dim),
        )
        inputs, outputs = (matrix[:, : self.dim] for matrix in matrices)
        if start is not None:
            self._copy_known(start, words, rows, inputs, outputs)
        subwords = SubwordRows(rows.begins, rows.of_words * matrices[0].shape[1])
        losses, threads = self.train_rows(corpus, words.counts, matrices, run, subwords=subwords)
        settings = self.settings(corpus, run.seed, threads, losses, start)
        vectors = words.by_frequency(inputs[:count], settings, outputs)
        sizes = (self.min_n, self.max_n, self.han, self.buckets)
        vectors.subwords = Subwords(vectors.vectors, inputs[count:][rows.order], *sizes, rows.buckets)
        vectors.vectors = vectors.subwords.vectors(vectors.words, np.arange(count))
        return vectors

    def _copy_known(
        self, start: WordVectors, words: Words, rows: "_Rows", inputs: np.ndarray, outputs: np.ndarray
    ) -> None:
        """Take over the rows of an earlier training."""
        old = start.subwords
        if old is None:
            raise SettingError("the vectors to go on from have no subwords; fastText goes on from its own.")
        for name in ("min_n", "max_n", "han"):
            if getattr(self, name) != getattr(old, name):
                raise SettingError(
                    f"{name} is {getattr(self, name)}; the vectors to go on from have {getattr(old, name)}."
                )
        if self.buckets != (old.total or len(old.buckets)):
            raise SettingError(f"buckets is {self.buckets}; the vectors to go on from have another number.")
        words.copy_known(inputs[: len(words.names)], old.own)
        used = np.arange(len(old.buckets)) if old.used is None else old.used
        _, here, there = np.intersect1d(rows.buckets, used, return_indices=True)
        inputs[len(words.names) + rows.order[here]] = old.buckets[there]
        if start.outputs is not None and self.loss == "negative":  # another text has another tree
            words.copy_known(outputs, start.outputs)


class _Rows:
    """Where the inputs of words are: their own rows, then the rows of the buckets that they use.

    Word `w` has the rows `of_words[begins[w]:begins[w + 1]]`; row `order[i]` after the words is that of
    bucket `buckets[i]`.
    """

    def __init__(self, trainer: FastText, words: list[str]) -> None:
        offsets, found = ngrams(words, trainer.min_n, trainer.max_n, trainer.buckets, han=trainer.han)
        self.buckets, first, places = np.unique(found, return_index=True, return_inverse=True)
        # in the order in which words meet them: those of a word are next to each other as far as possible
        self.order = np.empty(len(self.buckets), np.int64)
        self.order[np.argsort(first)] = np.arange(len(self.buckets))
        self.begins = offsets + np.arange(len(offsets))
        self.of_words = np.insert(len(words) + self.order[places], offsets[:-1], np.arange(len(words)))
