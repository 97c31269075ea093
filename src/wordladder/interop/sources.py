"""What lies at a path or behind a name on the Hugging Face hub. One table decides; nothing is loaded here."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..embedders._encoder_sources import FILES, PICKLED, hub_folder
from ..embedders._sentence_layout import is_sentence_folder
from ..errors import ModelError
from ..extras import require
from ..files.folders import find_model, is_saved_model, size_mb
from ..formats.fasttext import is_classifier
from ..formats.model2vec import is_own_folder

_HUB_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)?")
_DEFAULT_OWNER = "sentence-transformers"  # whose models may be named without it
_TASKS = {
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "tagging",
    "ForQuestionAnswering": "span_qa",
}


class Source(NamedTuple):
    """What a path or a name leads to.

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
    among them regression, which gives one number per text.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = str(config["architectures"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if config.get("problem_type") == "regression" or len(config.get("id2label") or ("", "")) == 1:
        return None
    return next((("AutoModel" + end, task) for end, task in _TASKS.items() if name.endswith(end)), None)


# A new kind of model is a row here and a loader in `model/loading.py`. The first mark that fits decides.
MARKS: dict[str, Callable[[Path], Any]] = {
    "model": is_saved_model,
    "fasttext_classifier": is_classifier,
    "word_vectors": lambda path: path.is_file() or is_own_folder(path),
    "sentence_encoder": is_sentence_folder,
    "fine_tuned": task_of,
    "encoder": lambda path: (path / "config.json").is_file(),
    "elmo": lambda path: any(path.glob("*options.json")),
}


def kind_of(path: Path) -> str | None:
    """The key of `MARKS` for a file or folder on this machine; None if no mark fits."""
    return next((kind for kind, fits in MARKS.items() if fits(path)), None)


def identify(source: str | Path) -> Source:
    """Find out what a path or a name on the Hugging Face hub leads to. A model on the hub is downloaded.

    Raises:
        ModelError: there is nothing, or nothing that is known here.
        MissingExtraError: it can only be a name on the hub, and that needs an extra.
    """
    path, name = Path(source), str(source)
    kind = kind_of(path)
    if kind is None and not path.exists() and _HUB_NAME.fullmatch(path.as_posix()):
        path = _download(path.as_posix())
        kind = kind_of(path)
    if kind is None:
        find_model(path)  # raises
        raise ModelError(f"{source}: nothing known lies there")
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
    """The size on disk of what is read of a model, in MB of 10⁶ bytes: training checkpoints and weights in
    other formats are left out.
    """
    kind, path, _ = identify(source)
    if path.is_file():
        return path.stat().st_size / 1e6
    if kind == "model":
        return size_mb(path)
    parts = [path, *path.glob("[0-9]_*")]  # the modules of sentence-transformers
    files = {file for part in parts for pattern in FILES for file in part.glob(pattern)}
    if not any(file.suffix == ".safetensors" for file in files):
        files |= set(path.glob(PICKLED))
    return sum(file.stat().st_size for file in files) / 1e6
