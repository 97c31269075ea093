"""Raw text as numbers of pieces in files that are mapped into memory, with documents, sentences and words.

    pieces.bin      all pieces, one after another: uint16, or int32 for a vocabulary above 65,536
    openings.bin    whether each begins a word: uint8; only where a segmenter says so
    sentences.npy   where each sentence begins among the pieces, and the end: (sentences + 1,) int64
    documents.npy   where each document begins among the sentences, and the end: (documents + 1,) int64
    facts.json      what has been read

Memory is needed for the two tables of boundaries only.
"""

import json
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..embedders._pieces import bare_tokenizer
from ..errors import DataError
from ..files.streams import write_errors
from ..progress import Progress, quiet
from ..text.words import TextSettings, tokenize
from .raw_text import RawText, sentences
from .vocabulary import piece_count, word_openings

_BATCH = 2048  # sentences that are taken apart together


@dataclass(frozen=True)
class Facts:
    """What a text has: documents, sentences, words, pieces, pieces unknown to the vocabulary, sentences that
    were too long and have been cut, and files whose every line counted as a document.
    """

    documents: int
    sentences: int
    words: int
    pieces: int
    unknown: int
    cut: int
    line_documents: list[str]


@dataclass(frozen=True)
class Documents:
    """Documents as pieces.

    Attributes:
        pieces: All pieces (pieces,), mapped.
        sentences: Where sentences begin (sentences + 1,).
        documents: First and last sentence, the last one outside, of each document (documents, 2).
        words: Whether each piece of the vocabulary begins a word (vocabulary,).
        openings: Whether each piece of the text does (pieces,), where a segmenter has said so.
    """

    pieces: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    words: np.ndarray
    openings: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.documents)

    @property
    def size(self) -> int:
        """The number of pieces in them."""
        bounds = self.sentences[self.documents]
        return int((bounds[:, 1] - bounds[:, 0]).sum())

    def opens(self, places: np.ndarray) -> np.ndarray:
        """Whether the pieces at these places of the text begin words."""
        if self.openings is not None:
            return self.openings[places].astype(bool)
        return self.words[self.pieces[places]]


def write_documents(
    folder: Path,
    text: RawText,
    tokenizer: Any,
    *,
    longest: int,
    segmenter: str | None = None,
    progress: Progress = quiet,
) -> Facts:
    """Read the text and write its pieces into `folder`.

    Args:
        folder: An existing folder.
        text: What to read.
        tokenizer: A fast tokenizer of transformers.
        longest: Pieces of a sentence, at most; a longer one is cut.
        segmenter: `"jieba"` for Chinese words; left out, the vocabulary says where words begin, and every
            Chinese character is one.
        progress: Told how much has been read.

    Raises:
        DataError: there is no text.
        OutputError: the disk is full.
    """
    wide = piece_count(tokenizer) > 1 << 16
    cutter = _Cutter(tokenizer, longest, segmenter)
    with write_errors(folder), (folder / "pieces.bin").open("wb") as file:
        words = (folder / "openings.bin").open("wb") if segmenter is not None else None
        try:
            for block in text.blocks("taking the text apart", progress):
                cutter.take(block.paragraphs, block.opens, file, np.int32 if wide else np.uint16, words)
        finally:
            if words is not None:
                words.close()
    if not cutter.pieces:
        raise DataError(f"{text.files[0]}: there is no text in it to learn from.")
    documents = np.array([*cutter.documents, len(cutter.lengths)], dtype=np.int64)
    np.save(folder / "documents.npy", documents)
    starts = np.zeros(len(cutter.lengths) + 1, dtype=np.int64)
    np.cumsum(cutter.lengths, out=starts[1:])
    np.save(folder / "sentences.npy", starts)
    facts = Facts(
        documents=len(cutter.documents),
        sentences=len(cutter.lengths),
        words=cutter.word_count,
        pieces=cutter.pieces,
        unknown=cutter.unknown_count,
        cut=cutter.cut,
        line_documents=sorted(text.line_documents),
    )
    (folder / "facts.json").write_text(json.dumps(asdict(facts)), encoding="utf-8")
    return facts


class _Cutter:
    """Takes sentences apart into pieces, and counts."""

    def __init__(self, tokenizer: Any, longest: int, segmenter: str | None) -> None:
        self.longest, self.segmenter = longest, segmenter
        self.backend = bare_tokenizer(tokenizer)
        self.words = word_openings(tokenizer)
        self.unknown = tokenizer.unk_token_id
        # Special pieces that are written out in a text are no text.
        self.plain = np.arange(piece_count(tokenizer))
        self.plain[[i for i in tokenizer.all_special_ids if self.unknown is not None]] = self.unknown
        self.lengths: list[int] = []
        self.documents: list[int] = []
        self.pieces = self.word_count = self.unknown_count = self.cut = 0

    def take(
        self, paragraphs: list[str], opens: list[bool], file: BinaryIO, dtype: type, words: BinaryIO | None
    ) -> None:
        """Write the pieces of some paragraphs."""
        texts: list[str] = []
        heads: list[bool] = []
        for paragraph, new in zip(paragraphs, opens):
            found = sentences(paragraph)
            texts += found
            heads += [new, *[False] * (len(found) - 1)]
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            # The fast one does not say where pieces stand in the text.
            encode = self.backend.encode_batch_fast if words is None else self.backend.encode_batch
            encoded = encode(part, add_special_tokens=False)
            lengths = [len(one) for one in encoded]
            ids = np.fromiter(chain.from_iterable(one.ids for one in encoded), np.int64, sum(lengths))
            ids = self.plain[ids]
            marks = self.words[ids] if words is None else _marks(part, encoded, self.segmenter)
            file.write(ids.astype(dtype).tobytes())
            if words is not None:
                words.write(marks.astype(np.uint8).tobytes())
            self._count(ids, marks, lengths, heads[start : start + _BATCH])

    def _count(self, ids: np.ndarray, marks: np.ndarray, lengths: list[int], heads: list[bool]) -> None:
        self.pieces += len(ids)
        self.word_count += int(marks.sum())
        self.unknown_count += int((ids == self.unknown).sum())
        begin, new = 0, False
        for length, head in zip(lengths, heads):
            new = new or head  # the first sentence of a document may have no pieces
            if not length:
                continue
            if new:
                self.documents.append(len(self.lengths))
                new = False
            self.lengths += self._parts(length, marks[begin : begin + length])
            begin += length

    def _parts(self, length: int, marks: np.ndarray) -> list[int]:
        """The lengths of the parts of a sentence, cut where words begin."""
        if length <= self.longest:
            return [length]
        self.cut += 1
        parts, begin = [], 0
        while length - begin > self.longest:
            inside = np.flatnonzero(marks[begin + 1 : begin + self.longest + 1])
            size = int(inside[-1]) + 1 if len(inside) else self.longest
            parts.append(size)
            begin += size
        return [*parts, length - begin]


def _marks(texts: list[str], encoded: list[Any], segmenter: Any) -> np.ndarray:
    """Which pieces begin a word of the segmenter: those that reach to a new word's first character."""
    tokens = tokenize(texts, TextSettings(segmenter=segmenter))
    found = []
    for index, one in enumerate(encoded):
        starts = tokens.starts[tokens.offsets[index] : tokens.offsets[index + 1]]
        ends = np.array([end for _, end in one.offsets], dtype=np.int64)
        word = np.searchsorted(starts, ends, side="left")  # words begun before the piece's end
        found.append(np.diff(word, prepend=0) > 0)
        if len(word):
            found[-1][0] = True
    return np.concatenate(found) if found else np.zeros(0, dtype=bool)


def open_documents(folder: Path, tokenizer: Any) -> tuple[Documents, Facts]:
    """Map what `write_documents` wrote."""
    facts = Facts(**json.loads((folder / "facts.json").read_text(encoding="utf-8")))
    dtype = np.int32 if piece_count(tokenizer) > 1 << 16 else np.uint16
    pieces = np.memmap(folder / "pieces.bin", dtype, mode="r")
    marks = folder / "openings.bin"
    openings = np.memmap(marks, np.uint8, mode="r") if marks.is_file() else None
    bounds = np.load(folder / "documents.npy")
    documents = np.stack([bounds[:-1], bounds[1:]], axis=1)
    sentence_starts = np.load(folder / "sentences.npy")
    return Documents(pieces, sentence_starts, documents, word_openings(tokenizer), openings), facts


def hold_out(documents: Documents, share: float, seed: int) -> tuple[Documents, Documents | None]:
    """Documents to learn from, and others, chosen at random, to measure on; none longer than the share.

    Where the documents are too few for that, the last sentences of the text are held out, as a document of
    their own. None are with a share of 0.
    """
    if share <= 0:
        return documents, None
    if len(documents) * share >= 2:
        order = np.argsort(np.random.PCG64([seed, 0x0D]).random_raw(len(documents)), kind="stable")
        bounds = documents.sentences[documents.documents]
        sizes = bounds[:, 1] - bounds[:, 0]
        wanted = share * sizes.sum()
        order = order[sizes[order] <= wanted]  # half of them at least: the mean is half of what is wanted
        count = max(2, int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1)
        held = np.sort(order[:count])
        rest = np.setdiff1d(np.arange(len(documents)), held)
        return _chosen(documents, documents.documents[rest]), _chosen(documents, documents.documents[held])
    total = int(documents.sentences[-1])
    cut = int(np.searchsorted(documents.sentences, (1 - share) * total))
    cut = min(max(cut, 1), len(documents.sentences) - 2)
    if cut < 1:
        raise DataError("the text has one sentence only; there is nothing to hold out, and little to learn.")
    train = [(a, min(b, cut)) for a, b in documents.documents.tolist() if a < cut]
    held_out = [(max(a, cut), b) for a, b in documents.documents.tolist() if b > cut]
    return _chosen(documents, np.array(train)), _chosen(documents, np.array(held_out))


def _chosen(documents: Documents, rows: np.ndarray) -> Documents:
    return replace(documents, documents=rows)
