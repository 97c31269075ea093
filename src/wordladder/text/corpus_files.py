"""From files or texts to blocks of clean UTF-8 lines, ready to be scanned for words; it counts nothing.

A block begins and ends where words do. Lower-casing has been done; where jieba finds the words, they stand
in the block with blanks between them.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

from ..errors import DataError, did_you_mean
from ..files.streams import ByteReader, line_blocks
from .words import Segmenter, TextSettings, lower, tokenize

Blocks = Generator[tuple[bytes, int], None, None]

TEXT_FIELDS = ("text", "review", "sentence", "content", "document", "body")
_BLOCK = 1 << 20
_COMPRESSED = (".gz", ".xz", ".zst", ".bz2")
_JSON = (".jsonl", ".ndjson", ".json")
_TABLES = (".csv", ".tsv", ".parquet")
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")
_BOM = b"\xef\xbb\xbf"


def find_files(paths: Sequence[str | Path]) -> list[Path]:
    """The files of `paths`; a folder stands for all files in it, by name, but the hidden ones.

    Raises:
        DataError: a path does not exist, a folder has no files, or a file is a table or an archive.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        inside = {found.relative_to(path): found for found in path.rglob("*") if found.is_file()}
        names = [name for name in inside if not any(part.startswith(".") for part in name.parts)]
        if not names:
            raise DataError(f"{path}: there are no files in this folder.")
        files += [inside[name] for name in sorted(names, key=Path.as_posix)]
    if not files:
        raise DataError("no file was given; a corpus needs at least one.")
    for file in files:
        if not file.exists():
            raise DataError(f"{file}: there is no such file.")
        suffix = _suffix(file)
        if suffix in _TABLES:
            raise DataError(
                f"{file} is a table, not raw text: write its texts to a file, one a line, or as JSONL."
            )
        if suffix in _ARCHIVES:
            raise DataError(f"{file} is an archive: unpack it and give the folder.")
    return files


def _suffix(path: Path) -> str:
    """What the name ends in, the ending of the compression left aside."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def is_json(file: Path) -> bool:
    """Whether a file is read as JSON lines, by its name."""
    return _suffix(file) in _JSON


def file_blocks(files: Sequence[Path], segmenter: Segmenter, *, lowercase: bool, field: str | None) -> Blocks:
    """Blocks of all files, with the bytes read so far. Every file ends its last line."""
    before = 0
    for file in files:
        with ByteReader(file) as reader:
            position = _Position(file)
            if is_json(file):
                yield from _json_blocks(reader, position, segmenter, lowercase, field, before)
                before += reader.size
                continue
            for raw in line_blocks(reader, _BLOCK, whole_lines=False):
                text = None if raw.isascii() else position.decode(raw)
                position.passed(raw)
                yield _clean(raw, text, segmenter, lowercase), before + reader.done
            if position.column:
                yield b"\n", before + reader.done
            before += reader.size


def text_blocks(texts: Iterable[str], segmenter: Segmenter, *, lowercase: bool) -> Blocks:
    """Blocks of the texts, one a line, with the number of texts so far."""
    if isinstance(texts, str):
        raise DataError(f"texts is one string; give a list of texts, such as [{texts[:20]!r}].")
    batch: list[str] = []
    size = index = 0
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {index} is {type(text).__name__} {text!r}; every text must be a string.")
        batch.append(text)
        size += len(text)
        if size >= _BLOCK:
            yield _join(batch, segmenter, lowercase), index + 1
            batch, size = [], 0
    if batch:
        yield _join(batch, segmenter, lowercase), index + 1


def _join(texts: list[str], segmenter: Segmenter, lowercase: bool) -> bytes:
    text = "\n".join([text.replace("\n", " ") for text in texts]) + "\n"
    return _clean(text.encode("utf-8", "surrogatepass"), text, segmenter, lowercase)


def _clean(raw: bytes, text: str | None, segmenter: Segmenter, lowercase: bool) -> bytes:
    """What is scanned, given the raw bytes and, unless they are ASCII, their text."""
    if segmenter != "jieba" and (text is None or not lowercase):
        return raw.lower() if lowercase else raw
    text = raw.decode("ascii") if text is None else text
    if lowercase:  # before there are words: what a capital sigma becomes depends on what stands around it
        text = lower(text)
    if segmenter == "jieba":
        tokens = tokenize(text.split("\n"), TextSettings(segmenter="jieba"))
        text = "\n".join([" ".join(tokens.words_of(line)) for line in range(len(tokens))])
    # Half a surrogate pair is no character that UTF-8 may hold; the scan reads it all the same.
    return text.encode("utf-8", "surrogatepass")


class _Position:
    """Where in a file reading stands, for messages."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.line = 1
        self.column = 0  # bytes of the present line already passed

    def passed(self, raw: bytes) -> None:
        last = raw.rfind(b"\n")
        self.line += raw.count(b"\n")
        self.column = self.column + len(raw) if last < 0 else len(raw) - last - 1

    def decode(self, raw: bytes) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            last = raw.rfind(b"\n", 0, error.start)
            byte = error.start - last + (self.column if last < 0 else 0)
            line = self.line + raw.count(b"\n", 0, error.start)
            wide = line == 1 and raw[:2] in (b"\xff\xfe", b"\xfe\xff")
            hint = "This looks like UTF-16: save" if wide else "Save"
            raise DataError(
                f"{self.file}, line {line}, byte {byte} of the line: 0x{raw[error.start]:02X} is not UTF-8 "
                f"here. {hint} the file as UTF-8."
            ) from None


def _json_blocks(
    reader: ByteReader,
    position: _Position,
    segmenter: Segmenter,
    lowercase: bool,
    field: str | None,
    before: int,
) -> Blocks:
    for raw in line_blocks(reader, _BLOCK):
        texts: list[str] = []
        for number, line in enumerate(position.decode(raw).split("\n"), start=position.line):
            line = line.strip().removeprefix("\ufeff")
            if line:
                field, text = _json_text(line, field, f"{position.file}, line {number}")
                texts.append(text)
        position.passed(raw)
        if texts:
            yield _join(texts, segmenter, lowercase), before + reader.done


def _json_text(line: str, field: str | None, where: str) -> tuple[str, str]:
    """The field's name, found if it is not given, and the text in it."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error}). Expected one JSON object a line.") from None
    if not isinstance(record, dict):
        raise DataError(f'{where}: expected a JSON object such as {{"text": "…"}}, not {line[:40]!r}.')
    if field is None:
        field = next((name for name in TEXT_FIELDS if name in record), None)
        if field is None:
            raise DataError(
                f"{where}: no field named {', '.join(TEXT_FIELDS)}. Say which: {', '.join(record)}."
            )
    if field not in record:
        raise DataError(f"{where}: there is no field {field!r}.{did_you_mean(field, record)}")
    if not isinstance(record[field], str):
        raise DataError(f"{where}: field {field!r} is {record[field]!r}; expected a string.")
    return field, record[field]
