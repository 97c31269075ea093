"""Words per second of a bidirectional layer, training and inference: torch padded, torch packed, and ours.

    python benchmarks/recurrent.py [--cell lstm] [--batches 32 64 128] [--threads N] [--rounds 3]
                                   [--json FILE]

Batches are cut from 2,000 texts sorted by length, as in training, with lengths like those of film reviews:
240 words on average, 400 at most. Only words count, not padding. The variants alternate in every round, and
the best round counts, so a temporarily busy machine affects all alike. (Packed training has one round.)

What was tried for training: LSTM 100 to 128, two directions, 32 texts of 240 words, thousand words per second
on two cores of a Zen 4 without AVX-512 (torch 2.13, oneDNN, MKL). From the lowest CPU time of one direction,
as two free cores run two of them:

    torch, both directions in one call                                            48
    torch, one thread per direction                                               67
    torch matrix products step by step, gates in Numba, one thread per direction  91
    the same with the input product for all steps at once: no gain, memory-bound
    the same with weights prepacked by MKL or oneDNN: no gain over a plain product
    the same with NumPy's OpenBLAS: equal, but it cannot be held to one thread per direction
    products in Numba too, weights in panels, 2 x 4 registers                     98
    the same with 6 x 2 registers: a quarter slower, too many addresses at a time
    gate gradients copied into panels before updating the weights                 96
    the same read in place, 64 rows at a time                                     101
    without the fence in `product`: 90 to 101, depending on how the compiler orders loads
    memory from NumPy, in huge pages, instead of from torch                       105
                                                            (with 128 texts: 107, not 96)

Half of the remaining time goes into the weight gradient; the products run at nine tenths of a core's peak.
GRU has 143 and RNN 360, where torch with one thread per direction has 73 and 215.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from _common import keep
from wordladder.encoders.recurrent import Recurrent
from wordladder.layers.sequence import Sequence

DIM, HIDDEN = 100, 128
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
Batch = tuple[Tensor, Tensor]  # words (texts, time, dim) and mask (texts, time)


def batches(texts: int, wanted: int = 4, seed: int = 1) -> list[Batch]:
    """A few batches from short to long texts."""
    lengths = np.random.default_rng(seed).lognormal(np.log(215), 0.55, 2000).clip(10, 400).astype(np.int64)
    lengths.sort()
    cuts = [lengths[i : i + texts] for i in range(0, len(lengths) - texts, texts)]
    chosen = [cuts[int(len(cuts) * (i + 0.5) / wanted)] for i in range(wanted)]
    masks = [torch.arange(cut.max()) < torch.from_numpy(cut[::-1].copy())[:, None] for cut in chosen]
    return [(torch.randn(*mask.shape, DIM) * mask[..., None], mask) for mask in masks]


def ways(cell: str) -> dict[str, Callable[[Batch], Tensor]]:
    """Compute hidden vectors from a batch."""
    torch.manual_seed(1)
    whole, ours = CELLS[cell](DIM, HIDDEN, batch_first=True, bidirectional=True), Recurrent(DIM, cell=cell)

    def packed(batch: Batch) -> Tensor:
        given = pack_padded_sequence(batch[0], batch[1].sum(1), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(whole(given)[0], batch_first=True)[0]

    return {
        "padded": lambda batch: whole(batch[0])[0],
        "packed": packed,
        "wordladder": lambda batch: ours(Sequence(*batch)).vectors,
    }


def train(run: Callable[[Batch], Tensor], given: list[Batch]) -> None:
    for batch in given:
        run(batch).sum().backward()


@torch.no_grad()
def answer(run: Callable[[Batch], Tensor], given: list[Batch]) -> None:
    for batch in given:
        run(batch)


def measure(cell: str, texts: int, rounds: int) -> list[dict]:
    """Words per second of every variant, one row for training and one for inference."""
    given, rows = batches(texts), []
    words = sum(int(mask.sum()) for _, mask in given)
    for name, job in (("training", train), ("answering", answer)):
        best = dict.fromkeys(ways(cell), float("inf"))
        for run in ways(cell).values():
            job(run, given[:1])  # warm-up is not measured
        for number in range(rounds):
            for way, run in ways(cell).items():
                if way == "packed" and job is train and number:
                    continue  # takes a minute per round
                started = time.perf_counter()
                job(run, given)
                best[way] = min(best[way], time.perf_counter() - started)
        rows.append({"cell": cell, "texts": texts, "job": name} | {w: words / s for w, s in best.items()})
    return rows


def latency(cell: str, runs: int = 300) -> dict[str, float]:
    """Median milliseconds for one text of 200 words."""
    mask, medians = torch.ones(1, 200, dtype=torch.bool), {}
    for way, run in ways(cell).items():
        times = []
        for _ in range(runs):
            batch = (torch.randn(1, 200, DIM), mask)
            started = time.perf_counter()
            answer(run, [batch])
            times.append(1e3 * (time.perf_counter() - started))
        medians[way] = float(np.median(times))
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cell", choices=CELLS, default="lstm")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 64, 128], help="texts a batch")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the figures; else results/recurrent.json")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.cell} {DIM} to {HIDDEN}, two directions, {given.threads} threads, k words/s")
    print(f"{'texts':>6} {'':10} {'padded':>8} {'packed':>8} {'wordladder':>11} {'to padded':>10}")
    rows = []
    for texts in given.batches:
        for row in measure(given.cell, texts, given.rounds):
            rows.append(row)
            speeds = "".join(f"{row[way] / 1e3:{width}.1f}" for way, width in (("padded", 9), ("packed", 9)))
            ours, ratio = row["wordladder"] / 1e3, row["wordladder"] / row["padded"]
            print(f"{texts:6} {row['job']:10}{speeds} {ours:11.1f} {ratio:10.2f}", flush=True)
    one = latency(given.cell)
    print("one text of 200 words, ms:  " + "  ".join(f"{way} {ms:.2f}" for way, ms in one.items()))
    figures = {"threads": given.threads, "words_per_second": rows, "one_text_ms": one}
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    else:
        keep("recurrent", figures)


if __name__ == "__main__":
    main()
