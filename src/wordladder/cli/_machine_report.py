"""What this installation and this machine have: versions, extras, cores, instruction sets, accelerators,
caches.
"""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..extras import EXTRAS
from ..ladder.machine import describe, version_of

BASE = ("numpy", "numba", "pyarrow", "tokenizers", "safetensors", "pydantic", "typer", "rich")


def examine() -> dict[str, dict[str, Any]]:
    """Facts by section; nothing is changed."""
    return {
        "machine": describe(),
        "versions": {name: version_of(name) or "missing" for name in BASE},
        "extras": {extra: _extra(modules) for extra, modules in EXTRAS.items()},
        "arithmetic": _arithmetic(),
        "folders": _folders(),
    }


def _extra(modules: tuple[str, ...]) -> str:
    missing = [name for name in modules if find_spec(name) is None]
    if not missing:
        return "installed"
    return "missing" if len(missing) == len(modules) else f"missing: {', '.join(missing)}"


def _arithmetic() -> dict[str, Any]:
    """What PyTorch computes with, if it is there."""
    if find_spec("torch") is None:
        return {"torch": "missing"}
    import torch

    from ..layers.precision import has_bfloat16

    cpu = torch.device("cpu")
    return {
        "instruction set": torch.backends.cpu.get_cpu_capability(),
        "bfloat16 on cpu": "yes" if has_bfloat16(cpu) else "no (float32 is used)",
        "threads": torch.get_num_threads(),
        "CUDA": torch.version.cuda or "none (a PyTorch for processors)",
        "accelerators": [_card(number) for number in range(torch.cuda.device_count())] or "none",
    }


def _card(number: int) -> str:
    """Such as "NVIDIA H200, 140 GB, compute capability 9.0, bfloat16"."""
    import torch

    from ..layers.precision import has_bfloat16

    card = torch.cuda.get_device_properties(number)
    half = ", bfloat16" if has_bfloat16(torch.device("cuda", number)) else ""
    return (
        f"{card.name}, {card.total_memory / 1e9:.0f} GB, compute capability {card.major}.{card.minor}{half}"
    )


def _folders() -> dict[str, str]:
    """Where compiled kernels, downloaded models and temporary corpora lie."""
    hub = os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface"))
    kernels = os.environ.get("NUMBA_CACHE_DIR", str(Path(__file__).parent / "kernels" / "__pycache__"))
    return {"compiled kernels": kernels, "models from a hub": hub, "temporary files": tempfile.gettempdir()}
