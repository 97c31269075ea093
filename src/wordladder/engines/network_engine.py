"""A network that is trained step by step, on a device."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from ..data.batches import length_batches
from ..data.examples import Examples
from ..embedders._training_text import TrainingText
from ..errors import ModelError, RecipeError
from ..layers.devices import batches_on_device, choose_device, device_of, explain_out_of_memory, threads
from ..layers.search_settings import Search
from ..processes import first_goes_first
from ..progress import Progress, quiet
from ..recipe import Recipe, build, component
from ..tasks.translation import Alignment
from ..text.words import Tokens, text_of, words_alone
from ..training.optimizer import computes_in_half, rates_by_part
from ..training.segments import segmented_job
from ..training.settings import TrainingSettings
from ..training.taught import end_lesson, mean_cosine, taught_job
from .batched_engine import BatchedEngine
from .engine import FitRun, FusionWeights, TrainableEngine
from .few_labels import contrast_job, fit_head
from .network import Network
from .sentence_parts import write_sentence_parts
from .writing import continued, written

MEMORY_ADVICE = 'Something else may be using it; device = "cpu" does without.'
CACHE_ROWS = 256  # texts to predict from which on their features are cached


class NetworkEngine(BatchedEngine, TrainableEngine):
    """A network on a device."""

    reads_apart = property(lambda self: self.network.reads_apart)
    scorer = property(lambda self: self.network)
    encoder = property(lambda self: self._encode_batch)
    vector_dim = property(lambda self: self.network.task.dim)

    def __init__(self, recipe: Recipe, device: str | None = None) -> None:
        super().__init__(recipe)
        self.device = choose_device(device)
        self.settings = TrainingSettings(**recipe.table("training"))
        if self.settings.contrast and recipe.task != "classification":
            raise RecipeError(f"[training] contrast is for the task 'classification', not {recipe.task!r}")
        self._cache: Path | None = None  # the folder of the features of frozen embedders
        # The vocabulary of an embedder has few words that are joined.
        embedders = [component("embedders", table["kind"]) for table in recipe.tables["embedders"]]
        self.joins_words = not any(getattr(embedder, "knows_words", False) for embedder in embedders)

    threads = staticmethod(threads)

    def _fit(self, train: Examples, dev: Examples | None, run: FitRun) -> dict[str, Any]:
        """Train the network; it ends with the weights that were best on dev."""
        from ..training.loop import train as train_network

        splits = self._tokenize(train, dev)
        tokens = splits["train"][1]
        if hasattr(self.task, "learn_words"):
            self.task.learn_words(tokens)
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            with first_goes_first():
                facts = self._initialise_network(train, tokens, run)
                if getattr(self.task, "negatives", 0):
                    train = self._with_negatives(train, tokens)
                    tokens = self.words.tokens(train)
                    splits["train"] = train, tokens
                if self.network.frozen():
                    folder, self._cache = run.features_folder(self.network), run.cache
                    texts = [tokens for _, tokens in splits.values()]
                    facts["features"] = self._cache_features(texts, folder, run.progress)
            targets = self.task.targets(train, tokens)
            weights = None if train.weights is None else np.asarray(train.weights, np.float32)
            started = time.perf_counter()
            score = None if dev is None else partial(self._dev_score, *splits["dev"], run.lesson)
            head = self.network.task  # contrast takes another one meanwhile
            job = self._job(train, tokens, targets, weights, run, score)
            state = train_network(job, run.progress)
            rates = rates_by_part(self.network, self.settings)
            if run.lesson is not None:
                end_lesson(self.network)
            if self.settings.contrast:
                encode = partial(self._run, tokens, self.encoder, head.dim)
                fit_head(self.network, head, encode, targets, weights)
            self._fit_postprocess(tokens)
        # Seconds that an interrupted run trained before this one.
        facts["earlier_seconds"] += max(0.0, state.seconds - (time.perf_counter() - started))
        facts["earlier_seconds"] += sum(report["earlier"] for report in facts.get("features", ()))
        return facts | {
            "text": {name: self._text_facts(*split) for name, split in splits.items()},
            "history": state.history,
            "best_epoch": state.best_epoch,
            "learning_rates": rates,
            "steps": state.step,
            "steps_skipped": state.skipped,
        }

    def _job(
        self, train: Examples, tokens: Tokens, targets: Any, weights: Any, run: FitRun, score: Any
    ) -> Any:
        """What the training loop works on."""
        from ..training.loop import Job

        together = self.task.together(train) if hasattr(self.task, "together") else None
        job = Job(
            network=self.network,
            batches=self._batches(self._lengths(tokens, targets), together),
            prepare=lambda rows: self.network.prepare(
                tokens.take(rows), targets[rows], None if weights is None else weights[rows]
            ),
            score=score,
            settings=self.settings,
            words=len(tokens.starts),
            checkpoint=run.checkpoint,
            device=self.device,
        )
        if run.lesson is not None:
            job = taught_job(job, run.lesson, tokens)
        if self.settings.contrast:
            job = contrast_job(job, self._batches, tokens, targets)
        if getattr(self.task, "segment", None):
            job = segmented_job(job, self._batches, tokens, targets, self.task.segment)
        return job

    def _fit_postprocess(self, tokens: Tokens) -> None:
        """Fit what the head does to the vectors of texts after training, if it does anything."""
        head = self.network.task
        if (postprocess := getattr(head, "postprocess", None)) is not None:
            vectors = self._run(
                tokens.apart(), lambda batch: head.raw(self.network.encode(batch)), postprocess.dim
            )
            postprocess.fit(vectors)

    def _lengths(self, tokens: Tokens, targets: Any) -> NDArray[np.int64]:
        """Words of each example, or of its target if that is longer."""
        lengths = np.diff(tokens.example_offsets)
        longer = hasattr(self.network.task, "write")
        return np.maximum(lengths, np.diff(targets.offsets)) if longer else lengths

    def _batches(
        self,
        lengths: NDArray[np.int64],
        together: NDArray[np.int64] | None = None,
        longest: int | None = None,
    ) -> Callable[[int], list[NDArray[np.int64]]]:
        settings = self.settings
        return lambda epoch: length_batches(
            lengths,
            max_words=settings.batch_words,
            max_rows=settings.batch_rows,
            seed=settings.seed,
            epoch=epoch,
            together=together,
            longest=longest,
        )

    def _with_negatives(self, train: Examples, tokens: Tokens) -> Examples:
        """The pairs, and negatives that are mined with the network as it is."""
        from ..training.mining import with_mined_negatives

        near = self.task.near(self.task.gold(train))
        vectors, numbers = self._text_vectors(tokens)
        return with_mined_negatives(train, near, vectors, numbers, self.task.negatives, self.task.low)

    def _initialise_network(self, train: Examples, tokens: Tokens, run: FitRun) -> dict[str, Any]:
        """A new network, or the initial one of an interrupted run; returns facts for the report."""
        saved = None if run.folder is None else run.folder / "start"
        if saved is not None and saved.is_dir():
            self.restore(saved)
            facts = json.loads((saved / "found.json").read_text(encoding="utf-8"))
            return facts | {"earlier_seconds": facts.get("vectors_seconds", 0.0)}
        facts = {"earlier_seconds": 0.0}
        vectors = None
        if "vectors" in self.recipe.tables:
            trained = self._train_vectors(train, run)
            vectors, facts["vectors_seconds"] = trained.vectors, trained.seconds
            facts["vectors_start"] = trained.start
            facts["earlier_seconds"] = trained.seconds if trained.cached else 0.0
        text = TrainingText(tokens, vectors, self.recipe.folder)
        self.network = Network(self.recipe, self.task).initialise(text)
        notes = [note for one in self.network.embedders for note in getattr(one, "notes", ())]
        facts["reading"] = list(dict.fromkeys(notes))
        if saved is not None:
            self._save_initial_network(saved, facts)
        return facts

    def _train_vectors(self, train: Examples, run: FitRun) -> Any:
        from ..vectors._recipe_vectors import train_vectors

        table = self.recipe.tables["vectors"]
        return train_vectors(
            build("vectors", table),
            table,
            train.flat(),
            self.recipe.text,
            folder=self.recipe.folder,
            cache=run.cache,
            seed=self.settings.seed,
            threads=run.threads,
            progress=run.progress,
            teacher=run.teacher and partial(run.teacher, device=str(self.device)),
        )

    def _save_initial_network(self, folder: Path, facts: dict[str, Any]) -> None:
        new = folder.with_name("start.new")
        shutil.rmtree(new, ignore_errors=True)  # left by a run that was stopped here
        new.mkdir(parents=True)
        self.keep(new)
        (new / "found.json").write_text(json.dumps(facts), encoding="utf-8")
        new.rename(folder)

    def _cache_features(
        self, texts: list[Tokens], folder: Path, progress: Progress = quiet
    ) -> list[dict[str, Any]]:
        """Compute the features of frozen embedders once, and store them in the folder."""
        from ..embedders._frozen_features import cache_features

        frozen, apart = self.network.frozen(), self.network.reads_apart
        texts = [tokens.apart() if apart else tokens for tokens in texts]
        return [cache_features(one, texts, folder, self.device, progress)._asdict() for one in frozen]

    def _text_facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        facts = super()._text_facts(examples, tokens)
        for embedder in self.network.embedders:
            facts |= embedder.facts(tokens)
        return facts

    def _dev_score(self, dev: Examples, tokens: Tokens, lesson: Any) -> Any:
        from ..training.loop import Score

        scores = self._scores(tokens)
        metric = self.task.primary(self.task.outcomes(scores, dev))
        if lesson is None or lesson.dev is None:
            return Score(metric, self.task.criterion(metric, scores, dev))
        own = self._run(tokens.apart(), self.encoder, self.vector_dim)
        return Score(metric, mean_cosine(own, np.concatenate(lesson.dev)))

    @property
    def reads_both_orders(self) -> bool:
        """Whether the texts of a pair are read together, and their order is to mean nothing."""
        return getattr(self.task, "symmetric", False) and self.network.task.use_summary

    @property
    def chain(self) -> Any:
        """The chain of tags, if there is one."""
        crf = getattr(self.network.task, "chain", None)
        return None if crf is None else crf.chain

    def _scores(self, tokens: Tokens) -> Any:
        """Scores, one row an example or a word."""
        if hasattr(self.network.task, "write"):
            return self._written(tokens)
        if hasattr(self.network.task, "log_probabilities"):
            return self._run(tokens, self._log_probabilities, 1, targets=self.task.targets(None, tokens))
        return super()._scores(tokens)

    def _results(
        self, tokens: Tokens, compute: Callable[[Any], Any], max_rows: int | None = None, targets: Any = None
    ) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """For each batch of examples of similar length their row numbers and the result of `compute`, a
        tensor as an array.
        """
        self.network.eval()
        device = device_of(self.network)
        batches = self._in_batches(tokens, max_rows)

        def prepare(rows: NDArray[np.int64]) -> Any:
            some = tokens if len(rows) == len(tokens) == 1 else tokens.take(rows)
            return self.network.prepare(some, None if targets is None else targets[rows])

        for rows, batch in zip(batches, batches_on_device(prepare, batches, device)):
            with torch.inference_mode(), explain_out_of_memory(MEMORY_ADVICE):
                result = compute(batch)
            yield rows, result.float().cpu().numpy() if isinstance(result, torch.Tensor) else result

    def _log_probabilities(self, batch: Any) -> torch.Tensor:
        head = self.network.task
        return head.log_probabilities(head(self.network.encode(batch)), batch.targets)

    def _encode_batch(self, batch: Any) -> torch.Tensor:
        return self.network.task.pooled(self.network.encode(batch))

    def scores(self, examples: Examples) -> Any:
        """Scores `(rows, labels)`, or of words. If the fit had a cache, it also gets the features of these
        texts, unless they are few.
        """
        tokens = self.words.tokens(examples)
        if self._cache is not None and len(tokens) >= CACHE_ROWS:
            self._cache_features([tokens], self._cache)
        return self._scores(tokens)

    def fusion_weights(self, examples: Examples) -> list[FusionWeights]:
        """The weights of the embedders at each word.

        Raises:
            ModelError: there is no fusion, or it has no weights.
        """
        tokens = self.words.tokens(examples)
        padded: dict[int, NDArray[np.float32]] = {}
        for rows, weights in self._results(tokens, lambda batch: self.network.fusion_weights(batch.inputs)):
            padded.update(zip(rows.tolist(), weights))
        kinds = [table["kind"] for table in self.recipe.tables["embedders"]]
        names = [kind if kinds.count(kind) == 1 else f"{kind} {i}" for i, kind in enumerate(kinds, start=1)]
        words = tokens.surfaces()
        return [
            FusionWeights(words[start:end], names, padded[row][: end - start])
            for row, (start, end) in enumerate(pairwise(tokens.example_offsets.tolist()))
        ]

    def alignments(self, examples: Examples) -> list[Alignment]:
        """The attention between each text and its translation.

        Raises:
            ModelError: the task is not translation.
        """
        if not hasattr(self.network.task, "write"):
            raise ModelError(f"{self.recipe.name}: the task {self.recipe.task!r} has no alignments")
        return self.task.alignments(self._written(self.words.tokens(examples), weights=True))

    def generate(
        self, prompt: str, length: int, how: Search, told: Callable[[str], None] | None = None
    ) -> list[str]:
        """What a language model writes after a prompt, which is part of it, the likeliest first; `told` is
        called with the text so far after each word, if there is one beam.

        Raises:
            ModelError: the task is not a language model.
        """
        if not hasattr(self.network.task, "scorer"):
            raise ModelError(f"{self.recipe.name}: the task {self.recipe.task!r} writes nothing by itself")
        begun = self.words.tokens(Examples(([prompt],)))
        read = partial(words_alone, pieces=begun.pieces)

        def text(words: list[str]) -> str:
            return text_of([*begun.surfaces(), *words], pieces=begun.pieces)

        so_far = None if told is None else lambda words: told(text(words))
        self.network.eval()
        with torch.inference_mode():
            found = continued(self.network, read, begun.surfaces(), length, how, so_far)
        return list(map(text, found))

    def _written(self, tokens: Tokens, *, weights: bool = False) -> Any:
        """What the network writes for each text."""
        half = computes_in_half(self.settings, device_of(self.network))
        return written(self.network, self._results, tokens, half=half, weights=weights)

    def keep(self, folder: Path) -> None:
        """Write vocabularies, labels and all weights."""
        self.network.keep(folder)
        self.task.keep(folder)
        self.words.keep(folder)
        weights = self.network.weights().items()
        save_file(
            {name: tensor.cpu().contiguous() for name, tensor in weights}, folder / "weights.safetensors"
        )
        if not self.reads_both_orders:
            write_sentence_parts(self.recipe, self.task, self.network, folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self.task.restore(folder)
        self.words.restore(folder)
        self.network = Network(self.recipe, self.task).restore(folder)
        weights = load_file(folder / "weights.safetensors")
        try:
            problems = self.network.load_state_dict(weights, strict=False)
        except RuntimeError as error:  # a weight of another shape
            raise ModelError(f"{folder}: the weights do not fit the recipe: {error}") from None
        if problems.unexpected_keys or self.network.weights().keys() & set(problems.missing_keys):
            raise ModelError(f"{folder}: the weights do not fit the recipe: {problems}")
        self.network.to(self.device)
        self.network.eval()
