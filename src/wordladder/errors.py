"""The errors of wordladder.

    WordladderError
    ├── UserError               the input is wrong; the command line prints only the message and exits 2
    │   ├── DataError           a table, a corpus or a text; the message names the file and the line
    │   ├── VectorsError        a file of word vectors
    │   ├── RecipeError         a recipe; the message names the key  (also a ValueError)
    │   ├── SettingError        an argument or an option  (also a ValueError)
    │   ├── ModelError          the folder of a saved model
    │   ├── StoreError          an index for search, or what it is used with
    │   ├── MissingExtraError   an optional dependency is not installed; the message has the command
    │   └── OutputError         the output cannot be written: the disk is full, or permission is missing
    ├── TrainingError           training failed: the loss is not a number
    └── NotFittedError          the model has not been trained  (also a ValueError and an AttributeError)

A message says where the problem is, what was found, and what is expected.
"""

import difflib
from collections.abc import Collection, Iterable, Sequence


class WordladderError(Exception):
    """The base class of all errors of wordladder."""


class UserError(WordladderError):
    """The user's input is wrong."""


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


class StoreError(UserError):
    """An index for search cannot be opened, or does not fit what it is used with."""


class MissingExtraError(UserError, ImportError):
    """An optional dependency is not installed."""


class OutputError(UserError):
    """The output cannot be written."""


class TrainingError(WordladderError):
    """Training failed."""


class NotFittedError(WordladderError, ValueError, AttributeError):
    """The model must be trained or loaded first. scikit-learn expects both built-in base classes."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The last sentence of a message about an unknown name: the nearest choice, or all choices."""
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
    """The last sentence of such a message: the nearest choice, if there is one."""
    close = difflib.get_close_matches(word, choices, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
