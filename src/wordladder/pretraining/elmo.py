"""ELMo from raw text: a language model that reads forwards and one that reads backwards, which share their
character network and their softmax (Peters et al. 2018, section 3.1).

Each line of the corpus is a text of its own, between a beginning and an end, and long ones are read in parts,
as the `elmo` embedder reads. Training tells the next word from a sample of words, the held-out figures from
all of them. What is written is the embedder's layout, and beside it the softmax and its words, from which
training can go on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from ..embedders._elmo_files import open_elmo, save_elmo
from ..embedders._elmo_network import BiLM
from ..embedders._elmo_options import ElmoOptions
from ..errors import DataError, ModelError, SettingError, did_you_mean
from ..layers.devices import to_device
from ..layers.sampled_softmax import found_among, log_expected, sampled_softmax
from ..progress import Progress, quiet
from ..text.corpus import Corpus, read_corpus
from ..text.vocabulary import Vocabulary
from ..text.words import Segmenter, TextSettings
from ._elmo_batches import SPECIAL, LmBatch, LmText

SOFTMAX, VOCABULARY = "softmax.safetensors", "vocabulary.txt"
_ROWS = 1024  # predictions whose scores for all words are held in memory together

_PUBLISHED = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024))

# The two greater ones are the shapes of the published "small" and "original" models.
SIZES = {
    "tiny": ElmoOptions(units=256, dim=64, filters=((1, 16), (2, 16), (3, 32), (4, 64)), highways=1),
    "mini": ElmoOptions(
        units=512, dim=128, filters=((1, 32), (2, 32), (3, 64), (4, 128), (5, 128)), highways=1
    ),
    "small": ElmoOptions(units=1024, dim=128, filters=_PUBLISHED, highways=1),
    "base": ElmoOptions(units=4096, dim=512, filters=_PUBLISHED, highways=2),
}


@dataclass(frozen=True, kw_only=True)
class ElmoSettings:
    """What is pretrained, and on what.

    Args:
        size: The shape of a new model.
        vocabulary: Words at most that can be predicted, the most frequent ones; all words are read.
        min_count: Words seen less often cannot be predicted.
        segmenter: How words are found.
        window: Words of a part at most.
        batch_words: About how many words a batch has.
        samples: Words that the next one is told from in training; with a vocabulary of up to twice as many,
            it is told from all.
        dropout: Share of what goes into each LSTM and into the softmax that is set to zero while training.
        held_out: Share of the corpus's words that is held out, as whole lines; with 0, none are.
        held_out_words: About how many words are held out at most, however long the corpus is.
        continue_from: A model to go on from; its shape is kept, and its words where it has a softmax.
        seed: Start of everything random.
    """

    size: Literal["tiny", "mini", "small", "base"] = "tiny"
    vocabulary: int = 50_000
    min_count: int = 3
    segmenter: Segmenter = "characters"
    window: int = 128
    batch_words: int = 2048
    samples: int = 1024
    dropout: float = 0.1
    held_out: float = 0.01
    held_out_words: int = 10_000
    continue_from: str | Path | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise SettingError(f"size is {self.size!r}.{did_you_mean(self.size, SIZES)}")
        for name in ("vocabulary", "min_count", "window", "batch_words", "samples", "held_out_words"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("dropout", "held_out"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise SettingError(f"{name} is {getattr(self, name)}; it is a share, from 0 to below 1")


class BiLanguageModel(nn.Module):
    """A `BiLM` with its softmax, which both directions share.

    Args:
        bilm: The network below the softmax.
        classes: Words that can be predicted, `SPECIAL` among them.
        sampled: Whether a batch brings candidates; then a step touches the rows of its words only.
        dropout: Share of what goes into the softmax that is set to zero while training.
    """

    def __init__(self, bilm: BiLM, classes: int, sampled: bool, dropout: float) -> None:
        super().__init__()
        self.bilm, self.dropout = bilm, nn.Dropout(dropout)
        self.bilm.dropout.p = dropout
        self.weight = nn.Embedding(classes, bilm.options.dim, sparse=sampled)
        self.bias = nn.Embedding(classes, 1, sparse=sampled)
        nn.init.normal_(self.weight.weight, std=bilm.options.dim**-0.5)
        nn.init.zeros_(self.bias.weight)

    def forward(self, batch: LmBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of both directions' losses a word, and each of them."""
        both = [self.dropout(some[batch.sources]) for some in self.bilm(batch.texts)[-1]]
        if len(batch.candidates):
            losses = self._sampled(both, batch)
        else:
            losses = [self.nll(some, targets).mean() for some, targets in zip(both, batch.targets)]
        return (losses[0] + losses[1]) / 2, {"forward_loss": losses[0], "backward_loss": losses[1]}

    def _sampled(self, both: Sequence[Tensor], batch: LmBatch) -> list[Tensor]:
        candidates, classes = batch.candidates, self.weight.num_embeddings
        numbers = torch.cat([candidates, *batch.targets])
        weights = self.weight(numbers).split([len(candidates), *map(len, batch.targets)])
        biases = self.bias(numbers)[:, 0] - log_expected(numbers, batch.draws, classes)
        corrected = biases.split([len(candidates), *map(len, batch.targets)])
        return [
            sampled_softmax(
                some,
                (weights[1 + way], corrected[1 + way]),
                (weights[0], corrected[0]),
                found_among(batch.targets[way], candidates),
            )
            for way, some in enumerate(both)
        ]

    def nll(self, vectors: Tensor, targets: Tensor) -> Tensor:
        """The negative logarithm of each target's probability among all words, `(rows,)`."""
        scores = functional.linear(vectors, self.weight.weight, self.bias.weight[:, 0])
        return functional.cross_entropy(scores.float(), targets, reduction="none")


class ElmoObjective:
    """What `pretrain_network` learns: see `loop.Objective`.

    Args:
        network: The language model.
        text: What it reads.
        corpus: The corpus behind the text; `close` gives it back.
        words: The words that can be predicted, without `SPECIAL`.
    """

    def __init__(self, network: BiLanguageModel, text: LmText, corpus: Corpus, words: list[str]) -> None:
        self.network, self.text, self._corpus, self._words = network, text, corpus, words
        self._held_out: list[LmBatch] | None = None

    def batch(self, step: int, part: int) -> LmBatch:
        """The batch of part `part` of step `step`."""
        return self.text.batch(step, part)

    def tokens(self, batch: LmBatch) -> int:
        """Words of a batch."""
        return batch.texts.places.shape[1]

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """The mean loss a word of the held-out text over all words, ends of texts among them, and the
        perplexity, of both directions together and of each; nothing where no text is held out.
        """
        if self._held_out is None:
            self._held_out = self.text.held_out_batches()
        if not self._held_out:
            return {}
        device = self.network.weight.weight.device
        sums, count = torch.zeros(2, dtype=torch.float64, device=device), 0
        for batch in self._held_out:
            moved = to_device(batch, device)
            states = self.network.bilm(moved.texts)[-1]
            for way, (some, targets) in enumerate(zip(states, moved.targets)):
                for rows, right in zip(some[moved.sources].split(_ROWS), targets.split(_ROWS)):
                    sums[way] += self.network.nll(rows, right).double().sum()
            count += len(moved.sources)
        forward, backward = (sums / count).tolist()
        loss = (forward + backward) / 2
        return {
            "loss": loss,
            "perplexity": math.exp(loss),
            "forward_perplexity": math.exp(forward),
            "backward_perplexity": math.exp(backward),
        }

    def keep(self, folder: Path) -> None:
        """Write `options.json` and `model.safetensors`, which the `elmo` embedder opens, and the softmax and
        its words, a line each.
        """
        save_elmo(self.network.bilm, folder)
        softmax = {"weight": self.network.weight.weight, "bias": self.network.bias.weight[:, 0]}
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in softmax.items()}
        save_file(plain, folder / SOFTMAX)
        Vocabulary([*SPECIAL, *self._words]).save(folder / VOCABULARY)

    def facts(self) -> dict[str, int]:
        """What the corpus has: `documents`, which are lines; `words`, which are its `pieces` as well; words
        that cannot be predicted, `unknown`; and how many different ones can, `vocabulary`.
        """
        words, unknown = self._corpus.words, round(self.text.unknown_share * self._corpus.words)
        known = {"documents": self.text.lines, "words": words, "pieces": words, "unknown": unknown}
        return {**known, "vocabulary": self.text.classes}

    def close(self) -> None:
        """Give the corpus back, with which the batches go."""
        self._corpus.close()


def elmo_objective(
    paths: Sequence[str | Path],
    settings: ElmoSettings,
    *,
    field: str | None = None,
    folder: Path | None = None,
    progress: Progress = quiet,
) -> ElmoObjective:
    """Read a corpus, and make a new model or open the one to go on from.

    Args:
        paths: Files or folders, one text a line, as `read_corpus` takes them.
        settings: What is pretrained, and on what.
        field: The field of JSON lines that holds the text.
        folder: Where the corpus's numbers go for the time being.
        progress: Told how much has been read.

    Raises:
        DataError: the corpus cannot be read, or has too little text.
        ModelError: the model to go on from cannot be opened.
    """
    text = TextSettings(segmenter=settings.segmenter)
    corpus = read_corpus(paths, text=text, min_count=1, field=field, folder=folder, progress=progress)
    try:
        torch.manual_seed(settings.seed)
        bilm, words, softmax = _given(settings)
        words = _frequent(corpus, settings) if words is None else words
        samples = settings.samples if len(words) + len(SPECIAL) > 2 * settings.samples else 0
        read = LmText(
            corpus,
            words,
            bilm.options,
            batch_words=settings.batch_words,
            samples=samples,
            held_out_words=min(settings.held_out_words, math.ceil(settings.held_out * corpus.words)),
            seed=settings.seed,
        )
        network = BiLanguageModel(bilm, read.classes, samples > 0, settings.dropout)
        if softmax is not None:
            network.weight.weight.data.copy_(softmax["weight"])
            network.bias.weight.data.copy_(softmax["bias"][:, None])
        return ElmoObjective(network, read, corpus, words)
    except BaseException:
        corpus.close()
        raise


def _frequent(corpus: Corpus, settings: ElmoSettings) -> list[str]:
    counts = corpus.vocabulary.counts
    known = zip(corpus.vocabulary.words, [] if counts is None else counts.tolist())
    words = [word for word, count in known if count >= settings.min_count and word not in SPECIAL]
    return words[: settings.vocabulary]


def _given(settings: ElmoSettings) -> tuple[BiLM, list[str] | None, dict[str, Tensor] | None]:
    """The network, the words and the softmax to begin with; without words, those of the corpus."""
    if settings.continue_from is None:
        return BiLM(replace(SIZES[settings.size], window=settings.window)), None, None
    folder = Path(settings.continue_from)
    bilm = open_elmo(folder, f"continuing from {folder}", ModelError)
    if bilm.options.window is None:
        bilm.options = replace(bilm.options, window=settings.window)
    if not (folder / SOFTMAX).is_file():
        return bilm, None, None
    try:
        softmax = load_file(folder / SOFTMAX)
        words = Vocabulary.load(folder / VOCABULARY).words
    except (OSError, SafetensorError, DataError) as problem:
        raise ModelError(f"{folder}: its softmax cannot be read: {problem}") from None
    shapes = {name: tuple(tensor.shape) for name, tensor in softmax.items()}
    if shapes != {"weight": (len(words), bilm.options.dim), "bias": (len(words),)}:
        raise ModelError(
            f"{folder / SOFTMAX}: {shapes} do not fit the {len(words)} words of {VOCABULARY} and vectors of "
            f"{bilm.options.dim} numbers"
        )
    if tuple(words[: len(SPECIAL)]) != SPECIAL:
        raise ModelError(f"{folder / VOCABULARY}: it does not begin with {', '.join(SPECIAL)}")
    return bilm, words[len(SPECIAL) :], softmax
