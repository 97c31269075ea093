"""Writes a trained network as a folder that answers without PyTorch: a graph in ONNX, the words and labels.

`wordladder.load` opens it as any other model. Smaller numbers are chosen by `precision`.
"""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..data.examples import Examples
from ..embedders._readers import READERS
from ..engines.exported_engine import CHAIN_FILE, EXPORTED_FILE, GRAPH_FILE, Exported
from ..errors import ModelError, SettingError, check_choice
from ..extras import require
from ..files.json_files import write_json
from ..interop.fast_encoder import FastEncoder
from ..model.model import Model
from ..model.saved_folder import write_model
from .small_encoder import COSTS_FILE, write_small

TASKS = ("classification", "pairs", "regression", "similarity", "span_qa", "tagging")
_SAMPLE = ("A good film, 我喜欢 it.", "Not 10 bad ones")  # any texts will do

Precision = Literal["float32", "int8"]


def export(
    model: Model,
    output: str | Path,
    *,
    precision: Precision = "float32",
    test: Examples | None = None,
    texts: Sequence[str] = (),
) -> dict[str, Any]:
    """Write a folder that answers without PyTorch, which `wordladder.load` opens: the graph of a network in
    ONNX, or of an encoder of texts that OpenVINO runs.

    Args:
        model: A trained or loaded model.
        output: The folder.
        precision: `"int8"` stores and multiplies 8-bit numbers: of tables, LSTM and linear layers, whose
            inputs are quantised as they come; of an encoder with ranges that `texts` show.
        test: Labelled rows on which the model is evaluated before and after; the folder keeps what was found.
        texts: For an encoder in int8, 20 or more texts like those that it will read.

    Returns:
        What it costs, which the folder keeps as `export_test.json`: the evaluation `before` and `after`, if
        there are test rows; of an encoder the `mean_cosine` and the `least_cosine` of its vectors before and
        after.

    Raises:
        ModelError: the model is none of these, or its task or an embedder cannot be exported.
        SettingError: an encoder is to be exported in float32, or there are fewer than 20 texts.
        MissingExtraError: onnx, onnxruntime or nncf is not installed.
    """
    engine, name = model._fitted_engine(), model.recipe_.name
    check_choice("precision", precision, get_args(Precision))
    if isinstance(engine, FastEncoder):
        if precision == "float32":
            raise SettingError(f"{name}: OpenVINO reads the folder as it is; export it as int8")
        return write_small(engine, texts, Path(output))
    for module in ("onnx", "onnxruntime"):
        require(module, "export", "export")
    if engine.network is None or engine.layout is not None:
        raise ModelError(
            f"{name}: what is exported are networks that wordladder trained, and encoders that OpenVINO runs"
        )
    if model.recipe_.task not in TASKS:
        raise ModelError(
            f"{name}: the task {model.recipe_.task!r} is not exported; these are: {', '.join(TASKS)}"
        )
    write_model(model, Path(output), partial(_keep, engine, precision))
    if test is None:
        return {}
    after = Model.load(output, threads=model.threads).evaluate(test)
    costs = {"before": model.evaluate(test).to_dict(), "after": after.to_dict()}
    write_json(Path(output) / COSTS_FILE, costs)
    return costs


def _keep(engine: Any, precision: Precision, folder: Path) -> None:
    """Write what `ExportedEngine.restore` reads."""
    from .onnx_graph import write_graph

    task, network = engine.task, engine.network
    tokens = engine.words.tokens(Examples((list(_SAMPLE),) * task.segments))
    tokens = tokens.apart() if engine.reads_apart else tokens
    with tempfile.TemporaryDirectory() as other:
        path = folder / GRAPH_FILE if precision == "float32" else Path(other) / GRAPH_FILE
        readers = write_graph(network, tokens, path, task)
        if precision == "int8":
            _quantise(path, folder / GRAPH_FILE)
    kinds = {reader: kind for kind, reader in READERS.items()}
    facts = []
    for number, reader in enumerate(readers):
        own = folder / "readers" / str(number)
        own.mkdir(parents=True)
        facts.append({"kind": kinds[type(reader)], **reader.keep(own)})
    exported = Exported(facts, network.task.dim, engine.reads_apart, engine.reads_both_orders, precision)
    write_json(folder / EXPORTED_FILE, vars(exported))
    if engine.chain is not None:
        np.savez(folder / CHAIN_FILE, **engine.chain.weights._asdict())
    task.keep(folder)
    engine.words.keep(folder)


def _quantise(graph: Path, output: Path) -> None:
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()  # which it writes advice to that is for others
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(graph, output, weight_type=QuantType.QInt8, per_channel=True)
    finally:
        root.setLevel(level)
