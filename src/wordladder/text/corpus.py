"""Reads raw text of any size into memory-mapped word ids; memory is needed for the vocabulary only.

Text is read in blocks. A first pass numbers the words in the order of their first appearance and writes these
ids to a file, in which phrases are joined on request. When all counts are known, the file is rewritten in
place with the ids of the final vocabulary and without the words that are left out.
"""

import mmap
import os
import tempfile
import time
from collections.abc import Container, Iterable, Sequence, Sized
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError, check_at_least
from ..files.streams import prefetch, release_memory, write_errors
from ..progress import Progress, quiet
from .corpus_files import Blocks, find_files, read_blocks
from .phrases import PhraseSettings, RawWords, join_phrases, rewrite_ids
from .vocabulary import Vocabulary
from .words import TextSettings, classes

_DROPPED = -2
_IDS = "ids.int32"  # the file in the temporary folder
_PLAIN = TextSettings()


@dataclass(eq=False, repr=False)
class Corpus(AbstractContextManager):
    """A text as word ids, and the vocabulary that says which words they are.

    A context manager: closing removes the temporary folder that holds the ids.
    """

    vocabulary: Vocabulary
    text: TextSettings  # how the words were found
    lowercase: bool  # whether the text was lower-cased first
    words: int  # words read
    lost: int  # words truncated by `text.max_words`, not among `words`
    lines: int  # lines read
    phrases: dict[str, object] | None  # how phrases were made of words, and how many; None: they were not
    _folder: tempfile.TemporaryDirectory

    def __post_init__(self) -> None:
        counts = self.vocabulary.counts
        self.kept_words = 0 if counts is None else int(counts.sum())  # among the ids
        with open(Path(self._folder.name) / _IDS, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._ids: np.ndarray | None = np.frombuffer(self._map, dtype=np.int32)

    @property
    def ids(self) -> np.ndarray:
        """The word ids, memory-mapped and read-only; -1 ends each line: (kept words + lines,) int32.

        Raises:
            ValueError: the corpus is closed.
        """
        if self._ids is None:
            raise ValueError("the corpus is closed; read its ids before closing it.")
        return self._ids

    def release(self, start: int, end: int) -> None:
        """Let the system take back the memory of `ids[start:end]`; they are read again when needed."""
        if self._ids is not None and hasattr(mmap, "MADV_DONTNEED"):
            first = -(-4 * start // mmap.PAGESIZE) * mmap.PAGESIZE
            size = 4 * end // mmap.PAGESIZE * mmap.PAGESIZE - first
            if size > 0:
                self._map.madvise(mmap.MADV_DONTNEED, first, size)

    def close(self) -> None:
        """Remove the ids from the disk. No array taken from `ids` may be used any more."""
        self._ids = None
        # While somebody still holds an array of the map it cannot be closed; then it goes with that array.
        with suppress(BufferError):
            self._map.close()
        self._folder.cleanup()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Corpus({self.words} words, {self.lines} lines, vocabulary of {len(self.vocabulary)})"


def read_corpus(
    paths: Sequence[str | Path] = (),
    *,
    texts: Iterable[str] | None = None,
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
    """Read raw text from files, plain or compressed (gzip, xz, zstd, bzip2), from memory, or from both.

    Args:
        paths: Files with one text a line, or folders, whose files are read in the order of their names,
            deeper folders included. A name that ends in .jsonl, .ndjson or .json is read as one JSON object a
            line.
        texts: Texts in memory that come after the files, each as one line; a line end within one is a blank
            like any other.
        text: How words are found.
        lowercase: Whether the text is lower-cased first.
        min_count: Words seen less often are left out.
        max_vocabulary: Words of the vocabulary at most, the most frequent ones.
        phrases: Which neighbouring words become one word, before rare ones are left out; none by default.
        known: Words that are never left out.
        folder: Where the temporary folder with the ids goes; the system's own by default.
        field: The field of a JSON object that holds the text; by default the first that has a usual name.
        threads: 1 reads, decompresses and counts in turn; otherwise a second thread reads ahead.
        progress: Called with the bytes read so far; without files, with the texts read so far.

    Raises:
        DataError: a file is missing, damaged, not text or not UTF-8 (names the line and the byte), a text is
            not a string, or no word is left.
        OutputError: the ids cannot be written, such as when the disk is full.
        SettingError: a setting has a value that cannot be used.
    """
    check_at_least(1, min_count=min_count, max_vocabulary=max_vocabulary, threads=threads)
    files = [] if texts is not None and not paths else find_files(paths)
    if files:
        total = sum(path.stat().st_size for path in files) or None  # pipes have no size
    else:
        total = len(texts) if isinstance(texts, Sized) else None
    blocks = read_blocks(files, text.segmenter, lowercase=lowercase, field=field, texts=texts or ())
    _compile(text, progress)
    counter = _WordCounter(text)
    with ExitStack() as on_failure:
        if folder is not None:
            with write_errors(folder):
                os.makedirs(folder, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix="wordladder-", dir=folder, ignore_cleanup_errors=True)
        on_failure.callback(temporary.cleanup)
        path = Path(temporary.name) / _IDS
        counter.read_all(blocks if threads == 1 else prefetch(blocks), path, total, progress)
        words, phrase_facts = counter.raw_words(), None
        with write_errors(path):
            if phrases is not None and counter.words:
                words, phrase_facts = join_phrases(path, words, phrases, progress)
            ids, vocabulary = _rank(words, min_count, max_vocabulary, known)
            if not len(vocabulary):
                raise _no_words(files, counter, min_count)
            rewrite_ids(path, lambda chunk: _renumber(chunk, ids))
        release_memory()  # thousands of blocks have come and gone
        numbers = counter.words, counter.lost, counter.lines
        corpus = Corpus(vocabulary, text, lowercase, *numbers, phrase_facts, temporary)
        on_failure.pop_all()
    return corpus


def _compile(text: TextSettings, progress: Progress) -> None:
    """Have the scan compiled, and report it: it takes a while on the first use on a machine."""
    start = time.perf_counter()
    progress("compiling", 0, 1)
    _WordCounter(text).read(b"a\n")
    progress("compiling", 1, 1, seconds=time.perf_counter() - start)


def _no_words(files: Sequence[Path], counter: "_WordCounter", min_count: int) -> DataError:
    name = f"the corpus of {len(files)} files" if len(files) > 1 else str(*files) or "the texts"
    if not counter.words:
        return DataError(f"{name}: there is no word in it ({counter.lines} lines).")
    return DataError(
        f"{name}: of {counter.words} words none is seen {min_count} times. "
        "Give more text or a lower min_count."
    )


class _WordCounter:
    """The hash table of words that a scan fills: ids in the order of first appearance, and counts."""

    def __init__(self, text: TextSettings) -> None:
        from ..kernels import scan

        self.words = self.lost = self.lines = 0
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

    def read_all(self, blocks: Blocks, path: Path, total: int | None, progress: Progress) -> None:
        """Write the ids of all words of the blocks to a file."""
        with write_errors(path), open(path, "wb") as file, closing(blocks):
            start = time.perf_counter()
            for block, done in blocks:
                file.write(self.read(block).data)
                seconds = time.perf_counter() - start
                progress("reading the corpus", done, total, words_per_second=self.words / seconds)

    def read(self, block: bytes) -> np.ndarray:
        """The ids of the words of `block`, valid until the next call."""
        scan = self._scan
        data = np.frombuffer(block + scan.PADDING, dtype=np.uint8)
        if len(self._ids) < len(block):
            self._ids = np.empty(len(block), dtype=np.int32)
        position = written = 0
        while position < len(block):
            table = (self._slots, self._letters, self._begins, self._counts)
            ids = self._ids[written:]
            position = scan.scan(data, position, self._classes, self._max_words, *table, ids, self._figures)
            written += int(self._figures[scan.IDS])
            if position < len(block):
                self._grow()
        self.words, self.lost, self.lines = self._figures[[scan.WORDS, scan.LOST, scan.LINES]].tolist()
        return self._ids[:written]

    def _grow(self) -> None:
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


def _rank(
    words: RawWords, min_count: int, max_vocabulary: int | None, known: Container[str]
) -> tuple[np.ndarray, Vocabulary]:
    """The final id of each word (the last entry is for the -1 of line ends), and the vocabulary."""
    order = np.argsort(-words.counts, kind="stable")  # ties: by first appearance, phrases last
    counts = words.counts[order]
    frequent = counts >= min_count
    if max_vocabulary is not None:
        frequent[max_vocabulary:] = False
    if known:
        rare = np.flatnonzero(~frequent & (counts > 0))
        frequent[rare] = [word in known for word in words.surfaces(order[rare])]
    order = order[frequent]
    ids = np.full(len(counts) + 1, _DROPPED, dtype=np.int32)
    ids[order] = np.arange(len(order), dtype=np.int32)
    ids[-1] = -1
    return ids, Vocabulary(words.surfaces(order), counts[frequent])


def _renumber(chunk: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The final ids of a chunk, without the words that are left out."""
    renumbered = ids[chunk]
    return renumbered[renumbered != _DROPPED]
