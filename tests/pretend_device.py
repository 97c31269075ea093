"""A pretend accelerator: a device of torch named `card` that computes on the processor, by CUDA's rules.

Whole trainings run on it, and give the processor's numbers. A tensor of the card that meets one of the
processor is an error, but where CUDA lets them meet: copies, numbers without dimensions in elementwise
operations, indices in brackets. What would have the processor wait for a real card is written down.
"""

from collections.abc import Callable
from functools import cache
from traceback import extract_stack
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["WAITS", "Everywhere", "WrongDeviceError", "computed", "each"]

WAITS: list[str] = []  # operations that were waited for, and the lines of code that asked for them

_COPIES = ("_to_copy", "copy_")
_INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_")
_WAITED_FOR = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim")
_WAITED_FOR += ("unique_consecutive", "bincount", "repeat_interleave", "_coalesce")


class WrongDeviceError(RuntimeError):
    """A tensor of the processor met one of the card."""


class _OnCard(Tensor):
    """A tensor of the card; `inner` is the one of the processor that holds its numbers."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "_OnCard":
        given: dict[str, Any] = {"dtype": inner.dtype, "device": torch.device("card", 0)}
        if inner.is_sparse:
            given["_extra_dispatch_keys"] = torch._C.DispatchKeySet(torch._C.DispatchKey.SparsePrivateUse1)
        else:
            given |= {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        made = Tensor._make_wrapper_subclass(cls, inner.shape, **given)
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, *args, **(kwargs or {}))

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.inner.untyped_storage()

    def __repr__(self) -> str:
        return f"on the card: {self.inner}"

    # With these two, a module that moves keeps its parameters, as one that moves to a real card does.

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], *_: Any) -> "_OnCard":
        return _OnCard(inner["inner"])


class Everywhere(TorchDispatchMode):
    """Sees what no tensor of the card takes part in, too: it may make one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, *args, **(kwargs or {}))


def computed(func: Any, *args: Any, **kwargs: Any) -> Any:
    """What an operation gives, by the numbers of the processor's tensors."""
    if _is_composed(func):
        with Everywhere():
            return func.decompose(*args, **kwargs)
    name, tensors = func.__name__.split(".")[0], []
    each(tensors.append, (args, kwargs))
    here, target = any(isinstance(one, _OnCard) for one in tensors), kwargs.get("device")
    stays = here if target is None else torch.device(target).type == "card"
    if not (here or stays):
        return func(*args, **kwargs)
    if here:
        _check(func, name, args, tensors)
    if _is_waited_for(name, args, kwargs, here, stays):
        lines = (f"{frame.filename}:{frame.lineno}" for frame in reversed(extract_stack()))
        WAITS.append(f"{name} in {next(at for at in lines if '/torch/' not in at and __file__ not in at)}")
    if target is not None and stays:
        kwargs["device"] = torch.device("cpu")
    inner_args, inner_kwargs = each(_inner, (args, kwargs))
    known = {id(_inner(one)): one for one in tensors}

    def outer(one: Tensor) -> Tensor:
        return known[id(one)] if id(one) in known else _OnCard(one) if stays else one

    with torch.inference_mode(False), torch.no_grad():
        return each(outer, func(*inner_args, **inner_kwargs))


def each(change: Callable[[Tensor], Any], value: Any) -> Any:
    """What an operation takes or gives, with each of its tensors changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([each(change, part) for part in value])
    return {name: each(change, part) for name, part in value.items()} if isinstance(value, dict) else value


def _inner(one: Tensor) -> Tensor:
    return one.inner if isinstance(one, _OnCard) else one


@cache
def _is_composed(func: Any) -> bool:
    """Whether an operation is made of others, whatever the device."""
    return func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)


def _check(func: Any, name: str, args: Any, tensors: list[Tensor]) -> None:
    """Raise an error where CUDA would: all tensors are on the card, but for those that may be elsewhere."""
    foreign = [] if name in _COPIES else [one for one in tensors if not isinstance(one, _OnCard)]
    if name in _INDEXED and isinstance(args[0], _OnCard):
        foreign = [one for one in foreign if all(one is not index for index in args[1])]
    number = torch.Tag.pointwise in func.tags or name in _INDEXED or name.startswith("_foreach")
    changed = name.endswith("_") and any(one is args[0] for one in foreign)
    if changed or any(one.ndim or not number for one in foreign):
        shapes = ", ".join(str(tuple(one.shape)) for one in foreign)
        raise WrongDeviceError(f"{func}: tensors of the processor, {shapes}, meet those of the card")


def _is_waited_for(name: str, args: Any, kwargs: dict[str, Any], here: bool, stays: bool) -> bool:
    """Whether the processor waits until a real card has done all that it was told."""
    if name in _COPIES:
        source, to = (args[0], stays) if name == "_to_copy" else (args[1], isinstance(args[0], _OnCard))
        at_once = kwargs.get("non_blocking", len(args) > 2 and args[2])
        return isinstance(source, _OnCard) != to and not at_once
    if name in _INDEXED:
        indices = [index for index in args[1] if index is not None]
        fills = name != "index" and args[2].numel() == 1  # which needs no numbers of the places
        masks = any(index.dtype in (torch.bool, torch.uint8) for index in indices) and not fills
        return here and (masks or not all(isinstance(index, _OnCard) for index in indices))
    return here and name in _WAITED_FOR
