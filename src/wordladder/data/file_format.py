"""Which format a file of texts has, by its name and its first bytes, and the one reader for each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from ..errors import DataError, SettingError, did_you_mean
from .column_names import LABELS, TEXTS, normal
from .delimited import read_csv, read_tsv
from .file_content import STANDARD_INPUT, decode, head_of, read_bytes, source_name
from .json_records import read_json
from .parquet import read_parquet
from .plain_lines import FASTTEXT_PREFIX, read_fasttext, read_lines
from .raw_table import RawTable

Format = Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "lines"]

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".fasttext": "fasttext",
}


def read_raw(
    path: str | Path, format: str | None = None, wanted: Sequence[str] = (), labelled: bool = True
) -> RawTable:
    """The file's table, in the format given or the one that its name or content tells.

    Args:
        path: The file, plain or compressed; "-" is standard input, which has one text a line unless `format`
            says more.
        format: One of csv, tsv, jsonl, parquet, fasttext, lines.
        wanted: Names of columns that the user has given.
        labelled: Whether labels are expected: a tab in a line then separates text and label for certain.

    Raises:
        SettingError: the format is unknown.
        DataError: the file cannot be read in its format.
    """
    check_format(format, get_args(Format))
    source, data = source_name(path), read_bytes(path)
    if format == "parquet" or data.startswith(b"PAR1"):
        return read_parquet(data, source)
    text = decode(data, source)
    return table_of(text, source, format or _format_of(str(path), text, labelled), wanted)


def table_of(text: str, source: str, format: str, wanted: Sequence[str] = ()) -> RawTable:
    """The table in a file's text, in a format that is known; errors as for `read_raw`."""
    if format == "parquet":
        raise DataError(f"{source} is not a Parquet file, though its name says so.")
    if format in ("csv", "tsv"):
        return (read_csv if format == "csv" else read_tsv)(text, source, wanted)
    return {"jsonl": read_json, "fasttext": read_fasttext, "lines": read_lines}[format](text, source)


def has_plain_lines(path: str | Path, format: str | None = None) -> bool:
    """Whether a file has one text a line, by its name and its beginning; errors as for `read_raw`."""
    check_format(format, get_args(Format))
    if format is not None or str(path) == STANDARD_INPUT:
        return format in ("lines", None)
    head = head_of(path)
    if head.startswith(b"PAR1"):
        return False
    whole = head[: head.rfind(b"\n") + 1] or head
    return (
        _format_of(str(path), whole.decode("utf-8", "replace").removeprefix("\ufeff"), labelled=False)
        == "lines"
    )


def suffix_of(path: str | Path) -> str:
    """The ending of a file's name that tells its format, in lower case, without that of its compression."""
    name = Path(path)
    return (Path(name.stem).suffix if name.suffix.lower() in _COMPRESSED else name.suffix).lower()


def check_format(format: str | None, known: Sequence[str]) -> None:
    """Raise a SettingError where a format is given that is not known."""
    if format is not None and format not in known:
        raise SettingError(f"The format {format!r} is unknown.{did_you_mean(format, known)}")


def _format_of(path: str, text: str, labelled: bool) -> Format:
    if path == STANDARD_INPUT:
        return "lines"
    return _SUFFIXES.get(suffix_of(path)) or _by_content(text, labelled)


def _by_content(text: str, labelled: bool) -> Format:
    """The format of a .txt file, or of one whose name says nothing."""
    first = text.lstrip().partition("\n")[0]
    if first.startswith(FASTTEXT_PREFIX):
        return "fasttext"
    if first.startswith("{") and _is_json(first):
        return "jsonl"
    if "\t" in first and (labelled or _same_number_of_tabs(text)):
        return "tsv"
    names = {normal(name.strip('"')) for separator in ",;" for name in first.split(separator)}
    return "csv" if not names.isdisjoint(TEXTS) and not names.isdisjoint(LABELS) else "lines"


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _same_number_of_tabs(text: str) -> bool:
    lines = text.split("\n", 1000)[:1000]
    return len({line.count("\t") for line in lines if line.strip()}) == 1
