"""Imports of optional dependencies."""

from importlib import import_module
from types import ModuleType

from .errors import MissingExtraError

# extra → the modules of it that are imported
EXTRAS = {
    "train": ("torch", "transformers", "sklearn", "scipy", "matplotlib", "textalloc"),
    "run": ("onnxruntime",),
    "export": ("onnx", "onnxruntime", "openvino", "nncf"),
    "fast": ("openvino",),
    "chinese": ("jieba",),
    "plot": ("matplotlib", "textalloc"),
    "elmo": ("h5py",),
    "tune": ("optuna",),
    "search": ("qdrant_edge", "Stemmer", "ir_measures"),
    "postgres": ("psycopg",),
    "serve": ("starlette", "uvicorn", "httptools", "orjson", "prometheus_client"),
}


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or say which extra to install for `purpose`.

    Raises:
        MissingExtraError: the module is not installed; the message has the command to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{purpose} needs {module.split('.')[0]!r}, which is not installed. "
            f'Type: pip install "wordladder[{extra}]"'
        ) from None
