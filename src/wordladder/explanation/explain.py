"""How much each word of texts counts for a model's answers."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np

from ..data.examples import Examples
from ..errors import ModelError, check_at_least, check_choice
from ..text.words import tokenize
from .explanation import Explanation, Method, WordWeight
from .occlusion import occlusion
from .targets import cell_words, targets_of, value

STEPS = 32  # of the sum that integrates gradients


def explain(
    engine: Any, examples: Examples, *, target: str | None = None, method: Method = "auto", steps: int = STEPS
) -> list[Explanation | None]:
    """How much each word counts for the answer to each example; None where there is no answer.

    Args:
        engine: The engine of a model.
        examples: Texts.
        target: The label, or the type of the entity, that is explained; left out, the answer.
        method: `"weights"`, those of a linear model, which tell exactly; `"gradients"`, integrated gradients;
            `"occlusion"`, which takes a word out at a time; `"auto"`: the first of them that the model has.
        steps: How often the gradients of a text are computed.

    Raises:
        SettingError: there is no such label or method.
        ModelError: the model has no such weights or gradients, or nothing that can be explained.
    """
    check_choice("method", method, get_args(Method))
    check_at_least(1, steps=steps)
    methods = fitting(engine)
    if method not in ("auto", *methods):
        raise ModelError(
            f"{engine.recipe.name}: the method {method!r} does not fit it; these do: {', '.join(methods)}"
        )
    way = methods[0] if method == "auto" else method
    if not len(examples):
        return []
    scores = engine.scores(examples)
    targets = targets_of(engine.task, scores, target)
    if way == "gradients":
        return _by_gradients(engine, examples, targets, steps)
    if way == "weights":
        return _by_weights(engine, examples, targets)
    settings = replace(engine.recipe.text, pieces=None, line_ends=False)
    tokens = tokenize(examples.flat(), settings, segments=len(examples.segments))
    weights = occlusion(engine, tokens, targets, scores)
    return [
        None
        if one is None
        else _explanation(tokens, row, one, (value(scores, row, one), None), "occlusion", weights[row])
        for row, one in enumerate(targets)
    ]


def fitting(engine: Any) -> list[str]:
    """The methods that fit a model, the most exact one first."""
    return [name for name in get_args(Method)[1:] if _fits(engine, name)]


def _fits(engine: Any, method: str) -> bool:
    """Whether a method fits a model."""
    if method == "weights":
        return hasattr(engine.shallow, "contributions")
    if method == "gradients" and engine.network is not None:
        from .gradients import has_gradients

        return has_gradients(engine)
    return method == "occlusion"


def _by_weights(engine: Any, examples: Examples, targets: Any) -> list[Explanation | None]:
    found, every = list[Explanation | None](), engine.words.tokens(examples) if engine.task.per_word else None
    for row, target in enumerate(targets):
        if target is None:
            found.append(None)
            continue
        if every is not None:
            tokens = every.take([row])
            words, columns = cell_words(tokens, 0, target), [cell.column for cell in target.cells]
            weights, base = engine.shallow.contributions(tokens, zip(words, columns))
        else:
            tokens, *parts = engine.shallow.contributions(examples.texts[row])
            weights, bases = (engine.two_columns(np.atleast_2d(part))[:, target.column] for part in parts)
            base = float(bases[0])
        score = float(weights.sum()) + base
        found.append(_explanation(tokens, 0, target, (score, base), "weights", weights))
    return found


def _by_gradients(engine: Any, examples: Examples, targets: Any, steps: int) -> list[Explanation | None]:
    from .gradients import integrated_gradients

    tokens, found = engine.words.tokens(examples), list[Explanation | None]()
    for row, target in enumerate(targets):
        if target is None:
            found.append(None)
            continue
        one = tokens.take([row])
        weights, score, base = integrated_gradients(engine, one, target, steps)
        found.append(_explanation(one, 0, target, (score, base), "gradients", weights))
    return found


def _explanation(
    tokens: Any, row: int, target: Any, ends: tuple[float, float | None], method: str, weights: Any
) -> Explanation:
    size, words = tokens.segments, list[WordWeight]()
    bounds = tokens.offsets[row * size :][: size + 1].tolist()
    for text in range(size):
        for word in range(*bounds[text : text + 2]):
            weight = float(weights[word - bounds[0]])
            words.append(WordWeight(text, int(tokens.starts[word]), int(tokens.ends[word]), weight))
    texts = tokens.texts[row * size :][:size]
    return Explanation(tuple(texts), target.name, *ends, method, tuple(words))
