"""A shallow model and its task."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import ModelError, SettingError
from ..recipe import Recipe, build
from ..shallow._text_classifier import DevSet
from ..tasks._word_scores import WordScores
from ..training.settings import TrainingSettings
from .engine import FitRun, TrainableEngine


class ShallowEngine(TrainableEngine):
    """A shallow model and its task. The fit takes the number of threads; prediction uses one."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.shallow = build("shallow", recipe.tables["shallow"], recipe.text)
        self.joins_words = self.task.per_word
        self._has_words = self.task.per_word or hasattr(self.task, "learn_words")

    def _fit(self, train: Examples, dev: Examples | None, run: FitRun) -> dict[str, Any]:
        if run.lesson is not None:
            raise SettingError("a lesson is for networks; a shallow model learns labels with weights")
        seed = TrainingSettings(**self.recipe.table("training")).seed
        settings: dict[str, Any] = {"seed": seed, "threads": run.threads, "progress": run.progress}
        if self.task.per_word:
            splits = self._tokenize(train, dev)
            tokens = splits["train"][1]
            targets = self.task.targets(train, tokens).values
            self.shallow.fit(tokens, targets, self.task.allowed, **settings)
            return {"text": {name: self._text_facts(*split) for name, split in splits.items()}}
        if hasattr(self.task, "learn_words"):
            splits = self._tokenize(train, dev)
            tokens = splits["train"][1]
            self.task.learn_words(tokens)
            targets = self.task.targets(train, tokens)
            self.shallow.fit(targets.values, targets.offsets, len(self.task.vocabulary), **settings)
            return {"text": {name: self._text_facts(*split) for name, split in splits.items()}}
        if dev is not None:
            settings["dev"] = DevSet(
                self._texts(dev), lambda scores: self.task.losses(self.two_columns(scores), dev)
            )
        if train.weights is not None:
            settings["weights"] = np.asarray(train.weights, np.float32)
        self.shallow.fit(self._texts(train), self.task.targets(train, None), **settings)
        return self.shallow.facts()

    def scores(self, examples: Examples) -> Any:
        """Scores `(rows, labels)`, or of words."""
        if self.task.per_word:
            tokens = self.words.tokens(examples)
            return WordScores(self.shallow.scores(tokens), tokens, self.shallow.chain)
        if hasattr(self.task, "learn_words"):
            targets = self.task.targets(None, self.words.tokens(examples))
            return self.shallow.log_probabilities(targets.values, targets.offsets)[:, None]
        return self.two_columns(self.shallow.scores(self._texts(examples)))

    def _texts(self, examples: Examples) -> Any:
        """The texts, or pairs of texts."""
        return examples.texts if self.task.segments == 1 else list(zip(*examples.segments, strict=True))

    def two_columns(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores; of a binary classifier one column for each label."""
        if scores.shape[1] == 1 and len(self.task.labels) == 2 and not self.task.multi_label:
            return np.hstack([-scores / 2, scores / 2])
        return scores

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`.

        Raises:
            ModelError: this kind of model has none.
        """
        if not hasattr(self.shallow, "means"):
            raise ModelError(f"{self.recipe.name}: this shallow model has no vectors of texts")
        return self.shallow.means(examples.texts)

    def keep(self, folder: Path) -> None:
        """Write `labels.json` and the folder `shallow`."""
        shallow = folder / "shallow"
        shallow.mkdir()
        self.shallow.keep(shallow)
        if self._has_words:
            self.words.keep(shallow)
        self.task.keep(folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self.shallow.restore(folder / "shallow")
        self.task.restore(folder)
        if self._has_words:
            self.words.restore(folder / "shallow")
