"""The objective of BERT and ALBERT for the loop: batches from documents, the network with its heads, figures
on held-out text.

The network is an encoder of transformers with its own heads, which run on the masked positions only. Its
forward pass gives the loss of the published models: the mean cross-entropy of the masked pieces, plus that of
the order of the two segments (Devlin et al. 2019, Lan et al. 2020). Only 15 % of the positions have a loss;
nothing is computed of the vocabulary at the others. With a teacher, its losses are added.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..embedders._pretrained import save_pretrained
from ..errors import ModelError
from ..layers.devices import device_of, to_device
from ..layers.dropout import use_byte_dropout
from ..layers.half_precision_attention import use_fast_attention
from .documents import Documents
from .masking import Masking
from .segments import Batch, Batches, Order
from .settings import PretrainingSettings
from .teacher import Teacher
from .word_vectors import merge_projection

HELD_OUT_PIECES = 65_536  # evaluated on, at most
_FINE_TUNING_DROPOUT = 0.1
TEACHER_WEIGHT = 10.0  # of the teacher's losses

Scores = dict[str, Tensor]


class MaskedLanguageModel(nn.Module):
    """BERT or ALBERT with its pretraining heads.

    Args:
        model: A `…ForPreTraining`, or a `…ForMaskedLM` where the order of segments is not asked.
        teacher: A teacher to learn from in addition to the text.

    Raises:
        ModelError: the model is neither BERT nor ALBERT.
    """

    def __init__(self, model: Any, teacher: Teacher | None = None) -> None:
        super().__init__()
        kind = model.config.model_type
        if kind not in ("bert", "albert"):
            raise ModelError(f"a model of type {kind!r} cannot be pretrained here; bert and albert can")
        self.model, self.kind, self.teacher = model, kind, teacher
        use_fast_attention(model)
        use_byte_dropout(model)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; and `masked_loss`, `masked_accuracy`, `order_accuracy`, and the teacher's."""
        scores, states = self.scores(batch)
        loss, facts = _means(scores)
        if self.teacher is not None:
            losses = self.teacher(batch, self.model.base_model, states)
            facts |= losses
            loss = loss + TEACHER_WEIGHT * (losses["teacher_states"] + losses["teacher_relations"])
        return loss, facts

    def scores(self, batch: Batch) -> tuple[Scores, Any]:
        """Sums of losses and of right answers, and counts, over a batch: `masked_loss`, `masked_right`,
        `masked`, `order_loss`, `order_right`, `ordered`; and the hidden states of all layers where a teacher
        needs them.
        """
        inputs = {"input_ids": batch.ids, "attention_mask": batch.mask, "token_type_ids": batch.types}
        output = self.model.base_model(**inputs, output_hidden_states=self.teacher is not None)
        heads = self.model if self.kind == "albert" else self.model.cls
        pieces = heads.predictions(output[0].flatten(0, 1).index_select(0, batch.places))
        scores = {
            "masked_loss": cross_entropy(pieces.float(), batch.labels, reduction="sum"),
            "masked_right": (pieces.detach().argmax(-1) == batch.labels).sum(),
            "masked": torch.tensor(max(1, len(batch.labels))),
        }
        if batch.order is not None:
            classifier = heads.sop_classifier if self.kind == "albert" else heads.seq_relationship
            order = classifier(output[1]).float()
            scores["order_loss"] = cross_entropy(order, batch.order, ignore_index=-100, reduction="sum")
            scores["order_right"] = (order.detach().argmax(-1) == batch.order).sum()
            scores["ordered"] = (batch.order >= 0).sum()
        return scores, output.hidden_states


def _means(scores: Scores) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss, and `masked_loss`, `masked_accuracy` and `order_accuracy`, of sums and counts."""
    loss = scores["masked_loss"] / scores["masked"]
    facts = {"masked_loss": loss, "masked_accuracy": scores["masked_right"] / scores["masked"]}
    if "ordered" in scores:
        ordered = scores["ordered"].clamp(min=1)
        facts["order_accuracy"] = scores["order_right"] / ordered
        loss = loss + scores["order_loss"] / ordered
    return loss, facts


class MaskedObjective:
    """A masked language model learning from documents.

    Args:
        model: The encoder with its heads.
        tokenizer: The tokenizer that the documents were made with.
        train: What it learns from.
        held_out: What it is measured on; None: nothing.
        settings: The objectives and the size of a batch.
        teacher: A teacher to learn from in addition to the documents.
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
        self._batches = self._make_batches(train, settings.order)
        self._held_out: list[Batch] = []
        if held_out is not None:
            # With one document held out there is no other to take a wrong segment from.
            order = None if settings.order == "nsp" and len(held_out) < 2 else settings.order
            self._held_out = self._make_batches(held_out, order).one_pass(HELD_OUT_PIECES)

    def _make_batches(self, documents: Documents, order: Order | None) -> Batches:
        settings, tokenizer = self.settings, self.tokenizer
        ordinary = np.array(sorted({*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids}))
        masking = Masking(tokenizer.mask_token_id, ordinary, longest=settings.run)
        special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
        size, whole_words = (settings.max_pieces, settings.batch), settings.whole_words is not False
        return Batches(documents, masking, special, order, *size, settings.seed, whole_words)

    def batch(self, step: int, part: int) -> Batch:
        """The batch of a part of a step."""
        return self._batches.batch(step * self.settings.parts + part)

    def tokens(self, batch: Batch) -> int:
        """Pieces of a batch, padding left out."""
        return batch.ids.numel() if batch.mask is None else int(batch.mask.sum())

    def held_out(self) -> dict[str, float]:
        """`loss`, `masked_loss`, `perplexity` (its exponential), `masked_accuracy` and, where it is asked,
        `order_accuracy`, over all rows; always the same rows with the same pieces masked.
        """
        if not self._held_out:
            return {}
        sums: Scores = {}
        for batch in self._held_out:
            scores, _ = self.network.scores(to_device(batch, device_of(self.network)))
            for name, value in scores.items():
                sums[name] = sums.get(name, 0.0) + value.double().cpu()
        if not sums.get("ordered", 1):
            del sums["ordered"]
        loss, facts = _means(sums)
        figures = {"loss": loss.item(), **{name: value.item() for name, value in facts.items()}}
        return {**figures, "perplexity": math.exp(min(figures["masked_loss"], 50.0))}

    def keep(self, folder: Path) -> None:
        """Write model and tokenizer in Hugging Face's layout.

        BERT is saved with its usual dropout of 0.1, which is for fine-tuning; ALBERT's is 0 there.
        """
        model, config = self.network.model, self.network.model.config
        before = config.hidden_dropout_prob, config.attention_probs_dropout_prob
        if self.network.kind == "bert":
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = _FINE_TUNING_DROPOUT
        self.tokenizer.model_max_length = config.max_position_embeddings
        merge_projection(model)
        save_pretrained(model, self.tokenizer, folder)
        config.hidden_dropout_prob, config.attention_probs_dropout_prob = before
