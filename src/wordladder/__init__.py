"""wordladder: climb the ladder of text representation on your own text.

The names below are the public API of the package. They are imported when they are first used, so that
`import wordladder` loads neither torch nor Numba.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .deployment.export import export
    from .distillation.distill import distill
    from .ladder.climb import climb
    from .ladder.forecast import forecast
    from .model.compare import compare
    from .model.label_next import label_next
    from .model.loading import load
    from .model.model import Model
    from .recipe import Recipe
    from .word_vectors import WordVectors

_MODULES = {
    "Model": "model.model",
    "Recipe": "recipe",
    "WordVectors": "word_vectors",
    "climb": "ladder.climb",
    "compare": "model.compare",
    "distill": "distillation.distill",
    "export": "deployment.export",
    "forecast": "ladder.forecast",
    "label_next": "model.label_next",
    "load": "model.loading",
}

__all__ = [
    "Model",
    "Recipe",
    "WordVectors",
    "__version__",
    "climb",
    "compare",
    "distill",
    "export",
    "forecast",
    "label_next",
    "load",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
