"""Opening and keeping an ELMo: the published layout, an HDF5 file, and our own, a safetensors file, each
beside an options.json. No code of the folder is run.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import ModelError, RecipeError
from ..extras import require
from ._elmo_characters import CHARACTERS
from ._elmo_network import BiLM
from ._elmo_options import ElmoOptions, read_options

OPTIONS, WEIGHTS = "options.json", "model.safetensors"

Errors = type[RecipeError] | type[ModelError]


def open_elmo(folder: Path, where: str, error: Errors = RecipeError) -> BiLM:
    """Read a two-way language model.

    Args:
        folder: Where `options.json` and `model.safetensors` lie, or a published model's options and weights,
            `*options.json` and `*.hdf5`.
        where: What asked for it, for messages.
        error: What to raise.

    Raises:
        RecipeError: there is no such folder, a file is missing or broken, or the weights are not those of
            the options; `error` where that is given.
        MissingExtraError: the weights are HDF5, and h5py is not installed.
    """
    if not folder.is_dir():
        raise error(
            f"{where}: there is no such folder; give one with options.json and the weights of an ELMo"
        )
    options = read_options(_only(folder, "*options.json", where, error), error)
    own = folder / WEIGHTS
    if own.is_file():
        return _open_own(own, options, error)
    return _open_published(_only(folder, "*.hdf5", where, error), options, error)


def _only(folder: Path, pattern: str, where: str, error: Errors) -> Path:
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if len(found) == 1:
        return found[0]
    if not found:
        raise error(
            f"{where}: no {pattern} in {folder}; an ELMo is {OPTIONS} beside {WEIGHTS}, or beside an HDF5 "
            "file, *.hdf5"
        )
    raise error(
        f"{where}: several files {pattern} in {folder} ({', '.join(p.name for p in found)}); leave one"
    )


def keep_elmo(network: BiLM, folder: Path) -> None:
    """Write our own layout: `options.json` and `model.safetensors`."""
    (folder / OPTIONS).write_text(network.options.as_json(), encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)


def _open_own(path: Path, options: ElmoOptions, error: Errors) -> BiLM:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as problem:
        raise error(f"{path}: these weights cannot be read: {problem}") from None
    network = _empty(options, "characters.projection.weight" in weights)
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        _check(path, name, weights.get(name), tuple(tensor.shape), error)
    if unknown := sorted(weights.keys() - wanted.keys()):
        raise error(f"{path}: {OPTIONS} does not speak of the weights {', '.join(unknown[:3])}")
    return _filled(network, {name: weights[name].float() for name in wanted})


def _open_published(path: Path, options: ElmoOptions, error: Errors) -> BiLM:
    h5py = require("h5py", "elmo", "reading the HDF5 file of a published ELMo")
    try:
        with h5py.File(path, "r") as file:
            projects = "CNN_proj/W_proj" in file or options.convolutions != options.dim
            weights: dict[str, Tensor] = {}
            for source in _sources(options, projects):
                data: Any = file.get(source.dataset)
                data = data if isinstance(data, h5py.Dataset) else None
                _check(path, source.dataset, data, source.shape, error)
                weights |= {name: torch.from_numpy(_float(array)) for name, array in source.read(data[...])}
            _check_left_over(path, file, options, error)
    except (OSError, RuntimeError, ValueError, TypeError) as problem:
        if isinstance(problem, error):
            raise
        raise error(f"{path}: these weights cannot be read as HDF5: {problem}") from None
    return _filled(_empty(options, projects), weights)


def _check(path: Path, name: str, weight: Any, shape: tuple[int, ...], error: Errors) -> None:
    if weight is None:
        raise error(f"{path}: the weights {name} are missing, of which {OPTIONS} speaks")
    if tuple(weight.shape) != shape:
        raise error(f"{path}: the weights {name} are {tuple(weight.shape)}; by {OPTIONS} they are {shape}")


def _check_left_over(path: Path, file: Any, options: ElmoOptions, error: Errors) -> None:
    """Weights of a layer behind the last one that the options have: the two do not belong together."""
    behind = [
        f"CNN/W_cnn_{len(options.filters)}",
        f"CNN_high_{options.highways}/W_carry",
        f"{_cell_group(0, options.layers)}/W_0",
    ]
    for name in behind:
        if name in file:
            raise error(f"{path}: {OPTIONS} does not speak of the weights {name}")


def _float(array: NDArray) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)


def _empty(options: ElmoOptions, projects: bool) -> BiLM:
    """A network whose weights have shapes and no numbers."""
    with torch.device("meta"):
        return BiLM(options, projects)


def _filled(network: BiLM, weights: dict[str, Tensor]) -> BiLM:
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(True)


class _Source(NamedTuple):
    """A dataset of the published layout, its shape, and what its numbers become."""

    dataset: str
    shape: tuple[int, ...]
    read: Callable[[NDArray], list[tuple[str, NDArray]]]


def _as(name: str) -> Callable[[NDArray], list[tuple[str, NDArray]]]:
    """Weights that multiply from the other side in TensorFlow; a bias stays as it is. The images of its
    convolutions are one row high.
    """
    return lambda array: [(name, (array[0] if array.ndim == 4 else array).T)]


def _sources(options: ElmoOptions, projects: bool) -> Iterator[_Source]:
    """Everything that the file of a published model has to hold."""
    wide, dim, to = options.convolutions, options.dim, "characters"
    table = (CHARACTERS - 1, options.character_dim)  # the row for no character at all is not in the file
    yield _Source("char_embed", table, lambda a: [(f"{to}.table.weight", np.pad(a, ((1, 0), (0, 0))))])
    for i, (width, number) in enumerate(options.filters):
        shape = (1, width, options.character_dim, number)
        yield _Source(f"CNN/W_cnn_{i}", shape, _as(f"{to}.convolutions.{i}.weight"))
        yield _Source(f"CNN/b_cnn_{i}", (number,), _as(f"{to}.convolutions.{i}.bias"))
    for i in range(options.highways):
        for kind, part in (("carry", "gate"), ("transform", "transform")):
            name = f"{to}.highways.{i}.{part}"
            yield _Source(f"CNN_high_{i}/W_{kind}", (wide, wide), _as(f"{name}.weight"))
            yield _Source(f"CNN_high_{i}/b_{kind}", (wide,), _as(f"{name}.bias"))
    if projects:
        yield _Source("CNN_proj/W_proj", (wide, dim), _as(f"{to}.projection.weight"))
        yield _Source("CNN_proj/b_proj", (dim,), _as(f"{to}.projection.bias"))
    for direction, cells in enumerate(("forward_cells", "backward_cells")):
        for layer in range(options.layers):
            yield from _cell_sources(options, _cell_group(direction, layer), f"{cells}.{layer}")


def _cell_group(direction: int, layer: int) -> str:
    return f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"


def _cell_sources(options: ElmoOptions, group: str, name: str) -> Iterator[_Source]:
    """TensorFlow has the gates in the order i, g, f, o, torch i, f, g, o, and TensorFlow adds one to what the
    forget gate gets, beside its bias. One matrix there takes the word and, below it, the hidden vector.
    """
    units, dim = options.units, options.dim

    def ordered(array: NDArray) -> NDArray:
        return array.reshape(4, units, -1)[[0, 2, 1, 3]].reshape(4 * units, -1)

    def matrix(array: NDArray) -> list[tuple[str, NDArray]]:
        both = ordered(array.T)
        return [(f"{name}.weight_ih_l0", both[:, :dim]), (f"{name}.weight_hh_l0", both[:, dim:])]

    def bias(array: NDArray) -> list[tuple[str, NDArray]]:
        one = ordered(array)[:, 0]
        one[units : 2 * units] += 1.0
        return [(f"{name}.bias_ih_l0", one), (f"{name}.bias_hh_l0", np.zeros_like(one))]

    yield _Source(f"{group}/W_0", (2 * dim, 4 * units), matrix)
    yield _Source(f"{group}/B", (4 * units,), bias)
    if dim < units:
        yield _Source(f"{group}/W_P_0", (units, dim), _as(f"{name}.weight_hr_l0"))
