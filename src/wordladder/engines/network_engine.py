"""A network that is trained by steps, on a device."""

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
from ..embedders._sentence_layout import SentenceLayout, write_layout
from ..embedders._training_text import TrainingText
from ..errors import ModelError
from ..layers.devices import batches_on_device, choose_device, device_of, explain_out_of_memory, threads
from ..recipe import Recipe, build, component
from ..tasks._word_scores import WordScores
from ..text.words import Tokens
from ..training.settings import TrainingSettings
from .engine import FitRun, FusionWeights, text_facts
from .network import Network
from .word_joining import WordJoiner

PREDICT_ROWS, PREDICT_WORDS = 256, 32_768
MEMORY = 'Something else may be using it; device = "cpu" does without.'
MANY = 256  # texts whose features are worth keeping


class NetworkEngine:
    """A network on a device."""

    def __init__(self, recipe: Recipe, device: str | None = None) -> None:
        self.recipe, self.device = recipe, choose_device(device)
        self.settings = TrainingSettings(**recipe.table("training"))
        self.task = build("tasks", recipe.tables["task"])
        self.network: Any = None
        self.words = WordJoiner(recipe.text)
        self._cache: Path | None = None  # where features of frozen embedders stay

    threads = staticmethod(threads)

    def fit(self, train: Examples, dev: Examples | None, run: FitRun) -> dict[str, Any]:
        """Train the network; it ends with the weights that were best on dev."""
        from ..training.loop import Job
        from ..training.loop import train as train_network
        from ..training.optimizer import rates_by_part

        # What is wrong with the labels is found now, not after word vectors have been trained.
        self.task.initialise(train)
        if dev is not None:
            self.task.check(dev)
        if not self._knows_words():
            self.words.learn(train)
        tokens = self.words.tokens(train)
        dev_tokens = self.words.tokens(dev) if dev is not None else None
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            found = self._start(train, tokens, run)
            features = self._remember([one for one in (tokens, dev_tokens) if one is not None], run)
            targets = self.task.targets(train, tokens)
            weights = None if train.weights is None else np.asarray(train.weights, np.float32)
            started = time.perf_counter()
            place = train_network(
                Job(
                    network=self.network,
                    batches=self._batches(tokens),
                    prepare=lambda rows: self.network.prepare(
                        tokens.take(rows), targets[rows], None if weights is None else weights[rows]
                    ),
                    score=None
                    if dev is None or dev_tokens is None
                    else partial(self._dev_score, dev, dev_tokens),
                    settings=self.settings,
                    words=len(tokens.starts),
                    checkpoint=run.checkpoint,
                    device=self.device,
                ),
                run.progress,
            )
        # Training that an interrupted run did before this one.
        earlier = max(0.0, place.seconds - (time.perf_counter() - started))
        facts = {"train": self._facts(train, tokens)}
        if dev is not None and dev_tokens is not None:
            facts["dev"] = self._facts(dev, dev_tokens)
        if features:
            found |= {"features": features}
            earlier += sum(one["earlier"] for one in features)
        return found | {
            "text": facts,
            "history": place.history,
            "best_epoch": place.best_epoch,
            "learning_rates": rates_by_part(self.network, self.settings),
            "steps": place.step,
            "earlier_seconds": found["earlier_seconds"] + earlier,
        }

    def _knows_words(self) -> bool:
        """Whether an embedder has vectors of words as we take them: of others it would know few."""
        kinds = [component("embedders", table["kind"]) for table in self.recipe.tables["embedders"]]
        return any(getattr(kind, "knows_words", False) for kind in kinds)

    def _batches(self, tokens: Tokens) -> Callable[[int], list[NDArray[np.int64]]]:
        lengths, settings = np.diff(tokens.example_offsets), self.settings
        return lambda epoch: length_batches(
            lengths,
            max_words=settings.batch_words,
            max_rows=settings.batch_rows,
            seed=settings.seed,
            epoch=epoch,
        )

    def _start(self, train: Examples, tokens: Tokens, run: FitRun) -> dict[str, Any]:
        """A new network, or the one that an interrupted run began with."""
        start = None if run.work is None else run.work / "start"
        if start is not None and start.is_dir():
            self.restore(start)
            before = json.loads((start / "found.json").read_text(encoding="utf-8"))
            return before | {"earlier_seconds": before.get("vectors_seconds", 0.0)}
        found: dict[str, Any] = {"earlier_seconds": 0.0}
        vectors = None
        if "vectors" in self.recipe.tables:
            trained = self._train_vectors(train, run)
            vectors, found["vectors_seconds"] = trained.vectors, trained.seconds
            found["vectors_start"] = trained.start
            found["earlier_seconds"] = trained.seconds if trained.cached else 0.0
        text = TrainingText(tokens, vectors, self.recipe.folder)
        self.network = Network(self.recipe, self.task).initialise(text)
        notes = [note for one in self.network.embedders for note in getattr(one, "notes", ())]
        found["reading"] = list(dict.fromkeys(notes))
        if start is not None:
            self._keep_start(start, found)
        return found

    def _remember(self, texts: list[Tokens], run: FitRun) -> list[dict[str, Any]]:
        """Have the features of frozen embedders computed once, before the first epoch."""
        from ..embedders._frozen_features import cache_features

        frozen = self.network.frozen()
        if not frozen:
            return []
        folder, self._cache = run.features(self.network), run.cache
        return [cache_features(one, texts, folder, self.device, run.progress)._asdict() for one in frozen]

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
        )

    def _keep_start(self, start: Path, found: dict[str, Any]) -> None:
        fresh = start.with_name("start.new")
        shutil.rmtree(fresh, ignore_errors=True)  # what a run that was stopped here has left
        fresh.mkdir(parents=True)
        self.keep(fresh)
        (fresh / "found.json").write_text(json.dumps(found), encoding="utf-8")
        fresh.rename(start)

    def _facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """What was done to these texts: cut away, unknown; and what happened to their labels."""
        facts = text_facts(tokens)
        for embedder in self.network.embedders:
            facts |= embedder.facts(tokens)
        return facts | self.task.facts(examples, tokens)

    def _dev_score(self, dev: Examples, tokens: Tokens) -> Any:
        from ..training.loop import Score

        scores = self._scores(tokens)
        metric = self.task.primary(self.task.outcomes(scores, dev))
        return Score(metric, self.task.criterion(metric, scores, dev))

    def _scores(self, tokens: Tokens) -> Any:
        """A row of scores an example, or a row a word."""
        if not self.task.per_word:
            return self._run(tokens, self.network, self.task.width)
        values = np.empty((len(tokens.starts), self.task.width), np.float32)
        offsets = tokens.example_offsets.tolist()
        for rows, result in self._results(tokens, self.network):
            for row, found in zip(rows.tolist(), result):
                low, high = offsets[row], offsets[row + 1]
                values[low:high] = found[: high - low]
        crf = getattr(self.network.task, "chain", None)
        return WordScores(values, tokens, None if crf is None else crf.chain)

    def _run(
        self, tokens: Tokens, compute: Callable[[Any], torch.Tensor], width: int, max_rows: int | None = None
    ) -> NDArray[np.float32]:
        """Apply `compute` to all examples; rows come back in their own order."""
        out = np.empty((len(tokens), width), np.float32)
        for rows, result in self._results(tokens, compute, max_rows):
            out[rows] = result
        return out

    def _results(
        self, tokens: Tokens, compute: Callable[[Any], torch.Tensor], max_rows: int | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """The rows of each batch of examples of similar length, and what `compute` makes of them."""
        self.network.eval()
        device = device_of(self.network)
        lengths = np.diff(tokens.example_offsets)
        most = PREDICT_ROWS if max_rows is None else max_rows
        batches = length_batches(lengths, max_words=PREDICT_WORDS, max_rows=most)

        def prepared(rows: NDArray[np.int64]) -> Any:
            return self.network.prepare(tokens if len(rows) == len(tokens) == 1 else tokens.take(rows))

        for rows, batch in zip(batches, batches_on_device(prepared, batches, device)):
            with torch.inference_mode(), explain_out_of_memory(MEMORY):
                result = compute(batch).float().cpu().numpy()
            yield rows, result

    def _pooled_of(self, batch: Any) -> torch.Tensor:
        return self.network.task.pooled(self.network.encode(batch))

    def scores(self, examples: Examples) -> Any:
        """Scores `(rows, labels)`, or of words; where features are cached, those of many texts are kept there
        too.
        """
        tokens = self.words.tokens(examples)
        if self._cache is not None and len(tokens) >= MANY:
            from ..embedders._frozen_features import cache_features

            for embedder in self.network.frozen():
                cache_features(embedder, [tokens], self._cache, self.device)
        return self._scores(tokens)

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """What the task's head reads: one vector a text, `(rows, dim)`."""
        return self._run(self.words.tokens(examples), self._pooled_of, self.network.task.dim, batch_rows)

    def fusion_weights(self, examples: Examples) -> list[FusionWeights]:
        """What the fusion gives each embedder at each word.

        Raises:
            ModelError: there is no fusion, or it does not weigh.
        """
        tokens = self.words.tokens(examples)
        found: dict[int, NDArray[np.float32]] = {}
        for rows, weights in self._results(tokens, lambda batch: self.network.fusion_weights(batch.inputs)):
            found.update(zip(rows.tolist(), weights))
        names, surfaces = self._embedder_names(), tokens.surfaces()
        bounds = pairwise(tokens.example_offsets.tolist())
        return [
            FusionWeights(surfaces[start:end], names, found[row][: end - start])
            for row, (start, end) in enumerate(bounds)
        ]

    def _embedder_names(self) -> list[str]:
        kinds = [table["kind"] for table in self.recipe.tables["embedders"]]
        return [
            kind if kinds.count(kind) == 1 else f"{kind} {number}"
            for number, kind in enumerate(kinds, start=1)
        ]

    def keep(self, folder: Path) -> None:
        """Write vocabularies, labels and all weights."""
        self.network.keep(folder)
        self.task.keep(folder)
        self.words.keep(folder)
        weights = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.network.weights().items()
        }
        save_file(weights, folder / "weights.safetensors")
        if layout := self._sentence_layout():
            write_layout(folder, layout, self.network.embedders[0].dim)

    def _sentence_layout(self) -> SentenceLayout | None:
        """How sentence-transformers makes the same vectors, where it can: of one embedder whose summary of a
        text is what the task reads.
        """
        tables = self.recipe.tables
        (embedder, *others) = self.network.embedders
        if others or tables.get("encoders") or self.recipe.text.max_words is not None:
            return None
        if self.task.segments != 1 or not getattr(self.network.task, "use_summary", False):
            return None
        layout = embedder.sentence_layout() if hasattr(embedder, "sentence_layout") else None
        return layout and layout._replace(encoder="embedders/0")

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
