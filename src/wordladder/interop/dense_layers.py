"""The linear layers and layer norms that some encoders of sentence-transformers have after the pooling, read
and written.
"""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import ModelError, did_you_mean

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (nn.GELU, nn.Identity, nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Tanh)
}


def read_layer(folder: Path) -> nn.Sequential:
    """A linear layer and its activation, or a layer norm (Ba et al. 2016).

    Raises:
        ModelError: a file is missing or broken, or the layer is not supported.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "model.safetensors")
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"the weight {broken[0]} has numbers that are not finite")
        parts: dict[str, nn.Module] = {}
        if "norm.weight" in tensors:
            parts["norm"] = nn.LayerNorm(len(tensors["norm.weight"]))
        else:
            out_features, in_features = tensors["linear.weight"].shape
            parts["linear"] = nn.Linear(in_features, out_features, "linear.bias" in tensors)
            parts["activation"] = _activation(config, folder)
        layer = nn.Sequential(OrderedDict(parts)).requires_grad_(False)
        layer.load_state_dict(tensors)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: the layer cannot be read: {error}") from None
    return layer


def _activation(config: dict[str, Any], folder: Path) -> nn.Module:
    name = str(config.get("activation_function", "torch.nn.Tanh")).rsplit(".", 1)[-1]
    if name not in _ACTIVATIONS:
        hint = did_you_mean(name, _ACTIVATIONS)
        raise ModelError(f"{folder}: activation_function {name!r} is not supported.{hint}")
    reads = config.get("module_input_name", "sentence_embedding")
    if config.get("use_residual") or reads != "sentence_embedding":
        raise ModelError(f"{folder}: only a linear layer that replaces the vector of the text is supported")
    return _ACTIVATIONS[name]()


def write_layer(layer: nn.Sequential, folder: Path) -> None:
    """Write what `read_layer` and sentence-transformers read."""
    folder.mkdir()
    first: Any
    first, *activations = layer
    config: dict[str, Any] = {"dimension": first.weight.shape[0]}
    for activation in activations:
        config = {
            "in_features": first.in_features,
            "out_features": first.out_features,
            "bias": first.bias is not None,
            "activation_function": f"{type(activation).__module__}.{type(activation).__name__}",
        }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    tensors = {name: tensor.cpu() for name, tensor in layer.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
