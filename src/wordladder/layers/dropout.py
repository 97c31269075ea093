"""Dropout of a transformer on a CPU, where torch draws one number at a time, a tenth of a training step."""

from typing import Any

import torch
from torch import Tensor, nn


class ByteDropout(nn.Dropout):
    """Dropout with the share rounded to a multiple of 1/256: one drawn number serves eight components.

    What is kept is scaled by the rounded share, so the expectation is exact. Off the CPU it is torch's own.
    """

    def forward(self, vectors: Tensor) -> Tensor:
        """Any shape to the same shape."""
        share = round(self.p * 256)
        if not self.training or not 0 < share < 256 or vectors.device.type != "cpu":
            return super().forward(vectors)
        drawn = torch.empty(-(-vectors.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = drawn.view(torch.uint8)[: vectors.numel()].view(vectors.shape) >= share
        return vectors * kept.to(vectors.dtype).mul_(256 / (256 - share))


def use_byte_dropout(model: Any) -> None:
    """Replace the dropout layers of a model."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, ByteDropout(child.p))
