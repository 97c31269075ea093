"""Models of the Hugging Face hub: the folder that one lies in, asked for once."""

from pathlib import Path

from ..extras import require

FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")
PICKLED = "pytorch_model*.bin"  # PyTorch's own files, where there are no others
_OTHERS = ("onnx/*", "openvino/*", "coreml/*")


def hub_folder(name: str) -> Path:
    """The folder of a model in the local cache, filled from the hub where it can be had.

    Raises:
        OSError: there is none, or the hub cannot be reached.
        ValueError: no model can be called so.
    """
    hub = require("huggingface_hub", "train", "a model from the Hugging Face hub")
    folder = Path(hub.snapshot_download(name, allow_patterns=FILES, ignore_patterns=_OTHERS))
    if not any(folder.rglob("*.safetensors")):
        hub.snapshot_download(name, allow_patterns=PICKLED)
    return folder
