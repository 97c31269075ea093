"""Finding an encoder that is none of ours: a folder, or a name on the Hugging Face hub."""

import re
from pathlib import Path

from ..embedders._sentence_layout import is_sentence_folder
from ..errors import ModelError
from ..extras import require

__all__ = ["find_encoder"]

_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)?")
_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")
_OTHERS = ("onnx/*", "openvino/*", "coreml/*")
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
    hub = require("huggingface_hub", "train", "a model from the Hugging Face hub")
    said = ""
    for one in (name,) if "/" in name else (name, f"{_MAKER}/{name}"):
        try:
            return Path(hub.snapshot_download(one, allow_patterns=_FILES, ignore_patterns=_OTHERS))
        except (OSError, ValueError) as problem:
            said = said or str(problem).strip().split("\n")[0]
    raise ModelError(
        f"{name}: there is no such folder, and nothing came from the Hugging Face hub that can be read "
        f"({said})"
    ) from None
