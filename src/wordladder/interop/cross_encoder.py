"""Cross-encoders of sentence-transformers as engines: both texts of a pair are read together.

A model with one output scores pairs, with the activation function that its folder names; one with several
sorts them into classes.
"""

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..data.examples import Examples
from ..embedders._inference import frozen_copy, pad_pieces
from ..embedders._pretrained import Pretrained, open_pretrained
from ..embedders._sentence_layout import read_layout
from ..embedders._sentence_modules import activation_named
from ..errors import ModelError
from ..recipe import Recipe, build
from .fine_tuned import Logits
from .no_task import replace_surrogates
from .sentence_encoder import Ints, Precision, SentenceEngine, read_parts


class CrossEncoder(SentenceEngine):
    """A model of pairs.

    Args:
        folder: The folder of the model.
        source: The path or name that the user gave.
        device: Where it computes.
        precision: The arithmetic; `"auto"` is float32 here, as in sentence-transformers.

    Raises:
        ModelError: it cannot be read.
    """

    reader: Pretrained

    def __init__(
        self, folder: Path, source: str, *, device: str | None = None, precision: Precision = "auto"
    ) -> None:
        layout = read_layout(folder)
        if layout.reader != "Transformer":
            raise ModelError(f"{source}: a cross-encoder that begins with {layout.reader} is not supported")
        auto = "AutoModel" if layout.pooling else "AutoModelForSequenceClassification"
        reader = open_pretrained(str(folder / layout.encoder), error=ModelError, auto=auto)
        model, inner = reader.model, str(folder / layout.encoder) if layout.encoder else source
        parts, name = read_parts(folder, layout), Path(source).name
        super().__init__(reader, layout, parts, source=inner, name=name, device=device, precision=precision)
        self._outputs = model.config.num_labels
        if layout.pooling:
            self._outputs = self._finish(self._no_pieces()).shape[1]
        self._set_task()
        pad = reader.tokenizer.pad_token_id or 0
        if model.config.pad_token_id is None:  # some models find the end of a text by it
            model.config.pad_token_id = pad
        self._pad, self._has_types = pad, "token_type_ids" in reader.tokenizer.model_input_names
        self._pairs = Tokenizer.from_str(self._tokenizer.to_str())
        if self.limit is not None:
            self._pairs.enable_truncation(self.limit, direction=reader.tokenizer.truncation_side)
        self._network = frozen_copy(
            model if layout.pooling else Logits(model),
            precision="float32" if precision == "auto" else precision,
            device=self.device,
            padding=pad,
            pack=bool(layout.pooling),
        )

    def _set_task(self) -> None:
        """Similarity if there is one output, else the classes of pairs."""
        config, name = self.reader.model.config, self.layout.activation or ""
        kind = "pairs" if self._outputs > 1 else "similarity"
        (embedder,) = self.recipe.tables["embedders"]
        task = {"kind": kind} if kind == "pairs" else {"kind": kind, "metric": "spearman"}
        self.recipe = Recipe({"embedders": [embedder | {"tune": True}], "task": task}, self.name)
        self.task = build("tasks", self.recipe.tables["task"])
        if kind == "pairs":
            several = config.problem_type == "multi_label_classification" or name.endswith(".Sigmoid")
            names = [str(label) for _, label in sorted(config.id2label.items())]
            if len(names) != self._outputs:
                names = list(map(str, range(self._outputs)))
            self.task.set_labels(names, multi_label=several)
            return
        try:
            self._activation = activation_named(name or "Sigmoid")
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from None

    def scores(self, examples: Examples) -> NDArray[np.float32]:
        """The scores of pairs `(rows, 1)`, or unnormalised ones of classes `(rows, labels)`."""
        prompt = self.layout.prompts.get(self.layout.prompt or "", "")
        pairs = [(prompt + first, second) for first, second in zip(*examples.segments, strict=True)]
        return self._compute_texts(pairs, self._score, np.zeros((1, self._outputs), np.float32))

    def _piece_ids(self, texts: Any) -> list[Ints]:
        """The ids and the segments of each pair's pieces, `(pieces, 2)`."""
        pairs = [tuple(map(replace_surrogates, pair)) for pair in texts]
        encodings = self._pairs.encode_batch_fast(pairs)
        self.texts_truncated += sum(bool(encoding.overflowing) for encoding in encodings)
        return [np.array([one.ids, one.type_ids], np.int64).T for one in encodings]

    @torch.inference_mode()
    def _score(self, rows: list[Ints]) -> NDArray[np.float32]:
        ids, types = ([row[:, column] for row in rows] for column in (0, 1))
        padded, mask = pad_pieces(ids, self._pad, self.device)
        segments = pad_pieces(types, 0, self.device)[0] if self._has_types else None
        scores = self._network.layers(padded, mask, segments, False)[0]
        if self.layout.pooling:
            scores = self._finish(self._pool(scores[mask], ids))
        return (self._activation(scores) if self._outputs == 1 else scores).cpu().numpy()

    def encode(self, examples: Examples, batch_rows: int | None = None, unpooled: str = "") -> NoReturn:
        """Raise a ModelError: a text has no vector."""
        raise ModelError(f"{self.name}: a cross-encoder reads two texts together, so a text has no vector")
