"""The processes that train one network together, as `torchrun` or `accelerate launch` starts them, on one
machine or on several with a folder in common.

Each learns from the environment which of how many it is (`RANK`, `WORLD_SIZE`). The first one prepares,
scores and writes; the others read what it has written. Started in any other way, a process is alone.
"""

import atexit
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

from .errors import TrainingError

_PATIENCE = timedelta(days=7)  # for what the first one prepares: a process that dies ends the others at once


def process_count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def process_number() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ["RANK"]) if process_count() > 1 else 0


@contextmanager
def first_goes_first() -> Iterator[bool]:
    """Run the block in the first process, and then in the others; says whether this is the first one."""
    first = process_number() == 0
    if not first:
        _wait()
    yield first
    if first:
        _wait()


def all_sum(values: Sequence[float]) -> list[float]:
    """The sums over all processes of each of these numbers."""
    if process_count() == 1:
        return list(values)
    import torch

    total = torch.tensor(values, dtype=torch.float64)
    with _lost_process():
        _connect().all_reduce(total)
    return total.tolist()


def of_first(values: Sequence[float]) -> list[float]:
    """The numbers that the first process has."""
    return all_sum([value if process_number() == 0 else 0.0 for value in values])


def shared_device(device: Any) -> Any:
    """The device of this process, where all have chosen `device`: of several accelerators each takes one."""
    if process_count() == 1 or device.type != "cuda":
        return device
    import torch

    torch.cuda.set_device(own := torch.device("cuda", int(os.environ["LOCAL_RANK"])))
    return own


def together(network: Any) -> Any:
    """The network as all processes train it: it starts from the weights of the first one, and gradients are
    the means of all (`DistributedDataParallel`).
    """
    if process_count() == 1 or not any(p.requires_grad for p in network.parameters()):
        return network
    import warnings

    from torch.nn.parallel import DistributedDataParallel

    _connect()
    # Parts may be left out of a step; where none ever is, torch says what asking for it costs.
    warnings.filterwarnings("ignore", message="find_unused_parameters=True")
    return DistributedDataParallel(network, broadcast_buffers=False, find_unused_parameters=True)


@contextmanager
def gradients_kept(network: Any, more: bool) -> Iterator[None]:
    """Exchange no gradients in the block if `more` batches of the step follow."""
    inner: AbstractContextManager[None] = (
        network.no_sync() if more and hasattr(network, "no_sync") else nullcontext()
    )
    with inner, _lost_process():
        yield


def _wait() -> None:
    """Wait until all processes are here."""
    if process_count() > 1:
        with _lost_process():
            _connect().barrier()


def _connect() -> Any:
    """`torch.distributed`, connected: tensors on processors go through gloo, others through NCCL."""
    import torch
    from torch import distributed

    if not distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE)
        atexit.register(distributed.destroy_process_group)
    return distributed


@contextmanager
def _lost_process() -> Iterator[None]:
    """Say what to do where another process ended.

    Raises:
        TrainingError: it did.
    """
    try:
        yield
    except RuntimeError as error:
        if process_count() > 1 and any(sign in str(error) for sign in ("gloo", "NCCL", "Connection")):
            raise TrainingError(
                "another process of this training has ended; started again with resume, all go on from the "
                f"last checkpoint ({str(error).splitlines()[0]})"
            ) from None
        raise
