"""Distilled vectors: what a sentence encoder makes of each word alone, moved so that means of words come near
to what it makes of texts. The encoder is opened elsewhere (`interop.teachers`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError
from ..extras import require
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..text.words import offsets_of, tokenize
from ..word_vectors import WordVectors
from ._hogwild import check_settings
from ._starter import starter
from ._words import sif_weights

__all__ = ["Distilled"]

Encode = Callable[[Sequence[str]], np.ndarray]
_AT_ONCE = 8192  # texts between two reports of progress
_READ = 10_000_000  # words of the text that the words which come with wordladder were counted in
_ITERATIONS, _ENOUGH, _TINY = 100, 1e-3, 1e-20


@dataclass(kw_only=True)
class Distilled:
    """Distils vectors from a sentence encoder, the teacher.

    It reads each word alone; the principal components of its answers are kept and weighted by smooth inverse
    frequency. Then they are moved so that the means over the words of the training texts are nearest to what
    it makes of these texts.

    The words are those of the text, and those of the bundled vectors of its language; these have counts by
    Zipf's law in addition to those of the text.

    Source: Tulkens and van Dongen 2024, "Model2Vec"; the weights: Arora et al. 2017.

    Args:
        teacher: A folder of sentence-transformers or transformers, or a name on the Hugging Face hub.
        dim: Principal components kept; at most as many as the teacher's vectors have.
        sentences: The most training texts that the teacher reads; 0: none, words alone.
        penalty: What moving a word's vector costs, against the squared distances of the texts' means.
        min_count: Words that occur less often have no vector.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: The most words of the text in the vocabulary; the most frequent are kept.
        corpus: Files or folders of additional text whose words are counted.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    kind: ClassVar[str] = "distilled"
    teacher: str
    dim: int = 256
    sentences: int = 50_000
    penalty: float = 0.1
    min_count: int = 1
    lowercase: bool = True
    max_vocabulary: int | None = None
    corpus: str | list[str] | None = None

    def __post_init__(self) -> None:
        check_settings(self)
        if self.penalty <= 0 or self.sentences < 0:
            raise SettingError(
                f"penalty is {self.penalty} and sentences {self.sentences}; penalty must be above 0, "
                "sentences not below."
            )

    def train(
        self,
        corpus: Corpus,
        *,
        encode: Encode,
        texts: Sequence[str] = (),
        threads: int | None = None,
        seed: int = 1,
        start: None = None,
        progress: Progress = quiet,
    ) -> WordVectors:
        """Distil vectors for the words of the corpus. Nothing is random.

        Args:
            corpus: The text as word numbers, whose words are counted.
            encode: The teacher: one vector a text, `(texts, dim)`.
            texts: Texts whose means are to be near to what the teacher makes of them.
            threads: Not used: the teacher has threads of its own.
            seed: Not used.
            start: Not used.
            progress: Told how many words and texts the teacher has read.
        """
        words, counts = self._words(corpus)
        alone = _encode_all(encode, words, "reading words", progress)
        centre = alone.mean(axis=0)
        axes = np.linalg.eigh((alone - centre).T @ (alone - centre))[1][:, ::-1][:, : self.dim]
        vectors = ((alone - centre) @ axes) * sif_weights(counts)[:, None].astype(np.float32)
        read = list(dict.fromkeys(texts))[: self.sentences]
        if read:
            index = dict(zip(words, range(len(words))))
            tokens = tokenize(read, corpus.text)
            ids = np.array([index.get(word, -1) for word in tokens.surfaces(lowercase=self.lowercase)])
            rows = np.repeat(np.arange(len(read)), tokens.lengths)[ids >= 0]
            lengths = np.bincount(rows, minlength=len(read))
            answers = _encode_all(encode, read, "reading texts", progress)
            fit_means(vectors, ids[ids >= 0], lengths, answers @ axes, self.penalty)
        settings = asdict(self) | {"teacher": Path(self.teacher).name, "kind": self.kind, "weights": "sif"}
        del settings["corpus"]
        settings |= {"text": asdict(corpus.text), "words": corpus.words, "texts": len(read)}
        return WordVectors(words, vectors, counts, settings)

    def _words(self, corpus: Corpus) -> tuple[list[str], np.ndarray]:
        """The words and how often they occur, the most frequent first."""
        counts = dict(zip(corpus.vocabulary.words, np.asarray(corpus.vocabulary.counts).tolist()))
        known = starter(corpus.vocabulary)
        if known is not None:
            share = _READ / np.log(len(known))
            for rank, word in enumerate(known.words, start=1):
                counts[word] = counts.get(word, 0) + max(1, round(share / rank))
        words = sorted(counts, key=counts.__getitem__, reverse=True)
        return words, np.array([counts[word] for word in words], np.int64)


def _encode_all(encode: Encode, texts: Sequence[str], stage: str, progress: Progress) -> np.ndarray:
    parts = []
    for start in range(0, len(texts), _AT_ONCE):
        progress(stage, start, len(texts))
        parts.append(encode(texts[start : start + _AT_ONCE]))
    progress(stage, len(texts), len(texts))
    return np.concatenate(parts)


def fit_means(
    vectors: np.ndarray, ids: np.ndarray, lengths: np.ndarray, targets: np.ndarray, penalty: float
) -> None:
    """Move and scale vectors, in place, so that the mean over each text's words is nearest to its target, but
    for what is the same for all texts.

    With B the mean over words as a matrix, and a the scale that brings the means B V nearest to the targets
    T, the vectors become a V + D, where D minimises |B D − R|² + penalty · |D|². R is T − a B V without its
    mean over texts. Solved by conjugate gradients on (BᵀB + penalty) D = BᵀR, each column by itself.

    Args:
        vectors: V, one a word `(words, dim)`.
        ids: The words of the texts, one text after another.
        lengths: Words a text, `(texts,)`.
        targets: T, `(texts, dim)`.
        penalty: The cost of a move.
    """
    torch = require("torch", "train", "distilled vectors")
    seen, places, uses = np.unique(ids, return_inverse=True, return_counts=True)
    texts = np.repeat(np.arange(len(lengths)), lengths)[np.argsort(places, kind="stable")]
    arrays = (places, offsets_of(lengths)[:-1], texts, offsets_of(uses)[:-1])
    words_of, text_starts, texts_of, word_starts = map(torch.from_numpy, arrays)
    shares = torch.from_numpy(1 / np.maximum(lengths, 1)).float()[:, None]
    bags = torch.nn.functional.embedding_bag

    def means(rows: Any) -> Any:  # B
        return bags(words_of, rows, text_starts, mode="sum") * shares

    def sums(rows: Any) -> Any:  # Bᵀ
        return bags(texts_of, rows * shares, word_starts, mode="sum")

    given, wanted = means(torch.from_numpy(vectors[seen])), torch.from_numpy(targets)
    scale = (given * wanted).sum() / (given * given).sum().clamp(min=_TINY)
    rest = wanted - scale * given
    left = sums(rest - rest.mean(dim=0))
    moves, way, size = torch.zeros_like(left), left.clone(), (left * left).sum(dim=0)
    enough = size * _ENOUGH**2
    for _ in range(_ITERATIONS):
        pushed = sums(means(way)) + penalty * way
        step = size / (way * pushed).sum(dim=0).clamp(min=_TINY)
        moves += step * way
        left -= step * pushed
        before, size = size, (left * left).sum(dim=0)
        if bool((size <= enough).all()):
            break
        way = left + way * (size / before.clamp(min=_TINY))
    vectors *= float(scale)
    vectors[seen] += moves.numpy()
