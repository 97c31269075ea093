"""Reading and writing the JSON files of models; what is read is validated first."""

import json
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from ..errors import ModelError, UserError
from .streams import atomic_path, write_errors

T = TypeVar("T")
Positive = Annotated[float, Field(gt=0, lt=1e9)]
Size = Annotated[int, Field(gt=0, lt=1 << 20)]


def write_json(path: Path, value: object) -> None:
    """Write a JSON file atomically; its folder is made if it is missing.

    Raises:
        OutputError: it cannot be written.
    """
    with write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as fresh:
        fresh.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")


def read_validated(path: Path, schema: type[T]) -> T:
    """Read a JSON file and validate it against a schema.

    Args:
        path: The file.
        schema: A dataclass or another type of plain values.

    Raises:
        ModelError: the file is missing, is not JSON, or does not fit the schema; the message names the key.
    """
    try:
        return TypeAdapter(schema).validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise ModelError(f"{path}: the saved model is incomplete: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) + ": " if first["loc"] else ""
        raise ModelError(f"{path}: the saved model is damaged: {key}{first['msg']}") from None


def read_json(path: Path, kind: type[T], error: type[UserError] = ModelError) -> T:
    """Read a JSON file of another program that holds a dict or a list.

    Raises:
        ModelError: the file is missing or broken, or holds something else; `error` where that is given.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as problem:
        raise error(f"{path} cannot be read: {problem}") from None
    if not isinstance(content, kind):
        raise error(f"{path}: a JSON {'object' if kind is dict else 'list'} is expected")
    return content
