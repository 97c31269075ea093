"""A teacher: a frozen encoder whose outputs a smaller one learns, in addition to its own objectives.

The student reads rows in which pieces are masked, the teacher the same rows unmasked. The student learns

- the teacher's last hidden states at every piece, by their direction (1 - cosine, as in DistilBERT, Sanh et
  al. 2019), through a linear layer from one width to the other (TinyBERT, Jiao et al. 2020), which is dropped
  at the end;
- how the values in its last layer relate: the softmax of their scaled dot products among the pieces of a row,
  in relation heads, by KL divergence (MiniLMv2, Wang et al. 2021).
"""

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from ..embedders._inference import FrozenEncoder, frozen_copy
from ..embedders._pretrained import open_pretrained, piece_limit
from ..errors import ModelError, SettingError
from .segments import Batch
from .settings import PretrainingSettings
from .vocabulary import piece_count


class Teacher(nn.Module):
    """What a student learns from another encoder. Only the weights of `map` are trained.

    Args:
        encoder: The teacher.
        pieces: The teacher's number of each of the student's pieces (pieces,).
        pad: The teacher's number of the padding piece.
        width: Numbers in a hidden state of the student.
    """

    pieces: Tensor

    def __init__(self, encoder: Any, pieces: np.ndarray, pad: int, width: int) -> None:
        super().__init__()
        dim, most = encoder.config.hidden_size, encoder.config.num_attention_heads
        self.heads = max(heads for heads in range(1, most + 1) if dim % heads == width % heads == 0)
        self.map = nn.Linear(width, dim)
        self.value = deepcopy(value_layer(encoder)).requires_grad_(False)
        self.register_buffer("pieces", torch.from_numpy(pieces))
        self._answering = partial(frozen_copy, encoder, padding=pad)
        self._answers: FrozenEncoder | None = None

    def forward(self, batch: Batch, student: Any, states: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """`teacher_states` and `teacher_relations`, the losses.

        Args:
            batch: What the student has read.
            student: The student's encoder.
            states: All its hidden states (rows, time, dim).
        """
        inside = torch.ones_like(batch.ids, dtype=torch.bool) if batch.mask is None else batch.mask
        with torch.no_grad():
            targets = self._read(batch, inside)
            values = self.value(targets[-2])
        own = value_layer(student)(states[-2])
        return {
            "teacher_states": state_loss(self.map(states[-1]), targets[-1], inside),
            "teacher_relations": relation_loss(own, values, inside, self.heads),
        }

    def _read(self, batch: Batch, inside: Tensor) -> tuple[Tensor, ...]:
        """All hidden states of the teacher, which reads the masked pieces too."""
        ids = batch.ids.flatten().scatter(0, batch.places, batch.labels).view_as(batch.ids)
        if self._answers is None:  # now the network is where it computes
            self._answers = self._answering(device=ids.device)
        return self._answers.layers(self.pieces[ids], inside, None, True)


def state_loss(student: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
    """1 - cosine of two vectors of each piece (rows, time, dim), the mean over the pieces inside."""
    distances = 1 - cosine_similarity(student.float(), teacher.float(), dim=-1)
    return (distances * inside).sum() / inside.sum()


def relation_loss(student: Tensor, teacher: Tensor, inside: Tensor, heads: int) -> Tensor:
    """The KL divergence of the student's relations from the teacher's, the mean over heads and pieces.

    Args:
        student: A vector of each piece (rows, time, dim), split into heads.
        teacher: The same of the teacher, of any dim.
        inside: Where there are pieces and no padding (rows, time).
        heads: Relation heads.
    """
    own, target = (_relations(vectors, inside, heads) for vectors in (student, teacher))
    divergences = (target.exp() * (target - own)).sum(dim=-1)
    return (divergences * inside[:, None]).sum() / (inside.sum() * heads)


def _relations(vectors: Tensor, inside: Tensor, heads: int) -> Tensor:
    """log softmax(V Vᵀ / √d) in each head (rows, heads, time, time)."""
    parts = vectors.unflatten(-1, (heads, -1)).transpose(1, 2)
    products = (parts @ parts.transpose(-1, -2)).float() * parts.shape[-1] ** -0.5
    return products.masked_fill(~inside[:, None, None], torch.finfo(torch.float32).min).log_softmax(dim=-1)


def value_layer(encoder: Any) -> Any:
    """The layer that makes the values of the last attention.

    Raises:
        ModelError: no such layer is known for this kind of encoder.
    """
    layers = [part for name, part in encoder.named_modules() if name.endswith((".value", ".v_lin"))]
    if not layers:
        raise ModelError(f"a model of type {encoder.config.model_type!r} cannot teach here; a BERT can")
    return layers[-1]


def open_teacher(settings: PretrainingSettings, tokenizer: Any, width: int) -> Teacher | None:
    """The teacher that the settings name.

    Args:
        settings: What is pretrained.
        tokenizer: The student's tokenizer.
        width: Numbers in a hidden state of the student.

    Raises:
        ModelError: it cannot be opened, or reads fewer pieces at once than the student.
        SettingError: the student has a piece that the teacher does not have.
    """
    if settings.teacher is None:
        return None
    where = f"teacher {settings.teacher}"
    if not Path(settings.teacher).is_dir():
        raise ModelError(f"{where}: there is no such folder")
    encoder, own, _ = open_pretrained(settings.teacher, error=ModelError, where=where)
    limit = piece_limit(encoder, own)
    if limit is not None and limit < settings.max_pieces:
        raise ModelError(f"{where}: it reads {limit} pieces at once, not max_pieces = {settings.max_pieces}")
    numbers, pieces = own.get_vocab(), np.zeros(piece_count(tokenizer), dtype=np.int64)
    for piece, number in tokenizer.get_vocab().items():
        if piece not in numbers:
            raise SettingError(f"{where}: it does not have the piece {piece!r} of the vocabulary")
        pieces[number] = numbers[piece]
    torch.manual_seed(settings.seed)
    return Teacher(encoder.requires_grad_(False), pieces, own.pad_token_id or 0, width)
