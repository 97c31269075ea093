"""Tiny ELMos with random weights, in our layout and in that of the published models."""

import json
from pathlib import Path

import numpy as np
import torch

from wordladder.embedders._elmo_files import save_elmo
from wordladder.embedders._elmo_network import BiLM
from wordladder.embedders._elmo_options import ElmoOptions

FILTERS = ((1, 4), (2, 3), (5, 6))


def tiny_elmo(folder: Path, seed: int = 1, **options) -> Path:
    """A language model of two layers with weights large enough that everything matters."""
    torch.manual_seed(seed)
    network = BiLM(ElmoOptions(**{"units": 9, "dim": 5, "character_dim": 3, "filters": FILTERS, **options}))
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
        network.characters.table.weight[0] = 0.0
    save_elmo(network, folder)
    return folder


def published_options(units=9, dim=5, layers=2, clip=1.0, filters=FILTERS, highways=2, activation="relu"):
    """The options of a published model, as a tree."""
    return {
        "lstm": {
            "use_skip_connections": True,
            "projection_dim": dim,
            "cell_clip": clip,
            "proj_clip": clip,
            "dim": units,
            "n_layers": layers,
        },
        "char_cnn": {
            "activation": activation,
            "filters": [list(pair) for pair in filters],
            "n_highway": highways,
            "embedding": {"dim": 3},
            "n_characters": 262,
            "max_characters_per_token": 50,
        },
    }


def published_weights(options, seed=1):
    """Random weights under the names and in the shapes of TensorFlow's checkpoint."""
    draw = np.random.default_rng(seed)
    lstm, characters = options["lstm"], options["char_cnn"]
    units, dim, embedded = lstm["dim"], lstm["projection_dim"], characters["embedding"]["dim"]
    wide = sum(number for _, number in characters["filters"])
    shapes = {"char_embed": (261, embedded)}
    for i, (width, number) in enumerate(characters["filters"]):
        shapes |= {f"CNN/W_cnn_{i}": (1, width, embedded, number), f"CNN/b_cnn_{i}": (number,)}
    for i in range(characters["n_highway"]):
        for kind in ("carry", "transform"):
            shapes |= {f"CNN_high_{i}/W_{kind}": (wide, wide), f"CNN_high_{i}/b_{kind}": (wide,)}
    shapes |= {"CNN_proj/W_proj": (wide, dim), "CNN_proj/b_proj": (dim,)}
    for direction in range(2):
        for layer in range(lstm["n_layers"]):
            cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            shapes |= {f"{cell}/W_0": (2 * dim, 4 * units), f"{cell}/B": (4 * units,)}
            if dim < units:
                shapes[f"{cell}/W_P_0"] = (units, dim)
    return {name: draw.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}


def save_published(folder: Path, options, weights) -> Path:
    """Write both under names such as the published ones have."""
    import h5py

    (folder / "elmo_tiny_options.json").write_text(json.dumps(options), encoding="utf-8")
    with h5py.File(folder / "elmo_tiny_weights.hdf5", "w") as file:
        for name, array in weights.items():
            file[name] = array
    return folder
