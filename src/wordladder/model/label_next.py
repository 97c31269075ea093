"""Which texts to label next: those a model is unsure of, and no two alike.

As many groups of similar texts as texts are asked for are made, each text weighted by how unsure the model is
of it, and the one in the middle of each group is taken (Zhdanov 2019, "Diverse mini-batch active learning").
To choose from the least sure texts alone was worse than to draw at random on SST-2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, SettingError
from .inputs import examples_of
from .model import Model

CANDIDATES = 20_000  # the least sure of more
COMPONENTS = 64


@dataclass(frozen=True)
class NextLabels:
    """Texts to label next.

    Attributes:
        rows: Their numbers from 0, the least sure first.
        sure: How sure the model is of its answer to each, a probability.
        mean_sure: The mean over all texts that were read: that of texts drawn at random.
        repeated: How many texts were left out because the same one came before.
    """

    rows: tuple[int, ...]
    sure: tuple[float, ...]
    mean_sure: float
    repeated: int


def label_next(model: Any, texts: Any, count: int = 100, *, seed: int = 1) -> NextLabels:
    """The texts whose labels would teach a model most.

    Args:
        model: A Model of classification, pairs or tagging, or its folder.
        texts: Texts without labels, as for `Model.predict`.
        count: How many are chosen; if there are fewer different texts, all of them.
        seed: Of the groups.

    Raises:
        SettingError: `count` is below 1.
        ModelError: The task has no answers to be sure of.
    """
    if count < 1:
        raise SettingError(f"count = {count}: at least one is needed")
    model = model if isinstance(model, Model) else Model.load(model)
    if not hasattr(model.task_, "sure"):
        raise ModelError(f"a model of {model.recipe_.task} does not say how sure it is of an answer")
    examples = examples_of(texts, None, model.task_)
    if not len(examples):
        return NextLabels((), (), 0.0, 0)
    sure = model.task_.sure(model.scores(examples))
    keys = [" ".join(" ".join(row).casefold().split()) for row in zip(*examples.segments)]
    firsts = np.unique(keys, return_index=True)[1]
    unsure = firsts[np.argsort(sure[firsts], kind="stable")][: max(CANDIDATES, count)]
    chosen = unsure
    if len(unsure) > count:
        chosen = unsure[_apart([keys[row] for row in unsure], 1 - sure[unsure], count, seed)]
    chosen = chosen[np.argsort(sure[chosen], kind="stable")]
    found = tuple(chosen.tolist()), tuple(sure[chosen].tolist())
    return NextLabels(*found, float(sure.mean()), len(keys) - len(firsts))


def _apart(texts: Sequence[str], weights: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int64]:
    """The places of `count` texts, one of each group of similar ones."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Characters suit words, and languages without spaces.
    counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=50_000, sublinear_tf=True)
    try:
        table = counts.fit_transform(texts)
    except ValueError:  # nothing but spaces
        return np.arange(count)
    vectors = table.toarray()
    if min(table.shape) > COMPONENTS:
        vectors = TruncatedSVD(COMPONENTS, random_state=seed).fit_transform(table)
    groups = KMeans(count, n_init=1, random_state=seed).fit(vectors, sample_weight=weights + 1e-9)
    distances = groups.transform(vectors)
    members = [np.flatnonzero(groups.labels_ == group) for group in range(count)]
    nearest = [rows[distances[rows, group].argmin()] for group, rows in enumerate(members) if len(rows)]
    rest = np.setdiff1d(np.arange(len(texts)), nearest)  # the least sure first
    return np.concatenate([nearest, rest[: count - len(nearest)]]).astype(np.int64)
