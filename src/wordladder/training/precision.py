"""Which arithmetic training uses: bfloat16 where the hardware computes in it, else float32."""

from contextlib import AbstractContextManager, nullcontext

import torch

from .settings import TrainingSettings

__all__ = ["autocast", "has_bfloat16"]


def has_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 run in hardware on this device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def autocast(settings: TrainingSettings, device: torch.device) -> AbstractContextManager[object]:
    """The context in which the forward pass runs."""
    wanted = settings.precision == "bfloat16" or (settings.precision == "auto" and has_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()
