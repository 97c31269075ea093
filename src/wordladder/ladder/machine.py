"""Describes the machine: processor, memory, versions. No library is imported to find its version."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__
from ..kernels.cores import cores

LIBRARIES = ("torch", "numpy", "scikit-learn", "transformers", "numba")


def describe() -> dict[str, str | int | float]:
    """Processor, cores, memory in GB, system, and the relevant versions; unknown facts are left out."""
    facts: dict[str, str | int | float] = {
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "wordladder": __version__,
        "python": platform.python_version(),
        **{name: version_of(name) for name in LIBRARIES},
    }
    return {name: value for name, value in facts.items() if value}


def version_of(library: str) -> str:
    """The installed version; empty if there is none."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n"):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 0.0
