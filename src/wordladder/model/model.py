"""Model: fit, predict, encode, evaluate, save, load. It follows scikit-learn's conventions without
importing it.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..data.examples import Examples, all_names, check_texts
from ..data.split_checks import describe_groups_and_times, rare_labels
from ..data.splits import hold_out, overlap
from ..engines import Engine, FitRun, FusionWeights, engine_for
from ..errors import ModelError, NotFittedError, UserError
from ..evaluation.evaluate import Evaluation, evaluate_scores
from ..files.folders import content_hash
from ..files.streams import disk_errors
from ..progress import Progress, quiet
from ..recipe import Recipe, component
from ..training.settings import TrainingSettings
from .checkpoint_folder import close_work, open_work, sole
from .estimator import Estimator
from .inputs import (
    LabelKind,
    classes_of,
    examples_of,
    label_kind,
    labelled,
    labels_back,
    prompted,
    similarities,
    tags_back,
    text_rows,
    unit,
)
from .saved_folder import write_model
from .warnings import notes_on

SMALLEST_DEV = 4


class Model(Estimator):
    """A model made from a recipe.

    Args:
        recipe: A rung's name, a TOML file, a dictionary, or a Recipe.
        device: Where it computes: `"cpu"`, `"cuda"`, `"cuda:1"`; left out, the best there is.
        threads: Threads to compute with; left out, as many as PyTorch takes.

    Learned attributes: `recipe_`, `task_`, `classes_`, `report_`.
    """

    def __init__(
        self,
        recipe: str | Path | Mapping[str, Any] | Recipe = "bilstm",
        *,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.recipe, self.device, self.threads = recipe, device, threads

    # Training

    def fit(
        self,
        texts: Any,
        labels: Any = None,
        *,
        sample_weight: Any = None,
        dev: Any = None,
        groups: Any = None,
        output: str | Path | None = None,
        resume: bool = False,
        cache: str | Path | None = None,
        progress: Progress = quiet,
    ) -> "Model":
        """Train on texts and labels.

        Args:
            texts: Texts, or Examples with their labels.
            labels: A label a text, or a list of labels a text.
            sample_weight: How much each text counts in training, relative to the others; for classification.
            dev: Examples, or a pair (texts, labels), on which all choosing is done; left out, a share of
                the training texts is held out by the seed, duplicates together.
            groups: The author, document or file of each text: those of one are not both learned from and held
                out.
            output: A folder to save the model in; while training goes on, checkpoints lie beside it.
            resume: Go on where an interrupted fit with the same output stopped.
            cache: A folder in which trained word vectors, and features of frozen encoders, are kept for
                other fits; left out, they go when this one ends.
            progress: Told how far it is.

        Raises:
            DataError: the labels cannot be learned from, or a weight is none.
            SettingError: `resume` with other data or another recipe than before.
        """
        started = time.perf_counter()
        recipe = Recipe.load(self.recipe)
        labels = list(labels) if isinstance(labels, Iterator) else labels  # they are looked at twice
        task = component("tasks", recipe.task)
        train, held = self._split(recipe, labelled(texts, labels, task, groups, sample_weight), dev)
        engine = engine_for(recipe, self.device)
        with ExitStack() as guards:
            if output is not None:
                guards.enter_context(sole(Path(output)))
            guards.enter_context(disk_errors(output or cache or "the temporary folder"))
            work = None if output is None else open_work(Path(output), recipe.tables, (train, held), resume)
            run = FitRun(work, None if cache is None else Path(cache), self.threads, progress)
            report = self._learn(engine, recipe, train, held, run)
            self._adopt(self.engine_, recipe, label_kind(train.labels if labels is None else labels, task))
            report["train_seconds"] = time.perf_counter() - started + report.get("earlier_seconds", 0.0)
            self.report_ = report | {
                "wordladder": __version__,
                "rows": {"train": len(train), "dev": 0 if held is None else len(held)},
                "dev_held_out": dev is None and held is not None,
                "duplicates_train_dev": 0 if held is None else overlap(train, held),
                "split": describe_groups_and_times({"train": train, "dev": held}) + rare_labels(train, held),
                "files": {
                    path.name: content_hash(path) for path in map(Path, recipe.paths()) if path.exists()
                },
            }
            self.report_["warnings"] = notes_on(self.report_)
            if output is not None:
                self.save(output)
                close_work(Path(output))
        return self

    def _learn(
        self, engine: Engine, recipe: Recipe, train: Examples, dev: Examples | None, run: FitRun
    ) -> dict[str, Any]:
        """Fit an engine and its decoding; a run that has learned nothing yet leaves nothing behind."""
        with engine.threads(self.threads), run:
            try:
                report = engine.fit(train, dev, run)
            except UserError:
                if run.work is not None and run.checkpoint is not None and not run.checkpoint.exists():
                    shutil.rmtree(run.work, ignore_errors=True)
                raise
            self.engine_ = engine
            return report | self._decide(engine, recipe, dev)

    def _split(self, recipe: Recipe, train: Examples, dev: Any) -> tuple[Examples, Examples | None]:
        check_texts(train)
        if dev is not None:
            texts, labels = dev if isinstance(dev, tuple) and len(dev) == 2 else (dev, None)
            return train, labelled(texts, labels, component("tasks", recipe.task), known=all_names(train))
        settings = TrainingSettings(**recipe.table("training"))
        if settings.dev_share <= 0 or len(train) * settings.dev_share < SMALLEST_DEV:
            return train, None
        rest, held = hold_out(train, settings.dev_share, settings.seed)
        return rest, held if len(held) else None

    def _decide(self, engine: Any, recipe: Recipe, dev: Examples | None) -> dict[str, Any]:
        """Fit the decoding on dev and tell what the model is worth there."""
        vars(self).pop("evaluation_", None)  # that of an earlier fit
        if dev is None:
            return {"metric": engine.task.metric, "dev_value": None}
        scores = engine.scores(dev)
        decoding = engine.task.fit_decoding(scores, dev)
        self.evaluation_ = evaluate_scores(recipe.task, engine.task, scores, dev, resamples=200)
        return {"metric": engine.task.metric, "dev_value": self.evaluation_.value, "decoding": decoding}

    def _adopt(self, engine: Engine, recipe: Recipe, kind: LabelKind) -> None:
        self.engine_, self.recipe_, self.task_, self.label_kind_ = engine, recipe, engine.task, kind
        self.classes_, self._places = classes_of(engine.task.labels, kind)

    # Using

    def _fitted(self) -> Any:
        if not hasattr(self, "engine_"):
            raise NotFittedError("this Model is not trained yet: call fit, or Model.load a saved one")
        return self.engine_

    def scores(self, texts: Any) -> Any:
        """Unnormalised scores `(rows, labels)`, columns as in `task_.labels`; of a task that looks at words
        WordScores.
        """
        engine = self._fitted()
        with engine.threads(self.threads):
            return engine.scores(examples_of(texts, task=self.task_))

    def predict(self, texts: Any) -> Any:
        """The labels, written as they were in training; for tagging the spans of each text, or a tag for
        each word where words were given; for questions the text of each answer, empty for none. Of one
        text its own.
        """
        if isinstance(texts, str):
            return self.predict([texts])[0]
        texts = text_rows(texts, self._fitted().task)  # they are looked at twice
        found = labels_back(self.task_predictions(self.scores(texts)), self.label_kind_)
        return tags_back(texts, found, self.task_) if self.label_kind_.type == "parts" else found

    def task_predictions(self, scores: Any) -> list[Any]:
        """Labels from scores, as text."""
        return self.task_.predictions(scores) if len(scores) else []

    def predict_proba(self, texts: Any) -> NDArray[np.float64]:
        """Calibrated probabilities `(rows, labels)`, or of one text `(labels,)`, columns as in `classes_`.

        Raises:
            ModelError: the task has no classes of texts.
        """
        if isinstance(texts, str):
            return self.predict_proba([texts])[0]
        self._fitted()
        if self.label_kind_.type == "parts":
            raise ModelError(
                f"{self.recipe_.task}: no classes of texts, so no probabilities of them; see answers"
            )
        scores = self.scores(texts)
        found = np.zeros((len(scores), len(self.classes_)))
        found[:, self._places] = self.task_.probabilities(scores)
        return found

    def answers(self, texts: Any, top: int = 1) -> Any:
        """For each text a dictionary that JSON can hold: label and probabilities, entities, or an answer.

        Args:
            texts: Texts, one text, or pairs of a question and a passage.
            top: How many alternatives of entities or answers are told.
        """
        if isinstance(texts, str):
            return self.answers([texts], top)[0]
        scores = self.scores(texts)
        return self.task_.answers(scores, top) if len(scores) else []

    def encode(
        self,
        texts: Any,
        *,
        batch_size: int | None = None,
        normalize_embeddings: bool = False,
        prompt: str | None = None,
        prompt_name: str | None = None,
    ) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`, or of one text `(dim,)`: what the task's head reads, or what
        sentence-transformers gives.

        Args:
            texts: Texts, or one text.
            batch_size: Most texts in a batch; if not given, chosen automatically.
            normalize_embeddings: Scale vectors to length one; some sentence encoders always do.
            prompt: Text to put before each text.
            prompt_name: Name of a prompt that the model has, such as `query`.

        Raises:
            ModelError: the model has no such vector.
            SettingError: the model has no such prompt, or `batch_size` is below 1.
        """
        engine = self._fitted()
        one = [texts] if isinstance(texts, str) else texts
        layout = getattr(engine, "layout", None)
        alone = layout is not None and self.task_.segments > 1  # the encoder of a model for pairs
        examples = examples_of(one) if alone else examples_of(one, task=self.task_)
        with engine.threads(self.threads):
            vectors = engine.encode(prompted(examples, layout, prompt, prompt_name), batch_size)
        vectors = unit(vectors) if normalize_embeddings else vectors
        return vectors[0] if isinstance(texts, str) else vectors

    def similarity(self, first: Any, second: Any = None) -> NDArray[np.float32]:
        """How alike each of the first is to each of the second, `(rows, columns)`: cosines, or what the
        model's own folder says.

        Args:
            first: Vectors `(rows, dim)` or texts.
            second: The same; left out, the first are compared among themselves.
        """
        kind = getattr(getattr(self._fitted(), "layout", None), "similarity", "cosine")
        return similarities(first, second, kind, self.encode)

    def fusion_weights(self, texts: Any) -> list[FusionWeights]:
        """For each text its words and what the recipe's `[fusion]` gives each embedder there.

        Raises:
            ModelError: the model has no fusion that weighs.
        """
        engine = self._fitted()
        with engine.threads(self.threads):
            return engine.fusion_weights(examples_of(texts, task=self.task_))

    def outcomes(self, examples: Examples) -> NDArray:
        """For each row what `task_.primary` needs, to be resampled."""
        task = self._fitted().task
        examples = labelled(examples, None, task, known=task.labels)
        return task.outcomes(self.scores(examples), examples)

    def evaluate(self, texts: Any, labels: Any = None, *, resamples: int = 1000) -> Evaluation:
        """The primary metric with its interval, and all other metrics.

        Raises:
            DataError: a label that training did not see; nothing is computed then.
        """
        self._fitted()
        examples = labelled(texts, labels, self.task_, known=self.task_.labels)
        self.task_.check(examples)
        return evaluate_scores(
            self.recipe_.task, self.task_, self.scores(examples), examples, resamples=resamples
        )

    def score(self, texts: Any, labels: Any) -> float:
        """The primary metric."""
        self._fitted()
        return float(self.task_.primary(self.outcomes(examples_of(texts, labels, self.task_))))

    # Keeping

    def save(self, folder: str | Path) -> Path:
        """Write the model; whatever stood there stays whole until the new one is complete.

        Raises:
            OutputError: the disk is full, or something else stands there.
            ModelError: a name that ends in .bin is for fastText, and this is no model of its kind.
        """
        engine = self._fitted()
        if Path(folder).suffix == ".bin":
            from ..shallow._fasttext_file import write_classifier

            write_classifier(folder, getattr(engine, "shallow", None), self.task_)
            return Path(folder)
        write_model(self, Path(folder))
        return Path(folder)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str | None = None,
        threads: int | None = None,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
    ) -> "Model":
        """Load a saved model, or a model of another program: `wordladder.load` without word vectors. No path
        in its recipe is opened, and no code in it is executed.

        Args:
            folder: What `wordladder.load` takes.
            device: Where the model computes; left out, the best there is.
            threads: Threads that it may use.
            precision: The arithmetic of an encoder of another program; `"auto"` takes bfloat16 where the
                hardware computes in it.

        Raises:
            ModelError: there is no model, or it is incomplete.
        """
        from .loading import load

        found = load(folder, device=device, threads=threads, precision=precision)
        if not isinstance(found, cls):
            raise ModelError(f"{folder} holds word vectors, not a model; WordVectors.load reads them")
        return found

    @classmethod
    def of_engine(
        cls,
        engine: Engine,
        report: dict[str, Any],
        kind: LabelKind | None = None,
        evaluation: Evaluation | None = None,
        *,
        device: str | None = None,
        threads: int | None = None,
    ) -> "Model":
        """A fitted model around an engine.

        Args:
            engine: What computes.
            report: What is known of its training.
            kind: How its labels are written; left out, as text.
            evaluation: Its evaluation on dev, if there is one.
            device: Where it computes.
            threads: Threads that it may use.
        """
        model = cls(engine.recipe, device=device, threads=threads)
        model.report_ = report
        model._adopt(engine, engine.recipe, kind or label_kind(None, engine.task))
        if evaluation is not None:
            model.evaluation_ = evaluation
        return model

    @property
    def notes(self) -> list[str]:
        """What a user should know of a model of another program."""
        return list(getattr(self._fitted(), "notes", ()))

    @property
    def texts_cut(self) -> int:
        """How many of the texts encoded so far were longer than the encoder reads, and were truncated."""
        return getattr(self._fitted(), "cut", 0)

    def __repr__(self) -> str:
        name = self.recipe.name if isinstance(self.recipe, Recipe) else self.recipe
        return f"Model({str(name)!r}{', fitted' if hasattr(self, 'engine_') else ''})"
