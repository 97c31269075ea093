"""The objective of BERT and ALBERT for the loop: batches from documents, the network with its heads, figures
on held-out text.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..embedders._pretrained import save_pretrained
from ..extras import require
from ..layers.devices import device_of, to_device
from ._dimension_mapping import fold_projection
from .documents import Documents
from .language_model import MaskedLanguageModel
from .masking import Masking
from .segments import Batch, Batches, Order
from .settings import PretrainingSettings
from .teacher import Teacher
from .vocabulary import piece_count

HELD_OUT_PIECES = 65_536  # looked at, at most, each time
_FINE_TUNING_DROPOUT = 0.1


def new_model(settings: PretrainingSettings, tokenizer: Any) -> Any:
    """An encoder of transformers with pretraining heads and random weights, which the seed decides."""
    transformers = require("transformers", "train", "pretraining")
    albert, shape = settings.kind == "albert", settings.shape
    common = {
        "vocab_size": piece_count(tokenizer),
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": settings.max_pieces,
        "pad_token_id": tokenizer.pad_token_id,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }
    if albert:
        ends = {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
        # The published activation under another name, that of the version which is one operation.
        more = {"embedding_size": shape.embedding, "hidden_act": "gelu_pytorch_tanh"}
        config = transformers.AlbertConfig(**common, **ends, **more)
    else:
        config = transformers.BertConfig(**common)
    name = ("Albert" if albert else "Bert") + ("ForPreTraining" if settings.order else "ForMaskedLM")
    torch.manual_seed(settings.seed)
    return getattr(transformers, name)(config)


class MaskedObjective:
    """A masked language model learning from documents.

    Args:
        model: The encoder with its heads.
        tokenizer: The tokenizer that the documents were made with.
        train: What it learns from.
        held_out: What it is measured on; None: nothing.
        settings: The objectives and the measures of a batch.
        teacher: What the model learns from beside the documents.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        train: Documents,
        held_out: Documents | None,
        settings: PretrainingSettings,
        teacher: Teacher | None = None,
    ) -> None:
        self.network = MaskedLanguageModel(model, teacher)
        self.tokenizer, self.settings = tokenizer, settings
        self._batches = self._of(train, settings.order)
        self._measured: list[Batch] = []
        if held_out is not None:
            # With one document held out there is no other to take a wrong segment from.
            order = None if settings.order == "nsp" and len(held_out) < 2 else settings.order
            self._measured = self._of(held_out, order).one_pass(HELD_OUT_PIECES)

    def _of(self, documents: Documents, order: Order | None) -> Batches:
        settings, tokenizer = self.settings, self.tokenizer
        special = set(tokenizer.all_special_ids)
        known = set(tokenizer.get_vocab().values())
        ordinary = np.array(sorted(known - special))
        masking = Masking(tokenizer.mask_token_id, ordinary, longest=settings.run)
        ends = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
        size = settings.max_pieces, settings.batch
        return Batches(documents, masking, ends, order, *size, settings.seed, settings.hides_whole_words)

    def batch(self, step: int, part: int) -> Batch:
        """The batch of a part of a step."""
        return self._batches.batch(step * self.settings.parts + part)

    def tokens(self, batch: Batch) -> int:
        """Pieces of a batch, padding left out."""
        return batch.ids.numel() if batch.mask is None else int(batch.mask.sum())

    def held_out(self) -> dict[str, float]:
        """`loss`, `masked_loss`, `perplexity` (its exponential), `masked_accuracy` and, where it is asked,
        `order_accuracy`, over all rows; always the same rows with the same pieces hidden.
        """
        if not self._measured:
            return {}
        sums: dict[str, float] = {}
        for batch in self._measured:
            scores = self.network.scores(to_device(batch, device_of(self.network)))
            for name, value in scores.items():
                sums[name] = sums.get(name, 0.0) + float(value)
        masked = sums["masked_loss"] / sums["masked"]
        found = {
            "loss": masked,
            "masked_loss": masked,
            "perplexity": math.exp(min(masked, 50.0)),
            "masked_accuracy": sums["masked_right"] / sums["masked"],
        }
        if ordered := sums.get("ordered"):
            found["loss"] += sums["order_loss"] / ordered
            found["order_accuracy"] = sums["order_right"] / ordered
        return found

    def keep(self, folder: Path) -> None:
        """Write model and tokenizer in Hugging Face's layout.

        BERT is kept with its usual dropout of 0.1, which is for fine-tuning; ALBERT has none there.
        """
        model, config = self.network.model, self.network.model.config
        before = config.hidden_dropout_prob, config.attention_probs_dropout_prob
        if self.network.kind == "bert":
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = _FINE_TUNING_DROPOUT
        self.tokenizer.model_max_length = config.max_position_embeddings
        fold_projection(model)
        save_pretrained(model, self.tokenizer, folder)
        config.hidden_dropout_prob, config.attention_probs_dropout_prob = before
