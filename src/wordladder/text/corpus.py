"""Raw text of any size to memory-mapped numbers of words; memory is needed for the vocabulary only.

Text goes by in blocks. A first pass numbers the words in the order of their first appearance and writes the
numbers to a file, in which phrases are joined where that is asked for; when all counts are known the file is
rewritten in place, with the numbers of the final vocabulary and without the words that are left out.
"""

import mmap
import os
import tempfile
import time
from collections.abc import Container, Generator, Iterable, Sequence, Sized
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from ..errors import DataError, SettingError
from ..files.streams import prefetch, release_memory, write_errors
from ..progress import Progress, quiet
from .corpus_files import file_blocks, find_files, text_blocks
from .phrases import Joined, PhraseSettings, RawWords, join_phrases
from .vocabulary import Vocabulary
from .words import TextSettings, classes

_CHUNK = 1 << 20  # numbers rewritten at a time
_DROPPED = -2
_PLAIN = TextSettings()
_Blocks = Generator[tuple[bytes, int], None, None]


class Corpus:
    """A text as numbers of words, and the vocabulary that says which words they are.

    A context manager: closing removes the temporary folder that holds the numbers.
    """

    vocabulary: Vocabulary
    text: TextSettings  # how the words were found
    lowercase: bool  # whether the text was lower-cased first
    words: int  # words read
    lost: int  # words cut away by `text.max_words`, not among `words`
    lines: int  # lines read
    kept_words: int  # words among the numbers
    phrases: dict[str, object] | None  # how phrases were made of words, and how many; None: they were not

    def __init__(
        self, folder: tempfile.TemporaryDirectory, path: Path, vocabulary: Vocabulary, figures: "_Figures"
    ) -> None:
        self.vocabulary = vocabulary
        self.text, self.lowercase = figures.text, figures.lowercase
        self.words, self.lost, self.lines = figures.words, figures.lost, figures.lines
        self.phrases = figures.phrases
        self.kept_words = int(vocabulary.counts.sum()) if vocabulary.counts is not None else 0
        self._folder = folder
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._ids: np.ndarray | None = np.frombuffer(self._map, dtype=np.int32)

    @property
    def ids(self) -> np.ndarray:
        """The numbers, memory-mapped and read-only; -1 ends each line: (kept words + lines,) int32.

        Raises:
            ValueError: the corpus is closed.
        """
        if self._ids is None:
            raise ValueError("the corpus is closed; read its numbers before closing it.")
        return self._ids

    def release(self, start: int, end: int) -> None:
        """Let the system take back the memory of `ids[start:end]`; they are read again when needed."""
        if self._ids is not None and hasattr(mmap, "MADV_DONTNEED"):
            first = -(-4 * start // mmap.PAGESIZE) * mmap.PAGESIZE
            size = 4 * end // mmap.PAGESIZE * mmap.PAGESIZE - first
            if size > 0:
                self._map.madvise(mmap.MADV_DONTNEED, first, size)

    def close(self) -> None:
        """Remove the numbers from the disk. No array taken from `ids` may be used any more."""
        self._ids = None
        # While somebody still holds an array of the map it cannot be closed; then it goes with that array.
        with suppress(BufferError):
            self._map.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Corpus({self.words} words, {self.lines} lines, vocabulary of {len(self.vocabulary)})"


class _Figures(NamedTuple):
    text: TextSettings
    lowercase: bool
    words: int
    lost: int
    lines: int
    phrases: dict[str, object] | None


def read_corpus(
    paths: Sequence[str | Path],
    *,
    texts: Iterable[str] = (),
    text: TextSettings = _PLAIN,
    lowercase: bool = False,
    min_count: int = 5,
    max_vocabulary: int | None = None,
    phrases: PhraseSettings | None = None,
    known: Container[str] = (),
    folder: str | Path | None = None,
    field: str | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> Corpus:
    """Read files of raw text, one text a line, plain or compressed (gzip, xz, zstd, bzip2).

    Args:
        paths: Files, or folders, whose files are read in the order of their names, deeper folders included.
            A name that ends in .jsonl, .ndjson or .json is read as one JSON object a line.
        texts: Texts in memory that come after the files, each as one line.
        text: How words are found.
        lowercase: Whether the text is lower-cased first.
        min_count: Words seen less often are left out.
        max_vocabulary: Words of the vocabulary at most, the most frequent ones.
        phrases: Which neighbouring words become one word, before rare ones are left out; none if not given.
        known: Words that are never left out.
        folder: Where the temporary folder with the numbers goes; the system's own place if not given.
        field: The field of a JSON object that holds the text; found by the usual names if not given.
        threads: 1 reads, decompresses and counts in turn; otherwise a second thread reads ahead.
        progress: Told how many bytes have been read.

    Raises:
        DataError: a file is missing, damaged, no text, not UTF-8 (names the line and the byte), or no word
            is left over.
        OutputError: the numbers cannot be written, such as when the disk is full.
        SettingError: a setting has a value that cannot be used.
    """
    files = find_files([paths] if isinstance(paths, (str, Path)) else paths)
    blocks = _chain(
        file_blocks(files, text.segmenter, lowercase=lowercase, field=field),
        text_blocks(texts, text.segmenter, lowercase=lowercase),
    )
    total = sum(path.stat().st_size for path in files) or None  # pipes have no size
    name = str(files[0]) if len(files) == 1 else f"the corpus of {len(files)} files"
    reading = _Reading(name, text, lowercase, min_count, max_vocabulary, phrases, known, folder, threads)
    return _build(blocks, total, reading, progress)


def _chain(of_files: _Blocks, of_texts: _Blocks) -> _Blocks:
    done = 0
    with closing(of_files), closing(of_texts):
        for block, done in of_files:
            yield block, done
        for block, _ in of_texts:
            yield block, done


def corpus_from_texts(
    texts: Iterable[str],
    *,
    text: TextSettings = _PLAIN,
    lowercase: bool = False,
    min_count: int = 5,
    max_vocabulary: int | None = None,
    phrases: PhraseSettings | None = None,
    known: Container[str] = (),
    folder: str | Path | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> Corpus:
    """The same from texts in memory, or from anything that yields them: each text is one line.

    Args:
        texts: The texts; a line end within one is a blank like any other.
        text: How words are found.
        lowercase: Whether the texts are lower-cased first.
        min_count: Words seen less often are left out.
        max_vocabulary: Words of the vocabulary at most, the most frequent ones.
        phrases: Which neighbouring words become one word, before rare ones are left out; none if not given.
        known: Words that are never left out.
        folder: Where the temporary folder with the numbers goes; the system's own place if not given.
        threads: 1 prepares and counts in turn; otherwise a second thread prepares ahead.
        progress: Told how many texts have been read.

    Raises:
        DataError: a text is not a string, or no word is left over.
        OutputError: the numbers cannot be written, such as when the disk is full.
        SettingError: a setting has a value that cannot be used.
    """
    blocks = text_blocks(texts, text.segmenter, lowercase=lowercase)
    total = len(texts) if isinstance(texts, Sized) else None
    reading = _Reading(
        "the texts", text, lowercase, min_count, max_vocabulary, phrases, known, folder, threads
    )
    return _build(blocks, total, reading, progress)


class _Reading(NamedTuple):
    name: str
    text: TextSettings
    lowercase: bool
    min_count: int
    max_vocabulary: int | None
    phrases: PhraseSettings | None
    known: Container[str]
    folder: str | Path | None
    threads: int | None

    def check(self) -> None:
        for key in ("min_count", "max_vocabulary", "threads"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise SettingError(f"{key} is {value}; it must be at least 1.")


def _build(blocks: _Blocks, total: int | None, reading: _Reading, progress: Progress) -> Corpus:
    reading.check()
    _compile(reading.text, progress)
    counter = _Counter(reading.text)
    with ExitStack() as on_failure:
        if reading.folder is not None:
            with write_errors(reading.folder):
                os.makedirs(reading.folder, exist_ok=True)
        folder = tempfile.TemporaryDirectory(
            prefix="wordladder-", dir=reading.folder, ignore_cleanup_errors=True
        )
        on_failure.callback(folder.cleanup)
        path = Path(folder.name) / "ids.int32"
        ready = blocks if reading.threads == 1 else prefetch(blocks)
        with write_errors(path), open(path, "wb") as file, closing(ready):
            start = time.perf_counter()
            for block, done in ready:
                file.write(counter.read(block).data)
                seconds = time.perf_counter() - start
                progress("reading the corpus", done, total, words_per_second=counter.words / seconds)
        words, joined = counter.raw_words(), None
        if reading.phrases is not None and counter.words:
            with write_errors(path):
                joined = join_phrases(path, words, reading.phrases, progress)
        numbers, vocabulary = _ranked(words, joined, reading)
        if not len(vocabulary):
            raise _nothing_left(reading, counter)
        with write_errors(path):
            _renumber(path, numbers)
        release_memory()  # thousands of blocks have come and gone
        of_text = (counter.words, counter.lost, counter.lines)
        facts = None if joined is None else joined.facts
        corpus = Corpus(folder, path, vocabulary, _Figures(reading.text, reading.lowercase, *of_text, facts))
        on_failure.pop_all()
    return corpus


def _compile(text: TextSettings, progress: Progress) -> None:
    """Have the scan compiled, which is told: it takes a while on the first use on a machine."""
    started = time.perf_counter()
    progress("compiling", 0, 1)
    _Counter(text).read(b"a\n")
    progress("compiling", 1, 1, seconds=time.perf_counter() - started)


def _nothing_left(reading: _Reading, counter: "_Counter") -> DataError:
    if not counter.words:
        return DataError(f"{reading.name}: there is no word in it ({counter.lines} lines).")
    return DataError(
        f"{reading.name}: of {counter.words} words none is seen {reading.min_count} times. "
        "Give more text or a lower min_count."
    )


def _renumber(path: Path, numbers: np.ndarray) -> None:
    """Rewrite a file of numbers in place: `n` becomes `numbers[n]`, or goes away if that is `_DROPPED`.

    What has been read is never less than what has been written, so one file is enough.
    """
    with open(path, "r+b") as file:
        read = written = 0
        while chunk := file.read(4 * _CHUNK):
            new = numbers[np.frombuffer(chunk, dtype=np.int32)]
            new = new[new != _DROPPED]
            read += len(chunk)
            file.seek(written)
            file.write(new.data)
            written += new.nbytes
            file.seek(read)
        file.truncate(written)


class _Counter:
    """The table of words that a scan fills: numbers in the order of first appearance, and counts."""

    def __init__(self, text: TextSettings) -> None:
        from ..kernels import scan

        self._scan = scan
        # jieba's words come with blanks between them: see `corpus_files`.
        self._classes = classes("characters" if text.segmenter == "characters" else "whitespace")
        self._max_words = np.iinfo(np.int64).max if text.max_words is None else text.max_words
        capacity = 1 << 15
        self._slots = np.zeros(2 * capacity, dtype=np.uint64)
        self._letters = np.empty(16 * capacity, dtype=np.uint8)
        self._begins = np.zeros(capacity + 1, dtype=np.int64)
        self._counts = np.zeros(capacity, dtype=np.int64)
        self._ids = np.empty(0, dtype=np.int32)
        self._figures = np.zeros(6, dtype=np.int64)

    @property
    def words(self) -> int:
        return int(self._figures[self._scan.WORDS])

    @property
    def lost(self) -> int:
        return int(self._figures[self._scan.LOST])

    @property
    def lines(self) -> int:
        return int(self._figures[self._scan.LINES])

    def read(self, block: bytes) -> np.ndarray:
        """The numbers of the words of `block`, valid until the next call."""
        data = np.frombuffer(block + self._scan.PADDING, dtype=np.uint8)
        if len(self._ids) < len(block):
            self._ids = np.empty(len(block), dtype=np.int32)
        at = written = 0
        while at < len(block):
            table = (self._slots, self._letters, self._begins, self._counts)
            into = self._ids[written:]
            at = self._scan.scan(data, at, self._classes, self._max_words, *table, into, self._figures)
            written += int(self._figures[self._scan.IDS])
            if at < len(block):
                self._make_room()
        return self._ids[:written]

    def _make_room(self) -> None:
        capacity = len(self._counts)
        if self._figures[self._scan.DISTINCT] < capacity:
            self._letters = np.append(self._letters, np.empty_like(self._letters))
            return
        slots = np.zeros(2 * len(self._slots), dtype=np.uint64)
        self._scan.rehash(self._slots, slots)
        self._slots = slots
        self._begins = np.append(self._begins, np.zeros(capacity, dtype=np.int64))
        self._counts = np.append(self._counts, np.zeros(capacity, dtype=np.int64))

    def raw_words(self) -> RawWords:
        """All words in the order of their first appearance, and how often each was seen."""
        distinct = int(self._figures[self._scan.DISTINCT])
        return RawWords(self._letters, self._begins[: distinct + 1], self._counts[:distinct])


def _ranked(words: RawWords, joined: Joined | None, reading: _Reading) -> tuple[np.ndarray, Vocabulary]:
    """What becomes of each number (-1 of a line end stays -1), and the vocabulary."""
    counts, phrases = (words.counts, []) if joined is None else (joined.counts, joined.phrases)
    distinct, letters = len(words.counts), words.letters.data
    begins = np.append(words.begins, np.zeros(len(phrases), np.int64))

    def surfaces(of: np.ndarray) -> list[str]:
        places = zip(of.tolist(), begins[of].tolist(), begins[of + 1].tolist())
        return [
            str(letters[begin:end], "utf-8", "surrogatepass")
            if number < distinct
            else phrases[number - distinct]
            for number, begin, end in places
        ]

    order = np.argsort(-counts, kind="stable")  # ties stay in the order of first appearance, phrases behind
    enough = counts[order] >= reading.min_count
    enough[slice(reading.max_vocabulary, None) if reading.max_vocabulary else slice(0, 0)] = False
    if reading.known:
        rare = np.flatnonzero(~enough & (counts[order] > 0))
        enough[rare] = [word in reading.known for word in surfaces(order[rare])]
    order = order[enough]
    numbers = np.full(len(counts) + 1, _DROPPED, dtype=np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    numbers[-1] = -1
    return numbers, Vocabulary(surfaces(order), counts[order])
