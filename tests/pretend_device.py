"""A pretend accelerator: a device of torch named `card` that computes on the processor, by CUDA's rules.

Whole trainings run on it, and give the processor's numbers. A tensor of the card that meets one of the
processor is an error, but where CUDA lets them meet: copies, numbers without dimensions in elementwise
operations, indices in brackets. What would have the processor wait for a real card is written down. Where
there is a real card, the tests run on that.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from traceback import extract_stack
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch._dispatch.python import enable_python_dispatcher
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

__all__ = ["Card", "WrongDeviceError", "card"]

aten = torch.ops.aten
_COPIES = ("_to_copy", "copy_")
_INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_")
_WAITED_FOR = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim")
_WAITED_FOR += ("unique_consecutive", "bincount", "repeat_interleave", "_coalesce")
_waits: list[str] = []


class Card(NamedTuple):
    """The device; and `waits()`: what has had the processor wait for it since that was last asked."""

    device: torch.device
    waits: Callable[[], list[str]]


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
        return _computed(func, args, kwargs or {})

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


class _Everywhere(TorchDispatchMode):
    """Sees what no tensor of the card takes part in, too: it may make one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What an operation gives, by the numbers of the processor's tensors."""
    with _Everywhere():
        made = func.decompose(*args, **kwargs)
    if made is not NotImplemented:
        return made
    name = func.__name__.split(".")[0]
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    here = any(isinstance(tensor, _OnCard) for tensor in tensors)
    target = kwargs.get("device")
    stays = here if target is None else torch.device(target).type == "card"
    if not (here or stays):
        return func(*args, **kwargs)
    if here:
        _check(func, name, args, tensors)
    if _waits_for(name, args, kwargs, here, stays):
        _waits.append(f"{name}, {_place()}")
    if target is not None and stays:
        kwargs = kwargs | {"device": torch.device("cpu")}
    inner_args, inner_kwargs = tree_map_only(_OnCard, lambda one: one.inner, (args, kwargs))
    known = {id(one.inner if isinstance(one, _OnCard) else one): one for one in tensors}

    def outer(one: Tensor) -> Tensor:
        return known[id(one)] if id(one) in known else _OnCard(one) if stays else one

    with torch.inference_mode(False), torch.no_grad():
        return tree_map_only(Tensor, outer, func(*inner_args, **inner_kwargs))


def _check(func: Any, name: str, args: Any, tensors: list[Tensor]) -> None:
    """Raise an error where CUDA would: all tensors are on the card, but for those that may be elsewhere."""
    foreign = [tensor for tensor in tensors if not isinstance(tensor, _OnCard)]
    if name in _COPIES:
        return
    if name in _INDEXED and isinstance(args[0], _OnCard):
        foreign = [tensor for tensor in foreign if all(tensor is not index for index in args[1])]
    number = torch.Tag.pointwise in func.tags or name in _INDEXED or name.startswith("_foreach")
    changed = name.endswith("_") and any(tensor is args[0] for tensor in foreign)
    if changed or any(tensor.ndim or not number for tensor in foreign):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in foreign)
        raise WrongDeviceError(f"{func}: tensors of the processor, {shapes}, meet those of the card")


def _waits_for(name: str, args: Any, kwargs: dict[str, Any], here: bool, stays: bool) -> bool:
    """Whether the processor waits until a real card has done all that it was told."""
    if name in _COPIES:
        source, to = (args[0], stays) if name == "_to_copy" else (args[1], isinstance(args[0], _OnCard))
        at_once = kwargs.get("non_blocking", len(args) > 2 and args[2])
        return isinstance(source, _OnCard) != to and not at_once
    if name in _INDEXED:
        indices = [index for index in args[1] if index is not None]
        masks = [index for index in indices if index.dtype in (torch.bool, torch.uint8)]
        if masks and name != "index" and args[2].numel() == 1:  # it is filled in
            masks = []
        return here and bool(masks or not all(isinstance(index, _OnCard) for index in indices))
    return here and name in _WAITED_FOR


def _place() -> str:
    """The line that called PyTorch."""
    frames = (f"{frame.filename}:{frame.lineno}" for frame in reversed(extract_stack()))
    return next(frame for frame in frames if "/torch/" not in frame and not frame.startswith(__file__))


@cache
def _register() -> torch.library.Library:
    """Make the device known to torch, and what makes tensors on it in threads that the mode is not in."""
    try:
        from torch.utils.backend_registration import _DummyBackendModule as Backend
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend as register
    except ImportError:
        pytest.skip("this PyTorch cannot have a device made in Python")

    class Module(Backend):
        def get_amp_supported_dtype(self) -> list[torch.dtype]:
            return [torch.bfloat16]

        def device_count(self) -> int:
            return 0  # with random numbers of their own

    register("card", Module())
    library = torch.library.Library("aten", "IMPL")
    for func in (aten.empty.memory_format, aten.empty_strided.default):
        library.impl(func, lambda *args, func=func, **kwargs: _computed(func, args, kwargs), "PrivateUse1")
    library.impl(
        "_copy_from",
        lambda one, to, *at_once: _computed(aten.copy_.default, (to, one, *at_once), {}),
        "PrivateUse1",
    )
    return library


@contextmanager
def card() -> Iterator[Card]:
    """The card, while tests run on it."""
    if torch.cuda.is_available():
        with _real() as found:
            yield found
        return
    _register()
    with _Everywhere(), enable_python_dispatcher(), torch.autograd.set_multithreading_enabled(False):
        yield Card(torch.device("card", 0), lambda: _taken(_waits))


@contextmanager
def _real() -> Iterator[Card]:
    """A real card, in full precision."""

    def waits() -> list[str]:
        return [f"{one.filename}:{one.lineno}" for one in _taken(told) if "synchronizing" in str(one.message)]

    with warnings.catch_warnings(record=True) as told, torch.backends.cudnn.flags(allow_tf32=False):
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield Card(torch.device("cuda", 0), waits)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def _taken(items: list[Any]) -> list[Any]:
    """All items; the list is empty from then on."""
    found, items[:] = items[:], []
    return found
