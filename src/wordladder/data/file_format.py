"""The format of a file of texts, by its name and its first bytes, and the reader for each."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from ..errors import DataError, SettingError, did_you_mean
from ..text.file_content import STANDARD_INPUT, decode, read_bytes, read_head, source_name, suffix_of
from .column_names import LABELS, TEXTS, normalize
from .delimited import read_csv, read_tsv
from .json_records import read_json
from .raw_table import RawTable

FASTTEXT_PREFIX = "__label__"
_FASTTEXT_LABEL = re.compile(rf"(?:(?<=\s)|^){FASTTEXT_PREFIX}(\S+)\s*")

Format = Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "lines"]

_SUFFIXES: dict[Format, tuple[str, ...]] = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "parquet": (".parquet", ".pq"),
    "fasttext": (".fasttext",),
}


def read_raw(
    path: str | Path, format: str | None = None, given: Sequence[str] = (), labelled: bool = True
) -> RawTable:
    """The file's table, in the format given or the one that its name or content shows.

    Args:
        path: The file, plain or compressed; "-" is standard input, which has one text a line unless `format`
            says more.
        format: One of csv, tsv, jsonl, parquet, fasttext, lines.
        given: Names of columns that the user has given.
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
    return parse_table(text, source, format or _find_format(str(path), text, labelled), given)


def parse_table(text: str, source: str, format: str, given: Sequence[str] = ()) -> RawTable:
    """The table in a file's text, in a format that is known; errors as for `read_raw`."""
    if format == "parquet":
        raise DataError(f"{source} is not a Parquet file, though its name says so.")
    if format in ("csv", "tsv"):
        return (read_csv if format == "csv" else read_tsv)(text, source, given)
    return {"jsonl": read_json, "fasttext": read_fasttext, "lines": read_lines}[format](text, source)


def has_plain_lines(path: str | Path, format: str | None = None) -> bool:
    """Whether a file has one text a line, by its name and its beginning; errors as for `read_raw`."""
    check_format(format, get_args(Format))
    if format is not None or str(path) == STANDARD_INPUT:
        return format in ("lines", None)
    head = read_head(path)
    if head.startswith(b"PAR1"):
        return False
    lines = head[: head.rfind(b"\n") + 1] or head
    text = lines.decode("utf-8", "replace").removeprefix("\ufeff")
    return _find_format(str(path), text, labelled=False) == "lines"


def check_format(format: str | None, known: Sequence[str]) -> None:
    """Raise a SettingError if a format is given that is unknown."""
    if format is not None and format not in known:
        raise SettingError(f"The format {format!r} is unknown.{did_you_mean(format, known)}")


def format_of_suffix(path: str) -> Format | None:
    """The format that a file's name says; None: it says nothing."""
    return next((format for format, suffixes in _SUFFIXES.items() if suffix_of(path) in suffixes), None)


def _find_format(path: str, text: str, labelled: bool) -> Format:
    """The format by the file's name or, if that says nothing, by its content."""
    if path == STANDARD_INPUT:
        return "lines"
    if format := format_of_suffix(path):
        return format
    first = text.lstrip().partition("\n")[0]
    if first.startswith(FASTTEXT_PREFIX):
        return "fasttext"
    if first.startswith("{") and _is_json(first):
        return "jsonl"
    if "\t" in first and (labelled or _same_number_of_tabs(text)):
        return "tsv"
    names = {normalize(name.strip('"')) for separator in ",;" for name in first.split(separator)}
    return "csv" if not names.isdisjoint(TEXTS) and not names.isdisjoint(LABELS) else "lines"


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _same_number_of_tabs(text: str) -> bool:
    lines = text.split("\n", 1000)[:1000]
    return len({line.count("\t") for line in lines if line.strip()}) == 1


def read_parquet(data: bytes, source: str) -> RawTable:
    """The table in a Parquet file, whose columns are read when they are asked for.

    Raises:
        DataError: the file is damaged or incomplete.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        # No threads, and none that asks Python for bytes: one that still runs when Python ends aborts it.
        file = parquet.ParquetFile(pyarrow.BufferReader(data), pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source} is a damaged or incomplete Parquet file: {error}") from None
    names = list(file.schema_arrow.names)

    def column(index: int) -> list[object]:
        try:
            return file.read(columns=[names[index]], use_threads=False).column(0).to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{source}, column {names[index]!r} cannot be read: {error}") from None

    return RawTable(source, file.metadata.num_rows, len(names), column, names=names)


def read_lines(text: str, source: str) -> RawTable:
    """One text a line. A blank line is an empty text, so that predictions stay in step with lines.

    Raises:
        DataError: the file is empty.
    """
    lines = _split(text, source)
    return RawTable.of_columns(source, [lines], range(1, len(lines) + 1), ["text"])


def decode_lines(lines: Iterable[bytes], source: str) -> Iterator[str]:
    """The same, line after line as they come, from raw lines without their ends.

    Raises:
        DataError: there are no lines, or one is not UTF-8; names the line and the byte.
    """
    offset = 0
    for number, line in enumerate(lines, start=1):
        yield decode(line, source, number, offset).removesuffix("\r")
        offset += len(line) + 1
    if not offset:
        raise DataError(f"{source} is empty.")


def read_fasttext(text: str, source: str) -> RawTable:
    """Lines such as "__label__positive __label__short A good film": the labels of a line, and its text.

    Raises:
        DataError: the file is empty.
    """
    lines = {number: line for number, line in enumerate(_split(text, source), start=1) if line.strip()}
    several = [_FASTTEXT_LABEL.findall(line) for line in lines.values()]
    single = all(len(labels) <= 1 for labels in several)
    labels = [labels[0] if labels else None for labels in several] if single else several
    texts = [_FASTTEXT_LABEL.sub("", line).strip() for line in lines.values()]
    return RawTable.of_columns(source, [labels, texts], list(lines), ["label", "text"])


def _split(text: str, source: str) -> list[str]:
    if not text.strip():
        raise DataError(f"{source} is empty.")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
