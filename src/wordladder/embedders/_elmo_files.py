"""Opening and saving an ELMo: the published layout, an HDF5 file, and our own, a safetensors file, each with
an options.json next to it. No code in the folder is run.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import RecipeError, UserError
from ..extras import require
from ._elmo_network import BiLM
from ._elmo_options import CHARACTERS, ElmoOptions, read_options

OPTIONS, WEIGHTS = "options.json", "model.safetensors"

_CELL = "RNN_{}/RNN/MultiRNNCell/Cell{}/LSTMCell"
_DATASETS = {  # patterns of our names; names in the published layout, with W or b of weights or biases at {}
    r"characters\.convolutions\.(\d+)\.(?:weight|bias)": r"CNN/{}_cnn_\1",
    r"characters\.highways\.(\d+)\.gate\.(?:weight|bias)": r"CNN_high_\1/{}_carry",
    r"characters\.highways\.(\d+)\.transform\.(?:weight|bias)": r"CNN_high_\1/{}_transform",
    r"characters\.projection\.(?:weight|bias)": "CNN_proj/{}_proj",
    r"forward_cells\.(\d+)\.weight_hr_l0": _CELL.format(0, r"\1") + "/W_P_0",
    r"backward_cells\.(\d+)\.weight_hr_l0": _CELL.format(1, r"\1") + "/W_P_0",
}


def open_elmo(folder: Path, where: str, error: type[UserError] = RecipeError) -> BiLM:
    """Read a bidirectional language model.

    Args:
        folder: The folder of `options.json` and `model.safetensors`, or of a published model's options and
            weights, `*options.json` and `*.hdf5`.
        where: The setting that names it, for messages.
        error: What to raise.

    Raises:
        RecipeError: there is no such folder, a file is missing or broken, or the weights do not fit the
            options; `error` where that is given.
        MissingExtraError: the weights are HDF5, and h5py is not installed.
    """
    if not folder.is_dir():
        raise error(
            f"{where}: there is no such folder; give one with options.json and the weights of an ELMo"
        )
    options = read_options(_only_file(folder, "*options.json", where, error), error)
    if (folder / WEIGHTS).is_file():
        return _open_own(folder / WEIGHTS, options, error)
    return _open_published(_only_file(folder, "*.hdf5", where, error), options, error)


def _only_file(folder: Path, pattern: str, where: str, error: type[UserError]) -> Path:
    paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not paths:
        raise error(
            f"{where}: no {pattern} in {folder}; an ELMo is {OPTIONS} next to {WEIGHTS}, or next to an HDF5 "
            "file, *.hdf5"
        )
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise error(f"{where}: several files {pattern} in {folder} ({names}); leave one")
    return paths[0]


def save_elmo(network: BiLM, folder: Path) -> None:
    """Write our own layout: `options.json` and `model.safetensors`."""
    (folder / OPTIONS).write_text(network.options.as_json(), encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)


def _open_own(path: Path, options: ElmoOptions, error: type[UserError]) -> BiLM:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as problem:
        raise error(f"{path}: these weights cannot be read: {problem}") from None
    network = _without_weights(options, "characters.projection.weight" in weights)
    names = network.state_dict()
    for name, tensor in names.items():
        _check(path, name, weights.get(name), tuple(tensor.shape), error)
    if unknown := sorted(weights.keys() - names.keys()):
        raise error(f"{path}: {OPTIONS} does not describe the weights {', '.join(unknown[:3])}")
    return _with_weights(network, {name: weights[name].float() for name in names})


def _open_published(path: Path, options: ElmoOptions, error: type[UserError]) -> BiLM:
    h5py = require("h5py", "elmo", "reading the HDF5 file of a published ELMo")

    def read(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        data = file.get(name)
        _check(path, name, data if isinstance(data, h5py.Dataset) else None, shape, error)
        return np.asarray(data[...], np.float32)

    try:
        with h5py.File(path, "r") as file:
            projects = "CNN_proj/W_proj" in file or options.convolutions != options.dim
            network = _without_weights(options, projects)
            arrays = _published_weights(network, read)
            # Weights of a layer above the last one of the options: the two files do not belong together.
            for name in (
                f"CNN/W_cnn_{len(options.filters)}",
                f"CNN_high_{options.highways}/W_carry",
                f"{_CELL.format(0, options.layers)}/W_0",
            ):
                if name in file:
                    raise error(f"{path}: {OPTIONS} does not describe the weights {name}")
    except (OSError, RuntimeError, ValueError, TypeError) as problem:
        if isinstance(problem, error):
            raise
        raise error(f"{path}: these weights cannot be read as HDF5: {problem}") from None
    weights = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return _with_weights(network, weights)


def _check(path: Path, name: str, weight: Any, shape: tuple[int, ...], error: type[UserError]) -> None:
    if weight is None:
        raise error(f"{path}: the weights {name} are missing, which {OPTIONS} describes")
    if tuple(weight.shape) != shape:
        raise error(f"{path}: the weights {name} are {tuple(weight.shape)}; by {OPTIONS} they are {shape}")


def _without_weights(options: ElmoOptions, projects: bool) -> BiLM:
    """A network whose weights have shapes and no values."""
    with torch.device("meta"):
        return BiLM(options, projects)


def _with_weights(network: BiLM, weights: dict[str, Tensor]) -> BiLM:
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(True)


def _published_weights(
    network: BiLM, read: Callable[[str, tuple[int, ...]], NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Our weights from those of a published model.

    Matrices multiply from the other side in TensorFlow, and the images of its convolutions are one row high.
    """
    units, dim = network.options.units, network.options.dim
    table = read("char_embed", (CHARACTERS - 1, network.options.character_dim))
    # Row 0, no character, is not saved.
    weights = {"characters.table.weight": np.pad(table, ((1, 0), (0, 0)))}
    for direction, cells in enumerate(("forward_cells", "backward_cells")):
        for layer in range(network.options.layers):
            group, name = _CELL.format(direction, layer), f"{cells}.{layer}"
            # One matrix has the weights of the word and, below them, those of the hidden vector.
            matrix = _reorder_gates(read(f"{group}/W_0", (2 * dim, 4 * units)).T)
            weights |= {f"{name}.weight_ih_l0": matrix[:, :dim], f"{name}.weight_hh_l0": matrix[:, dim:]}
            bias = _reorder_gates(read(f"{group}/B", (4 * units,)))
            bias[units : 2 * units] += 1.0  # TensorFlow adds it to the forget gate
            weights |= {f"{name}.bias_ih_l0": bias, f"{name}.bias_hh_l0": np.zeros_like(bias)}
    for name, weight in network.state_dict().items():
        for pattern, dataset in _DATASETS.items():
            if match := re.fullmatch(pattern, name):
                shape = tuple(weight.shape)[::-1]
                dataset = match.expand(dataset).format("b" if name.endswith("bias") else "W")
                array = read(dataset, (1, *shape) if len(shape) == 3 else shape)
                weights[name] = array.reshape(shape).T
    return weights


def _reorder_gates(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows in TensorFlow's order of gates i, g, f, o to torch's i, f, g, o."""
    return array.reshape(4, -1, *array.shape[1:])[[0, 2, 1, 3]].reshape(array.shape)
