"""What a Model needs of an engine, and what an engine may use while it is fitted."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..embedders._sentence_layout import SentenceLayout
from ..errors import ModelError
from ..processes import first_goes_first
from ..progress import Progress, quiet
from ..recipe import Recipe, build
from ..text.listed import Piece, listed
from ..text.words import Tokens
from .word_joining import WordJoiner


class FitRun(ExitStack):
    """What a fit may use. Leaving it releases what only this fit needed.

    Args:
        folder: Where checkpoints are written; None: there are none.
        cache: Where word vectors and features are kept for other fits; None: they are not.
        threads: The number of threads; None: as many as PyTorch uses.
        progress: Called as the fit advances.
        teacher: Opens the encoder that distilled vectors are made from, given its source and the folder where
            a relative one starts.
        lesson: What a teacher says of the training texts, as `training.lesson.Lesson`; None: there is none.
    """

    def __init__(
        self,
        folder: Path | None = None,
        cache: str | Path | None = None,
        threads: int | None = None,
        progress: Progress = quiet,
        teacher: Callable[..., Any] | None = None,
        lesson: Any = None,
    ) -> None:
        super().__init__()
        self.folder, self.cache = folder, Path(cache) if cache else None
        self.threads, self.progress = threads, progress
        self.teacher, self.lesson = teacher, lesson
        self.checkpoint = None if folder is None else folder / "checkpoint.safetensors"

    def features_folder(self, network: Any) -> Path:
        """The folder for the features of frozen embedders: the cache, or one for this fit alone."""
        if self.cache is not None:
            return self.cache
        folder = self.folder
        if folder is None:
            folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="wordladder-")))
        self.callback(network.drop_features)  # before the folder: Windows deletes no memory-mapped file
        return folder


class FusionWeights(NamedTuple):
    """The weights that a fusion gives the embedders at each word of a text.

    Attributes:
        words: The words of the text.
        embedders: The kinds of the embedders, numbered as in the recipe where a kind occurs twice.
        weights: `(words, embedders)`; each row sums to one.
    """

    words: list[str]
    embedders: list[str]
    weights: NDArray[np.float32]


class Engine(ABC):
    """A task and what computes its scores.

    Attributes:
        recipe: The recipe of the model.
        task: The task.
        network: The network, if there is one.
        shallow: The shallow model, if there is one.
        words: Finds the words of texts, if the engine does.
        reads_apart: Whether each text of an example is a row of its own.
        layout: How sentence-transformers computes the vectors of the model, if it does.
        notes: What the user should know about a model of another program.
        texts_truncated: How many of the texts encoded so far were longer than the encoder reads.
        has_own_format: Whether `keep` writes a complete folder in the format of another program.
    """

    recipe: Recipe
    task: Any
    network: Any = None
    shallow: Any = None
    words: Any = None
    reads_apart: Any = False
    layout: SentenceLayout | None = None
    notes: Sequence[str] = ()
    texts_truncated = 0
    has_own_format = False
    _threads: int | None = None

    def threads(self, count: int | None) -> AbstractContextManager[None]:
        """Compute with `count` threads inside the block; None: as many as it takes by itself."""
        return self._with_threads(count)

    @contextmanager
    def _with_threads(self, count: int | None) -> Iterator[None]:
        before, self._threads = self._threads, count
        try:
            yield
        finally:
            self._threads = before

    @abstractmethod
    def scores(self, examples: Examples) -> Any:
        """Unnormalised scores `(rows, labels)`, or `WordScores`."""

    @abstractmethod
    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`.

        Args:
            examples: The texts.
            batch_rows: The most texts in a batch; None: chosen automatically.

        Raises:
            ModelError: the model has no vectors of texts.
        """

    def pieces(self, texts: Sequence[str]) -> list[list[Piece]]:
        """What the model reads of each text: words, or the pieces of its vocabulary.

        Raises:
            ModelError: it reads neither.
        """
        if self.words is None:
            raise ModelError(f"{self.recipe.name}: this model does not show how it cuts texts")
        return listed(self.words.tokens(Examples((list(texts),))))

    def fusion_weights(self, examples: Examples) -> list[FusionWeights]:
        """The weights of the embedders at each word.

        Raises:
            ModelError: there is no fusion, or it has no weights.
        """
        raise ModelError(f"{self.recipe.name}: the model has no [fusion]")

    def alignments(self, examples: Examples) -> list[Any]:
        """The attention between each text and its translation, as `tasks.translation.Alignment`.

        Raises:
            ModelError: the task is not translation.
        """
        raise ModelError(f"{self.recipe.name}: the model translates nothing")

    def generate(
        self, prompt: str, length: int, how: Any, told: Callable[[str], None] | None = None
    ) -> list[str]:
        """What a language model writes after a prompt; `told` is called with the text so far.

        Raises:
            ModelError: the model writes nothing.
        """
        raise ModelError(f"{self.recipe.name}: the model writes nothing")

    @abstractmethod
    def keep(self, folder: Path) -> None:
        """Write labels and weights."""


class TrainableEngine(Engine):
    """An engine that is built from a recipe and fitted.

    Attributes:
        words: Joins tokens to words.
        joins_words: Whether it learns to do so from the training data.
    """

    joins_words: bool

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.task = build("tasks", recipe.tables["task"])
        self.words = WordJoiner(recipe.text)

    def fit(self, train: Examples, dev: Examples | None, run: FitRun) -> dict[str, Any]:
        """Fit the model to `train`; `dev` selects what the recipe leaves open. Returns facts for the report.

        Raises:
            DataError: the labels cannot be learned; this is raised before anything is trained.
        """
        self.task.initialise(train)
        if dev is not None:
            self.task.check(dev)
        if self.recipe.text.pieces is not None:
            shared = getattr(self.task, "pieces", None) == "shared"
            targets = [one for several in self.task.gold(train) for one in several] if shared else []
            with first_goes_first():
                self.words.learn_pieces([*train.flat(), *targets], self.recipe.folder, run.folder)
            if shared:
                self.task.vocabulary = self.words.pieces
        elif self.joins_words:
            self.words.learn(train)
        return self._fit(train, dev, run)

    @abstractmethod
    def _fit(self, train: Examples, dev: Examples | None, run: FitRun) -> dict[str, Any]:
        """Fit the model; the task knows its labels."""

    @abstractmethod
    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""

    def _tokenize(self, train: Examples, dev: Examples | None) -> dict[str, tuple[Examples, Tokens]]:
        """The examples of each split, and their words."""
        splits = {"train": train} if dev is None else {"train": train, "dev": dev}
        return {name: (examples, self.words.tokens(examples)) for name, examples in splits.items()}

    def _text_facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """The amount of text, the share of it that was truncated, and what happened to the labels."""
        lost, words = int(tokens.lost.sum()), len(tokens.starts)
        facts = {
            "texts": len(tokens.texts),
            "words": words,
            "texts_cut": float(np.mean(tokens.lost > 0)) if len(tokens.texts) else 0.0,
            "words_lost": lost / max(1, lost + words),
        }
        return facts | self.task.facts(examples, tokens)
