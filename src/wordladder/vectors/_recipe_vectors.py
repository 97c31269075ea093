"""The `[vectors]` table of a recipe: train word vectors on the training texts (and a corpus), or take them
from a cache.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..progress import Progress, quiet
from ..text.corpus import read_corpus
from ..text.words import TextSettings
from ..word_vectors import WordVectors
from ._starter import starter, starter_files


class TrainedVectors(NamedTuple):
    """Word vectors, the seconds that training them took, and whether that was an earlier time."""

    vectors: WordVectors
    seconds: float
    cached: bool

    @property
    def start(self) -> object:
        """The starter vectors that they went on from, or the file; None where they began with nothing."""
        before = self.vectors.settings.get("continued_from")
        return before.get("name") if isinstance(before, dict) else None


def train_vectors(
    trainer: Any,
    table: Mapping[str, Any],
    texts: list[str],
    text: TextSettings,
    *,
    folder: Path = Path(),
    cache: Path | None = None,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress = quiet,
) -> TrainedVectors:
    """Train the vectors that a recipe asks for.

    Args:
        trainer: What `table` builds, such as a `Word2Vec`.
        table: The recipe's table; with the texts it is the key of the cache.
        texts: The training texts; they are always part of the corpus.
        text: How texts become words.
        folder: Where the relative path of `corpus` starts.
        cache: A folder in which trained vectors are kept and found again.
        seed: Start of everything random.
        threads: Threads to train with.
        progress: Told how far it is.
    """
    files = [folder / name for name in _listed(trainer.corpus)]
    start = getattr(trainer, "start", "none")
    given = {"starter": starter_files(), "none": []}.get(start, [folder / start])
    place = None
    if cache is not None:
        place = cache / f"vectors-{_key(table, texts, text, [*files, *given], seed)}.safetensors"
        if place.is_file():
            vectors = WordVectors.load(place)
            return TrainedVectors(vectors, float(str(vectors.settings["seconds"])), cached=True)
    started = time.perf_counter()
    settings = {
        "text": replace(text, max_words=None),  # what a classifier does not read still teaches words
        "lowercase": trainer.lowercase,
        "min_count": trainer.min_count,
        "max_vocabulary": trainer.max_vocabulary,
    }
    with read_corpus(files, texts=texts, **settings, progress=progress) as corpus:
        before = starter(corpus.vocabulary, trainer.dim) if start == "starter" else None
        if before is None and start not in ("starter", "none"):
            before = _named(folder / start)
        vectors = trainer.train(corpus, threads=threads, seed=seed, start=before, progress=progress)
    if before is not None and not files:
        vectors = _held(vectors, before)
    seconds = time.perf_counter() - started
    vectors.settings["seconds"] = seconds
    vectors.outputs = None  # nobody trains these on
    if cache is not None and place is not None:
        cache.mkdir(parents=True, exist_ok=True)
        vectors.save(place)
    return TrainedVectors(vectors, seconds, cached=False)


def _held(vectors: WordVectors, start: WordVectors) -> WordVectors:
    """The same with the words of `start` as they were: a few texts teach new words and unteach known ones."""
    matrix = np.array(vectors.vectors)
    matrix[[vectors.index[word] for word in start.words]] = start.vectors
    return WordVectors(vectors.words, matrix, vectors.counts, vectors.settings)


def _named(file: Path) -> WordVectors:
    vectors = WordVectors.load(file)
    vectors.settings["name"] = file.name
    return vectors


def _listed(corpus: str | list[str] | None) -> list[str]:
    if corpus is None:
        return []
    return [corpus] if isinstance(corpus, str) else corpus


def _key(table: Mapping[str, Any], texts: list[str], text: TextSettings, files: list[Path], seed: int) -> str:
    """What the vectors depend on, as a short hash; corpus files by name, size and time."""
    digest = hashlib.sha256(json.dumps([dict(table), repr(text), seed], sort_keys=True).encode())
    for file in files:
        status = file.stat() if file.exists() else None
        digest.update(repr((str(file.resolve()), status and (status.st_size, status.st_mtime_ns))).encode())
    for one in texts:
        digest.update(one.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]
