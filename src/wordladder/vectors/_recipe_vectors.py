"""The `[vectors]` table of a recipe: train word vectors on the training texts (and a corpus), or take them
from a cache.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
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
    """Word vectors, the seconds that their training took, and whether they come from the cache."""

    vectors: WordVectors
    seconds: float
    cached: bool

    @property
    def start(self) -> object:
        """The starter vectors or the file that training went on from; None where it began from scratch."""
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
    teacher: Callable[[str, Path], Any] | None = None,
) -> TrainedVectors:
    """Train the vectors that a recipe asks for, or load them from the cache.

    Args:
        trainer: What `table` builds, such as a `Word2Vec`.
        table: The recipe's table; with the texts it is the key of the cache.
        texts: The training texts; they are always part of the corpus.
        text: How texts become words.
        folder: Where the relative path of `corpus` starts.
        cache: A folder that trained vectors are saved to and loaded from.
        seed: Start of everything random.
        threads: Threads to train with.
        progress: Told how far it is.
        teacher: Opens the encoder that distilled vectors are made from.
    """
    names = [trainer.corpus] if isinstance(trainer.corpus, str) else trainer.corpus or []
    files = [folder / name for name in names]
    start = getattr(trainer, "start", "none")
    start_files = {"starter": starter_files(), "none": []}.get(start, [folder / start])
    teaches = getattr(trainer, "teacher", None)
    start_files += [] if teaches is None else sorted((folder / teaches).rglob("*.*"))
    path = None
    if cache is not None:
        path = cache / f"vectors-{_key(table, texts, text, [*files, *start_files], seed)}.safetensors"
        if path.is_file():
            vectors = WordVectors.load(path)
            return TrainedVectors(vectors, float(str(vectors.settings["seconds"])), cached=True)
    started = time.perf_counter()
    settings: dict[str, Any] = {
        "text": replace(text, max_words=None),  # what a classifier does not read still teaches words
        **{name: getattr(trainer, name) for name in ("lowercase", "min_count", "max_vocabulary")},
        "progress": progress,
    }
    with read_corpus(files, texts=texts, **settings) as corpus:
        before = None
        if start == "starter":
            before = starter(corpus.vocabulary, trainer.dim)
        elif start != "none":
            before = WordVectors.load(folder / start)
            before.settings["name"] = Path(start).name
        how: dict[str, Any] = {"threads": threads, "seed": seed, "start": before, "progress": progress}
        if teaches is not None and teacher is not None:
            how |= {"encode": teacher(teaches, folder), "texts": texts}
        vectors = trainer.train(corpus, **how)
    if before is not None and not files:  # a few texts teach new words, and would spoil known ones
        matrix = np.array(vectors.vectors)
        matrix[[vectors.index[word] for word in before.words]] = before.vectors
        vectors = WordVectors(vectors.words, matrix, vectors.counts, vectors.settings)
        vectors.settings["weights"] = before.settings.get("weights")
    seconds = time.perf_counter() - started
    vectors.settings["seconds"] = seconds
    vectors.outputs = None  # nobody trains these on
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        vectors.save(path)
    return TrainedVectors(vectors, seconds, cached=False)


def _key(table: Mapping[str, Any], texts: list[str], text: TextSettings, files: list[Path], seed: int) -> str:
    """What the vectors depend on, as a short hash; corpus files by name, size and time."""
    digest = hashlib.sha256(json.dumps([dict(table), repr(text), seed], sort_keys=True).encode())
    for file in files:
        status = file.stat() if file.exists() else None
        digest.update(repr((str(file.resolve()), status and (status.st_size, status.st_mtime_ns))).encode())
    for one in texts:
        digest.update(one.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]
