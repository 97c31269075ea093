"""The graph of a network in ONNX: from what its embedders read of texts to scores and vectors of texts."""

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..embedders._readers import READERS
from ..engines.exported_engine import PROBABILITIES, SCORES, VECTORS, graph_inputs
from ..engines.network import Batch
from ..errors import ModelError
from ..layers.devices import tensors
from ..text.words import Tokens

OPSET = 17


class Graph(nn.Module):
    """A network whose inputs are single tensors.

    Args:
        network: The network.
        sample: What its embedders read of a text.
        task: What its scores are for.
    """

    def __init__(self, network: Any, sample: tuple[Any, ...], task: Any) -> None:
        super().__init__()
        self.network, self.sample, self.task = network, sample, task
        self.outputs = [VECTORS] if getattr(task, "towers", False) else [SCORES, VECTORS]
        if hasattr(task, "temperature") and SCORES in self.outputs:
            self.outputs.append(PROBABILITIES)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in order."""
        *values, widths = given
        inputs = _filled(self.sample, iter(values))
        shape = tuple[Any, ...](widths.unbind())
        sequence = self.network.encode(Batch(inputs, widths=shape))
        vectors = self.network.task.pooled(sequence).float()
        if SCORES not in self.outputs:
            return (vectors,)
        scores = self.network.task(sequence)
        if PROBABILITIES not in self.outputs:
            return scores, vectors
        scaled = scores.float() / self.task.temperature
        return scores, vectors, scaled.sigmoid() if self.task.multi_label else scaled.softmax(dim=-1)


def _filled(sample: Any, values: Iterator[Tensor]) -> Any:
    """The sample with other arrays."""
    if sample is None:
        return None
    if not isinstance(sample, tuple):
        return next(values)
    parts = [_filled(part, values) for part in sample]
    return type(sample)(*parts) if hasattr(sample, "_fields") else tuple(parts)


def write_graph(network: Any, tokens: Tokens, path: Path, task: Any) -> list[Any]:
    """Write the graph of a network; returns the readers of its embedders.

    Args:
        network: The network; it is copied.
        tokens: A few texts to trace it with.
        path: The file.
        task: What its scores are for.

    Raises:
        ModelError: an embedder cannot be exported.
    """
    network = copy.deepcopy(network).cpu().float().eval()
    network.drop_features()
    for embedder in network.embedders:
        if not isinstance(getattr(embedder, "reader", None), tuple(READERS.values())):
            kind = type(embedder).__name__.lower()
            raise ModelError(
                f"[[embedders]] kind = {kind!r} is not exported; `wordladder distill` makes a model that is"
            )
    readers = [embedder.reader for embedder in network.embedders]
    inputs = graph_inputs(readers, tokens)
    sample = tuple(reader.read(tokens, whole=True) for reader in readers)
    graph = Graph(network, sample, task)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            tuple(tensors(tuple(inputs.values()))),
            str(path),
            input_names=list(inputs),
            output_names=graph.outputs,
            dynamic_axes={name: _axes(name, value.ndim) for name, value in inputs.items()}
            | {name: {0: "batch"} for name in graph.outputs},
            opset_version=OPSET,
            dynamo=False,
        )
    return readers


def _axes(name: str, count: int) -> dict[int, str]:
    return {} if name == "widths" else {axis: f"{name}.{axis}" for axis in range(count)}
