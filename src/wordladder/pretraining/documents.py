"""Raw text as numbers of pieces in files that are mapped into memory, with documents, sentences and words.

    pieces.bin      all pieces, one after another: uint16, or int32 for a vocabulary above 65,536
    openings.bin    whether each begins a word: uint8; only where a segmenter says so
    sentences.npy   where each sentence begins among the pieces, and the end: (sentences + 1,) int64
    documents.npy   where each document begins among the sentences, and the end: (documents + 1,) int64
    facts.json      what has been read

Memory is needed for the two tables of boundaries only.
"""

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..embedders._pieces import bare_tokenizer
from ..errors import DataError
from ..files.streams import write_errors
from ..progress import Progress, quiet
from ..text.sentences import sentences
from ..text.words import TextSettings, tokenize
from .raw_text import Block, RawText
from .vocabulary import piece_count, word_openings

_BATCH = 2048  # sentences that are tokenized together


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
    def bounds(self) -> np.ndarray:
        """The first piece of each and the one after its last: (documents, 2)."""
        return self.sentences[self.documents]

    @property
    def sizes(self) -> np.ndarray:
        """The number of pieces in each: (documents,)."""
        return np.diff(self.bounds)[:, 0]

    def opens(self, places: np.ndarray) -> np.ndarray:
        """Whether the pieces at these places of the text begin words."""
        if self.openings is not None:
            return self.openings[places].astype(bool)
        return self.words[self.pieces[places]]


def write_documents(
    folder: Path,
    text: RawText,
    tokenizer: Any,
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
        progress: Called with how much has been read.

    Raises:
        DataError: there is no text.
        OutputError: the disk is full.
    """
    with write_errors(folder), ExitStack() as files:
        pieces = files.enter_context((folder / "pieces.bin").open("wb"))
        openings = files.enter_context((folder / "openings.bin").open("wb")) if segmenter else None
        writer = _PieceWriter(tokenizer, longest, segmenter, pieces, openings)
        for block in text.blocks("tokenizing the text", progress):
            writer.write(block)
    if not writer.pieces:
        raise DataError(f"{text.files[0]}: there is no text in it to learn from.")
    lengths, starts = writer.lengths, writer.documents
    np.save(folder / "documents.npy", np.array([*starts, len(lengths)], dtype=np.int64))
    np.save(folder / "sentences.npy", np.append(0, np.cumsum(lengths)))
    counts = (len(starts), len(lengths), writer.words, writer.pieces, writer.unknown, writer.cut)
    facts = Facts(*counts, sorted(text.line_documents))
    (folder / "facts.json").write_text(json.dumps(asdict(facts)), encoding="utf-8")
    return facts


class _PieceWriter:
    """Splits sentences into pieces, writes these, and counts.

    Args:
        tokenizer, longest, segmenter: As in `write_documents`.
        file: Where the pieces go.
        openings: Where it goes whether each begins a word; None: nowhere.
    """

    def __init__(
        self, tokenizer: Any, longest: int, segmenter: Any, file: BinaryIO, openings: BinaryIO | None
    ) -> None:
        self.longest, self.segmenter, self.file, self.openings = longest, segmenter, file, openings
        self.backend, self.dtype = bare_tokenizer(tokenizer), _piece_type(tokenizer)
        self.opens, self.unknown_piece = word_openings(tokenizer), tokenizer.unk_token_id
        # Special pieces that are written out in a text are unknown there.
        self.numbers = np.arange(piece_count(tokenizer))
        if self.unknown_piece is not None:
            self.numbers[tokenizer.all_special_ids] = self.unknown_piece
        self.lengths: list[int] = []  # of sentences
        self.documents: list[int] = []  # the first sentence of each
        self.pieces = self.words = self.unknown = self.cut = 0

    def write(self, block: Block) -> None:
        """Write the pieces of some paragraphs."""
        texts: list[str] = []
        heads: list[bool] = []
        for paragraph, opens in block:
            found = sentences(paragraph)
            texts += found
            heads += [opens, *[False] * (len(found) - 1)]
        for start in range(0, len(texts), _BATCH):
            self._write_batch(texts[start : start + _BATCH], heads[start : start + _BATCH])

    def _write_batch(self, texts: list[str], heads: list[bool]) -> None:
        # The fast one does not say where pieces are in the text.
        encode = self.backend.encode_batch if self.segmenter else self.backend.encode_batch_fast
        encoded = encode(texts, add_special_tokens=False)
        lengths = [len(one) for one in encoded]
        ids = np.fromiter(chain.from_iterable(one.ids for one in encoded), np.int64, sum(lengths))
        ids = self.numbers[ids]
        opens = _segmented_openings(texts, encoded, self.segmenter) if self.segmenter else self.opens[ids]
        self.file.write(ids.astype(self.dtype).tobytes())
        if self.openings is not None:
            self.openings.write(opens.astype(np.uint8).tobytes())
        self.pieces += len(ids)
        self.words += int(opens.sum())
        self.unknown += int((ids == self.unknown_piece).sum())
        new = False
        for sentence, head in zip(np.split(opens, np.cumsum(lengths)[:-1]), heads):
            new = new or head  # the first sentence of a document may have no pieces
            if len(sentence):
                self.documents += [len(self.lengths)] if new else []
                self._add_sentence(sentence)
                new = False

    def _add_sentence(self, opens: np.ndarray) -> None:
        """Count a sentence, in parts that begin where words begin if it is too long."""
        self.cut += len(opens) > self.longest
        while len(opens) > self.longest:
            inside = np.flatnonzero(opens[1 : self.longest + 1])
            size = int(inside[-1]) + 1 if len(inside) else self.longest
            self.lengths.append(size)
            opens = opens[size:]
        self.lengths.append(len(opens))


def _segmented_openings(texts: list[str], encoded: list[Any], segmenter: Any) -> np.ndarray:
    """Which pieces begin a word of the segmenter: those that reach to a new word's first character."""
    tokens = tokenize(texts, TextSettings(segmenter=segmenter))
    openings = []
    for index, one in enumerate(encoded):
        starts = tokens.starts[tokens.offsets[index] : tokens.offsets[index + 1]]
        ends = np.array([end for _, end in one.offsets], dtype=np.int64)
        words = np.searchsorted(starts, ends, side="left")  # begun before the piece's end
        opens = np.diff(words, prepend=0) > 0
        opens[:1] = True
        openings.append(opens)
    return np.concatenate(openings)


def _piece_type(tokenizer: Any) -> type[np.integer]:
    return np.int32 if piece_count(tokenizer) > 1 << 16 else np.uint16


def open_documents(folder: Path, tokenizer: Any) -> tuple[Documents, Facts]:
    """Map what `write_documents` wrote."""
    facts = Facts(**json.loads((folder / "facts.json").read_text(encoding="utf-8")))
    pieces = np.memmap(folder / "pieces.bin", _piece_type(tokenizer), mode="r")
    path = folder / "openings.bin"
    openings = np.memmap(path, np.uint8, mode="r") if path.is_file() else None
    bounds, starts = np.load(folder / "documents.npy"), np.load(folder / "sentences.npy")
    documents = np.stack([bounds[:-1], bounds[1:]], axis=1)
    return Documents(pieces, starts, documents, word_openings(tokenizer), openings), facts


def hold_out(documents: Documents, share: float, seed: int) -> tuple[Documents, Documents | None]:
    """Documents to learn from, and others, chosen at random, to measure on; none longer than the share.

    Where the documents are too few for that, the last sentences of the text are held out, as a document of
    their own. None are with a share of 0.
    """
    if share <= 0:
        return documents, None
    rows, sizes = documents.documents, documents.sizes
    if len(rows) * share >= 2:
        order = np.argsort(np.random.PCG64([seed, 0x0D]).random_raw(len(rows)), kind="stable")
        most = share * sizes.sum()
        # At least half of the documents are shorter than that: the mean is at most half of it.
        order = order[sizes[order] <= most]
        count = max(2, int(np.searchsorted(np.cumsum(sizes[order]), most)) + 1)
        drawn = np.isin(np.arange(len(rows)), order[:count])
        train, held_out = rows[~drawn], rows[drawn]
    else:
        starts = documents.sentences
        cut = min(max(int(np.searchsorted(starts, (1 - share) * int(starts[-1]))), 1), len(starts) - 2)
        if cut < 1:
            raise DataError(
                "the text has one sentence only; there is nothing to hold out, and little to learn."
            )
        train, held_out = np.minimum(rows, cut)[rows[:, 0] < cut], np.maximum(rows, cut)[rows[:, 1] > cut]
    return replace(documents, documents=train), replace(documents, documents=held_out)
