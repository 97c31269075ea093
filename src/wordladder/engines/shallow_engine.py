"""A shallow model that is fitted at once, and its task."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import ModelError
from ..recipe import Recipe, build
from ..shallow._text_classifier import DevSet
from ..tasks._word_scores import WordScores
from ..text.words import Tokens
from ..training.settings import TrainingSettings
from .engine import FitRun, FusionWeights, text_facts
from .word_joining import WordJoiner


class ShallowEngine:
    """A shallow model and its task."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.shallow = build("shallow", recipe.tables["shallow"], recipe.text)
        self.task = build("tasks", recipe.tables["task"])
        self.words = WordJoiner(recipe.text)

    def threads(self, count: int | None) -> AbstractContextManager[None]:
        """Nothing to set: the number is given to `fit`, and answers take one thread."""
        return nullcontext()

    def fit(self, train: Examples, dev: Examples | None, run: FitRun) -> dict[str, Any]:
        """Fit the model to training examples."""
        self.task.initialise(train)
        if dev is not None:
            self.task.check(dev)  # a wrong label is found now, not after the fit
        seed = TrainingSettings(**self.recipe.table("training")).seed
        told: dict[str, Any] = {"seed": seed, "threads": run.threads, "progress": run.progress}
        if not self.task.per_word:
            dev_set = None
            if dev is not None:
                dev_set = DevSet(dev.texts, lambda scores: self.task.losses(self._wide(scores), dev))
            weights = None if train.weights is None else np.asarray(train.weights, np.float32)
            told |= {"dev": dev_set, "weights": weights}
            self.shallow.fit(train.texts, self.task.gold(train), **told)
            return self.shallow.facts()
        self.words.learn(train)
        tokens = self.words.tokens(train)
        targets = self.task.targets(train, tokens).values
        self.shallow.fit(tokens, targets, self.task.allowed, **told)
        facts = {"train": self._facts(train, tokens)}
        if dev is not None:
            facts["dev"] = self._facts(dev, self.words.tokens(dev))
        return {"text": facts}

    def _facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        return text_facts(tokens) | self.task.facts(examples, tokens)

    def scores(self, examples: Examples) -> Any:
        """Scores `(rows, labels)`, or of words; a single yes-or-no score becomes one for each of the two."""
        if self.task.per_word:
            tokens = self.words.tokens(examples)
            return WordScores(self.shallow.scores(tokens), tokens, self.shallow.chain)
        return self._wide(self.shallow.scores(examples.texts))

    def _wide(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        if scores.shape[1] == 1 and len(self.task.labels) == 2 and not self.task.multi_label:
            return np.hstack([-scores / 2, scores / 2])
        return scores

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`, of a model that has them.

        Raises:
            ModelError: it has none.
        """
        if not hasattr(self.shallow, "means"):
            raise ModelError(f"{self.recipe.name}: this shallow model has no vectors of texts")
        return self.shallow.means(examples.texts)

    def fusion_weights(self, examples: Examples) -> list[FusionWeights]:
        """A shallow model has none.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{self.recipe.name}: a shallow model has no [fusion]")

    def keep(self, folder: Path) -> None:
        """Write the model into `shallow/` and the labels."""
        place = folder / "shallow"
        place.mkdir()
        self.shallow.keep(place)
        if self.task.per_word:
            self.words.keep(place)
        self.task.keep(folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self.shallow.restore(folder / "shallow")
        self.task.restore(folder)
        if self.task.per_word:
            self.words.restore(folder / "shallow")
