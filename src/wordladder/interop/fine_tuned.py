"""Fine-tuned models of transformers as engines: classification, tagging and question answering.

They predict what transformers predicts: a class from the text, truncated to what the model reads; the tag of
a word from its first piece; the start and end of an answer from the best pieces of its words.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from ..data.examples import Examples
from ..embedders._inference import frozen_copy, pad_pieces
from ..embedders._pieces import CPU_GROUP, Group, Pieces
from ..embedders._pretrained import Pretrained, open_pretrained, save_pretrained
from ..embedders._sentence_layout import SentenceLayout
from ..engines.word_joining import join_to_given_words
from ..errors import ModelError
from ..layers.devices import tensors, to_device
from ..layers.threads import in_parallel
from ..recipe import Recipe, build
from ..tasks._word_scores import WordScores
from ..tasks._word_tags import WordScheme
from ..text.words import TextSettings, Tokens, tokenize
from .no_task import MEAN_NOTE
from .sentence_encoder import Ints, Precision, SentenceEngine
from .sources import task_of

_BIOES = {"L-": "E-", "U-": "S-"}
_NEVER = -1e4  # the score of what the model cannot predict
_OVERLAP = 128  # pieces that windows share, as in transformers
_ROWS = 256  # examples that are split into windows together
_HAN = re.compile("[\u3400-\u9fff]")
_CHINESE = 0.25  # the least share of pieces with Han characters in a Chinese tokenizer


class FineTuned(SentenceEngine):
    """A model with a head, and the task that it was fine-tuned for. It also encodes, with its encoder.

    Args:
        folder: The folder of the model.
        source: The path or name that the user gave.
        device: Where it computes.
        precision: The arithmetic; `"auto"` is float32 here, as in transformers.

    Raises:
        ModelError: it cannot be read.
    """

    def __init__(
        self, folder: Path, source: str, *, device: str | None = None, precision: Precision = "auto"
    ) -> None:
        auto, self._kind = task_of(folder) or ("AutoModel", "")
        self.with_head = open_pretrained(str(folder), error=ModelError, auto=auto)
        model, tokenizer, notes = self.with_head
        inner = Pretrained(getattr(model, model.base_model_prefix), tokenizer, notes)
        super().__init__(inner, SentenceLayout(), source=source, device=device, precision=precision)
        self.notes.append(MEAN_NOTE.format(source))
        self._names = [str(name) for _, name in sorted(model.config.id2label.items())]
        self.task = build("tasks", self.recipe.tables["task"])
        self._set_labels()
        pad = tokenizer.pad_token_id or 0
        if model.config.pad_token_id is None:  # some models find the end of a text by it
            model.config.pad_token_id = pad
        self._head = frozen_copy(
            Logits(model),
            precision="float32" if precision == "auto" else precision,
            device=self.device,
            padding=pad,
            pack=self.task.per_word,
        )
        self._pad, self._has_types = pad, "token_type_ids" in tokenizer.model_input_names
        self._windows = Pieces(
            self._tokenizer,
            pad=pad,
            limit=self.limit,
            overlap=_OVERLAP if self.limit is None else min(_OVERLAP, self.limit // 4),
            pooling="mean" if self._kind == "span_qa" else "first",
            blanks=True,
        )

    def _recipe(self, source: str) -> Recipe:
        """A recipe that fine-tunes the encoder for the same task."""
        task: dict[str, Any] = {"kind": self._kind}
        if self._kind == "span_qa":
            pieces = self.with_head.tokenizer.get_vocab()
            chinese = sum(_HAN.search(piece) is not None for piece in pieces) > _CHINESE * len(pieces)
            task |= {"no_answer": False, "style": "cmrc" if chinese else "squad"}
        embedder = super()._recipe(source).tables["embedders"][0] | {"tune": True}
        return Recipe({"embedders": [embedder], "task": task}, self.name)

    def _set_labels(self) -> None:
        """Give the task the model's labels."""
        if self._kind == "classification":
            multi_label = self.with_head.model.config.problem_type == "multi_label_classification"
            self.task.set_labels(self._names, multi_label=multi_label)
        elif self._kind == "tagging":
            scheme, tags = _tags(self._names)
            types = tags if scheme == "words" else [tag[2:] for tag in tags if tag != "O"]
            self.task.set_labels(list(dict.fromkeys(types)), scheme)
            columns = {tag: column for column, tag in enumerate(tags)}
            self._columns = np.array([columns.get(tag, -1) for tag in self.task.tag_set.names])

    def scores(self, examples: Examples) -> Any:
        """Unnormalised scores `(rows, labels)`, or of words."""
        if not self.task.per_word:
            empty = np.zeros((1, len(self._names)), np.float32)
            return self._compute_texts(examples.texts, self._score_texts, empty)
        tokens = tokenize(examples.flat(), TextSettings(), segments=len(examples.segments))
        if examples.words is not None:  # as in a file of tagged words
            tokens = join_to_given_words(tokens, examples.words)
        starts = range(0, len(tokens), _ROWS)
        blocks = (tokens.take(np.arange(start, min(start + _ROWS, len(tokens)))) for start in starts)
        empty = np.zeros((0, self.task.width), np.float32)
        return WordScores(np.concatenate([empty, *map(self._score_words, blocks)]), tokens)

    @torch.inference_mode()
    def _score_texts(self, rows: Sequence[Ints]) -> NDArray[np.float32]:
        """The scores of texts, from the ids of their pieces."""
        ids, mask = pad_pieces(rows, self._pad, self.device)
        return self._logits(ids, mask, torch.zeros_like(ids)).cpu().numpy()

    def _logits(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        return self._head.layers(ids, mask, types if self._has_types else None, False)[0]

    def _score_words(self, tokens: Tokens) -> NDArray[np.float32]:
        """The scores of each word: those of its first piece, or the highest of all its pieces."""
        windows = self._windows.arrange(tokens, CPU_GROUP if self.device.type == "cpu" else np.inf)
        jobs = [partial(self._score_pieces, group) for group in windows.groups]
        empty = np.zeros((0, len(self._names)), np.float32)
        pieces = np.concatenate([empty, *in_parallel(jobs, self.device.type)])
        offsets = tokens.example_offsets
        time = max(1, int(np.diff(offsets).max(initial=0)))
        row, position = np.divmod(windows.words.rows, time)
        values = np.full((len(tokens.starts), pieces.shape[1]), _NEVER, np.float32)
        np.maximum.at(values, offsets[row] + position, pieces[windows.words.places])
        return self._tag_scores(values, tokens) if self._kind == "tagging" else values

    @torch.inference_mode()
    def _score_pieces(self, group: Group) -> NDArray[np.float32]:
        """The scores of all pieces of some windows, one window after another."""
        return self._logits(*to_device(tensors(group), self.device)).flatten(0, 1).cpu().numpy()

    def _tag_scores(self, values: NDArray[np.float32], tokens: Tokens) -> NDArray[np.float32]:
        """The scores of the task's tags, so that the best ones make the entities of transformers: an inside
        tag that follows no tag of its type begins an entity.
        """
        tags = self.task.tag_set
        scores = np.where(self._columns < 0, np.float32(_NEVER), values[:, self._columns])
        if tags.scheme == "words":
            return scores
        scores[(values == _NEVER).all(axis=1), 0] = 0.0  # words without a piece are outside
        if tags.scheme == "bio":
            best = scores.argmax(axis=1)
            types = np.array([0, *np.repeat(np.arange(len(self.task.labels)) + 1, 2)])[best]
            before = np.append(0, types[:-1])
            before[tokens.offsets[:-1][tokens.lengths > 0]] = 0
            row = np.flatnonzero(tags.continues[best] & (before != types))
            inside = best[row]
            scores[row, inside], scores[row, inside - 1] = scores[row, inside - 1], scores[row, inside]
        return scores

    def keep(self, folder: Path) -> None:
        """Write a folder that this class and transformers read."""
        save_pretrained(self.with_head.model, self.with_head.tokenizer, folder)


class Logits(nn.Module):
    """A model with a head as an encoder whose last layer is the logits."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.inner = model

    def __getattr__(self, name: str) -> Any:
        """All other attributes are those of the model."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)

    def forward(self, *args: Any, **options: Any) -> BaseModelOutput:
        """Logits of texts `(texts, labels)`, or of pieces `(texts, pieces, labels)`."""
        output = self.inner(*args, **options)
        if "logits" in output:
            return BaseModelOutput(output.logits)
        return BaseModelOutput(torch.stack([output.start_logits, output.end_logits], dim=-1))


def _tags(names: Sequence[str]) -> tuple[WordScheme, list[str]]:
    """The scheme of a model's tags, and the tags as the scheme writes them.

    BILOU's last and unit are BIOES' end and single; if there is an O, types without a prefix are insides.
    """
    marks = {name[:2] for name in names if name != "O"}
    if marks <= {"B-", "I-"}:
        return "bio", list(names)
    if marks <= {f"{letter}-" for letter in "BIESLU"}:
        return "bioes", [_BIOES.get(name[:2], name[:2]) + name[2:] for name in names]
    if "O" in names:
        return "bio", [name if name == "O" else f"I-{name}" for name in names]
    return "words", list(names)
