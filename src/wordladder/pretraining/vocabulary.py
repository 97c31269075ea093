"""A vocabulary of pieces from raw text: WordPiece as BERT has it, or a unigram model in the manner of
SentencePiece as ALBERT has it.

Both are trained with Hugging Face's tokenizers. Rare characters, which together make up less than a few
parts in ten thousand of the text, get no piece, ASCII aside. Every Chinese character is split off. Or the
vocabulary is part of another one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

from ..embedders._pieces import bare_tokenizer
from ..errors import DataError, ModelError, SettingError
from ..extras import require
from ..progress import Progress, quiet
from .raw_text import RawText

COVERAGE = 0.9997  # share of the characters of a text that have pieces
HAN = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
# The kinds of tokenizers, with their pieces for padding, unknown, start, end and mask.
TOKENIZERS = {
    "wordpiece": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "sentencepiece": ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
}
# Bytes that a vocabulary is trained on; of a longer text, an even sample.
_MOST_TEXT = {"wordpiece": 60_000_000, "sentencepiece": 20_000_000}
_FEW = 50_000  # different words, of which all count
_COMPRESSED = (".gz", ".xz", ".zst", ".bz2")
_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]


def train_vocabulary(
    text: RawText, kind: str, size: int, *, lowercase: bool, progress: Progress = quiet
) -> Any:
    """Train a tokenizer that `AutoTokenizer` opens once it is saved.

    Args:
        text: What to learn from.
        kind: `"wordpiece"` or `"sentencepiece"`.
        size: Pieces, special ones included.
        lowercase: Whether case and accents are dropped.
        progress: Called with how much has been read.

    Returns:
        A fast tokenizer of transformers.

    Raises:
        SettingError: there is no such kind, or the size has no room for the characters of the text.
        DataError: there is no text.
    """
    if kind not in TOKENIZERS:
        raise SettingError(
            f"tokenizer is {kind!r}; it can be wordpiece, sentencepiece, or a folder with a tokenizer.json"
        )
    wordpiece, special = kind == "wordpiece", list(TOKENIZERS[kind])
    untrained = models.WordPiece(unk_token="[UNK]") if wordpiece else models.Unigram()
    tokenizer = _tokenizer(untrained, wordpiece, lowercase)
    sample = _sample(text, _MOST_TEXT[kind], progress)
    alphabet = _alphabet(sample, tokenizer.normalizer)
    if not alphabet:
        raise DataError(f"{text.files[0]}: there is no text in it to learn a vocabulary from.")
    inner = [f"##{c}" for c in alphabet if not re.match(HAN, c)] if wordpiece else []
    room = len(alphabet) + len(inner) + len(special)
    if size < room + 10:
        raise SettingError(
            f"a vocabulary of {size} pieces is too small for {len(alphabet)} different characters; "
            f"give at least {round(1.2 * room, -2):.0f}"
        )
    progress("training the vocabulary", 0, 1)
    options: dict[str, Any] = {"vocab_size": size, "show_progress": False}
    if wordpiece:
        # Single characters come before all that is merged from them, in a fixed order: else their order, and
        # with it every tie, would be another one in each run.
        first = [*special, *alphabet, *inner]
        trainer = trainers.WordPieceTrainer(special_tokens=first, limit_alphabet=0, **options)
        tokenizer.train_from_iterator(sample, trainer)
        pieces = {piece: number for piece, number in tokenizer.get_vocab().items() if number < size}
        model = models.WordPiece(pieces, unk_token="[UNK]", max_input_chars_per_word=100)
    else:
        options |= {"special_tokens": special, "unk_token": "<unk>", "max_piece_length": 16}
        words = _words(sample, tokenizer.normalizer, frozenset(alphabet))
        tokenizer.train_from_iterator(words, trainers.UnigramTrainer(**options))
        model = tokenizer.model
    progress("training the vocabulary", 1, 1)
    return _fast_tokenizer(_tokenizer(model, wordpiece, lowercase), kind, lowercase)


def cut_vocabulary(text: RawText, tokenizer: Any, size: int, *, progress: Progress = quiet) -> Any:
    """A tokenizer with only those pieces of another one that a text needs most.

    Special pieces and single characters stay, so that no word becomes unknown: the longest piece that fits is
    still taken first, and there is one for every character.

    Args:
        text: The text whose pieces are counted.
        tokenizer: A fast WordPiece tokenizer as BERT has it.
        size: Pieces, special ones included, at most.
        progress: Called with how much has been read.

    Raises:
        ModelError: the tokenizer is of another kind.
        SettingError: the size has no room for the characters.
    """
    backend, special = bare_tokenizer(tokenizer), {*TOKENIZERS["wordpiece"]}
    numbers, whole = backend.get_vocab(), backend.model
    if not (isinstance(whole, models.WordPiece) and numbers.keys() >= special):
        kind = type(whole).__name__
        raise ModelError(f"a vocabulary is cut from WordPiece as BERT has it, and this tokenizer is {kind}")
    counts = np.zeros(piece_count(tokenizer), dtype=np.int64)
    for block in _sample(text, _MOST_TEXT["wordpiece"], progress):
        encoded = backend.encode_batch_fast(block.split("\n"), add_special_tokens=False)
        ids = chain.from_iterable(one.ids for one in encoded)
        counts += np.bincount(np.fromiter(ids, np.int64), minlength=len(counts))
    single = special | {piece for piece in numbers if len(piece.removeprefix("##")) == 1}
    if size < len(single) + 10:
        raise SettingError(f"a vocabulary of {size} pieces is too small: {len(single)} are single characters")
    others = [piece for piece, number in numbers.items() if piece not in single and counts[number]]
    others.sort(key=lambda piece: (-counts[numbers[piece]], numbers[piece]))
    chosen = sorted(single.union(others[: size - len(single)]), key=numbers.__getitem__)
    pieces, longest = {piece: number for number, piece in enumerate(chosen)}, whole.max_input_chars_per_word
    cut = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]", max_input_chars_per_word=longest))
    cut.normalizer, cut.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    cut.decoder = backend.decoder
    return _fast_tokenizer(cut, "wordpiece", getattr(tokenizer, "do_lower_case", True))


def _sample(text: RawText, most: int, progress: Progress) -> list[str]:
    """Blocks of the text, an even share of them where it is long; each block is one string."""
    factors = [4 if file.suffix.lower() in _COMPRESSED else 1 for file in text.files]
    expanded = sum(factor * file.stat().st_size for factor, file in zip(factors, text.files))
    every = max(1, round(expanded / most))
    blocks = text.blocks("reading for the vocabulary", progress)
    return ["\n".join(text for text, _ in block) for block in islice(blocks, 0, None, every)]


def _alphabet(sample: list[str], normalizer: Any) -> list[str]:
    """The characters that make up nearly all of the normalised text, the most frequent first."""
    counts = np.zeros(0x110000, dtype=np.int64)
    for block in sample:
        codes = np.frombuffer(normalizer.normalize_str(block).encode("utf-32-le", "replace"), dtype="<u4")
        counts += np.bincount(codes, minlength=len(counts))
    for code in np.flatnonzero(counts):
        if chr(code).isspace() or not chr(code).isprintable():
            counts[code] = 0
    order = np.argsort(-counts, kind="stable")
    reached = np.cumsum(counts[order])
    needed = int(np.searchsorted(reached, COVERAGE * reached[-1])) + 1 if reached[-1] else 0
    # Of a small text, a few parts in ten thousand are few characters, and a comma may be among them.
    return [chr(code) for rank, code in enumerate(order) if counts[code] and (rank < needed or code < 128)]


def _words(sample: list[str], normalizer: Any, alphabet: frozenset[str]) -> Iterator[str]:
    """The words of the text, as often as they occur, without the characters that get no piece: the unigram
    trainer would give each of them one. Words seen once are left out, which halves its time.
    """
    counts: Counter[str] = Counter()
    for block in sample:
        plain = normalizer.normalize_str(block)
        drop = {ord(c): " " for c in set(plain) - alphabet if c != "\n"}
        counts.update(plain.translate(drop).split())
    least = 1 if len(counts) < _FEW else 2
    return (" ".join([word] * count) for word, count in sorted(counts.items()) if count >= least)


def _tokenizer(model: Any, wordpiece: bool, lowercase: bool) -> Any:
    """A tokenizer with the steps before and after the model."""
    tokenizer = Tokenizer(model)
    if wordpiece:
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(prefix="##")
        return tokenizer
    steps = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKC()]
    if lowercase:
        steps += [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.NFC()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    spaces = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    han = pre_tokenizers.Split(Regex(HAN), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), han, spaces])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    return tokenizer


def _fast_tokenizer(tokenizer: Any, kind: str, lowercase: bool) -> Any:
    """The same as a tokenizer of transformers, which knows the special pieces."""
    transformers = require("transformers", "train", "pretraining")
    pad, unknown, start, end, mask = TOKENIZERS[kind]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{start}:0 $A:0 {end}:0",
        pair=f"{start}:0 $A:0 {end}:0 $B:1 {end}:1",
        special_tokens=[(piece, tokenizer.token_to_id(piece)) for piece in (start, end)],
    )
    names = {"pad_token": pad, "unk_token": unknown, "cls_token": start, "sep_token": end, "mask_token": mask}
    more: dict[str, Any] = {"do_lower_case": lowercase, "model_input_names": _INPUTS}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, **more)


def piece_count(tokenizer: Any) -> int:
    """How many numbers of pieces there are. Some vocabularies have numbers without a piece, such as one whose
    file names a piece twice, and the tokenizer's own length leaves these out.
    """
    return max(tokenizer.get_vocab().values(), default=-1) + 1


def word_openings(tokenizer: Any) -> np.ndarray:
    """Whether each piece begins a word: (pieces,) bool.

    Punctuation is a word of its own; what follows it without a blank belongs to it only in `don't`, where
    it is no punctuation but part of a word.
    """
    numbers = list(range(piece_count(tokenizer)))
    pieces = [piece or "" for piece in tokenizer.convert_ids_to_tokens(numbers)]
    model = type(tokenizer.backend_tokenizer.model).__name__
    if model == "WordPiece":
        return np.array([not piece.startswith("##") for piece in pieces])
    blank = "Ġ" if model == "BPE" and any(piece.startswith("Ġ") for piece in pieces) else "▁"
    opens = [piece.startswith(blank) or not any(c.isalnum() or c in "'’" for c in piece) for piece in pieces]
    return np.array(opens)
