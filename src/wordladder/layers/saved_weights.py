"""Weights of another saved model, which some parts start from."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import RecipeError


def saved_weights(folder: Path, prefix: str) -> dict[str, Tensor]:
    """The weights of a saved model whose names start with a prefix, without it.

    Raises:
        RecipeError: there is no such model, or it has no such weights.
    """
    try:
        with safe_open(folder / "weights.safetensors", "pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            found = {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"{folder} is not the folder of a saved network: {error}") from None
    if not found:
        raise RecipeError(f"{folder}: the model has no weights {prefix}…")
    return found
