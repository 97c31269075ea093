"""What a CRF costs: a training step of a BiLSTM tagger with softmax and with a CRF, and decoding against
pytorch-crf.

    python benchmarks/crf.py [--rounds 200] [--threads N] [--sentences 32 256 2048] [--words 40] [--tags 9]

A training step includes everything: random 100-dimensional word vectors, a BiLSTM with 128 units per
direction, a linear head, the loss, all gradients, and AdamW. The variants alternate; the median over the
rounds is reported. Decoding goes from a padded batch of scores to lists of tags: pytorch-crf takes padded
scores and a mask, ours the words without padding, so removing the padding is part of our time. Sentences have
`--words` words in training, and between one and two times as many in decoding. Without pytorch-crf the second
part is skipped.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import keep
from wordladder.encoders.recurrent import Recurrent
from wordladder.layers.crf import CRF
from wordladder.layers.sequence import Sequence
from wordladder.layers.tag_chain import Allowed

WORDS_KNOWN, DIM, HIDDEN = 20_000, 100, 128


def any_path(tags: int) -> Allowed:
    """All transitions allowed, as in pytorch-crf."""
    return Allowed(torch.ones(tags), torch.ones(tags, tags), torch.ones(tags))


class Tagger(nn.Module):
    """The network of a tagging recipe, assembled by hand."""

    def __init__(self, tags: int, crf: bool) -> None:
        super().__init__()
        self.vectors = nn.Embedding(WORDS_KNOWN, DIM)
        self.encoder = Recurrent(DIM, hidden=HIDDEN)
        self.head = nn.Linear(2 * HIDDEN, tags)
        self.chain = CRF(any_path(tags)) if crf else None

    def forward(self, words: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
        scores = self.head(self.encoder(Sequence(self.vectors(words), mask)).vectors)
        if self.chain is None:
            return functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
        return self.chain.loss(scores, targets)


def in_turn(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each variant."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 3):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            if number >= 3:  # warm-up is not measured
                times[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(some) for name, some in times.items()}


def training(sentences: int, words: int, tags: int, rounds: int) -> dict[str, float]:
    """A step with softmax, with a CRF, and the loss and gradients of the CRF alone."""
    torch.manual_seed(1)
    ids, targets = (torch.randint(0, most, (sentences, words)) for most in (WORDS_KNOWN, tags))
    mask, steps = torch.ones(sentences, words, dtype=torch.bool), {}
    for name in ("softmax", "crf"):
        tagger = Tagger(tags, name == "crf")
        optimizer = torch.optim.AdamW(tagger.parameters())

        def step(tagger: Tagger = tagger, optimizer: torch.optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            tagger(ids, mask, targets).backward()
            optimizer.step()

        steps[name] = step
    chain, scores = CRF(any_path(tags)), torch.randn(sentences, words, tags, requires_grad=True)
    steps["crf_alone"] = lambda: chain.loss(scores, targets).backward()
    return in_turn(steps, rounds)


def decoding(sentences: int, words: int, tags: int, rounds: int) -> dict[str, float]:
    """Milliseconds of pytorch-crf and of ours, with the same tags as result."""
    import torchcrf

    torch.manual_seed(1)
    lengths = torch.randint(1, 2 * words + 1, (sentences,))
    lengths[0] = 2 * words  # pytorch-crf rejects padding shared by all rows
    mask = torch.arange(2 * words) < lengths[:, None]
    scores = torch.randn(sentences, 2 * words, tags)
    theirs, ours = torchcrf.CRF(tags, batch_first=True), CRF(any_path(tags))
    with torch.no_grad():
        ours.take(
            *(w.numpy() for w in (theirs.transitions, theirs.start_transitions, theirs.end_transitions))
        )

    def run() -> list[list[int]]:
        offsets = np.append(0, np.cumsum(mask.sum(dim=1).numpy()))
        tags = ours.chain.decode(scores[mask].numpy(), offsets)
        return [part.tolist() for part in np.split(tags, offsets[1:-1])]

    same = sum(a == b for a, b in zip(run(), theirs.decode(scores, mask))) / sentences
    if same < 0.999:  # float32 may break ties differently
        raise RuntimeError(f"only {same:.1%} of the paths are the same")
    return in_turn({"pytorch_crf": lambda: theirs.decode(scores, mask), "wordladder": run}, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sentences", type=int, nargs="+", default=[32, 256, 2048])
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--tags", type=int, default=9)
    parser.add_argument("--dry", action="store_true", help="keep nothing")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    shape = {"words": given.words, "tags": given.tags}
    step = training(given.sentences[0], **shape, rounds=given.rounds)
    ratio = step["crf"] / step["softmax"]
    sizes = f"{given.sentences[0]} x {given.words} words, {given.tags} tags"
    print(f"training step, {sizes}, {given.threads} threads")
    print(f"softmax {step['softmax']:.2f} ms   CRF {step['crf']:.2f} ms   ratio {ratio:.3f}")
    print(f"of which the CRF, forward and backward: {step['crf_alone']:.2f} ms")
    rows = []
    if find_spec("torchcrf"):
        for sentences in given.sentences:
            rounds = max(5, given.rounds * given.sentences[0] // sentences)
            row = decoding(sentences, **shape, rounds=rounds)
            rows.append({"sentences": sentences, "times": row["pytorch_crf"] / row["wordladder"]} | row)
            print(f"decoding {sentences} sentences: pytorch-crf {row['pytorch_crf']:.2f} ms, ", end="")
            print(f"wordladder {row['wordladder']:.2f} ms, {rows[-1]['times']:.1f} times as fast")
    figures = {"threads": given.threads, "shape": shape, "training_step_ms": step, "ratio": ratio}
    if not given.dry:
        keep("crf", figures | {"decoding_ms": rows})


if __name__ == "__main__":
    main()
