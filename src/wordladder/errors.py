"""Every error that wordladder raises on purpose.

    WordladderError
    ├── UserError               what was given is wrong; the command line prints it alone and exits 2
    │   ├── DataError           a table, a corpus or a text: names the file and the line
    │   ├── VectorsError        a file of word vectors
    │   ├── RecipeError         a recipe: names the key  (also a ValueError)
    │   ├── SettingError        an argument or an option  (also a ValueError)
    │   ├── ModelError          a saved model's folder
    │   ├── MissingExtraError   an optional dependency is not installed: names the command to type
    │   └── OutputError         the output cannot be written: disk full, no permission
    ├── TrainingError           training went astray: the loss is not a number
    └── NotFittedError          the model has not been trained  (also a ValueError and an AttributeError)

A message says where, what was given, and what would be right.
"""

import difflib
from collections.abc import Collection, Iterable, Sequence

__all__ = [
    "DataError",
    "MissingExtraError",
    "ModelError",
    "NotFittedError",
    "OutputError",
    "RecipeError",
    "SettingError",
    "TrainingError",
    "UserError",
    "VectorsError",
    "WordladderError",
    "check_at_least",
    "check_choice",
    "did_you_mean",
    "nearest",
]


class WordladderError(Exception):
    """The root of all errors raised on purpose."""


class UserError(WordladderError):
    """What the user gave is wrong."""


class DataError(UserError):
    """A table, a corpus or a text cannot be used."""


class VectorsError(UserError):
    """A file of word vectors cannot be used."""


class RecipeError(UserError, ValueError):
    """A recipe has an unknown key, a wrong value, or parts that do not fit together."""


class SettingError(UserError, ValueError):
    """An argument or an option has a value that cannot be used."""


class ModelError(UserError):
    """A saved model cannot be read."""


class MissingExtraError(UserError, ImportError):
    """An optional dependency is not installed."""


class OutputError(UserError):
    """The output cannot be written."""


class TrainingError(WordladderError):
    """Training went astray."""


class NotFittedError(WordladderError, ValueError, AttributeError):
    """The model has to be trained or loaded first. scikit-learn expects both built-in bases."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A closing sentence for a message about an unknown name: the nearest choice, or all of them."""
    choices = list(choices)
    return nearest(word, choices) or (f" It can be one of: {', '.join(choices)}." if choices else "")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raise a SettingError unless the value of a setting is one of the choices."""
    if value not in choices:
        raise SettingError(f"{name} is {value!r}.{did_you_mean(str(value), choices)}")


def check_at_least(least: float, **settings: float | None) -> None:
    """Raise a SettingError if one of the settings is below the least value; None stands for "left out"."""
    for name, value in settings.items():
        if value is not None and value < least:
            raise SettingError(f"{name} is {value}; it must be at least {least}.")


def nearest(word: str, choices: Sequence[str]) -> str:
    """A closing sentence with the nearest choice, if one is near."""
    close = difflib.get_close_matches(word, choices, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
