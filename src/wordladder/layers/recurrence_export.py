"""A recurrent layer in a graph of ONNX: one operator for both directions, which knows the texts' lengths."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

# ONNX's name of each cell, and the places of its gates among torch's.
_CELLS: dict[type, tuple[str, list[int]]] = {
    nn.LSTM: ("LSTM", [0, 3, 1, 2]),
    nn.GRU: ("GRU", [1, 0, 2]),
    nn.RNN: ("RNN", [0]),
}


def run_in_graph(cells: Sequence[Any], vectors: Tensor, lengths: Tensor) -> Tensor:
    """One recurrent layer while a graph is traced; arguments and results are those of `recurrence.run_layer`,
    with lengths in place of a mask.
    """
    name, order = _CELLS[type(cells[0])]

    def joined(kind: str) -> Tensor:
        weights = [getattr(cell, f"{kind}_l0").detach().chunk(len(order)) for cell in cells]
        return torch.stack([torch.cat([gates[place] for place in order]) for gates in weights])

    biases = torch.cat([joined("bias_ih"), joined("bias_hh")], dim=1)
    weights = joined("weight_ih"), joined("weight_hh"), biases
    return _Layer.apply(vectors, lengths.int(), *weights, name, cells)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, lengths: Tensor, *given: Any) -> Tensor:
        cells = given[-1]
        return vectors.new_zeros(*vectors.shape[:2], len(cells) * cells[0].hidden_size)

    @staticmethod
    def symbolic(
        g: Any, vectors: Any, lengths: Any, w_input: Any, w_recurrent: Any, biases: Any, name: str, cells: Any
    ) -> Any:
        both = len(cells) == 2
        settings = {
            "hidden_size_i": cells[0].hidden_size,
            "direction_s": "bidirectional" if both else "forward",
        }
        if name == "GRU":
            settings["linear_before_reset_i"] = 1
        steps = g.op("Transpose", vectors, perm_i=[1, 0, 2])
        found = g.op(
            name, steps, w_input, w_recurrent, biases, lengths, **settings
        )  # steps, directions, batch
        found = g.op("Transpose", found, perm_i=[2, 0, 1, 3])
        places = (g.op("Constant", value_t=torch.tensor([place])) for place in (0, 2))
        width = g.op("Constant", value_t=torch.tensor([len(cells) * cells[0].hidden_size]))
        shape = g.op("Concat", g.op("Slice", g.op("Shape", vectors), *places), width, axis_i=0)
        return g.op("Reshape", found, shape)
