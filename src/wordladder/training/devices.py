"""Moving batches to where a network is, and computing with a number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["device_of", "threads", "to_device"]


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next(iter(network.parameters())).device


def to_device(batch: Any, device: torch.device) -> Any:
    """Move a tuple of tensors, tuples and None to a device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple):
        moved = [to_device(part, device) for part in batch]
        return type(batch)(*moved) if hasattr(batch, "_fields") else tuple(moved)
    return batch


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with `count` threads inside the block; None changes nothing."""
    if count is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
