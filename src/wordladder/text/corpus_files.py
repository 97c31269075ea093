"""Files or texts → blocks of clean UTF-8 lines, ready to be scanned for words.

A block begins and ends where words do. It is lower-cased already if that is asked for; where jieba finds the
words, the block has blanks between them.
"""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ..errors import DataError, did_you_mean
from ..files.streams import ByteReader, line_blocks
from .words import Segmenter, TextSettings, check_strings, lower, tokenize

Blocks = Generator[tuple[bytes, int], None, None]
RawBlock = tuple[bytes, str | None]  # the bytes of some lines and, unless they are ASCII, their text

TEXT_FIELDS = ("text", "review", "sentence", "content", "document", "body")
_BLOCK = 1 << 20
_COMPRESSED = (".gz", ".xz", ".zst", ".bz2")
_JSON = (".jsonl", ".ndjson", ".json")
_TABLES = (".csv", ".tsv", ".parquet")
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")
_BOM = b"\xef\xbb\xbf"


def find_files(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files of `paths`; a folder stands for all files in it, by name, except hidden ones.

    Raises:
        DataError: a path does not exist, a folder has no files, or a file is a table or an archive.
    """
    files: list[Path] = []
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        if not path.is_dir():
            files.append(path)
            continue
        inside = [file.relative_to(path) for file in path.rglob("*") if file.is_file()]
        names = [name for name in inside if not any(part.startswith(".") for part in name.parts)]
        if not names:
            raise DataError(f"{path}: there are no files in this folder.")
        files += [path / name for name in sorted(names, key=Path.as_posix)]
    if not files:
        raise DataError("no file was given; a corpus needs at least one.")
    for file in files:
        if not file.exists():
            raise DataError(f"{file}: there is no such file.")
        suffix = suffix_of(file)
        if suffix in _TABLES:
            raise DataError(
                f"{file} is a table, not raw text: write its texts to a file, one a line, or as JSONL."
            )
        if suffix in _ARCHIVES:
            raise DataError(f"{file} is an archive: unpack it and give the folder.")
    return files


def suffix_of(path: str | Path) -> str:
    """The suffix of a file's name that tells its format, in lower case, without that of its compression."""
    name = Path(path)
    return (Path(name.stem).suffix if name.suffix.lower() in _COMPRESSED else name.suffix).lower()


def is_json(file: Path) -> bool:
    """Whether a file is read as JSON lines, by its name."""
    return suffix_of(file) in _JSON


def file_blocks(files: Sequence[Path], segmenter: Segmenter, *, lowercase: bool, field: str | None) -> Blocks:
    """Blocks of all files, with the bytes read so far. Every file ends its last line."""
    before = 0
    for file in files:
        with ByteReader(file) as reader:
            read = partial(_json_blocks, field=field) if is_json(file) else _plain_blocks
            for raw, text in read(reader, _Position(file)):
                yield _prepare(raw, text, segmenter, lowercase), before + reader.done
            before += reader.size


def text_blocks(texts: Iterable[str], segmenter: Segmenter, *, lowercase: bool) -> Blocks:
    """Blocks of the texts, one a line, with the number of texts so far."""
    batch: list[str] = []
    size = count = 0
    for count, text in enumerate(check_strings(texts), start=1):
        batch.append(text)
        size += len(text)
        if size >= _BLOCK:
            yield _prepare(*_join_lines(batch), segmenter, lowercase), count
            batch, size = [], 0
    if batch:
        yield _prepare(*_join_lines(batch), segmenter, lowercase), count


def _join_lines(texts: list[str]) -> RawBlock:
    text = "\n".join([text.replace("\n", " ") for text in texts]) + "\n"
    return text.encode("utf-8", "surrogatepass"), text


def _prepare(raw: bytes, text: str | None, segmenter: Segmenter, lowercase: bool) -> bytes:
    """What is scanned, given the raw bytes and, unless they are ASCII, their text."""
    if segmenter != "jieba" and (text is None or not lowercase):
        return raw.lower() if lowercase else raw
    text = raw.decode("ascii") if text is None else text
    if lowercase:  # before words are found: what a capital sigma becomes depends on its neighbours
        text = lower(text)
    if segmenter == "jieba":
        tokens = tokenize(text.split("\n"), TextSettings(segmenter="jieba"))
        text = "\n".join([" ".join(tokens.words_of(line)) for line in range(len(tokens))])
    # Half a surrogate pair is no character that UTF-8 may hold; the scan reads it all the same.
    return text.encode("utf-8", "surrogatepass")


class _Position:
    """How far a file has been read, for messages."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.line = 1
        self.column = 0  # bytes of the current line already read

    def advance(self, raw: bytes) -> None:
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


def _plain_blocks(reader: ByteReader, position: "_Position") -> Iterator[RawBlock]:
    for raw in line_blocks(reader, _BLOCK, whole_lines=False):
        text = None if raw.isascii() else position.decode(raw)
        position.advance(raw)
        yield raw, text
    if position.column:
        yield b"\n", None


def _json_blocks(reader: ByteReader, position: "_Position", field: str | None) -> Iterator[RawBlock]:
    for raw in line_blocks(reader, _BLOCK):
        texts: list[str] = []
        for number, line in enumerate(position.decode(raw).split("\n"), start=position.line):
            line = line.strip().removeprefix("\ufeff")
            if line:
                field, text = _json_text(line, field, f"{position.file}, line {number}")
                texts.append(text)
        position.advance(raw)
        if texts:
            yield _join_lines(texts)


def _json_text(line: str, field: str | None, where: str) -> tuple[str, str]:
    """The name of the field, found if it is None, and the text in it."""
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
