"""An exported network: its graph runs in ONNX Runtime, and texts are read as ever, all without PyTorch.

exported.json  how each embedder reads, and what the graph computes
model.onnx     the graph: names of its inputs begin with the number of the embedder that reads them
readers/N/     vocabularies of embedder N
chain.npz      the weights of neighbouring tags, if there are any
The rest is that of every saved model.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embedders._readers import leaves, restore_reader
from ..errors import ModelError
from ..extras import require
from ..files.json_files import Size, read_validated
from ..kernels.cores import cores
from ..recipe import Recipe, build
from ..text.padding import widths
from ..text.words import Tokens
from .batched_engine import BatchedEngine
from .word_joining import WordJoiner

EXPORTED_FILE, GRAPH_FILE, CHAIN_FILE = "exported.json", "model.onnx", "chain.npz"
SCORES, VECTORS, PROBABILITIES = "scores", "vectors", "probabilities"  # outputs of the graph


@dataclass(frozen=True)
class Exported:
    """The content of `exported.json`.

    Attributes:
        readers: Of each embedder the kind and the settings of its reader.
        dim: Numbers in the vector of a text.
        reads_apart: Whether each text of an example is a row of its own.
        reads_both_orders: Whether the scores of a pair are the mean over both orders.
        precision: `"float32"` or `"int8"`.
        version: Of this layout.
    """

    readers: list[dict[str, Any]]
    dim: Size
    reads_apart: bool
    reads_both_orders: bool
    precision: str = "float32"
    version: int = 1


class ExportedEngine(BatchedEngine):
    """A graph and its task."""

    scorer, encoder = SCORES, VECTORS

    def __init__(self, recipe: Recipe) -> None:
        require("onnxruntime", "run", "an exported model")
        self.recipe = recipe
        self.task = build("tasks", recipe.tables["task"])
        self.words = WordJoiner(recipe.text)
        self.chain: Any = None

    def restore(self, folder: Path) -> None:
        """Read what `export.write_graph` wrote."""
        self._folder = folder
        facts = read_validated(folder / EXPORTED_FILE, Exported)
        if facts.version != 1:
            raise ModelError(f"{folder}: exported by a later version of wordladder")
        self.vector_dim, self.reads_apart = facts.dim, facts.reads_apart
        self.reads_both_orders = facts.reads_both_orders
        self.task.restore(folder)
        self.words.restore(folder)
        self._readers = []
        for number, settings in enumerate(facts.readers):
            kind = settings.pop("kind")
            self._readers.append(restore_reader(kind, folder / "readers" / str(number), settings))
        if (folder / CHAIN_FILE).is_file():
            from ..kernels.crf import Chain  # imports Numba
            from ..layers.tag_chain import TagChain

            self.chain = TagChain(Chain(**np.load(folder / CHAIN_FILE, allow_pickle=False)))
        self._session = self._open_graph(folder / GRAPH_FILE)
        self._inputs = {one.name for one in self._session.get_inputs()}

    def keep(self, folder: Path) -> None:
        """Copy the files."""
        for name in (EXPORTED_FILE, GRAPH_FILE, CHAIN_FILE, "readers"):
            path = self._folder / name
            if path.is_dir():
                shutil.copytree(path, folder / name)
            elif path.is_file():
                shutil.copy2(path, folder / name)
        self.task.keep(folder)
        self.words.keep(folder)

    def _open_graph(self, path: Path) -> Any:
        """A session of one thread: a recurrent layer is a long chain of small operations, on which more
        threads would wait for each other. Several batches are computed side by side instead.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001, onnxruntime has no narrower common class
            raise ModelError(f"{path}: ONNX Runtime cannot read it: {error}") from None

    def _results(
        self, tokens: Tokens, compute: str, max_rows: int | None = None, targets: Any = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        batches, threads = self._in_batches(tokens, max_rows), self._threads or cores()
        run = partial(self._run_batch, tokens, compute)
        if len(batches) == 1 or threads == 1:
            yield from zip(batches, map(run, batches))
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from zip(batches, pool.map(run, batches))

    def _run_batch(self, tokens: Tokens, compute: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        pairs = self.reads_apart and tokens.segments == 1  # the graph also scores neighbours as pairs
        some = tokens
        if len(tokens) > 1 or pairs:
            some = tokens.take(np.append(rows, rows[-1]) if pairs and len(rows) % 2 else rows)
        inputs = graph_inputs(self._readers, some.apart() if self.reads_apart else some)
        given = {name: value for name, value in inputs.items() if name in self._inputs}
        return self._session.run([compute], given)[0][: len(rows)]


def graph_inputs(readers: list[Any], tokens: Tokens) -> dict[str, NDArray[Any]]:
    """What the graph reads of these texts: the arrays of each reader, and the words of the longest text of
    each segment and of the longest example.
    """
    found: dict[str, NDArray[Any]] = {}
    for number, reader in enumerate(readers):
        found |= leaves(reader.read(tokens, whole=True), str(number))
    return found | {"widths": np.array(widths(tokens), np.int64)}
