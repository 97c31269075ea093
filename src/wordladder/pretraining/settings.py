"""What is pretrained, on which objectives, and how large it is."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from ..errors import SettingError, did_you_mean

Kind = Literal["bert", "albert", "elmo"]
Size = Literal["tiny", "mini", "small", "base", "starter"]

_OBJECTIVES = {
    "bert": ("mlm,nsp", "mlm,sop", "mlm"),
    "albert": ("mlm,sop", "mlm,nsp", "mlm"),
    "elmo": ("lm",),
}


# What a language model that reads words by their characters, and hides none, cannot use.
_NOT_ELMO = {
    "tokenizer": "ELMo reads characters",
    "lowercase": "ELMo reads characters as they are written, and predicts words that way",
    "whole_words": "ELMo hides no words",
    "longest_run": "ELMo hides no words",
    "teacher": "ELMo reads characters, and a teacher pieces",
}


class Shape(NamedTuple):
    """The measures of an encoder. ALBERT's layers share their weights, and its embeddings are narrower."""

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
    """How an encoder is pretrained from raw text. What is None depends on the kind or the size.

    Args:
        kind: What is pretrained: `bert`, `albert` or `elmo`.
        size: How large the model is: `tiny`, `mini`, `small`, `base` or `starter`.
        objectives: `mlm` predicts hidden words; after a comma, `sop` asks whether two neighbouring segments
            are in order, or `nsp` whether the second follows the first. ELMo has `lm` alone.
        vocabulary_size: Most pieces in the vocabulary, or words that ELMo predicts.
        tokenizer: `wordpiece`, `sentencepiece`, or a folder with the tokenizer to use.
        lowercase: Whether the vocabulary drops case and accents; not for ELMo.
        max_pieces: Most pieces in a row, special ones included; the model reads no more at once.
        batch_pieces: Pieces in a batch, or words for ELMo.
        whole_words: Whether words are hidden as a whole; not for ELMo.
        longest_run: Most words hidden together; a run of n words is as likely as 1/n. Not for ELMo.
        teacher: Folder of a BERT to learn from in addition to the objectives: its vectors of all pieces, and
            how they relate. Its pieces become the vocabulary. Not for ELMo.
        segmenter: `jieba` groups Chinese characters into the words that are hidden as a whole.
        held_out: Share of the documents that is held out for evaluation; for ELMo, share of the words, 10,000
            at most, as whole lines.
        dropout: Share of activations set to zero in pretraining; for ELMo, 0 leaves it at 0.1.
        learning_rate: Highest learning rate.
        steps: Optimizer steps, instead of minutes.
        minutes: Minutes to train; the learning rate reaches zero at the end.
        warmup: Share of the run in which the learning rate rises from zero.
        parts: Batches whose gradients make up one step.
        precision: `auto` uses bfloat16 where the processor or the accelerator supports it.
        log_steps: Steps between two lines of the log.
        evaluations: Most evaluations on the held-out text in a run, each when the log is written.
        seed: Seed of everything random.
        threads: Threads to compute with; if not given, as many as PyTorch uses.
        device: `cpu`, `cuda`, or `cuda:1` for the second accelerator; if not given, the best there is.

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
        self._one_of("kind", self.kind, get_args(Kind))
        self._one_of("size", self.size, tuple(SIZES))
        for name, why in _NOT_ELMO.items() if self.kind == "elmo" else ():
            if getattr(self, name) is not None:
                raise SettingError(f"{name} is {getattr(self, name)!r}, but {why}; leave it out")
        if self.objectives is not None:
            self._one_of("objectives", self.objectives.replace(" ", ""), _OBJECTIVES[self.kind])
        if self.segmenter not in (None, "jieba"):
            raise SettingError(f"segmenter is {self.segmenter!r}; it can be jieba, or left out")
        if self.segmenter is not None and self.whole_words is False:
            raise SettingError("segmenter groups characters into whole words, but whole_words is false")
        if not 0.0 <= self.held_out < 0.5:
            raise SettingError(f"held_out is {self.held_out}; it is a share of the text, from 0 to below 0.5")
        if not 0.0 <= self.dropout < 1.0:
            raise SettingError(f"dropout is {self.dropout}; it is a share, from 0 to below 1")
        if not 16 <= self.max_pieces <= 8192:
            raise SettingError(f"max_pieces is {self.max_pieces}; it can be 16 to 8192")
        if self.batch < self.max_pieces:
            raise SettingError(
                f"batch_pieces is {self.batch}, less than a row of max_pieces = {self.max_pieces}"
            )
        if self.longest_run is not None and self.longest_run < 1:
            raise SettingError(f"longest_run is {self.longest_run}; it must be 1 or more")
        if self.seed < 0:
            raise SettingError(f"seed is {self.seed}; it must be 0 or more")

    def _one_of(self, name: str, value: str, choices: tuple[str, ...]) -> None:
        if value not in choices:
            raise SettingError(f"{name} is {value!r}.{did_you_mean(value, choices)}")

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
        usual = 2048 if self.kind == "elmo" else 4096
        return usual if self.batch_pieces is None else self.batch_pieces

    @property
    def shape(self) -> Shape:
        """The measures of the encoder."""
        return SIZES[self.size]

    @property
    def drops_case(self) -> bool:
        """Whether a new vocabulary drops case and accents."""
        return self.lowercase is not False

    @property
    def hides_whole_words(self) -> bool:
        """Whether words are hidden as a whole."""
        return self.whole_words is not False

    @property
    def run(self) -> int:
        """Words hidden together, at most: three for ALBERT, one for BERT."""
        return self.longest_run or (3 if self.kind == "albert" else 1)

    @property
    def rate(self) -> float:
        """The highest learning rate: 1e-3, or 2e-4 for a base encoder; five times as high for ELMo."""
        usual = 2e-4 if self.size == "base" else 1e-3
        if self.learning_rate is not None:
            return self.learning_rate
        return 5 * usual if self.kind == "elmo" else usual
