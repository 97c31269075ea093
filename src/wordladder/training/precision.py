"""Which arithmetic training uses: bfloat16 where the hardware computes in it, else float32."""

from contextlib import AbstractContextManager, nullcontext

import torch

from ..layers.devices import has_bfloat16
from .settings import TrainingSettings


def autocast(settings: TrainingSettings, device: torch.device) -> AbstractContextManager[object]:
    """The context in which the forward pass runs."""
    wanted = settings.precision == "bfloat16" or (settings.precision == "auto" and has_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()
