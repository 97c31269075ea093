"""Pieces of words, learned from text, so that no word is unknown: byte-pair encoding (Sennrich et al. 2016),
a unigram model (Kudo 2018), or single characters. A piece that begins a word starts with ▁.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from ..errors import DataError, ModelError, check_at_least, check_choice
from ..files.streams import atomic_write

PieceKind = Literal["bpe", "unigram", "characters"]

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
PAD, UNKNOWN, START, END = range(len(SPECIAL))
OPENS = "▁"
_HAN = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_ALONE = (rf"{OPENS}?\p{{P}}", _HAN)  # a punctuation mark and a Chinese character are in no longer piece
_TOGETHER = 10_000  # texts that are cut at a time
_FEW = 2  # how often a character has to occur to be a piece
_ENOUGH = 32_000_000  # characters to learn pieces from


def opens_word(text: str, start: int) -> bool:
    """Whether a word begins at this place of a text."""
    return start == 0 or text[start - 1].isspace()


def _half(letter: str) -> bool:
    """Whether it is half of a surrogate pair, which no tokenizer reads."""
    return "\ud800" <= letter <= "\udfff"


class PieceVocabulary:
    """Pieces, each with a number; the first four are special.

    Args:
        tokenizer: What splits texts into them.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.pieces = [str(tokenizer.id_to_token(number)) for number in range(tokenizer.get_vocab_size())]

    def __len__(self) -> int:
        return len(self.pieces)

    @classmethod
    def learn(cls, texts: Sequence[str], size: int, kind: PieceKind = "bpe") -> "PieceVocabulary":
        """Learn pieces from texts; from evenly spaced ones, where they have more than 32 million characters.

        Args:
            texts: Texts.
            size: The most pieces; each character that occurs at least twice is one in any case.
            kind: `"bpe"`, `"unigram"` or `"characters"`.

        Raises:
            DataError: no character occurs twice.
            SettingError: an argument is not valid.
        """
        check_choice("pieces", kind, get_args(PieceKind))
        check_at_least(1, size=size)
        counts = Counter(chain.from_iterable(texts))
        letters = [
            one for one, count in counts.items() if count >= _FEW and not (one.isspace() or _half(one))
        ]
        if not letters:
            raise DataError("there is no text to learn pieces from")
        texts = texts[:: math.ceil(counts.total() / _ENOUGH)]
        least = len(SPECIAL) + 1 + len(letters)
        facts: dict[str, Any] = {"special_tokens": list(SPECIAL), "show_progress": False}
        facts["vocab_size"] = least if kind == "characters" else max(size, least)
        facts["initial_alphabet"] = sorted(letters)
        trainer: Any = trainers.BpeTrainer(limit_alphabet=len(letters) + 1, min_frequency=2, **facts)
        model: Any = models.BPE(unk_token=SPECIAL[UNKNOWN], fuse_unk=True)
        if kind == "unigram":
            trainer, model = trainers.UnigramTrainer(unk_token=SPECIAL[UNKNOWN], **facts), models.Unigram()
        tokenizer = Tokenizer(model)
        spaces = [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
        tokenizer.normalizer = normalizers.Sequence(spaces)
        splits = [pre_tokenizers.Split(Regex(part), "isolated") for part in _ALONE]
        opens = pre_tokenizers.Metaspace(OPENS, prepend_scheme="first")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([opens, *splits])
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    def numbers(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of the pieces of each text."""
        return [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]

    def spans(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
        """Pieces a text, `(texts,)`, and where each starts and ends in its text, without white space,
        `(pieces,)`. A piece of white space alone is left out.
        """
        blank, parts = self._tokenizer.token_to_id(OPENS), []
        lengths = np.zeros(len(texts), np.int64)
        for first in range(0, len(texts), _TOGETHER):
            some = list(texts[first : first + _TOGETHER])
            spans = list[tuple[int, int]]()
            for row, encoded in enumerate(self._tokenizer.encode_batch(some), start=first):
                text, before = texts[row], len(spans)
                pieces = zip(encoded.ids, encoded.offsets)
                spans += [
                    (start + text[start].isspace(), end) for number, (start, end) in pieces if number != blank
                ]
                lengths[row] = len(spans) - before
            parts.append(np.array(spans, np.int32).reshape(-1, 2))
        starts, ends = np.concatenate(parts).T if parts else np.zeros((2, 0), np.int32)
        return lengths, starts, ends

    def text(self, numbers: Sequence[int], unknown: Mapping[int, str] | None = None) -> str:
        """The text of pieces.

        Args:
            numbers: Their numbers.
            unknown: What stands for unknown pieces, by their places; others are left out.
        """
        unknown = unknown or {}
        parts = [
            self.pieces[number]
            if number >= len(SPECIAL)
            else OPENS + unknown[place]
            if place in unknown
            else ""
            for place, number in enumerate(numbers)
        ]
        return "".join(parts).replace(OPENS, " ").strip()

    def save(self, path: Path) -> None:
        """Write a `tokenizer.json` of Hugging Face's library."""
        with atomic_write(path) as file:
            file.write(self._tokenizer.to_str().encode("utf-8"))

    @classmethod
    def load(cls, path: Path) -> "PieceVocabulary":
        """Read what `save` wrote.

        Raises:
            ModelError: it cannot be read.
        """
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # noqa: BLE001  (the library raises no other)
            raise ModelError(f"{path}: the pieces cannot be read: {error}") from None
