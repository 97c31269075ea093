"""Encoders of texts with 8-bit numbers, which OpenVINO runs: smaller and faster.

Weights and inputs of the matrix products are quantised by NNCF, after the outliers of the inputs have been
moved into the weights (Xiao et al. 2023).
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..errors import ModelError, SettingError
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
    require("nncf", "export", "export --precision int8 of an encoder")
    import openvino

    if len(texts) < 20:
        raise SettingError(f"int8 needs texts to see the ranges of numbers: 20 or more, not {len(texts)}")
    order = np.random.default_rng(1).permutation(len(texts))
    count = min(_CALIBRATION, len(texts) // 2)
    shown = [texts[row] for row in order[:count].tolist()]
    tested = [texts[row] for row in order[count:][:_TESTED].tolist()]
    with atomic_folder(output, "config.json") as new:
        engine.keep(new, weights=False)
        path = new / engine.layout.encoder / GRAPH_FILE
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as other:
            openvino.save_model(engine.graph, f"{other}/graph.xml", compress_to_fp16=False)
            for number, text in enumerate(shown):
                np.savez(f"{other}/{number}.npz", *engine.inputs(text))
            _in_a_process(Path(other), path)
    return _compare(engine, output, tested)


def _in_a_process(folder: Path, output: Path) -> None:
    """Quantise the graph in a folder, in a process of its own: what NNCF loads and starts does not go again.

    Raises:
        ModelError: it did not work; the message is the last line that was printed.
    """
    code = f"from {__name__} import quantise; quantise({str(folder)!r}, {str(output)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        told = (done.stderr.strip() or "?").splitlines()[-1]
        raise ModelError(f"NNCF could not quantise the encoder: {told}")


def quantise(folder: str, output: str) -> None:
    """Quantise `graph.xml` in a folder, with the inputs in its other files.

    Args:
        folder: The folder.
        output: The file of the new graph.
    """
    import nncf
    import openvino

    files = sorted(Path(folder).glob("*.npz"))
    smooth = nncf.AdvancedSmoothQuantParameters(matmul=_ALPHA)
    small = nncf.quantize(
        openvino.Core().read_model(f"{folder}/graph.xml"),
        nncf.Dataset([list(np.load(file).values()) for file in files]),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(files),
        advanced_parameters=nncf.AdvancedQuantizationParameters(smooth_quant_alphas=smooth),
    )
    openvino.save_model(small, output)


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
