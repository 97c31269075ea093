"""What a student learns that is to place texts where its teachers do (Reimers & Gurevych 2020)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples, check_texts
from ..errors import DataError, SettingError
from ..evaluation.evaluate import Evaluation, evaluate_scores
from ..model.inputs import examples_of, labelled_examples
from ..model.model import Model
from ..recipe import Recipe
from ..training.lesson import Lesson
from ..training.settings import TrainingSettings
from .teachers import kept_answers

_SAMPLE = 100_000  # texts whose vectors say which directions are left out


class VectorLesson(NamedTuple):
    """How a student learns vectors.

    Attributes:
        student: The recipe, with the length of its vectors.
        pairs: Texts, two and two, with the cosine that the teachers give them.
        lesson: The vectors of both.
        dev: The same of other texts.
    """

    student: Recipe
    pairs: Examples
    lesson: Lesson
    dev: Examples | None


def vector_lesson(
    models: Sequence[Model],
    student: Recipe,
    parts: Sequence[Examples],
    dev: Any,
    *,
    seed: int,
    cache: Path | None,
) -> VectorLesson:
    """The lesson that several teachers give.

    The student's vectors are as long as the teachers' and lie in the same directions, so that both can be
    compared; or, with `[task] dim` or `matryoshka`, in those in which the texts differ most.

    Args:
        models: The teachers.
        student: The recipe.
        parts: Texts.
        dev: Texts to choose the best epoch by; None: some of the others.
        seed: Decides which texts are a pair.
        cache: The folder that keeps the teachers' vectors.

    Raises:
        DataError: there are fewer than two texts.
        SettingError: the student is no network of similarity.
    """
    if student.task != "similarity" or student.tables.get("shallow"):
        raise SettingError(
            f'{student.name}: objective = "vectors" is for networks of similarity, such as bilstm-towers'
        )
    source = parts[0].source
    texts = list(dict.fromkeys(text for part in parts for text in part.flat()))
    if len(texts) < 2:
        raise DataError(f"{source}: two different texts are needed to learn vectors")
    random = np.random.default_rng(seed)
    if dev is None:
        count = int(len(texts) * TrainingSettings(**student.table("training")).dev_share)
        texts = [texts[number] for number in random.permutation(len(texts))]
        texts, held_out = texts[count:], texts[:count]
    else:
        held_out = plain_texts(dev).flat()
    everything = [*texts, *held_out]
    vectors, dim = text_vectors(models, everything, cache), student.table("task").get("dim")
    targets, dim = vectors, min(dim or vectors.shape[1], vectors.shape[1])
    if dim < vectors.shape[1] or student.table("task").get("matryoshka"):
        targets = vectors @ _directions(vectors[:_SAMPLE])[:, :dim]
    student = student.with_settings({"task.dim": dim})
    pairs, own = _pairs(everything, vectors, targets, random.permutation(len(texts)))
    lesson, dev = Lesson(list(own), None, "vectors"), None
    if len(held_out) > 1:
        dev, far = _pairs(everything, vectors, targets, len(texts) + random.permutation(len(held_out)))
        lesson = replace(lesson, dev=far)
    return VectorLesson(student, replace(pairs, source=source), lesson, dev)


def _pairs(
    texts: list[str], vectors: NDArray[np.float32], targets: NDArray[np.float32], order: NDArray[np.int64]
) -> tuple[Examples, NDArray[np.float32]]:
    """Texts in pairs, with the cosines of their vectors, and the targets of both, `(pairs, 2, dim)`.

    Args:
        texts: All texts.
        vectors: Their vectors.
        targets: What is learned of each.
        order: The numbers of those that are paired, two and two.
    """
    numbers = np.append(order, order[: len(order) % 2]).reshape(-1, 2)
    cosines = np.einsum("pd,pd->p", *(vectors[side] for side in numbers.T)).astype(float)
    firsts, seconds = ([texts[number] for number in side] for side in numbers.T)
    return Examples((firsts, seconds), cosines.tolist()), targets[numbers]


def plain_texts(given: Any) -> Examples:
    """Texts without labels: a list of them, or all of Examples."""
    examples = given if isinstance(given, Examples) else examples_of(given)
    check_texts(examples)
    return Examples((examples.flat(),), source=examples.source)


def text_vectors(models: Sequence[Model], texts: list[str], cache: Path | None) -> NDArray[np.float32]:
    """The vectors of several teachers one after another, of length one, `(texts, dim)`."""
    found: list[NDArray[np.float32]] = []
    for model in models:
        ask = partial(model.encode, normalize_embeddings=True)
        found.append(kept_answers(ask, texts, cache) / np.float32(np.sqrt(len(models))))
    return np.hstack(found)


def evaluate_vectors(
    models: Sequence[Model], student: Model, test: Any
) -> tuple[Evaluation, Evaluation] | tuple[None, None]:
    """How good the cosines of the teachers and of the student are; None without test rows.

    Args:
        models: The teachers.
        student: The student.
        test: Pairs with scores.
    """
    if test is None:
        return None, None
    texts, gold = test if isinstance(test, tuple) else (test, None)
    test = labelled_examples(texts, gold, student.task_)
    vectors = text_vectors(models, test.flat(), None)
    cosines = np.einsum("pd,pd->p", vectors[::2], vectors[1::2])
    return evaluate_scores(student.engine_, cosines[:, None], test), student.evaluate(test)


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orthogonal directions, those in which dot products are largest first, `(dim, dim)`."""
    return np.linalg.eigh((vectors.T @ vectors).astype(np.float64))[1][:, ::-1].astype(np.float32)
