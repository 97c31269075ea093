"""Teach a recipe with what better models say of more texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples, check_texts
from ..errors import DataError, SettingError, check_at_least
from ..evaluation.evaluate import Evaluation, difference, evaluate_scores
from ..evaluation.intervals import Difference
from ..model.dev_part import with_dev
from ..model.inputs import examples_of, examples_to_score, labelled_examples
from ..model.loading import load
from ..model.model import Model
from ..progress import Progress, quiet
from ..recipe import Recipe, build, component
from ..tasks._decoding import softmax
from ..training.lesson import Lesson, Objective
from .made_up import made_up as made_up_texts
from .teachers import NUMBERS, Teachers
from .vectors import evaluate_vectors, plain_texts, vector_lesson

_LEAST = 0.01  # of a label's probability, for a shallow student to read the text with it


@dataclass(frozen=True)
class Distilled:
    """A student, and what teaching brought.

    Attributes:
        model: The student that was taught.
        teachers: The teachers.
        alone: The same recipe, trained on the labelled texts without a teacher; None: it was not asked for.
        teacher, untaught, taught: How good the teachers, the student alone and the taught one are on test;
            None without test rows.
        gain: How much better the taught one is than the one alone, with a paired interval.
        rows: The number of texts: `labelled`, and if there are any `unlabelled` and `made_up`.
    """

    model: Model
    teachers: list[Model]
    alone: Model | None
    teacher: Evaluation | None
    untaught: Evaluation | None
    taught: Evaluation | None
    gain: Difference | None
    rows: dict[str, int]


def distill(
    teacher: Any,
    recipe: Any,
    train: Any,
    labels: Any = None,
    *,
    unlabelled: Any = None,
    dev: Any = None,
    test: Any = None,
    made_up: int = 0,
    objective: Objective = "logits",
    temperature: float = 2.0,
    hard: float = 0.1,
    compare: bool = True,
    output: str | Path | None = None,
    resume: bool = False,
    cache: str | Path | None = None,
    seed: int = 1,
    device: str | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> Distilled:
    """Train a recipe on what a teacher says of texts, besides their labels.

    The student of a network learns the teacher's scores of each text, or of each word. Shallow students read
    a text with each of its labels, as often as the teacher finds it probable. Similarity and regression
    learn the teacher's numbers, and a shallow tagger its tags. With `objective="vectors"` a student of
    similarity learns where the teacher, which may be an encoder without a task, places texts; these need no
    labels.

    Args:
        teacher: A Model, the folder of one, or a name on the Hugging Face hub; or several, whose
            probabilities are averaged.
        recipe: The student: a rung's name, a TOML file, a dictionary, or a Recipe.
        train: Labelled texts, as for `Model.fit`.
        labels: Their labels, as for `Model.fit`.
        unlabelled: More texts, without labels.
        dev: As for `Model.fit`.
        test: Labelled examples, or a pair (texts, labels), to evaluate on.
        made_up: Texts that are made of each of the labelled ones.
        objective: `"logits"`: the mean squared difference of scores; `"probabilities"`: the divergence of
            softened probabilities; `"vectors"`: the cosine of the vectors of a text.
        temperature: What scores are divided by before they become probabilities.
        hard: The share of the labels in the loss; the rest is the teacher's. Texts without a label have the
            teacher's.
        compare: Whether the recipe is also trained without a teacher.
        output: The folder to save the student in.
        resume: Continue an interrupted training of the taught student with the same output.
        cache: The folder that keeps the teacher's scores of texts, and word vectors.
        seed: Decides what is made up.
        device: Where models compute.
        threads: The number of threads.
        progress: Called as training advances.

    Raises:
        DataError: the labels cannot be learned, or the teacher does not know one.
        SettingError: the student has another task than the teacher, or a setting is not valid.
    """
    check_at_least(0, made_up=made_up)
    student, keep = Recipe.load(recipe), Path(cache) if cache else None
    place: dict[str, Any] = {"device": device, "threads": threads}
    settings: dict[str, Any] = {"cache": cache, "progress": progress}
    models = [_opened(one, place) for one in _several(teacher)]
    task = component("tasks", student.task)
    saving: dict[str, Any] = {"output": output, "resume": resume, **settings}
    if objective == "vectors":
        parts = {"given": plain_texts(train)}
        if unlabelled is not None:
            parts["unlabelled"] = plain_texts(unlabelled)
        if made_up:
            parts["made_up"] = made_up_texts(parts["given"], made_up, seed)
        taught = vector_lesson(models, student, list(parts.values()), dev, seed=seed, cache=keep)
        model = Model(taught.student, **place)
        model.fit(taught.pairs, dev=taught.dev, lesson=taught.lesson, **saving)
        theirs, own = evaluate_vectors(models, model, test)
        rows = {name: len(part) for name, part in parts.items()}
        return Distilled(model, models, None, theirs, None, own, None, rows)
    teachers = Teachers(models, keep)
    if student.task != teachers.task:
        raise SettingError(
            f"the teacher is for {teachers.task}, the recipe {student.name} for {student.task}"
        )
    train, dev = with_dev(labelled_examples(train, labels, task), dev, student)
    more = _more_texts(train, unlabelled, task, made_up, seed)
    asked = teachers.ask(_joined([train, *more.values()], None))
    said = teachers.labels(asked)
    everything = _joined([train, *more.values()], [*(train.labels or ()), *said[len(train) :]])
    alone = Model(student, **place).fit(train, dev=dev, **settings) if compare else None
    if teachers.task in NUMBERS:
        everything, lesson = _with_numbers(everything, said, hard, teachers.task), None
    else:
        lesson = _lesson(teachers, asked, student, everything, objective, temperature, hard)
        if dev is None:
            everything, lesson, dev = _with_dev_of_teacher(everything, lesson, student)
        if student.tables.get("shallow"):
            everything, lesson = _with_weights(everything, lesson), None
    model = Model(student, **place)
    model.fit(everything, dev=dev, lesson=lesson, **saving)
    rows = {"labelled": len(train), **{name: len(part) for name, part in more.items()}}
    if test is None:
        return Distilled(model, models, alone, None, None, None, None, rows)
    texts, gold = test if isinstance(test, tuple) else (test, None)
    test = examples_to_score(texts, gold, task, teachers.columns)
    untaught, gain = None, None
    if alone is not None:
        untaught = alone.evaluate(test)
        gain = difference(model.task_, model.outcomes(test), alone.outcomes(test), test.groups)
    judged = (_evaluated(teachers, test), untaught, model.evaluate(test))
    return Distilled(model, models, alone, *judged, gain, rows)


def _several(teacher: Any) -> Sequence[Any]:
    several = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    if not several:
        raise SettingError("there is no teacher")
    return several


def _opened(teacher: Any, place: dict[str, Any]) -> Model:
    if isinstance(teacher, Model):
        return teacher
    found = load(teacher, **place)
    if not isinstance(found, Model):
        raise SettingError(f"{teacher}: word vectors are no teacher; a model is")
    return found


def _more_texts(train: Examples, unlabelled: Any, task: Any, copies: int, seed: int) -> dict[str, Examples]:
    """Texts without labels."""
    found = {}
    if unlabelled is not None:
        found["unlabelled"] = replace(examples_of(unlabelled, task=task), labels=None)
        check_texts(found["unlabelled"])
    if copies:
        found["made_up"] = made_up_texts(train, copies, seed)
    return found


def _joined(parts: Sequence[Examples], labels: Sequence[Any] | None) -> Examples:
    """The texts of several sources, one after another."""
    segments = tuple(
        [text for part in parts for text in part.segments[i]] for i in range(len(parts[0].segments))
    )
    words = [part.words or [()] * len(part) for part in parts] if parts[0].words is not None else None
    return Examples(
        segments,
        labels,
        parts[0].source,
        scheme=parts[0].scheme,
        words=None if words is None else [row for part in words for row in part],
    )


def _lesson(
    teachers: Teachers,
    asked: list[Any],
    student: Recipe,
    examples: Examples,
    objective: Objective,
    temperature: float,
    hard: float,
) -> Lesson:
    """What the teachers said, in the order of the student's labels or tags.

    Raises:
        DataError: there is a label that they do not know.
    """
    task = build("tasks", student.tables["task"])
    task.initialise(examples)
    columns = list(task.tag_set.names if task.per_word else task.labels)
    known = set(teachers.columns)
    for name in columns:
        if name not in known:
            raise DataError(
                f"{examples.source}: the teacher does not know the label {name!r}, only {sorted(known)}"
            )
    scores = teachers.scores(asked, columns)
    return Lesson(scores, teachers.starts(asked), objective, temperature, hard)


def _with_dev_of_teacher(
    examples: Examples, lesson: Lesson, student: Recipe
) -> tuple[Examples, Lesson, Examples | None]:
    """Some of the texts as dev, with the teacher's labels, where too few have labels of their own."""
    numbered = replace(examples, ids=[str(row) for row in range(len(examples))])
    rest, dev = with_dev(numbered, None, student)
    rows = list(map(int, rest.ids or ()))
    starts = None if lesson.starts is None else [lesson.starts[row] for row in rows]
    return rest, replace(lesson, scores=[lesson.scores[row] for row in rows], starts=starts), dev


def _with_numbers(examples: Examples, said: list[float], hard: float, task: str) -> Examples:
    """Examples whose labels are between their own and the teacher's."""
    own: Any = examples.labels
    mixed = [hard * one + (1 - hard) * other for one, other in zip(own, said)]
    return replace(
        examples, labels=[min(1.0, max(0.0, one)) for one in mixed] if task == "similarity" else mixed
    )


def _with_weights(examples: Examples, lesson: Lesson) -> Examples:
    """Examples with all their labels, each weighted by how probable the teacher finds it. Those with several
    labels, and tagged ones, stay as they are.
    """
    labels: list[Any] = list(examples.labels or ())
    if not all(isinstance(label, str) for label in labels):
        return examples
    names = sorted(set(labels))
    shares: NDArray[np.float64] = (1 - lesson.hard) * softmax(np.stack(lesson.scores).astype(np.float64))
    shares[np.arange(len(labels)), [names.index(label) for label in labels]] += lesson.hard
    rows, columns = np.nonzero(shares >= _LEAST)
    weights = shares[rows, columns]
    known = replace(examples.take(rows), labels=[names[column] for column in columns.tolist()])
    return replace(known, weights=(weights * len(weights) / weights.sum()).tolist())


def _evaluated(teachers: Teachers, test: Examples) -> Evaluation:
    """How good the teachers are together."""
    first = teachers.models[0]
    if len(teachers.models) == 1:
        return first.evaluate(test)
    asked = teachers.ask(test)
    scores: Any = teachers.scores(asked, teachers.columns)
    scores = (
        replace(asked[0], values=np.concatenate(scores)) if teachers.task == "tagging" else np.stack(scores)
    )
    return evaluate_scores(first.engine_, scores, test)
