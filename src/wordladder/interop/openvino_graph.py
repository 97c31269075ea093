"""BERT and RoBERTa as a graph of OpenVINO, built from their files, without PyTorch and transformers.

Devlin et al. 2019, with the names of weights and settings that transformers gives them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.json_files import read_json

PREFIXES = {"bert": "bert.", "roberta": "roberta.", "xlm-roberta": "roberta.", "camembert": "roberta."}
_ACTIVATIONS = {"gelu": "erf", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
_NEVER = 1e4  # is taken from the scores of padding
IDS, MASK, SHARES = "ids", "mask", "shares"
WEIGHTS_FILE, GRAPH_FILE = "model.safetensors", Path("openvino", "small_encoder.xml")

Weights = Mapping[str, NDArray[np.float32]]


def read_config(folder: Path) -> dict[str, Any] | None:
    """The settings of an encoder; None if there is no graph for it."""
    has_weights = (folder / WEIGHTS_FILE).is_file() or (folder / GRAPH_FILE).is_file()
    if not has_weights or not (folder / "tokenizer.json").is_file():
        return None
    config = read_json(folder / "config.json", dict)
    fits = config.get("model_type") in PREFIXES and config.get("hidden_act") in _ACTIVATIONS
    fits &= config.get("position_embedding_type", "absolute") == "absolute"
    return config if fits and not config.get("is_decoder") and not config.get("add_cross_attention") else None


def first_position(config: Mapping[str, Any]) -> int:
    """The position of the first piece."""
    return 0 if config["model_type"] == "bert" else int(config.get("pad_token_id") or 0) + 1


def read_weights(folder: Path, config: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """The weights in float32, without the prefix that models with a head have."""
    from safetensors.numpy import load_file

    prefix = PREFIXES[config["model_type"]]
    return {
        name.removeprefix(prefix): np.ascontiguousarray(weight, np.float32)
        for name, weight in load_file(folder / WEIGHTS_FILE).items()
        if weight.dtype in (np.float32, np.float16)
    }


def read_graph(folder: Path, config: Mapping[str, Any]) -> Any:
    """The graph of the encoder in a folder, or the one with 8-bit numbers that is there.

    Raises:
        KeyError: a weight is missing.
        ValueError: a weight is not finite.
    """
    import openvino

    if (folder / GRAPH_FILE).is_file():
        return openvino.Core().read_model(folder / GRAPH_FILE)
    weights = read_weights(folder, config)
    if not all(np.isfinite(weight.sum()) for weight in weights.values()):
        raise ValueError("a weight is not finite")
    return build_graph(config, weights)


def build_graph(config: Mapping[str, Any], weights: Weights) -> Any:
    """The graph: from the numbers of pieces `ids` and their `mask`, both `(texts, pieces)`, and the `shares`
    of the pieces in each vector of a text, `(texts, vectors, pieces)`, to these, `(texts, vectors, dim)`.

    Raises:
        KeyError: a weight is missing.
    """
    import openvino
    from openvino import opset13 as op

    dim, heads = config["hidden_size"], config["num_attention_heads"]

    def constant(value: Any) -> Any:
        return op.constant(np.asarray(value), shared_memory=True)

    def linear(vectors: Any, name: str) -> Any:
        product = op.matmul(vectors, constant(weights[f"{name}.weight"]), False, True)
        return op.add(product, constant(weights[f"{name}.bias"]))

    def normed(vectors: Any, name: str) -> Any:
        last = constant(np.array([-1]))
        vectors = op.mvn(vectors, last, True, config.get("layer_norm_eps", 1e-12), "inside_sqrt")
        scaled = op.multiply(vectors, constant(weights[f"{name}.weight"]))
        return op.add(scaled, constant(weights[f"{name}.bias"]))

    ids = op.parameter([-1, -1], np.int64, name=IDS)
    mask = op.parameter([-1, -1], np.float32, name=MASK)
    shares = op.parameter([-1, -1, -1], np.float32, name=SHARES)
    zero, one, first = constant(np.int64(0)), constant(np.array([1])), first_position(config)
    end = op.add(op.gather(op.shape_of(ids), one, zero), constant(np.array([first])))
    places = constant(weights["embeddings.position_embeddings.weight"])
    places = op.slice(places, constant(np.array([first])), end, one, constant(np.array([0])))
    vectors = op.gather(constant(weights["embeddings.word_embeddings.weight"]), ids, zero)
    kind = constant(weights["embeddings.token_type_embeddings.weight"][0])
    vectors = normed(op.add(op.add(vectors, places), kind), "embeddings.LayerNorm")
    hidden = op.multiply(op.subtract(mask, constant(np.float32(1))), constant(np.float32(_NEVER)))
    hidden = op.unsqueeze(hidden, constant(np.array([1, 2])))
    apart, together = constant(np.array([0, 0, heads, dim // heads])), constant(np.array([0, 0, dim]))
    swap = constant(np.array([0, 2, 1, 3]))
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        parts = [
            op.transpose(op.reshape(linear(vectors, f"{layer}.attention.self.{part}"), apart, True), swap)
            for part in ("query", "key", "value")
        ]
        seen = op.reshape(op.transpose(op.scaled_dot_product_attention(*parts, hidden), swap), together, True)
        seen = linear(seen, f"{layer}.attention.output.dense")
        vectors = normed(op.add(seen, vectors), f"{layer}.attention.output.LayerNorm")
        inner = op.gelu(linear(vectors, f"{layer}.intermediate.dense"), _ACTIVATIONS[config["hidden_act"]])
        outer = linear(inner, f"{layer}.output.dense")
        vectors = normed(op.add(outer, vectors), f"{layer}.output.LayerNorm")
    return openvino.Model([op.matmul(shares, vectors, False, False)], [ids, mask, shares], "encoder")
