"""Words per second of a unidirectional LSTM with projection, as in ELMo: torch's, and ours with clipping.

    python benchmarks/projected.py [--threads N] [--rounds 5] [--json FILE]

Texts of equal length, for which torch's layer needs no padding. torch has no clipping, so it could run our
own models only; published ones clip. `steps` is ours without its compiled kernel, as it runs where no kernel
is available. The variants alternate in every round, and the best round counts.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from _common import keep
from wordladder.layers import lstm_projection_steps as steps
from wordladder.layers.lstm_projection import Clips, run_both_ways

# units, projection, texts, words per text
SHAPES = [(256, 64, 16, 128), (256, 64, 64, 32), (512, 128, 32, 64), (1024, 128, 32, 64), (4096, 512, 32, 8)]
_fits_kernel = steps._fits_kernel


def ways(units: int, dim: int, texts: int, words: int) -> dict[str, Callable[[], Tensor]]:
    """Compute hidden vectors."""
    torch.manual_seed(1)
    cell, counts = nn.LSTM(dim, units, proj_size=dim), [texts] * words
    batch = torch.randn(words, texts, dim, requires_grad=True)
    packed = batch.detach().view(-1, dim).requires_grad_()

    def ours(kernel: bool) -> Tensor:
        steps._fits_kernel = _fits_kernel if kernel else lambda layer: False
        return run_both_ways([cell], [packed], counts, Clips(3.0, 3.0))[0]

    return {
        "torch": lambda: cell(batch)[0],
        "steps": lambda: ours(kernel=False),
        "wordladder": lambda: ours(kernel=True),
    }


def measure(shape: tuple[int, int, int, int], rounds: int) -> list[dict]:
    """Words per second of every variant, one row for training and one for inference."""
    rows = []
    for job in ("training", "answering"):
        best: dict[str, float] = {}
        for number in range(rounds + 1):
            for way, run in ways(*shape).items():
                started = time.perf_counter()
                with torch.set_grad_enabled(job == "training"):
                    hidden = run()
                if job == "training":
                    hidden.sum().backward()
                seconds = time.perf_counter() - started
                if number:  # warm-up is not measured
                    best[way] = min(best.get(way, float("inf")), seconds)
        speeds = {way: shape[2] * shape[3] / seconds for way, seconds in best.items()}
        rows.append({"shape": list(shape), "job": job, **speeds})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to write the figures; else results/projected.json")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    heads = (
        f"{'units':>6}{'to':>5}{'texts':>6}{'words':>6}  {'':10}{'torch':>9}{'steps':>9}{'wordladder':>12}"
    )
    print(f"{heads}  k words/s")
    rows = []
    for shape in SHAPES:
        for row in measure(shape, given.rounds):
            rows.append(row)
            units, dim, texts, words = shape
            speeds = "".join(
                f"{row[w] / 1e3:{n}.1f}" for w, n in (("torch", 9), ("steps", 9), ("wordladder", 12))
            )
            print(f"{units:6}{dim:5}{texts:6}{words:6}  {row['job']:10}{speeds}", flush=True)
    figures = {"threads": given.threads, "words_per_second": rows}
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    else:
        keep("projected", figures)


if __name__ == "__main__":
    main()
