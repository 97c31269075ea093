"""ELMo from raw text: a language model that reads forwards and one that reads backwards, which share their
character network and their softmax (Peters et al. 2018, section 3.1).

Each line of the corpus is a text of its own, between a beginning and an end, and long ones are read in parts,
as the `elmo` embedder reads. In training the next word is predicted among a sample of words, for the held-out
figures among all of them. The output has the embedder's layout, with the softmax and its words, from which
training can continue.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from ..data.batches import positions_within
from ..embedders._elmo_files import open_elmo, save_elmo
from ..embedders._elmo_network import SPECIAL_WORDS, BiLM, PackedTexts, pack_texts, part_lengths
from ..embedders._elmo_options import ElmoOptions
from ..errors import DataError, ModelError
from ..layers.devices import to_device
from ..layers.sampled_softmax import draw_candidates, found_among, log_expected, sampled_softmax
from ..text.corpus import Corpus
from ..text.vocabulary import Vocabulary
from .settings import PretrainingSettings

SPECIAL = ("<S>", "</S>", "<UNK>")  # the first words that can be predicted; the rest follows, frequent first
SAMPLES = 1024  # candidates in training; with a vocabulary of up to twice as many, none are drawn
HELD_OUT_WORDS = 10_000  # at most, however long the corpus is
_UNKNOWN = 2
# Part of the seed for each use of random numbers, so that no two uses draw the same.
_HELD_OUT_LINES, _CANDIDATES, _ORDER = 0, 1, 2

SOFTMAX, VOCABULARY = "softmax.safetensors", "vocabulary.txt"
WORDS, MIN_COUNT = 50_000, 3  # that can be predicted at most, and how often they must occur for that
DROPOUT = 0.1  # what goes into each LSTM and into the softmax, where the settings do not say
_ROWS = 1024  # predictions whose scores for all words are kept in memory together

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


class LmBatch(NamedTuple):
    """Texts, and the words that are to be predicted.

    Attributes:
        texts: The texts.
        sources: The packed words from which one is predicted, the same numbers in both directions,
            `(predictions,)`.
        targets: The number of the word that comes next in each direction, `(2, predictions)`.
        candidates: Numbers of the words that they are distinguished from, `(samples,)`; empty: from all.
        draws: How many draws the candidates took, a scalar.
    """

    texts: PackedTexts
    sources: Tensor
    targets: Tensor
    candidates: Tensor
    draws: Tensor


class Parts(NamedTuple):
    """Where parts of lines begin among the corpus's numbers, and how many words they have."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def take(self, rows: NDArray) -> "Parts":
        """Some of the parts, by number or by mask."""
        return Parts(self.starts[rows], self.lengths[rows])

    def cut(self, window: int | None) -> "Parts":
        """The same text in parts of at most `window` words."""
        sizes = part_lengths(self.lengths, window)
        offsets = np.cumsum(sizes) - sizes
        before = np.cumsum(self.lengths) - self.lengths
        owner = np.searchsorted(before, offsets, side="right") - 1
        return Parts(self.starts[owner] + offsets - before[owner], sizes)


class LmText:
    """A corpus as batches.

    Args:
        corpus: All its words, rare ones too.
        words: The words that can be predicted, first `SPECIAL`.
        options: The shape of the model; its `window` is the most words of a part.
        settings: Their `batch` is about how many words a batch has, `held_out` the share of the words that is
            held out, as whole lines: at least one line, unless it is 0, and never all of them.

    Raises:
        DataError: the text has too few lines with words: two are needed, one where none is held out.
    """

    def __init__(
        self, corpus: Corpus, words: list[str], options: ElmoOptions, settings: PretrainingSettings
    ) -> None:
        self.corpus, self.words, self._options, self._seed = corpus, words, options, settings.seed
        self.samples = SAMPLES if len(words) > 2 * SAMPLES else 0
        held_out_words = min(HELD_OUT_WORDS, math.ceil(settings.held_out * corpus.words))
        numbers = {word: i for i, word in enumerate(words) if i >= len(SPECIAL)}
        self.outputs = np.array([numbers.get(w, _UNKNOWN) for w in corpus.vocabulary.words], np.int64)
        ends = np.flatnonzero(corpus.ids == -1)
        starts = np.concatenate([[0], ends[:-1] + 1])
        lines = Parts(starts, ends - starts).take(ends > starts)
        self.lines = len(lines.starts)
        if not self.lines:
            raise DataError("pretraining needs lines of text to learn from; there are none")
        if self.lines < 2 and held_out_words:
            raise DataError(
                "pretraining needs at least two lines of text: one to learn from and one held out; "
                f"there are {self.lines}"
            )
        held_out = np.zeros(self.lines, dtype=bool)
        if held_out_words:
            order = np.random.default_rng([settings.seed, _HELD_OUT_LINES]).permutation(self.lines)
            count = 1 + int(np.searchsorted(np.cumsum(lines.lengths[order]), held_out_words))
            held_out[order[: min(count, self.lines - 1)]] = True
        self.train = lines.take(~held_out).cut(options.window)
        self.held_out = lines.take(held_out).cut(options.window)
        self._rows = max(1, round(settings.batch / float(self.train.lengths.mean())))
        self._order: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def facts(self) -> dict[str, int]:
        """What the corpus has: `documents`, which are lines; `words`, which are its `pieces` as well; words
        that cannot be predicted, `unknown`; and how many different ones can, `vocabulary`.
        """
        counts = np.asarray(self.corpus.vocabulary.counts)
        facts = {"documents": self.lines, "words": self.corpus.words, "pieces": self.corpus.words}
        unknown = int(counts[self.outputs == _UNKNOWN].sum())
        return {**facts, "unknown": unknown, "vocabulary": len(self.words)}

    def batch(self, step: int, part: int) -> LmBatch:
        """The batch of part `part` of step `step`. Each part of the steps goes through the whole text, again
        and again, every time in another order.
        """
        rows = min(self._rows, len(self.train.starts))
        epoch, number = divmod(step, len(self.train.starts) // rows)
        latest = self._order.get(part)
        if latest is None or latest[0] != epoch:
            generator = np.random.default_rng([self._seed, _ORDER, part, epoch])
            latest = self._order[part] = epoch, generator.permutation(len(self.train.starts))
        parts = self.train.take(latest[1][number * rows : (number + 1) * rows])
        return self._batch(parts, np.random.default_rng([self._seed, _CANDIDATES, part, step]))

    def held_out_batches(self) -> list[LmBatch]:
        """The held-out text, predicted among all words; none where nothing is held out."""
        order = np.argsort(-self.held_out.lengths, kind="stable")
        batches = -(-len(order) // self._rows)
        split = np.array_split(order, batches) if batches else []
        return [self._batch(self.held_out.take(rows)) for rows in split]

    def _batch(self, parts: Parts, generator: np.random.Generator | None = None) -> LmBatch:
        ids = self.corpus.ids[np.repeat(parts.starts, parts.lengths) + positions_within(parts.lengths)]
        words = [self.corpus.vocabulary.words[number] for number in ids.tolist()]
        read = pack_texts(words, parts.lengths, self._options)
        # Beginnings and ends have the same numbers among the spelled words and among the predicted ones.
        following = torch.where(read.words < SPECIAL_WORDS, read.words, 0)
        following.scatter_(1, read.places, torch.from_numpy(self.outputs[ids]).expand(2, -1))
        counts = read.counts
        begins = np.cumsum(counts) - counts
        sources = np.repeat(begins[:-1], counts[1:]) + positions_within(counts[1:])
        candidates, draws = np.empty(0, np.int64), 0
        if self.samples and generator is not None:
            candidates, draws = draw_candidates(generator, len(self.words), self.samples)
        return LmBatch(
            read,
            torch.from_numpy(sources),
            following[:, int(counts[0]) :].contiguous(),
            torch.from_numpy(candidates),
            torch.tensor(draws),
        )


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
        both = [self.dropout(states[batch.sources]) for states in self.bilm(batch.texts)[-1]]
        if len(batch.candidates):
            candidates, targets = batch.candidates, batch.targets
            numbers = torch.cat([candidates, *targets])
            sizes = [len(candidates), *map(len, targets)]
            expected = log_expected(numbers, batch.draws, self.weight.num_embeddings)
            biases = self.bias(numbers)[:, 0] - expected
            others, *right = zip(self.weight(numbers).split(sizes), biases.split(sizes))
            losses = [
                sampled_softmax(vectors, own, others, found_among(target, candidates))
                for vectors, own, target in zip(both, right, targets)
            ]
        else:
            losses = [self.nll(vectors, targets).mean() for vectors, targets in zip(both, batch.targets)]
        return (losses[0] + losses[1]) / 2, {"forward_loss": losses[0], "backward_loss": losses[1]}

    def nll(self, vectors: Tensor, targets: Tensor) -> Tensor:
        """The negative logarithm of each target's probability among all words, `(rows,)`."""
        scores = functional.linear(vectors, self.weight.weight, self.bias.weight[:, 0])
        return functional.cross_entropy(scores.float(), targets, reduction="none")


class ElmoObjective:
    """What `pretrain_network` learns: see `loop.Objective`.

    Args:
        network: The language model.
        text: What it reads.
    """

    def __init__(self, network: BiLanguageModel, text: LmText) -> None:
        self.network, self.text, self.batch = network, text, text.batch
        self._held_out = text.held_out_batches()

    def tokens(self, batch: LmBatch) -> int:
        """Words of a batch."""
        return batch.texts.places.shape[1]

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """The mean loss a word of the held-out text over all words, ends of texts among them, and the
        perplexity, of both directions together and of each; nothing where no text is held out.
        """
        if not self._held_out:
            return {}
        device = self.network.weight.weight.device
        sums, count = torch.zeros(2, dtype=torch.float64, device=device), 0
        for batch in self._held_out:
            batch = to_device(batch, device)
            for way, states in enumerate(self.network.bilm(batch.texts)[-1]):
                rows = zip(states[batch.sources].split(_ROWS), batch.targets[way].split(_ROWS))
                for vectors, targets in rows:
                    sums[way] += self.network.nll(vectors, targets).double().sum()
            count += len(batch.sources)
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
        Vocabulary(self.text.words).save(folder / VOCABULARY)


def elmo_objective(
    corpus: Corpus, settings: PretrainingSettings, continue_from: str | Path | None = None
) -> ElmoObjective:
    """Make a new model, or open the one to continue from.

    Args:
        corpus: All words of the text, rare ones too; batches are read from it.
        settings: What is pretrained. `max_pieces` and `batch_pieces` count words here, and `vocabulary_size`
            the words that can be predicted, the most frequent ones; all words are read.
        continue_from: A model to continue from; its shape is kept, and its words where it has a softmax.

    Raises:
        DataError: the corpus has too little text.
        ModelError: the model to continue from cannot be opened.
    """
    torch.manual_seed(settings.seed)
    bilm, words, softmax = _initial_model(settings, continue_from)
    if words is None:
        pairs = zip(corpus.vocabulary.words, np.asarray(corpus.vocabulary.counts).tolist())
        frequent = [word for word, count in pairs if count >= MIN_COUNT and word not in SPECIAL]
        words = [*SPECIAL, *frequent[: settings.vocabulary_size or WORDS]]
    text = LmText(corpus, words, bilm.options, settings)
    network = BiLanguageModel(bilm, len(words), text.samples > 0, settings.dropout or DROPOUT)
    if softmax is not None:
        network.weight.weight.data.copy_(softmax["weight"])
        network.bias.weight.data.copy_(softmax["bias"][:, None])
    return ElmoObjective(network, text)


def _initial_model(
    settings: PretrainingSettings, continue_from: str | Path | None
) -> tuple[BiLM, list[str] | None, dict[str, Tensor] | None]:
    """The network, the words and the softmax to start from; without words, those of the corpus are taken."""
    if continue_from is None:
        return BiLM(replace(SIZES[settings.size], window=settings.max_pieces)), None, None
    folder = Path(continue_from)
    bilm = open_elmo(folder, f"continuing from {folder}", ModelError)
    if bilm.options.window is None:
        bilm.options = replace(bilm.options, window=settings.max_pieces)
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
    return bilm, words, softmax
