"""The shape of an ELMo, as its options.json gives it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ..errors import RecipeError, UserError
from ..files.json_files import read_json

CHARACTERS = 262

_Size = Annotated[int, Field(strict=True, ge=1)]
_Clip = Annotated[float, Field(strict=True, gt=0)] | None

_KEYS = {  # of the published layout
    "units": "lstm.dim",
    "dim": "lstm.projection_dim",
    "layers": "lstm.n_layers",
    "memory_clip": "lstm.cell_clip",
    "hidden_clip": "lstm.proj_clip",
    "skip": "lstm.use_skip_connections",
    "longest": "char_cnn.max_characters_per_token",
    "character_dim": "char_cnn.embedding.dim",
    "filters": "char_cnn.filters",
    "activation": "char_cnn.activation",
    "highways": "char_cnn.n_highway",
    "window": "window",
}
_CHARACTERS_KEY = "char_cnn.n_characters"
_DEFAULTS = {
    "layers": 1, "memory_clip": None, "hidden_clip": None, "skip": False, "highways": 0, "window": None,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ElmoOptions:
    """Sizes and settings of a bidirectional language model over characters.

    Args:
        units: Numbers in an LSTM's memory.
        dim: Length of each direction's output vector.
        layers: LSTM layers of each direction.
        memory_clip: Largest absolute value in the memory; None: no limit.
        hidden_clip: Largest absolute value in an LSTM's output; None: no limit.
        skip: Whether the input of a layer above the first is added to its output.
        character_dim: Length of a character's vector.
        filters: Width and number of the convolutions of each width.
        activation: The activation after the convolutions.
        highways: Highway layers.
        longest: Characters a word at most, its begin and end marks included.
        window: Words between the begin and end marks of a text in training; None if unknown.
    """

    units: _Size
    dim: _Size
    layers: _Size = 2
    memory_clip: _Clip = None
    hidden_clip: _Clip = None
    skip: Annotated[bool, Field(strict=True)] = True
    character_dim: _Size = 16
    filters: Annotated[tuple[tuple[_Size, _Size], ...], Field(min_length=1)] = ((1, 32),)
    activation: Literal["relu", "tanh"] = "relu"
    highways: Annotated[int, Field(strict=True, ge=0)] = 2
    longest: Annotated[int, Field(strict=True, ge=3)] = 50
    window: _Size | None = None

    @property
    def convolutions(self) -> int:
        """The number of all convolutions."""
        return sum(number for _, number in self.filters)

    @property
    def widest(self) -> int:
        """The width of the widest convolution."""
        return max(width for width, _ in self.filters)

    def as_json(self) -> str:
        """The options in the published layout, which `read_options` reads."""
        tree: dict[str, Any] = {"lstm": {}, "char_cnn": {"n_characters": CHARACTERS}}
        for name, key in _KEYS.items():
            *parts, last = key.split(".")
            table = tree
            for part in parts:
                table = table.setdefault(part, {})
            table[last] = getattr(self, name)
        return json.dumps(tree, indent=2) + "\n"


def read_options(path: Path, error: type[UserError] = RecipeError) -> ElmoOptions:
    """Read options in the published layout.

    Raises:
        RecipeError: the file cannot be read, or a key is missing or has an invalid value; `error` where that
            is given.
    """
    tree = read_json(path, dict, error)
    values: dict[str, Any] = {**_DEFAULTS}
    for name, key in _KEYS.items():
        value = _value(tree, key)
        if value is not None and not (value == 0 and name.endswith("clip")):
            values[name] = value
        elif name not in values:
            raise error(f"{path}: {key} is missing")
    try:
        options = TypeAdapter(ElmoOptions).validate_python(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        key = _KEYS[str(first["loc"][0])]
        raise error(f"{path}: {key} is {_value(tree, key)!r}: {first['msg']}") from None
    wrong = {}
    if options.dim > options.units:
        wrong["lstm.projection_dim"] = f"at most lstm.dim, which is {options.units}"
    if options.widest > options.longest:
        wrong["char_cnn.filters"] = f"widths up to max_characters_per_token, {options.longest}"
    if _value(tree, _CHARACTERS_KEY) not in (None, CHARACTERS - 1, CHARACTERS):
        wrong[_CHARACTERS_KEY] = f"{CHARACTERS}: the bytes of UTF-8 and six more"
    if wrong:
        key, expected = next(iter(wrong.items()))
        raise error(f"{path}: {key} is {_value(tree, key)!r}; expected {expected}")
    return options


def _value(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree
