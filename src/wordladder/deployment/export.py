"""Writes a trained network as a folder that answers without PyTorch: a graph in ONNX, the words and labels.

`wordladder.load` opens it as any other model. Smaller numbers are chosen by `precision`.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..data.examples import Examples
from ..embedders._readers import READERS
from ..engines.exported_engine import CHAIN_FILE, EXPORTED_FILE, GRAPH_FILE, Exported
from ..errors import ModelError, check_choice
from ..evaluation.evaluate import Evaluation
from ..extras import require
from ..files.json_files import write_json
from ..model.model import Model
from ..model.saved_folder import write_model

TASKS = ("classification", "pairs", "regression", "similarity", "span_qa", "tagging")
_SAMPLE = ("A good film, 我喜欢 it.", "Not 10 bad ones")  # any texts will do

Precision = Literal["float32", "int8"]


def export(
    model: Model, output: str | Path, *, precision: Precision = "float32", test: Examples | None = None
) -> tuple[Evaluation, Evaluation] | None:
    """Write a folder with the graph of a network in ONNX, which `wordladder.load` opens.

    Args:
        model: A trained or loaded model.
        output: The folder.
        precision: `"int8"` stores and multiplies 8-bit numbers where ONNX Runtime can: of tables, of LSTM,
            and of linear layers, whose inputs are quantised as they come.
        test: Labelled rows on which the model is evaluated before and after; the folder keeps what was found.

    Returns:
        The two evaluations, if there are test rows.

    Raises:
        ModelError: the model has no network of wordladder, or its task or an embedder cannot be exported.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    engine, name = model._fitted_engine(), model.recipe_.name
    for module in ("onnx", "onnxruntime"):
        require(module, "export", "export")
    if engine.network is None or engine.layout is not None:
        raise ModelError(f"{name}: only networks that wordladder trained are exported to ONNX")
    if model.recipe_.task not in TASKS:
        raise ModelError(
            f"{name}: the task {model.recipe_.task!r} is not exported; these are: {', '.join(TASKS)}"
        )
    check_choice("precision", precision, get_args(Precision))
    write_model(model, Path(output), partial(_keep, engine, precision))
    if test is None:
        return None
    found = model.evaluate(test), Model.load(output, threads=model.threads).evaluate(test)
    costs = dict(zip(("before", "after"), map(Evaluation.to_dict, found)))
    write_json(Path(output) / "export_test.json", costs)
    return found


def _keep(engine: Any, precision: Precision, folder: Path) -> None:
    """Write what `ExportedEngine.restore` reads."""
    from .onnx_graph import write_graph

    task, network = engine.task, engine.network
    tokens = engine.words.tokens(Examples((list(_SAMPLE),) * task.segments))
    tokens = tokens.apart() if engine.reads_apart else tokens
    with tempfile.TemporaryDirectory() as other:
        path = folder / GRAPH_FILE if precision == "float32" else Path(other) / GRAPH_FILE
        readers = write_graph(network, tokens, path, towers=getattr(task, "towers", False))
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

    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(graph, output, weight_type=QuantType.QInt8, per_channel=True)
