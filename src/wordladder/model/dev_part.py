"""The dev part of a fit: what the user gives, or a share of the training rows."""

from typing import Any

from ..data.examples import Examples, all_names, check_texts
from ..data.partners import are_self_paired, with_strangers
from ..data.splits import hold_out
from ..recipe import Recipe, component
from ..training.settings import TrainingSettings
from .inputs import examples_to_score

SMALLEST_DEV = 4  # rows


def with_dev(train: Examples, dev: Any, recipe: Recipe) -> tuple[Examples, Examples | None]:
    """The rows to train on, and those of dev, if there are any.

    Args:
        train: All rows to train on.
        dev: Examples or a pair (texts, labels); None holds out a share of `train`, if it is large enough.
        recipe: It says how large the share is, and what is drawn.
    """
    check_texts(train)
    if dev is not None:
        texts, labels = dev if isinstance(dev, tuple) and len(dev) == 2 else (dev, None)
        return train, examples_to_score(texts, labels, component("tasks", recipe.task), all_names(train))
    settings = TrainingSettings(**recipe.table("training"))
    if len(train) * settings.dev_share < SMALLEST_DEV or are_self_paired(train):
        return train, None
    rest, held_out = hold_out(train, settings.dev_share, settings.seed)
    return rest, with_strangers(held_out) if len(held_out) else None
