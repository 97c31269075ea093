"""What the fields of a document can hold: what every store keeps, and filters by."""

from collections.abc import Mapping
from datetime import date, time
from math import isfinite
from typing import Any

import numpy as np

from ..errors import DataError
from .passages import Document

_WORDS = "a string, a number, a truth value, a date, or a list of these"


def checked(document: Document) -> Document:
    """The document with the values of its fields as they are kept.

    Dates and times become text as of ISO 8601, a field that is None is left out.

    Raises:
        DataError: its id is empty, or its text or a field is not what a store can keep.
    """
    where = f"the document {document.id!r}"
    if not isinstance(document.id, str) or not document.id:
        raise DataError(f"{where}: its id must be a string that is not empty")
    if not isinstance(document.text, str):
        raise DataError(f"{where}: its text is {type(document.text).__name__}; a string is expected")
    _check_unicode(where, document.id, document.text)
    if not isinstance(document.fields, Mapping):
        raise DataError(f"{where}: its fields are {type(document.fields).__name__}; a mapping is expected")
    fields = {}
    for name, value in document.fields.items():
        if not isinstance(name, str) or not name or '"' in name:
            raise DataError(f"{where}: the field {name!r}: a name is a string without quotation marks")
        _check_unicode(f"{where}: a field", name)
        if value is not None:
            fields[name] = plain(value, f"{where}: the field {name!r}")
    return Document(document.id, document.text, fields)


def plain(value: Any, where: str) -> Any:
    """The value of a field as it is kept.

    Args:
        value: The value.
        where: What stands before an error.

    Raises:
        DataError: it cannot be kept.
    """
    if isinstance(value, list | tuple | np.ndarray):
        return [_one(member, where) for member in value]
    return _one(value, where)


def _one(value: Any, where: str) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, str):
        _check_unicode(where, value)
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise DataError(f"{where}: {value} has more than 64 bits")
    elif not isinstance(value, float):
        raise DataError(f"{where} is of type {type(value).__name__}; it can be {_WORDS}")
    elif not isfinite(value):
        raise DataError(f"{where} is {value}; leave it out where there is none")
    return value


def _check_unicode(where: str, *texts: str) -> None:
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{where}: {text[error.start]!r} at {error.start} is half a character of UTF-16; "
                "read the text again with its right encoding"
            ) from None
