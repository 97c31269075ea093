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
from .file_content import decode, suffix_of
from .words import Segmenter, TextSettings, check_strings, lower, tokenize

Blocks = Generator[tuple[bytes, int], None, None]
RawBlock = tuple[bytes, str | None]  # the bytes of some lines and, unless they are ASCII, their text

TEXT_FIELDS = ("text", "review", "sentence", "content", "document", "body")
_BLOCK = 1 << 20
_JSON = (".jsonl", ".ndjson", ".json")
_TABLES = (".csv", ".tsv", ".parquet")
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")


def find_files(paths: str | Path | Sequence[str | Path], *, tables: bool = False) -> list[Path]:
    """The files of `paths`; a folder stands for all files in it, by name, except hidden ones.

    Args:
        paths: Files and folders.
        tables: Whether a file may be a table.

    Raises:
        DataError: a path does not exist, a folder has no files, or a file is an archive or, where it may not
            be one, a table.
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
        if suffix in _TABLES and not tables:
            raise DataError(f"{file} is a table, not raw text: write its texts one a line, or as JSONL.")
        if suffix in _ARCHIVES:
            raise DataError(f"{file} is an archive: unpack it and give the folder.")
    return files


def is_json(file: Path) -> bool:
    """Whether a file is read as JSON lines, by its name."""
    return suffix_of(file) in _JSON


def read_blocks(
    files: Sequence[Path],
    segmenter: Segmenter,
    *,
    lowercase: bool,
    field: str | None = None,
    texts: Iterable[str] = (),
) -> Blocks:
    """Blocks of all files, then of the texts, one a line, and the bytes (without files, the texts) so far.

    Every file ends its last line.
    """
    before = 0
    for file in files:
        with ByteReader(file) as reader:
            read = partial(_json_blocks, field=field) if is_json(file) else _plain_blocks
            for raw, text in read(reader):
                yield _prepare(raw, text, segmenter, lowercase), before + reader.done
            before += reader.size
    for count, raw, text in _text_blocks(texts):
        yield _prepare(raw, text, segmenter, lowercase), before if files else count


def _text_blocks(texts: Iterable[str]) -> Iterator[tuple[int, bytes, str]]:
    batch: list[str] = []
    size = count = 0
    for count, text in enumerate(check_strings(texts), start=1):
        batch.append(text)
        size += len(text)
        if size >= _BLOCK:
            yield count, *_join_lines(batch)
            batch, size = [], 0
    if batch:
        yield count, *_join_lines(batch)


def _join_lines(texts: list[str]) -> tuple[bytes, str]:
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


def _plain_blocks(reader: ByteReader) -> Iterator[RawBlock]:
    raw, line, offset = b"", 1, 0
    for raw in line_blocks(reader, _BLOCK, whole_lines=False):
        yield raw, None if raw.isascii() else decode(raw, str(reader.path), line, offset)
        line, offset = line + raw.count(b"\n"), offset + len(raw)
    if raw and not raw.endswith(b"\n"):
        yield b"\n", None


def _json_blocks(reader: ByteReader, field: str | None) -> Iterator[RawBlock]:
    first, offset = 1, 0
    for raw in line_blocks(reader, _BLOCK):
        texts: list[str] = []
        lines = decode(raw, str(reader.path), first, offset).split("\n")
        for number, line in enumerate(lines, start=first):
            line = line.strip().removeprefix("\ufeff")
            if line:
                field, text = _json_text(line, field, f"{reader.path}, line {number}")
                texts.append(text)
        first, offset = first + len(lines) - 1, offset + len(raw)
        if texts:
            yield _join_lines(texts)


def _json_text(line: str, field: str | None, location: str) -> tuple[str, str]:
    """The name of the field, found if it is None, and the text in it."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{location}: not JSON ({error}). Expected one JSON object a line.") from None
    if not isinstance(record, dict):
        raise DataError(f'{location}: expected a JSON object such as {{"text": "…"}}, not {line[:40]!r}.')
    if field is None:
        field = next((name for name in TEXT_FIELDS if name in record), None)
        if field is None:
            usual = ", ".join(TEXT_FIELDS)
            raise DataError(f"{location}: no field named {usual}. Say which: {', '.join(record)}.")
    if field not in record:
        raise DataError(f"{location}: there is no field {field!r}.{did_you_mean(field, record)}")
    if not isinstance(record[field], str):
        raise DataError(f"{location}: field {field!r} is {record[field]!r}; expected a string.")
    return field, record[field]
