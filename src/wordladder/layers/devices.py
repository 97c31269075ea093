"""Devices: which one computes and in which precision, how batches get there, and the number of threads."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SettingError, TrainingError

Item = TypeVar("Item")
GPU_WORKERS = 4  # threads that make batches for a GPU


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device of this name, such as `"cpu"`, `"cuda"` or `"cuda:1"`; None: an accelerator if there is one.

    Raises:
        SettingError: there is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None:
        return torch.device("cuda" if count else "cpu")
    try:
        result = torch.device(device)
    except RuntimeError:
        raise SettingError(f'device is {device!r}; it can be "cpu", "cuda" or "cuda:1"') from None
    if result.type == "cuda" and (result.index or 0) >= count:
        have = f"PyTorch sees {count}" if count else "PyTorch sees no accelerator"
        raise SettingError(f"device is {device!r}, but {have}; `wordladder doctor` shows what is available")
    return result


def device_of(network: nn.Module) -> torch.device:
    """The device of the network's weights."""
    return next(iter(network.parameters())).device


def has_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 run in hardware on this device."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # older ones emulate it, slowly
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    cpu = torch.cpu.get_capabilities()
    if cpu.get("architecture") == "x86_64":  # where oneDNN also emulates it, slower than float32
        return bool(cpu.get("avx512_bf16") or cpu.get("amx_bf16"))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def tensors(batch: Any) -> Any:
    """Arrays in a tuple, and in tuples within it, as tensors."""
    if isinstance(batch, np.ndarray):
        return torch.from_numpy(batch)
    if isinstance(batch, tuple):
        parts = map(tensors, batch)
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    return batch


def to_device(batch: Any, device: torch.device) -> Any:
    """Move a tuple of tensors, tuples and None to a device."""
    return _map_tensors(lambda tensor: tensor.to(device, non_blocking=True), batch)


def batches_on_device(
    make: Callable[[Item], Any], items: Iterable[Item], device: torch.device, workers: int = 0
) -> Generator[Any]:
    """Apply `make` to each item, which gives a batch on the CPU, and move the batch to the device.

    A CUDA device does not wait: while the caller computes on one batch, several threads make the next ones,
    which are copied from page-locked memory on a separate stream.

    Args:
        make: Several threads may call it; it must not draw from random generators that others use.
        items: They may be endless.
        device: Where the batches go.
        workers: Threads that make batches ahead for a CPU.
    """
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    workers = workers if stream is None else GPU_WORKERS
    if not workers:
        yield from (to_device(make(item), device) for item in items)
        return

    def make_and_copy(item: Item) -> tuple[Any, Any]:
        batch = make(item)
        if stream is None:
            return batch, None
        with torch.cuda.stream(stream):
            return to_device(_map_tensors(Tensor.pin_memory, batch), device), stream.record_event()

    waiting = deque[Future[Any]]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(make_and_copy, item))
                if len(waiting) > workers:
                    yield _receive(waiting.popleft(), device)
            while waiting:
                yield _receive(waiting.popleft(), device)
        finally:
            for future in waiting:  # the caller stopped early
                future.cancel()


def _receive(future: Future[Any], device: torch.device) -> Any:
    """A batch on the device, which the current stream may read once its copy is complete."""
    batch, copied = future.result()
    if copied is None:
        return to_device(batch, device)
    current = torch.cuda.current_stream(device)
    current.wait_event(copied)
    _map_tensors(lambda tensor: tensor.record_stream(current), batch)  # so its memory is not reused too early
    return batch


def _map_tensors(change: Callable[[Tensor], Any], batch: Any) -> Any:
    """A batch with `change` applied to each of its tensors."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, tuple | list):
        parts = [_map_tensors(change, part) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


@contextmanager
def explain_out_of_memory(advice: str) -> Iterator[None]:
    """Say what to do where an accelerator runs out of memory inside the block.

    Raises:
        TrainingError: it does; the message ends with `advice`.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"{'. '.join(str(error).split('. ')[:2])}. {advice}") from None


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
