"""What is pretrained, on which objectives, and how large it is."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from ..errors import SettingError, check_choice

Kind = Literal["bert", "albert", "elmo"]
Size = Literal["tiny", "mini", "small", "base", "starter"]

_OBJECTIVES = {
    "bert": ("mlm,nsp", "mlm,sop", "mlm"),
    "albert": ("mlm,sop", "mlm,nsp", "mlm"),
    "elmo": ("lm",),
}


# What ELMo, which reads words by their characters and masks none, cannot use.
_NOT_FOR_ELMO = {
    "tokenizer": "ELMo reads characters",
    "lowercase": "ELMo reads characters as they are written, and predicts words that way",
    "whole_words": "ELMo masks no words",
    "longest_run": "ELMo masks no words",
    "teacher": "ELMo reads characters, and a teacher pieces",
}
_ABOVE_ZERO: tuple[str, ...] = ("steps", "minutes", "learning_rate", "parts", "log_steps", "threads")
_ABOVE_ZERO += ("longest_run", "batch_pieces", "vocabulary_size")


class Shape(NamedTuple):
    """The size of an encoder. ALBERT's layers share their weights, and its embeddings are narrower."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    embedding: int
    vocabulary: int


SIZES = {
    "tiny": Shape(4, 312, 1248, 12, 128, 16_000),
    "mini": Shape(4, 256, 1024, 4, 128, 16_000),
    "small": Shape(4, 512, 2048, 8, 128, 30_000),
    "base": Shape(12, 768, 3072, 12, 128, 30_000),
    "starter": Shape(12, 384, 1536, 12, 128, 16_000),
}


@dataclass(frozen=True, kw_only=True)
class PretrainingSettings:
    """How an encoder is pretrained from raw text. The kind or the size decides what is None.

    Args:
        kind: `"bert"`, `"albert"` or `"elmo"`.
        size: `"tiny"`, `"mini"`, `"small"`, `"base"` or `"starter"`.
        objectives: `"mlm"`, and behind a comma `"sop"` (are two neighbouring segments in order?) or `"nsp"`
            (does the second segment follow the first?).
        vocabulary_size: Pieces of the vocabulary, at most.
        tokenizer: `"wordpiece"`, `"sentencepiece"`, or a folder whose tokenizer is taken.
        lowercase: Whether the vocabulary drops case and accents; left out, it does. Not for ELMo.
        max_pieces: Pieces of a row, at most, special ones included; the model reads no more at once.
        batch_pieces: Pieces of a batch, or ELMo's words; left out, 4096 pieces, 2048 words.
        whole_words: Whether words are masked as a whole; left out, they are. Not for ELMo.
        longest_run: Words that are masked together, at most; a run of n words has a probability proportional
            to 1/n. Not for ELMo.
        teacher: A folder with a BERT to learn from in addition to the objectives: its vectors of all pieces,
            and how they relate. Its pieces make up the vocabulary. Not for ELMo.
        segmenter: `"jieba"` groups Chinese characters into the words that are masked as a whole.
        held_out: Share of the documents that are held out to measure on; for ELMo, share of the words, 10,000
            at most, as whole lines.
        dropout: Share of activations set to zero in pretraining; for ELMo, 0 leaves it at 0.1.
        learning_rate: Highest learning rate.
        steps: Optimizer steps, instead of minutes.
        minutes: Minutes to train; the learning rate reaches zero at the end.
        warmup: Share of the run in which the learning rate rises from zero.
        parts: Batches whose gradients make up one step.
        precision: `auto` uses bfloat16 where the processor or the accelerator supports it.
        log_steps: Steps between two lines of the log.
        evaluations: How often in a run to evaluate on the held-out text, at most, when the log is written.
        seed: Start of everything random.
        threads: Threads to compute with; left out, as many as torch takes.
        device: `"cpu"` forces the processor; left out, the best there is.

    Raises:
        SettingError: a value cannot be used.
    """

    kind: Kind = "bert"
    size: Size = "tiny"
    objectives: str | None = None
    vocabulary_size: int | None = None
    tokenizer: str | None = None
    lowercase: bool | None = None
    max_pieces: int = 128
    batch_pieces: int | None = None
    whole_words: bool | None = None
    longest_run: int | None = None
    teacher: str | None = None
    segmenter: Literal["jieba"] | None = None
    held_out: float = 0.01
    dropout: float = 0.0
    learning_rate: float | None = None
    steps: int | None = None
    minutes: float | None = None
    warmup: float = 0.1
    parts: int = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    log_steps: int = 20
    evaluations: int = 20
    seed: int = 1
    threads: int | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, get_args(Kind))
        sizes = [size for size in SIZES if size != "starter" or self.kind != "elmo"]
        check_choice("size", self.size, sizes)
        for name, why in _NOT_FOR_ELMO.items() if self.kind == "elmo" else ():
            if (value := getattr(self, name)) is not None:
                raise SettingError(f"{name} is {value!r}, but {why}; leave it out")
        if self.objectives is not None:
            check_choice("objectives", self.aims, _OBJECTIVES[self.kind])
        self._check("segmenter", self.segmenter in (None, "jieba"), "it can be jieba, or left out")
        if self.segmenter is not None and self.whole_words is False:
            raise SettingError("segmenter groups characters into whole words, but whole_words is false")
        for name in _ABOVE_ZERO:
            value = getattr(self, name)
            self._check(name, value is None or value > 0, "it must be above 0")
        self._check("seed", self.seed >= 0, "it must be 0 or more")
        self._check("warmup", 0 <= self.warmup < 1, "it is a share of the run, from 0 to below 1")
        self._check("held_out", 0 <= self.held_out < 0.5, "it is a share of the text, from 0 to below 0.5")
        self._check("dropout", 0 <= self.dropout < 1, "it is a share, from 0 to below 1")
        self._check("max_pieces", 16 <= self.max_pieces <= 8192, "it can be 16 to 8192")
        if self.batch < self.max_pieces:
            raise SettingError(
                f"batch_pieces is {self.batch}, less than a row of max_pieces = {self.max_pieces}"
            )

    def _check(self, name: str, right: bool, rule: str) -> None:
        if not right:
            raise SettingError(f"{name} is {getattr(self, name)!r}; {rule}")

    def require_length(self) -> None:
        """Raise a SettingError unless either `steps` or `minutes` is given; preparing text needs neither."""
        if (self.steps is None) == (self.minutes is None):
            raise SettingError("give how long to pretrain: either steps or minutes, and not both")

    @property
    def aims(self) -> str:
        """The objectives, those of the kind where none are given."""
        return (self.objectives or _OBJECTIVES[self.kind][0]).replace(" ", "")

    @property
    def order(self) -> Literal["sop", "nsp"] | None:
        """What is asked about the two segments."""
        return "sop" if "sop" in self.aims else "nsp" if "nsp" in self.aims else None

    @property
    def batch(self) -> int:
        """Pieces of a batch, or words."""
        return self.batch_pieces or (2048 if self.kind == "elmo" else 4096)

    @property
    def shape(self) -> Shape:
        """The size of the encoder."""
        return SIZES[self.size]

    @property
    def longest_sentence(self) -> int:
        """Pieces of a sentence, at most: a row has room for two."""
        return (self.max_pieces - 3) // 2

    @property
    def run(self) -> int:
        """Words masked together, at most: three for ALBERT, one for BERT."""
        return self.longest_run or (3 if self.kind == "albert" else 1)

    @property
    def rate(self) -> float:
        """The highest learning rate: 1e-3, or 2e-4 for a base encoder; five times as high for ELMo."""
        default = 2e-4 if self.size == "base" else 1e-3
        return self.learning_rate or (5 * default if self.kind == "elmo" else default)
