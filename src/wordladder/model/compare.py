"""Compares two saved models on the same rows."""

from typing import Any

from ..errors import SettingError
from ..evaluation.comparison import Comparison, compare_scores
from .inputs import examples_to_score
from .model import Model


def compare(
    first: Any, second: Any, texts: Any, labels: Any = None, *, resamples: int = 1000, **loading: Any
) -> Comparison:
    """How two models differ on the same labelled rows: the paired difference with its interval,
    McNemar's test, and the answers that changed.

    Args:
        first: A Model or the folder of one, such as the one in use.
        second: The one that might replace it.
        texts: As for `Model.evaluate`.
        labels: As for `Model.evaluate`.
        resamples: Bootstrap resamples for the intervals.
        loading: Keywords of `Model.load`.

    Raises:
        SettingError: the models have different tasks or metrics.
        DataError: one of the models does not know a label.
    """
    models = [one if isinstance(one, Model) else Model.load(one, **loading) for one in (first, second)]
    tasks = [one.recipe_.task for one in models]
    if tasks[0] != tasks[1]:
        raise SettingError(f"the models cannot be compared: one is for {tasks[0]}, the other for {tasks[1]}")
    task = models[0].task_
    examples = examples_to_score(texts, labels, task, task.labels)
    for one in models:
        one.task_.check(examples)
    scores = [one.scores(examples) for one in models]
    return compare_scores([one.engine_ for one in models], scores, examples, resamples=resamples)
