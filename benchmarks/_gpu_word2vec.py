"""Word2Vec on an accelerator beside the processor's kernel: the same text and settings, speed and quality."""

import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from _common import need
from static_vectors import COMMON, Watch
from wordladder.corpus import Corpus, read_corpus
from wordladder.text import TextSettings
from wordladder.vectors.word2vec import Word2Vec

__all__ = ["word2vec_part"]

DEVICES = ("cpu", "cuda")


def word2vec_part(text: Path, seconds: float) -> dict[str, Any]:
    """Train on both, one seed after another as long as `seconds` last: figures of each seed, and means.

    Args:
        text: Words between spaces, such as `static_vectors.prepare` writes.
        seconds: After which no further seed is begun.
    """
    started = time.perf_counter()
    runs: dict[str, list[dict[str, float]]] = {device: [] for device in DEVICES}
    with read_corpus([text], text=TextSettings(segmenter="whitespace")) as corpus:
        for seed in count(1):
            for device in DEVICES:
                runs[device].append(judged(corpus, device, seed))
                print(f"word2vec on {device}, seed {seed}: {shown(runs[device][-1])}", flush=True)
            if (time.perf_counter() - started) * (seed + 1) / seed > seconds:  # the next would end too late
                break
        words = corpus.words
    means = {
        device: {name: float(np.mean([one[name] for one in of_one])) for name in of_one[0]}
        for device, of_one in runs.items()
    }
    for device, figures in means.items():
        print(f"word2vec on {device}, mean of {len(runs[device])}: {shown(figures)}", flush=True)
    return {"words": words, "means": means, "runs": runs}


def judged(corpus: Corpus, device: str, seed: int) -> dict[str, float]:
    """One training with the speed and the quality of its vectors."""
    trainer, watch = Word2Vec(), Watch()
    vectors = trainer.train(corpus, device=device, seed=seed, progress=watch)
    speed = corpus.words * trainer.epochs / (time.perf_counter() - watch.compiled)
    analogies = vectors.evaluate_word_analogies(need("wordsim/questions-words.txt.gz"), restrict_vocab=COMMON)
    return {
        "words_per_second": speed,
        "wordsim353": vectors.evaluate_word_pairs(need("wordsim/EN-WS-353-ALL.txt")).spearman,
        "analogies": analogies.accuracy,
        "loss": vectors.settings["losses"][-1],
    }


def shown(figures: dict[str, float]) -> str:
    return (
        f"{figures['words_per_second'] / 1e6:.1f} M words/s, WordSim-353 {figures['wordsim353']:.3f}, "
        f"analogies {figures['analogies']:.3f}, loss {figures['loss']:.3f}"
    )
