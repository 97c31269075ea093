"""Finding an encoder that is none of ours: a folder, or a name on the Hugging Face hub."""

import re
from pathlib import Path

from ..embedders._hub import FILES, PICKLED, hub_folder
from ..embedders._sentence_layout import is_sentence_folder
from ..errors import ModelError
from ..extras import require
from ..files.folders import is_saved_model, size_mb

_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)?")
_MAKER = "sentence-transformers"  # whose models may be named without it


def find_encoder(source: str | Path) -> Path | None:
    """The folder of an encoder; None where there is something else, or nothing that could be one.

    Raises:
        ModelError: it could be a name on the hub, and nothing comes from there.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder if is_sentence_folder(folder) or (folder / "config.json").is_file() else None
    name = folder.as_posix()
    if folder.exists() or not _NAME.fullmatch(name):
        return None
    return _from_hub(name)


def _from_hub(name: str) -> Path:
    require("torch", "train", f"{name}: there is no such folder, and an encoder from the Hugging Face hub")
    said = ""
    for one in (name,) if "/" in name else (name, f"{_MAKER}/{name}"):
        try:
            return hub_folder(one)
        except (OSError, ValueError) as problem:
            said = said or str(problem).strip().split("\n")[0]
    raise ModelError(
        f"{name}: there is no such folder, and nothing came from the Hugging Face hub that can be read "
        f"({said})"
    ) from None


def needed_mb(source: str | Path) -> float:
    """The size on disk of what is read of a model, in MB of 10⁶ bytes: without checkpoints of its training
    and weights in other formats.
    """
    path = Path(source)
    if path.is_file():
        return path.stat().st_size / 1e6
    if is_saved_model(path):
        return size_mb(path)
    folder = find_encoder(source)
    if folder is None:
        return 0.0
    parts = [folder, *folder.glob("[0-9]_*")]  # of sentence-transformers
    found = {file for part in parts for pattern in FILES for file in part.glob(pattern)}
    if not any(file.suffix == ".safetensors" for file in found):
        found |= set(folder.glob(PICKLED))
    return sum(file.stat().st_size for file in found) / 1e6
