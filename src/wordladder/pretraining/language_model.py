"""The network of masked-language-model pretraining: an encoder of transformers with its own heads, which run
on the hidden places only.

Its forward pass gives the loss of the published models: the mean cross-entropy of the hidden pieces, plus
that of the order of the two segments (Devlin et al. 2019, Lan et al. 2020). Only 15 % of the places have a
loss; nothing is computed of the vocabulary at the others.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..errors import ModelError
from ..layers.half_attention import use_fast_attention
from .segments import Batch

__all__ = ["MaskedLanguageModel", "Scores"]

_BODIES = {"bert": "bert", "albert": "albert"}


class Scores(dict[str, Tensor]):
    """Sums and counts over a batch: `masked_loss`, `masked_right`, `masked`, `order_loss`, `order_right`,
    `ordered`.
    """


class MaskedLanguageModel(nn.Module):
    """BERT or ALBERT with its pretraining heads.

    Args:
        model: A `…ForPreTraining`, or a `…ForMaskedLM` where the order of segments is not asked.

    Raises:
        ModelError: the model is neither BERT nor ALBERT.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        kind = model.config.model_type
        if kind not in _BODIES:
            raise ModelError(f"a model of type {kind!r} cannot be pretrained here; bert and albert can")
        self.model, self.kind = model, kind
        use_fast_attention(model)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; and `masked_loss`, `masked_accuracy`, `order_accuracy`."""
        scores = self.scores(batch)
        masked = scores["masked_loss"] / scores["masked"]
        facts = {"masked_loss": masked, "masked_accuracy": scores["masked_right"] / scores["masked"]}
        if "ordered" not in scores:
            return masked, facts
        ordered = scores["ordered"].clamp(min=1)
        facts["order_accuracy"] = scores["order_right"] / ordered
        return masked + scores["order_loss"] / ordered, facts

    def scores(self, batch: Batch) -> Scores:
        """Sums of losses and of right answers."""
        body = getattr(self.model, _BODIES[self.kind])
        output = body(input_ids=batch.ids, attention_mask=batch.mask, token_type_ids=batch.types)
        hidden = output[0].flatten(0, 1).index_select(0, batch.places)
        head = self.model.predictions if self.kind == "albert" else self.model.cls.predictions
        pieces = head(hidden)
        found = Scores(
            masked_loss=cross_entropy(pieces.float(), batch.labels, reduction="sum"),
            masked_right=(pieces.detach().argmax(-1) == batch.labels).sum(),
            masked=torch.tensor(max(1, len(batch.labels))),
        )
        if batch.order is None:
            return found
        albert = self.kind == "albert"
        classify = self.model.sop_classifier if albert else self.model.cls.seq_relationship
        order = classify(output[1]).float()
        found["order_loss"] = cross_entropy(order, batch.order, ignore_index=-100, reduction="sum")
        found["order_right"] = (order.detach().argmax(-1) == batch.order).sum()
        found["ordered"] = (batch.order >= 0).sum()
        return found
