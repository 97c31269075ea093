"""Finds out what a path or a name on the Hugging Face hub refers to. One table decides; nothing is loaded."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..embedders._encoder_sources import FILES, PICKLED, hub_folder
from ..embedders._sentence_layout import is_sentence_folder, pair_activation
from ..errors import ModelError
from ..extras import require
from ..files.folders import find_model, is_saved_model, size_mb
from ..formats.fasttext import is_classifier
from ..formats.model2vec import is_own_folder

_HUB_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)?")
_DEFAULT_OWNER = "sentence-transformers"  # its models can be named without it
_TASKS = {
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "tagging",
    "ForQuestionAnswering": "span_qa",
}


class Source(NamedTuple):
    """What a path or a name refers to.

    Attributes:
        kind: A key of `MARKS`.
        path: The file or folder; for a name on the hub, its folder in the local cache.
        name: The path or name as the user wrote it.
    """

    kind: str
    path: Path
    name: str


def task_of(folder: Path) -> tuple[str, str] | None:
    """The transformers class that opens a fine-tuned model, and the kind of its task; None for other heads,
    such as regression.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = str(config["architectures"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if config.get("problem_type") == "regression" or len(config.get("id2label") or ("", "")) == 1:
        return None
    return next((("AutoModel" + end, task) for end, task in _TASKS.items() if name.endswith(end)), None)


# A new kind of model is a row here and a loader in `model/loading.py`. The first mark that matches decides.
MARKS: dict[str, Callable[[Path], Any]] = {
    "model": is_saved_model,
    "fasttext_classifier": is_classifier,
    "word_vectors": lambda path: path.is_file() or is_own_folder(path),
    "cross_encoder": lambda path: pair_activation(path) is not None,
    "sentence_encoder": is_sentence_folder,
    "fine_tuned": task_of,
    "encoder": lambda path: (path / "config.json").is_file(),
    "elmo": lambda path: any(path.glob("*options.json")),
}


def kind_of(path: Path) -> str | None:
    """The key of `MARKS` for a file or folder; None if no mark matches."""
    return next((kind for kind, matches in MARKS.items() if matches(path)), None)


def identify(source: str | Path) -> Source:
    """Find out what a path or a name on the Hugging Face hub refers to. A model on the hub is downloaded.

    Raises:
        ModelError: there is no such file, folder or model, or its kind is unknown.
        MissingExtraError: it must be a name on the hub, which needs an extra.
    """
    path, name = Path(source), str(source)
    kind = kind_of(path)
    if kind is None and not path.exists() and _HUB_NAME.fullmatch(path.as_posix()):
        path = _download(path.as_posix())
        kind = kind_of(path)
    if kind is None:
        find_model(path)  # raises
        raise ModelError(f"{source}: neither a model nor word vectors of a known kind")
    return Source(kind, path, name)


def _download(name: str) -> Path:
    require("torch", "train", f"{name}: there is no such folder, and an encoder from the Hugging Face hub")
    problem = ""
    for candidate in (name,) if "/" in name else (name, f"{_DEFAULT_OWNER}/{name}"):
        try:
            return hub_folder(candidate)
        except (OSError, ValueError) as error:
            problem = problem or str(error).strip().split("\n")[0]
    raise ModelError(
        f"{name}: there is no such folder, and no model of that name could be fetched from the Hugging Face "
        f"hub ({problem})"
    )


def needed_mb(source: str | Path) -> float:
    """The size on disk of the files that loading a model reads, in MB of 10⁶ bytes: without training
    checkpoints and weights in other formats.
    """
    kind, path, _ = identify(source)
    if path.is_file():
        return path.stat().st_size / 1e6
    if kind == "model":
        return size_mb(path)
    folders = [path, *path.glob("[0-9]_*")]  # the modules of sentence-transformers
    files = {file for folder in folders for pattern in FILES for file in folder.glob(pattern)}
    files |= set(path.glob("openvino/*"))
    if not any(file.suffix == ".safetensors" for file in files):
        files |= set(path.glob(PICKLED))
    return sum(file.stat().st_size for file in files) / 1e6
