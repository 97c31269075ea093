"""`wordladder doctor`: what this installation and this machine have: versions, extras, cores, instruction
sets, accelerators, caches.
"""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..extras import EXTRAS
from .console import console, print_json
from .options import Json

BASE = ("numpy", "numba", "pyarrow", "tokenizers", "safetensors", "pydantic", "typer", "rich")


def doctor(json: Json = False) -> None:
    """Show versions, extras, cores, instruction sets, accelerators, and cache folders.

    Example:  wordladder doctor
    """
    report = examine()
    if json:
        print_json(report)
        return
    for section, facts in report.items():
        console.print(f"[bold]{section}[/bold]")
        for name, value in facts.items():
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            missing = section == "extras" and value == "missing"
            hint = f'  [dim]pip install "wordladder\\[{name}]"[/dim]' if missing and name in EXTRAS else ""
            console.print(f"  {name:<18} {shown}{hint}")


def examine() -> dict[str, dict[str, Any]]:
    """Facts by section; nothing is changed."""
    from ..ladder.machine import describe, version_of

    kernels = Path(__file__).parents[1] / "kernels" / "__pycache__"
    return {
        "machine": describe(),
        "versions": {name: version_of(name) or "missing" for name in BASE},
        "extras": {extra: _extra(modules) for extra, modules in EXTRAS.items()},
        "arithmetic": _arithmetic(),
        "folders": {
            "compiled kernels": os.environ.get("NUMBA_CACHE_DIR", str(kernels)),
            "models from a hub": os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")),
            "temporary files": tempfile.gettempdir(),
        },
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

    from ..layers.devices import has_bfloat16

    accelerators = []  # such as "NVIDIA H200, 140 GB, compute capability 9.0, bfloat16"
    for number in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(number)
        bfloat16 = ", bfloat16" if has_bfloat16(torch.device("cuda", number)) else ""
        capability = f"compute capability {card.major}.{card.minor}{bfloat16}"
        accelerators.append(f"{card.name}, {card.total_memory / 1e9:.0f} GB, {capability}")
    return {
        "instruction set": torch.backends.cpu.get_cpu_capability(),
        "bfloat16 on cpu": "yes" if has_bfloat16(torch.device("cpu")) else "no (float32 is used)",
        "threads": torch.get_num_threads(),
        "CUDA": torch.version.cuda or "none (a PyTorch for processors)",
        "accelerators": accelerators or "none",
    }
