"""The linear layers and layer norms that some encoders of sentence-transformers have behind the pooling, read
and written.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError, did_you_mean

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "GELU": nn.GELU,
    "Identity": nn.Identity,
    "ReLU": nn.ReLU,
    "SiLU": nn.SiLU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
}


class Dense(NamedTuple):
    """A linear layer and what follows it.

    Attributes:
        weight: `(out, in)`.
        bias: `(out,)`, or None.
        activation: The name of a class of torch.nn.
    """

    weight: Tensor
    bias: Tensor | None
    activation: str

    def __call__(self, vectors: Tensor) -> Tensor:
        """`(rows, in)` to `(rows, out)`."""
        weight, bias = self.weight.to(vectors.device), self.bias
        bias = None if bias is None else bias.to(vectors.device)
        return _ACTIVATIONS[self.activation]()(functional.linear(vectors, weight, bias))


class Norm(NamedTuple):
    """A layer norm (Ba et al. 2016).

    Attributes:
        weight: `(dim,)`.
        bias: `(dim,)`.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, vectors: Tensor) -> Tensor:
        """`(rows, dim)` to the same."""
        weight, bias = self.weight.to(vectors.device), self.bias.to(vectors.device)
        return functional.layer_norm(vectors, weight.shape, weight, bias)


def open_dense(folder: Path) -> Dense | Norm:
    """Read a layer.

    Raises:
        ModelError: a file is missing or broken, or says what is not read here.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = {n: t.float() for n, t in load_file(folder / "model.safetensors").items()}
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"the weight {broken[0]} has numbers that are not finite")
        if "norm.weight" in tensors:
            return Norm(tensors["norm.weight"], tensors["norm.bias"])
        weight, bias = tensors["linear.weight"], tensors.get("linear.bias")
        activation = str(config.get("activation_function", "torch.nn.Tanh")).rsplit(".", 1)[-1]
        special = config.get("use_residual") or config.get("module_input_name", "sentence_embedding")
    except (OSError, ValueError, KeyError, AttributeError, SafetensorError) as error:
        raise ModelError(f"{folder}: the linear layer cannot be read: {error}") from None
    if activation not in _ACTIVATIONS:
        raise ModelError(
            f"{folder}: activation_function {activation!r}.{did_you_mean(activation, _ACTIVATIONS)}"
        )
    if special != "sentence_embedding":
        raise ModelError(f"{folder}: a linear layer beside the way of the vectors is not read here")
    return Dense(weight, bias, activation)


def keep_dense(layer: Dense | Norm, folder: Path) -> None:
    """Write what `open_dense` and sentence-transformers read."""
    folder.mkdir()
    config: dict[str, Any] = {"dimension": layer.weight.shape[0]}
    if isinstance(layer, Dense):
        of = nn.modules.linear if layer.activation == "Identity" else nn.modules.activation
        config = {
            "in_features": layer.weight.shape[1],
            "out_features": layer.weight.shape[0],
            "bias": layer.bias is not None,
            "activation_function": f"{of.__name__}.{layer.activation}",
        }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    part = "linear" if isinstance(layer, Dense) else "norm"
    tensors = {f"{part}.weight": layer.weight, f"{part}.bias": layer.bias}
    kept = {name: torch.clone(tensor) for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, folder / "model.safetensors")
