"""Which arithmetic the hardware computes in."""

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 run in hardware on this device."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # older ones would emulate it, slowly
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    told = torch.cpu.get_capabilities()
    if told.get("architecture") == "x86_64":  # where oneDNN would also emulate it, slower than float32
        return bool(told.get("avx512_bf16") or told.get("amx_bf16"))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
