"""Model: fit, predict, encode, evaluate, save, load, with the conventions of scikit-learn."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..data.examples import Examples
from ..data.split_checks import describe_groups_and_times, rare_labels
from ..data.splits import overlap
from ..engines import Engine, FitRun, FusionWeights, TrainableEngine, engine_for
from ..errors import ModelError, NotFittedError, UserError
from ..evaluation.evaluate import Evaluation, evaluate_scores, order_effect
from ..files.folders import content_hash
from ..files.streams import disk_errors
from ..interop.teachers import open_teacher
from ..processes import first_goes_first
from ..progress import Progress, quiet
from ..recipe import Recipe, component
from ..tasks.classification import Classification
from ..training.lesson import Lesson
from .checkpoint_folder import exclusive_output, open_checkpoint_folder, remove_checkpoint_folder
from .dev_part import with_dev
from .estimator import Estimator
from .explainer import Explainer
from .inputs import (
    LabelKind,
    add_prompt,
    classes_of,
    examples_of,
    examples_to_score,
    label_kind,
    labelled_examples,
    similarities,
    spans_to_tags,
    text_rows,
    to_user_labels,
    unit_vectors,
)
from .saved_folder import write_model
from .warnings import training_warnings
from .writer import Writer


class Model(Writer, Explainer, Estimator):
    """A model made from a recipe.

    Args:
        recipe: A rung's name, a TOML file, a dictionary, or a Recipe.
        device: Where it computes: `"cpu"`, `"cuda"`, `"cuda:1"`; left out, an accelerator if there is one.
        threads: The number of threads; left out, as many as PyTorch uses.

    Learned attributes: `recipe_`, `task_`, `classes_`, `report_`.
    """

    engine_: Engine

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
        lesson: Lesson | None = None,
        progress: Progress = quiet,
    ) -> "Model":
        """Train on texts and labels.

        Args:
            texts: Texts, or Examples with their labels.
            labels: A label a text, or a list of labels a text.
            sample_weight: The weight of each text in training; for classification.
            dev: Examples, or a pair (texts, labels), to select the best epoch and settings on; left out, a
                share of the training texts is held out, chosen by the seed, with duplicates kept together.
            groups: The author, document or file of each text; texts of one group are not split between
                training and dev.
            output: A folder to save the model in; during training checkpoints are written next to it.
            resume: Continue an interrupted fit with the same output.
            cache: A folder that keeps trained word vectors and features of frozen encoders for other fits;
                left out, they are deleted when this fit ends.
            lesson: What a teacher says of each training text; none of these is then held out as dev.
            progress: Called as the fit advances.

        Raises:
            DataError: the labels cannot be learned, or a weight is not valid.
            SettingError: `resume` with other data or another recipe than before.
        """
        started = time.perf_counter()
        recipe = Recipe.load(self.recipe)
        labels = list(labels) if isinstance(labels, Iterator) else labels  # read twice
        task = component("tasks", recipe.task)
        train = labelled_examples(texts, labels, task, groups, sample_weight)
        train, dev_examples = (
            with_dev(train, dev, recipe) if lesson is None or dev is not None else (train, None)
        )
        engine = engine_for(recipe, self.device)
        with disk_errors(output or cache or "the temporary folder"), ExitStack() as stack:
            folder = None
            if output is not None:
                stack.enter_context(exclusive_output(Path(output)))
                data = (train, dev_examples)
                lessons = {} if lesson is None else {"lesson": lesson.facts()}
                folder = open_checkpoint_folder(Path(output), recipe.tables | lessons, data, resume)
            run = FitRun(folder, cache, self.threads, progress, open_teacher, lesson)
            report = self._fit_engine(engine, train, dev_examples, run)
            self._adopt(self.engine_, recipe, label_kind(train.labels if labels is None else labels, task))
            report["train_seconds"] = time.perf_counter() - started + report.get("earlier_seconds", 0.0)
            split = describe_groups_and_times({"train": train, "dev": dev_examples})
            files = [path for path in map(Path, recipe.paths()) if path.exists()]
            self.report_ = report | {
                "wordladder": __version__,
                "rows": {"train": len(train), "dev": len(dev_examples or ())},
                "dev_held_out": dev is None and dev_examples is not None,
                "duplicates_train_dev": 0 if dev_examples is None else overlap(train, dev_examples),
                "split": split + rare_labels(train, dev_examples),
                "files": {path.name: content_hash(path) for path in files},
            }
            self.report_["warnings"] = training_warnings(self.report_)
            with first_goes_first() as first:
                if output is not None and first:
                    self.save(output)
                    remove_checkpoint_folder(Path(output))
        return self

    def _fit_engine(
        self, engine: TrainableEngine, train: Examples, dev: Examples | None, run: FitRun
    ) -> dict[str, Any]:
        """Fit an engine and its decoding; a run without a checkpoint that fails removes its folder."""
        with engine.threads(self.threads), run:
            try:
                report = engine.fit(train, dev, run)
            except UserError:
                if run.folder is not None and run.checkpoint is not None and not run.checkpoint.exists():
                    shutil.rmtree(run.folder, ignore_errors=True)
                raise
            self.engine_ = engine
            return report | self._fit_decoding(engine, dev)

    def _fit_decoding(self, engine: Engine, dev: Examples | None) -> dict[str, Any]:
        """Fit the decoding on dev and evaluate the model there."""
        vars(self).pop("evaluation_", None)  # of an earlier fit
        if dev is None:
            return {"metric": engine.task.metric, "dev_value": None}
        scores = engine.scores(dev)
        decoding = engine.task.fit_decoding(scores, dev) | order_effect(engine, scores, dev)
        self.evaluation_ = evaluate_scores(engine, scores, dev, resamples=200)
        return {"metric": engine.task.metric, "dev_value": self.evaluation_.value, "decoding": decoding}

    def _adopt(self, engine: Engine, recipe: Recipe, kind: LabelKind) -> None:
        self.engine_, self.recipe_, self.task_, self.label_kind_ = engine, recipe, engine.task, kind
        self.classes_, self._class_columns = classes_of(engine.task.labels, kind)

    # Using

    def _fitted_engine(self) -> Engine:
        if not hasattr(self, "engine_"):
            raise NotFittedError("this Model is not trained: call fit, or load a saved model with Model.load")
        return self.engine_

    def scores(self, texts: Any) -> Any:
        """Unnormalised scores `(rows, labels)`, columns as in `task_.labels`; for tagging and questions
        `WordScores`.
        """
        engine = self._fitted_engine()
        with engine.threads(self.threads):
            return engine.scores(examples_of(texts, task=self.task_))

    def predict(self, texts: Any) -> Any:
        """The labels, of the same type as in training; for tagging the spans of each text, or a tag for each
        word if words are given; for questions the text of each answer, empty for no answer. One text gives
        one result.
        """
        if isinstance(texts, str):
            return self.predict([texts])[0]
        task = self._fitted_engine().task
        texts = text_rows(texts, task)  # read twice
        scores = self.scores(texts)
        predictions = task.predictions(scores) if len(scores) else []
        return spans_to_tags(texts, to_user_labels(predictions, self.label_kind_), task)

    def predict_proba(self, texts: Any) -> NDArray[np.float64]:
        """Calibrated probabilities `(rows, labels)`, or of one text `(labels,)`, columns as in `classes_`.

        Raises:
            ModelError: the task has no classes of texts.
        """
        if isinstance(texts, str):
            return self.predict_proba([texts])[0]
        self._fitted_engine()
        if self.label_kind_.type in ("parts", "numbers"):
            raise ModelError(
                f"{self.recipe_.task}: there are no classes of texts, so no probabilities; use answers"
            )
        scores = self.scores(texts)
        probabilities = np.zeros((len(scores), len(self.classes_)))
        probabilities[:, self._class_columns] = self.task_.probabilities(scores)
        return probabilities

    def answers(self, texts: Any, top: int = 1) -> Any:
        """For each text a dictionary of JSON values: label and probabilities, entities, or an answer.

        Args:
            texts: Texts, one text, or pairs of a question and a passage.
            top: The number of alternative entities or answers.
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
        """One vector a text `(rows, dim)`, of one text `(dim,)`: the head's input, or sentence-transformers'.

        Args:
            texts: Texts, or one text.
            batch_size: Most texts in a batch; if not given, chosen automatically.
            normalize_embeddings: Scale vectors to length one; some sentence encoders always do.
            prompt: Text to put before each text.
            prompt_name: Name of a prompt that the model has, such as `query`.

        Raises:
            ModelError: the model has no vectors of texts.
            SettingError: the model has no such prompt, or `batch_size` is below 1.
        """
        engine = self._fitted_engine()
        rows = [texts] if isinstance(texts, str) else texts
        # Of pairs, a text is encoded alone where it is read alone.
        reads_apart = engine.layout is not None or engine.reads_apart
        examples = examples_of(rows, task=Classification if reads_apart else self.task_)
        with engine.threads(self.threads):
            examples, unpooled = add_prompt(examples, engine.layout, prompt, prompt_name)
            vectors = engine.encode(examples, batch_size, **unpooled)
        vectors = unit_vectors(vectors) if normalize_embeddings else vectors
        return vectors[0] if isinstance(texts, str) else vectors

    def similarity(self, first: Any, second: Any = None) -> NDArray[np.float32]:
        """The similarity of each first to each second, `(rows, columns)`: cosines, or the model's measure.

        Args:
            first: Vectors `(rows, dim)` or texts.
            second: The same; left out, the first are compared with each other.
        """
        layout = self._fitted_engine().layout
        return similarities(first, second, layout.similarity if layout else "cosine", self.encode)

    def fusion_weights(self, texts: Any) -> list[FusionWeights]:
        """For each text its words, and the weight of each embedder in the recipe's `[fusion]` at each word.

        Raises:
            ModelError: there is no fusion, or it has no weights.
        """
        engine = self._fitted_engine()
        with engine.threads(self.threads):
            return engine.fusion_weights(examples_of(texts, task=self.task_))

    def outcomes(self, examples: Examples) -> NDArray:
        """What `task_.primary` needs of each row; the rows can be resampled."""
        task = self._fitted_engine().task
        examples = examples_to_score(examples, None, task, task.labels)
        return task.outcomes(self.scores(examples), examples)

    def evaluate(self, texts: Any, labels: Any = None, *, resamples: int = 1000) -> Evaluation:
        """The primary metric with its interval, and all other metrics.

        Raises:
            DataError: a label does not occur in the training data.
        """
        engine = self._fitted_engine()
        examples = examples_to_score(texts, labels, engine.task, engine.task.labels)
        engine.task.check(examples)
        with engine.threads(self.threads):
            return evaluate_scores(engine, engine.scores(examples), examples, resamples=resamples)

    def score(self, texts: Any, labels: Any) -> float:
        """The primary metric."""
        task = self._fitted_engine().task
        return float(task.primary(self.outcomes(examples_of(texts, labels, task))))

    # Saving

    def save(self, folder: str | Path) -> Path:
        """Write the model; an old model in the folder stays until the new one is complete.

        Raises:
            OutputError: the disk is full, or the folder holds something else.
            ModelError: the name ends in .bin, fastText's format, and this is not such a model.
        """
        engine = self._fitted_engine()
        if Path(folder).suffix == ".bin":
            from ..shallow._fasttext_file import write_classifier

            write_classifier(folder, engine.shallow, self.task_)
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
        engine: Literal["auto", "torch", "openvino"] = "auto",
    ) -> "Model":
        """Load a saved model, or a model of another program: `wordladder.load` without word vectors. No path
        in its recipe is opened, and no code in it is executed.

        Args:
            folder: As for `wordladder.load`.
            device: Where the model computes; left out, an accelerator if there is one.
            threads: The number of threads.
            precision: The arithmetic of an encoder of another program; `"auto"` is bfloat16 where the
                hardware supports it.
            engine: What runs an encoder of texts.

        Raises:
            ModelError: there is no model, or it is incomplete.
        """
        from .loading import load

        model = load(folder, device=device, threads=threads, precision=precision, engine=engine)
        if not isinstance(model, cls):
            raise ModelError(f"{folder} holds word vectors, not a model; WordVectors.load reads them")
        return model

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
            engine: The engine.
            report: The report of its training.
            kind: The type of its labels; left out, text.
            evaluation: Its evaluation on dev, if there is one.
            device: Where it computes.
            threads: The number of threads.
        """
        model = cls(engine.recipe, device=device, threads=threads)
        model.report_ = report
        model._adopt(engine, engine.recipe, kind or label_kind(None, engine.task))
        if evaluation is not None:
            model.evaluation_ = evaluation
        return model

    @property
    def notes(self) -> list[str]:
        """What the user should know about a model of another program."""
        return list(self._fitted_engine().notes)

    @property
    def texts_truncated(self) -> int:
        """How many of the texts encoded so far were longer than the encoder reads."""
        return self._fitted_engine().texts_truncated

    def __repr__(self) -> str:
        name = self.recipe.name if isinstance(self.recipe, Recipe) else self.recipe
        return f"Model({str(name)!r}{', fitted' if hasattr(self, 'engine_') else ''})"
