"""Word2Vec on an accelerator against the CPU kernel: same text and settings, speed and quality."""

import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from static_vectors import COMMON, Watch
from wordladder.text.corpus import Corpus, read_corpus
from wordladder.vectors._hogwild import Run
from wordladder.vectors.word2vec import Word2Vec

__all__ = ["word2vec_part"]


def word2vec_part(
    text: Path, device: torch.device, seconds: float, pairs: Path | None, analogies: Path | None
) -> dict[str, Any]:
    """Train on both, one seed after another for `seconds`: figures for each seed, and means.

    Args:
        text: Raw text.
        device: The accelerator; a CPU takes the same steps.
        seconds: Time after which no further seed is started.
        pairs: Word pairs with similarity scores, such as WordSim-353.
        analogies: Google's analogies.
    """
    started = time.perf_counter()
    sides = {"kernel": None, "device": device}
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    with read_corpus([text], lowercase=True, min_count=5) as corpus:
        for seed in count(1):
            for side, place in sides.items():
                runs[side].append(judged(corpus, place, seed, pairs, analogies))
                told = "  ".join(f"{name} {value:,.4g}" for name, value in runs[side][-1].items())
                print(f"word2vec  {side} seed {seed}  {told}", flush=True)
            if (time.perf_counter() - started) * (seed + 1) / seed > seconds:  # the next would take too long
                break
        words = corpus.words
    means = {
        side: {name: float(np.mean([one[name] for one in some])) for name in some[0]}
        for side, some in runs.items()
    }
    ratio = means["device"]["words_per_second"] / means["kernel"]["words_per_second"]
    return {"words": words, "ratio": ratio, "means": means, "runs": runs}


def judged(
    corpus: Corpus, place: torch.device | None, seed: int, pairs: Path | None, analogies: Path | None
) -> dict[str, float]:
    """Train once; speed and vector quality."""
    trainer, watch = Word2Vec(lowercase=True), Watch()
    vectors = trainer._train(corpus, None, Run(None, seed, watch), place)
    found = {"words_per_second": corpus.words * trainer.epochs / (time.perf_counter() - watch.compiled)}
    if pairs is not None:
        found["word_pairs"] = vectors.evaluate_word_pairs(pairs).spearman
    if analogies is not None:
        found["analogies"] = vectors.evaluate_word_analogies(analogies, restrict_vocab=COMMON).accuracy
    return found | {"loss": vectors.settings["losses"][-1]}
