"""The card that tests run on: a real one where there is one, else the pretend one."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch._decomp import decomposition_table

from pretend_device import WAITS, Everywhere, computed, each

__all__ = ["Card", "card"]

aten: Any = torch.ops.aten
_RECURRENT = (aten.lstm.input, aten.lstm.data, aten.gru.input, aten.rnn_tanh.input)
# What autocast computes in half and in full precision on CUDA, of what is used here.
_HALF = (aten.linear, aten.matmul, aten.mm, aten.bmm, aten.addmm, aten.baddbmm, *_RECURRENT)
_HALF += (aten.scaled_dot_product_attention, aten.conv1d)
_FULL = (aten.softmax.int, aten.log_softmax.int, aten.layer_norm, aten.nll_loss, aten.nll_loss2d, aten.exp)
_FULL += (aten.logsumexp, aten.log, aten.log1p, aten.expm1, aten.cumsum, aten.sum, aten.sum.dim_IntList)
_FULL += (aten.binary_cross_entropy_with_logits, aten.linalg_vector_norm, aten.pow.Tensor_Scalar)


class Card(NamedTuple):
    """The device; and `waits()`: what has had the processor wait for it since that was last asked."""

    device: torch.device
    waits: Callable[[], list[str]]


@contextmanager
def card() -> Iterator[Card]:
    """The card, in full precision where no autocast says otherwise."""
    if not torch.cuda.is_available():
        _register()
        with Everywhere(), torch.autograd.set_multithreading_enabled(False):
            yield Card(torch.device("card", 0), lambda: _taken(WAITS))
        return

    def waits() -> list[str]:
        found = (one for one in _taken(told) if "synchronizing CUDA" in str(one.message))
        return [f"{one.filename}:{one.lineno}" for one in found]

    with warnings.catch_warnings(record=True) as told, pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("always")
        patch.setattr(torch.backends.cudnn, "allow_tf32", False)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield Card(torch.device("cuda", 0), waits)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def _taken(items: list[Any]) -> list[Any]:
    """All items; the list is empty from then on."""
    found, items[:] = items[:], []
    return found


@cache
def _register() -> tuple[torch.library.Library, ...]:
    """Make the pretend device known to torch: how tensors come to it in threads that the mode is not in, how
    it runs recurrent layers, and what autocast does there.
    """
    try:
        from torch.utils.backend_registration import _DummyBackendModule as Backend
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend as register
    except ImportError:
        pytest.skip("this PyTorch cannot have a device that is made in Python")

    class Module(Backend):
        def device_count(self) -> int:
            return 0  # with random numbers of their own

        def get_amp_supported_dtype(self) -> list[torch.dtype]:
            return [torch.bfloat16]

    register("card", Module())
    own, every = torch.library.Library("aten", "IMPL"), torch.library.Library("_", "IMPL")
    for func in (aten.empty.memory_format, aten.empty_strided.default):
        own.impl(func, lambda *args, func=func, **named: computed(func, *args, **named), "PrivateUse1")
    copy = aten.copy_.default
    own.impl("_copy_from", lambda one, to, *at_once: computed(copy, to, one, *at_once), "PrivateUse1")
    for func in _RECURRENT:
        own.impl(func, decomposition_table[func], "AutogradPrivateUse1")
    every.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for funcs, dtype in ((_HALF, torch.bfloat16), (_FULL, torch.float32)):
        for func in (getattr(some, "default", some) for some in funcs):
            own.impl(func, _cast(func, dtype), "AutocastPrivateUse1")
    return own, every


def _cast(func: Any, dtype: torch.dtype) -> Any:
    """An operation whose floating-point numbers are cast first."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def to(one: Tensor) -> Tensor:
        return one.to(dtype) if one.dtype in (torch.float32, torch.bfloat16) else one

    def cast(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(keys):
            return func(*each(to, args), **each(to, kwargs))

    return cast
