"""The network of masked-language-model pretraining: an encoder of transformers with its own heads, which run
on the hidden places only.

Its forward pass gives the loss of the published models: the mean cross-entropy of the hidden pieces, plus
that of the order of the two segments (Devlin et al. 2019, Lan et al. 2020). Only 15 % of the places have a
loss; nothing is computed of the vocabulary at the others. With a teacher, what it tells is learned as well.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..errors import ModelError
from ..layers.half_precision_attention import use_fast_attention
from .segments import Batch
from .teacher import Teacher

_BODIES = {"bert": "bert", "albert": "albert"}
LESSONS = 10.0  # what the teacher's losses count beside the others


class Scores(dict[str, Tensor]):
    """Sums and counts over a batch: `masked_loss`, `masked_right`, `masked`, `order_loss`, `order_right`,
    `ordered`.
    """


class MaskedLanguageModel(nn.Module):
    """BERT or ALBERT with its pretraining heads.

    Args:
        model: A `…ForPreTraining`, or a `…ForMaskedLM` where the order of segments is not asked.
        teacher: What it learns from beside the text.

    Raises:
        ModelError: the model is neither BERT nor ALBERT.
    """

    def __init__(self, model: Any, teacher: Teacher | None = None) -> None:
        super().__init__()
        kind = model.config.model_type
        if kind not in _BODIES:
            raise ModelError(f"a model of type {kind!r} cannot be pretrained here; bert and albert can")
        self.model, self.kind, self.teacher = model, kind, teacher
        use_fast_attention(model)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; and `masked_loss`, `masked_accuracy`, `order_accuracy`, and the teacher's."""
        output = self._read(batch)
        scores = self._scores(batch, output)
        loss = scores["masked_loss"] / scores["masked"]
        facts = {"masked_loss": loss, "masked_accuracy": scores["masked_right"] / scores["masked"]}
        if "ordered" in scores:
            ordered = scores["ordered"].clamp(min=1)
            facts["order_accuracy"] = scores["order_right"] / ordered
            loss = loss + scores["order_loss"] / ordered
        if self.teacher is not None:
            lessons = self.teacher(batch, self._body, output.hidden_states)
            facts |= lessons
            loss = loss + LESSONS * (lessons["teacher_states"] + lessons["teacher_relations"])
        return loss, facts

    def scores(self, batch: Batch) -> Scores:
        """Sums of losses and of right answers."""
        return self._scores(batch, self._read(batch))

    @property
    def _body(self) -> Any:
        return getattr(self.model, _BODIES[self.kind])

    def _read(self, batch: Batch) -> Any:
        """What the encoder says, the hidden states of all layers included where a teacher wants them."""
        given = {"input_ids": batch.ids, "attention_mask": batch.mask, "token_type_ids": batch.types}
        return self._body(**given, output_hidden_states=self.teacher is not None)

    def _scores(self, batch: Batch, output: Any) -> Scores:
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
