"""Translation: one text for another, such as another language, a title, or a normal form."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Answer, Examples
from ..errors import DataError, SettingError, check_at_least
from ..files.json_files import read_validated, write_json
from ..layers.search_settings import Search
from ..metrics.translations import bleu, bleu_counts, chrf, exact_matches, signature, tokenizer_for
from ..text.pieces import END, UNKNOWN, PieceKind, PieceVocabulary
from ..text.words import Tokens, offsets_of
from ._word_scores import WordTargets

__all__ = ["Translation"]


class Alignment(NamedTuple):
    """How much attention each piece of a translation paid to each word of its source.

    Attributes:
        words: The words of the source.
        pieces: The pieces of the translation; the last one is its end.
        weights: `(pieces, words)`.
    """

    words: list[str]
    pieces: list[str]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Translations:
    """What was found for each source.

    Attributes:
        found: For each source texts with their scores, the best first, as `layers.beam_search.Found`.
        tokens: The words of the sources.
    """

    found: list[list[Any]]
    tokens: Tokens

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    tokenizer: str = "13a"


@dataclass(eq=False, repr=False)
class Translation:
    """Write a text for each text, piece by piece.

    Args:
        pieces: The most pieces that targets are made of; `"shared"`: those of the sources, `[text] pieces`,
            which are then learned from both.
        piece_kind: How they are found: `"bpe"`, `"unigram"` or `"characters"`.
        decoder: `"gru"`, `"lstm"` or `"transformer"`.
        dim: Numbers in the vector of a piece, which is also what scores it.
        hidden: Numbers in a hidden vector of a recurrent decoder.
        layers: Layers, one on top of the other.
        attention: Of a recurrent decoder: `"luong"`, the top layer's new vector looks at the source (Luong et
            al. 2015); `"gnmt"`, the first layer's does, and the layers above read what it sees (Wu et al.
            2016); `"bahdanau"`, the top layer's old vector does, and the first layer reads it (Bahdanau et
            al. 2015).
        feeding: Whether a recurrent decoder reads its last output (input feeding, Luong et al. 2015). Without
            it and without `"bahdanau"`, training computes all steps at once.
        heads: Ways in which a transformer looks at others.
        feed_forward: Numbers in the inner layer of a transformer; left out, four times `dim`.
        dropout: Share of the numbers set to zero in training.
        word_dropout: Share of the pieces that are read as unknown in training.
        label_smoothing: Share of the target that is spread evenly over all pieces.
        beams: Beginnings that are followed at a time; 1 is greedy search. When sampling, texts that are
            drawn.
        length_penalty: The exponent of the length in the score (Wu et al. 2016); 0 prefers short texts.
        coverage_penalty: The weight of source words that little attention was paid to (Wu et al. 2016).
        longest: The most pieces of a translation, as a multiple of the words of its source, and ten more.
        sample: Whether pieces are drawn at random instead of searched for.
        temperature: What scores are divided by before a piece is drawn.
        top_k: Only so many of the likeliest pieces are drawn; 0: all.
        top_p: Only the likeliest pieces that together have this probability are drawn.
        seed: Decides what is drawn.
        copy_unknown: Whether the word that most attention was paid to stands for an unknown piece; else none
            is written.
        metric: The primary metric: `"bleu"`, of the corpus, from 0 to 1; or the share of `"exact_match"`.
    """

    _: KW_ONLY
    pieces: int | Literal["shared"] = 8000
    piece_kind: PieceKind = "bpe"
    decoder: Literal["gru", "lstm", "transformer"] = "gru"
    dim: int = 256
    hidden: int = 512
    layers: int = 1
    attention: Literal["luong", "gnmt", "bahdanau"] = "luong"
    feeding: bool = False
    heads: int = 4
    feed_forward: int | None = None
    dropout: float = 0.2
    word_dropout: float = 0.0
    label_smoothing: float = 0.1
    beams: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    longest: float = 2.0
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 1
    copy_unknown: bool = False
    metric: Literal["bleu", "exact_match"] = "bleu"

    segments = 1
    per_word = False
    labels_are = "texts"
    higher_is_better = True
    width = 0
    labels: ClassVar[list[str]] = []  # it has no names

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("dim", "hidden", "layers", "feed_forward", "longest")}
        check_at_least(1, pieces=None if self.pieces == "shared" else self.pieces, **sizes)
        if self.attention == "gnmt" and self.layers < 2 and self.decoder != "transformer":
            raise SettingError('attention = "gnmt" is between two layers; it needs layers = 2 or more.')
        if not 0 <= self.label_smoothing < 1:
            raise SettingError(f"label_smoothing is {self.label_smoothing}; it must be from 0 to below 1.")
        _ = self.search  # its settings are checked
        self.vocabulary: Any = None
        self.tokenizer = "13a"

    @property
    def search(self) -> Search:
        """How texts are searched."""
        return Search(**{name: getattr(self, name) for name in Search.__dataclass_fields__})

    def initialise(self, examples: Examples) -> None:
        """Learn the pieces of the targets.

        Raises:
            DataError: there are no targets.
        """
        targets = self._first(examples)
        if not any(map(str.strip, targets)):
            raise DataError(f"{examples.source}: all targets are empty")
        self.tokenizer = tokenizer_for(targets)
        if self.pieces != "shared":
            self.vocabulary = PieceVocabulary.learn(targets, self.pieces, self.piece_kind)

    def keep(self, folder: Path) -> None:
        """Write `labels.json` and `targets.json`, the pieces."""
        write_json(folder / "labels.json", {"tokenizer": self.tokenizer})
        self.vocabulary.save(folder / "targets.json")

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self.tokenizer = read_validated(folder / "labels.json", _Saved).tokenizer
        self.vocabulary = PieceVocabulary.load(folder / "targets.json")

    def check(self, examples: Examples) -> None:
        """Raise a DataError that names the first row without a target."""
        for row, label in enumerate(examples.labels or ()):
            if not isinstance(label, tuple) or not label or not all(isinstance(one, Answer) for one in label):
                raise DataError(f"{examples.location(row)}: a text is expected, not {label!r}")

    def gold(self, examples: Examples) -> list[list[str]]:
        """The targets of each row; the first one is learned from."""
        if examples.labels is None:
            raise DataError(f"{examples.source}: training needs targets, and there are none")
        self.check(examples)
        rows = (label for label in examples.labels if isinstance(label, tuple))
        return [[one.text for one in row if isinstance(one, Answer)] for row in rows]

    def _first(self, examples: Examples) -> list[str]:
        return [several[0] for several in self.gold(examples)]

    def targets(self, examples: Examples, tokens: Tokens | None) -> WordTargets:
        """The pieces of each target and its end, `(batch, time)` for a batch."""
        numbers = [[*one, END] for one in self.vocabulary.numbers(self._first(examples))]
        flat = np.fromiter((number for one in numbers for number in one), np.int64)
        return WordTargets(flat, offsets_of(list(map(len, numbers))))

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """The share of pieces of the targets that are unknown."""
        if examples.labels is None or self.vocabulary is None:
            return {}
        numbers = self.vocabulary.numbers(self._first(examples))
        pieces = sum(map(len, numbers))
        return {
            "target_pieces": pieces,
            "unknown_pieces": sum(one.count(UNKNOWN) for one in numbers) / max(1, pieces),
        }

    def fit_decoding(self, scores: Translations, examples: Examples) -> dict[str, Any]:
        """Nothing is fitted."""
        return {}

    def _text(self, scores: Translations, row: int, found: Any) -> str:
        unknown: dict[int, str] = {}
        if self.copy_unknown and found.weights is not None:
            words = scores.tokens.words_of(row)
            places = [place for place, number in enumerate(found.numbers) if number == UNKNOWN and words]
            unknown = {place: words[int(found.weights[place][: len(words)].argmax())] for place in places}
        return str(self.vocabulary.text(found.numbers, unknown))

    def predictions(self, scores: Translations) -> list[str]:
        """The best text of each."""
        return [self._text(scores, row, found[0]) for row, found in enumerate(scores.found)]

    def answers(self, scores: Translations, top: int = 1) -> list[dict[str, Any]]:
        """For each source `{"text", "score"}`.

        Args:
            scores: What was found.
            top: If more than one, each row also has this many `"candidates"`, as many as there are beams at
                most.
        """
        answers: list[dict[str, Any]] = []
        for row, found in enumerate(scores.found):
            texts = [{"text": self._text(scores, row, one), "score": one.score} for one in found[:top]]
            answers.append(texts[0] | ({"candidates": texts} if top > 1 else {}))
        return answers

    def alignments(self, scores: Translations) -> list[Alignment]:
        """The attention of the best text of each."""
        found = []
        for row, (best, *_) in enumerate(scores.found):
            words, pieces = scores.tokens.words_of(row), [*best.numbers, END]
            names = [self.vocabulary.pieces[number] for number in pieces]
            found.append(Alignment(words, names, best.weights[: len(pieces), : len(words)]))
        return found

    def outcomes(self, scores: Translations, examples: Examples) -> NDArray[np.float64]:
        """What `primary` needs of each row: the counts of BLEU, `(rows, 10)`, or whether it is right, `(rows,
        1)`.
        """
        texts, gold = self.predictions(scores), self.gold(examples)
        if self.metric == "exact_match":
            return exact_matches(texts, gold)[:, None]
        return bleu_counts(texts, gold, self.tokenizer)

    def primary(self, outcomes: NDArray[np.float64]) -> float:
        """The primary metric of (resampled) rows."""
        return float(outcomes.mean()) if self.metric == "exact_match" else bleu(outcomes)

    def criterion(self, metric: float, scores: Translations, examples: Examples) -> float:
        """The primary metric."""
        return metric

    def metrics(self, scores: Translations, examples: Examples) -> dict[str, Any]:
        """BLEU with its signature, chrF, exact match."""
        texts, gold = self.predictions(scores), self.gold(examples)
        return {
            "bleu": bleu(bleu_counts(texts, gold, self.tokenizer)),
            "chrf": chrf(texts, gold),
            "exact_match": float(exact_matches(texts, gold).mean()),
            "signature": signature(self.tokenizer),
        }
