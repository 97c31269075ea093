"""Encoders of texts with 8-bit numbers, which OpenVINO runs: smaller and faster.

Weights and inputs of the matrix products are quantised by NNCF, after the outliers of the inputs have been
moved into the weights (Xiao et al. 2023).
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..errors import SettingError
from ..extras import require
from ..files.folders import atomic_folder
from ..files.json_files import write_json
from ..interop.fast_encoder import FastEncoder
from ..interop.openvino_graph import GRAPH_FILE

COSTS_FILE = "export_test.json"
_CALIBRATION, _TESTED = 300, 500  # texts
_ALPHA = 0.7  # how much of an outlier goes into the weights: MiniLM's least cosine is best from 0.65 to 0.8


def write_small(engine: FastEncoder, texts: Sequence[str], output: Path) -> dict[str, Any]:
    """Write a folder like that of the encoder, with 8-bit numbers.

    Args:
        engine: The encoder.
        texts: Texts like those it will read: some show the ranges of numbers, others what is lost.
        output: The folder.

    Returns:
        `mean_cosine` and `least_cosine` of the vectors before and after, and of how many `texts`.

    Raises:
        SettingError: there are fewer than 20 texts.
        MissingExtraError: nncf is not installed.
    """
    nncf = require("nncf", "export", "export --precision int8 of an encoder")
    import openvino

    if len(texts) < 20:
        raise SettingError(f"int8 needs texts to see the ranges of numbers: 20 or more, not {len(texts)}")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    order = np.random.default_rng(1).permutation(len(texts))
    count = min(_CALIBRATION, len(texts) // 2)
    shown, tested = (
        [texts[row] for row in rows.tolist()] for rows in (order[:count], order[count:][:_TESTED])
    )
    smooth = nncf.AdvancedSmoothQuantParameters(matmul=_ALPHA)
    small = nncf.quantize(
        engine.graph.clone(),
        nncf.Dataset([engine.inputs(text) for text in shown]),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=count,
        advanced_parameters=nncf.AdvancedQuantizationParameters(smooth_quant_alphas=smooth),
    )
    with atomic_folder(output, "config.json") as new:
        engine.keep(new, weights=False)
        path = new / engine.layout.encoder / GRAPH_FILE
        path.parent.mkdir(exist_ok=True)
        openvino.save_model(small, str(path))
    return _compare(engine, output, tested)


def _compare(engine: FastEncoder, output: Path, texts: Sequence[str]) -> dict[str, Any]:
    """The cosines of an encoder's vectors and of those of its small copy, which keeps them in its folder."""
    from ..model.loading import load

    rows: Any = list(texts)
    before = engine.encode(Examples((rows,)))
    after = load(output, engine="openvino").encode(rows)
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosines = (before * after).sum(axis=1) / np.maximum(norms, 1e-12)
    found = {"mean_cosine": cosines.mean(), "least_cosine": cosines.min()}
    costs = {name: float(value) for name, value in found.items()} | {"texts": len(rows)}
    write_json(output / COSTS_FILE, costs)
    return costs
