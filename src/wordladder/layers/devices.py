"""Which device computes, how batches get there, and with how many threads a processor computes."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..errors import SettingError, TrainingError

Item = TypeVar("Item")


def chosen(device: str | torch.device | None) -> torch.device:
    """The device of this name, such as `"cpu"`, `"cuda"` or `"cuda:1"`; None: an accelerator if there is one.

    Raises:
        SettingError: there is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None:
        return torch.device("cuda" if count else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise SettingError(f'device is {device!r}; it can be "cpu", "cuda" or "cuda:1"') from None
    if found.type == "cuda" and (found.index or 0) >= count:
        have = f"PyTorch sees {count}" if count else "PyTorch sees no accelerator"
        raise SettingError(f"device is {device!r}, but {have}; `wordladder doctor` shows what is here")
    return found


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next(iter(network.parameters())).device


def to_device(batch: Any, device: torch.device) -> Any:
    """Move a tuple of tensors, tuples and None to a device."""
    return _each(batch, lambda tensor: tensor.to(device, non_blocking=True))


def on_device(
    make: Callable[[Item], Any], items: Iterable[Item], device: torch.device, workers: int = 0
) -> Generator[Any]:
    """`make` of each item, a batch on the CPU, moved to the device.

    A card of CUDA does not wait: while the caller computes on one batch, the next ones are made, and copied
    from page-locked memory on a stream of their own.

    Args:
        make: It draws nothing at random from generators that others use.
        items: They may be endless.
        device: Where the batches go.
        workers: Threads that make batches ahead; for CUDA there is one at least.
    """
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    workers = max(workers, 0 if stream is None else 1)
    if not workers:
        yield from (to_device(make(item), device) for item in items)
        return

    def made(item: Item) -> tuple[Any, Any]:
        batch = make(item)
        if stream is None:
            return batch, None
        with torch.cuda.stream(stream):
            moved = to_device(_each(batch, Tensor.pin_memory), device)
            return moved, stream.record_event()

    source, waiting = iter(items), deque[Any]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in source:
                waiting.append(pool.submit(made, item))
                if len(waiting) > workers:
                    yield _arrived(waiting.popleft().result(), device)
            while waiting:
                yield _arrived(waiting.popleft().result(), device)
        finally:
            for one in waiting:  # where the caller stops early
                one.cancel()


def _arrived(copied: tuple[Any, Any], device: torch.device) -> Any:
    """A batch on the device, which the present stream may read once its copy is complete."""
    batch, ready = copied
    if ready is None:
        return to_device(batch, device)
    present = torch.cuda.current_stream(device)
    present.wait_event(ready)

    def kept(tensor: Tensor) -> Tensor:
        tensor.record_stream(present)  # its memory is not given away before this stream has read it
        return tensor

    return _each(batch, kept)


def _each(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A batch with each of its tensors changed."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, tuple | list):
        parts = [_each(part, change) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


@contextmanager
def memory_told(advice: str) -> Iterator[None]:
    """Say what to do where an accelerator's memory does not suffice inside the block.

    Raises:
        TrainingError: it does not; the message ends with `advice`.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        told = str(error).split(". ")
        raise TrainingError(f"{'. '.join(told[:2])}. {advice}") from None


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
