"""How good translations are, by sacreBLEU (Post 2018): BLEU, chrF, exact matches."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..extras import require
from ..kernels.character_classes import HAN
from ..text.words import classes

Gold = Sequence[Sequence[str]]  # the right texts of each row, one or more
_ORDER = 4  # BLEU counts n-grams of up to so many words


def tokenizer_for(texts: Sequence[str]) -> str:
    """The name of sacreBLEU's tokenizer for texts: `zh` if a tenth of their characters or more are
    Chinese.
    """
    text = "".join(texts[:1000])
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return "zh" if len(codes) and np.mean(classes()[codes] == HAN) >= 0.1 else "13a"


def bleu_counts(texts: Sequence[str], gold: Gold, tokenizer: str) -> NDArray[np.float64]:
    """What BLEU needs of each text, to be added up, `(texts, 10)`: the n-grams that are right, all n-grams,
    words, words of the right text, of several that whose length is nearest.
    """
    # An effective order changes the scores of texts, which are not used, and no counts.
    bleu = _bleu(tokenizer, effective_order=True)
    scores = (bleu.sentence_score(text, list(right)) for text, right in zip(texts, gold, strict=True))
    rows = [[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in scores]
    return np.array(rows, np.float64).reshape(-1, 2 * _ORDER + 2)


def bleu(counts: NDArray[np.float64]) -> float:
    """BLEU of the corpus, from 0 to 1, given the counts of its texts."""
    found = counts.sum(axis=0).astype(int).tolist()
    compute = require("sacrebleu", "train", "BLEU").BLEU.compute_bleu
    return float(compute(found[:_ORDER], found[_ORDER:-2], *found[-2:], smooth_method="exp").score) / 100


def chrf(texts: Sequence[str], gold: Gold) -> float:
    """chrF2 of the corpus, from 0 to 1 (Popović 2015)."""
    metric = require("sacrebleu", "train", "chrF").CHRF()
    return float(metric.corpus_score(list(texts), [*zip_longest(*gold)]).score) / 100


def exact_matches(texts: Sequence[str], gold: Gold) -> NDArray[np.float64]:
    """Which texts are right, but for their white space, `(texts,)`."""
    rows = zip(texts, gold, strict=True)
    return np.array([text.split() in [one.split() for one in right] for text, right in rows], np.float64)


def signature(tokenizer: str) -> str:
    """What sacreBLEU says to name this BLEU in a paper."""
    metric = _bleu(tokenizer)
    metric.corpus_score([""], [[""]])
    return str(metric.get_signature())


def _bleu(tokenizer: str, **settings: bool) -> Any:
    return require("sacrebleu", "train", "BLEU").BLEU(tokenize=tokenizer, **settings)
