"""The shape of an ELMo, as its options.json tells it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ModelError, RecipeError
from ._elmo_characters import CHARACTERS

_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class ElmoOptions:
    """Sizes and settings of a two-way language model over characters.

    Args:
        units: Numbers in an LSTM's memory.
        dim: Length of the vector that comes out of each direction.
        layers: LSTM layers of each direction.
        memory_clip: Largest size of a number of the memory; None: any.
        hidden_clip: Largest size of a number that comes out of an LSTM; None: any.
        skip: Whether what goes into a layer above the first is added to what comes out.
        character_dim: Length of a character's vector.
        filters: Width and number of the convolutions of each width.
        activation: What follows the convolutions.
        highways: Highway layers.
        longest: Characters a word at most, its beginning and end among them.
        window: Words between the beginning and the end of a text in training; None where that is not known.
    """

    units: int
    dim: int
    layers: int = 2
    memory_clip: float | None = None
    hidden_clip: float | None = None
    skip: bool = True
    character_dim: int = 16
    filters: tuple[tuple[int, int], ...] = ((1, 32),)
    activation: Literal["relu", "tanh"] = "relu"
    highways: int = 2
    longest: int = 50
    window: int | None = None

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
        lstm = {
            "dim": self.units,
            "projection_dim": self.dim,
            "n_layers": self.layers,
            "cell_clip": self.memory_clip,
            "proj_clip": self.hidden_clip,
            "use_skip_connections": self.skip,
        }
        characters = {
            "n_characters": CHARACTERS,
            "max_characters_per_token": self.longest,
            "embedding": {"dim": self.character_dim},
            "filters": [list(pair) for pair in self.filters],
            "activation": self.activation,
            "n_highway": self.highways,
        }
        return json.dumps({"lstm": lstm, "char_cnn": characters, "window": self.window}, indent=2) + "\n"


def read_options(path: Path, error: type[RecipeError] | type[ModelError]) -> ElmoOptions:
    """Read options in the published layout.

    Raises:
        RecipeError: the file cannot be read, or a key is missing or has a value that cannot be used; `error`
            where that is given.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise error(f"{path}: these options cannot be read: {problem}") from None
    keys = _Keys(path, tree, error)
    characters = keys.whole("char_cnn.n_characters", default=CHARACTERS)
    if characters not in (CHARACTERS - 1, CHARACTERS):
        raise keys.wrong("char_cnn.n_characters", f"{CHARACTERS}: the bytes of UTF-8 and six more")
    units, dim = keys.whole("lstm.dim"), keys.whole("lstm.projection_dim")
    if dim > units:
        raise keys.wrong("lstm.projection_dim", f"at most lstm.dim, which is {units}")
    options = ElmoOptions(
        units=units,
        dim=dim,
        layers=keys.whole("lstm.n_layers", default=1),
        memory_clip=keys.clip("lstm.cell_clip"),
        hidden_clip=keys.clip("lstm.proj_clip"),
        skip=keys.one_of("lstm.use_skip_connections", (True, False), default=False),
        character_dim=keys.whole("char_cnn.embedding.dim"),
        filters=keys.filters(),
        activation=keys.one_of("char_cnn.activation", ("relu", "tanh")),
        highways=keys.whole("char_cnn.n_highway", least=0, default=0),
        longest=keys.whole("char_cnn.max_characters_per_token", least=3),
        window=keys.whole("window", default=None),
    )
    if options.widest > options.longest:
        raise keys.wrong("char_cnn.filters", f"widths up to max_characters_per_token, {options.longest}")
    return options


class _Keys:
    """The keys of a tree of tables, checked one by one."""

    def __init__(self, path: Path, tree: Any, error: type[RecipeError] | type[ModelError]) -> None:
        self.path, self.tree, self.error = path, tree, error

    def get(self, name: str) -> Any:
        place = self.tree
        for part in name.split("."):
            place = place.get(part, _MISSING) if isinstance(place, dict) else _MISSING
        return place

    def wrong(self, name: str, right: str) -> Exception:
        value = self.get(name)
        given = f"{name} is missing" if value is _MISSING else f"{name} is {value!r}"
        return self.error(f"{self.path}: {given}; expected {right}")

    def whole(self, name: str, *, least: int = 1, default: Any = _MISSING) -> Any:
        value = self.get(name)
        if default is not _MISSING and value in (_MISSING, None):
            return default
        if type(value) is not int or value < least:
            raise self.wrong(name, f"a whole number of at least {least}")
        return value

    def clip(self, name: str) -> float | None:
        value = self.get(name)
        if value in (_MISSING, None, 0):
            return None
        if type(value) not in (int, float) or not value > 0:
            raise self.wrong(name, "a number above 0, or null")
        return float(value)

    def one_of(self, name: str, values: tuple[Any, ...], *, default: Any = _MISSING) -> Any:
        value = self.get(name)
        if default is not _MISSING and value in (_MISSING, None):
            return default
        if value not in values or type(value) is not type(values[0]):
            raise self.wrong(name, " or ".join(json.dumps(one) for one in values))
        return value

    def filters(self) -> tuple[tuple[int, int], ...]:
        value = self.get("char_cnn.filters")
        pairs = value if isinstance(value, list) else []
        good = [p for p in pairs if isinstance(p, list) and len(p) == 2]
        if not pairs or len(good) < len(pairs) or any(type(n) is not int or n < 1 for p in pairs for n in p):
            raise self.wrong("char_cnn.filters", "pairs of a width and a number, such as [[1, 32], [2, 32]]")
        return tuple((width, number) for width, number in pairs)
