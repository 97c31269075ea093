"""The ten nearest of each of 20,000 sentences, and the pairs they make, against sentence-transformers.

    python benchmarks/all_pairs.py [FOLDER OF A SENTENCE ENCODER]

The sentences are those of STS-B, MRPC and SICK (WORDLADDER_DATA), their vectors of 384 numbers by
all-MiniLM-L6-v2 are computed once. All ways get the same vectors and two threads, and alternate. CPU time is
printed beside wall time, since it depends less on other jobs of the machine.

What was tried for `search/nearest.py` (20,000 random vectors, one thread, CPU seconds, best of two runs):

- Used: products of tiles in the same memory each time, none below the diagonal, and one pass of a Numba
  kernel that puts each score into the list of its row and into that of its column: 2.2, of which products
  take 1.7. Tiles of 256, 512, 1,024, 2,048 and 4,096 rows: 2.3, 2.3, 2.2, 2.2 and 2.2.
- The same with new memory for each tile, and the kernel on the tile and on its transposed copy: 3.0
- The kernel on rows only, all tiles: 3.9
- PyTorch's product and `topk`, blocks of 1,000 rows: 5.5
- `numpy.argpartition`, blocks of 1,000 rows: 8.9
- NumPy only, scores above the least of each list merged by a sort: 14.2
- A kernel that first looks at 32 scores at once: the pass takes 0.5 instead of 0.3
- The pass in a thread of its own while the next tile is computed: no gain on a busy machine, as the products
  use both threads already
"""

import gzip
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from _common import keep, need
from encoding import encoder

SETS = {  # the columns of the texts
    "stsb_en/stsbenchmark.tsv.gz": (6, 7),
    **dict.fromkeys([f"mrpc/msr-para-{part}.tsv.gz" for part in ("train", "val", "test")], (3, 4)),
    **dict.fromkeys([f"sick/SICK_{part}.txt.gz" for part in ("train", "trial", "test_annotated")], (1, 2)),
}
COUNT, TOP, REPEATS, THREADS = 20_000, 10, 3, 2


def sentences() -> list[str]:
    """The first distinct sentences of the data sets."""
    found: dict[str, None] = {}
    for path, columns in SETS.items():
        with gzip.open(need(f"pairs/{path}"), "rt", encoding="utf-8-sig") as file:
            next(file)
            for line in file:
                cells = line.rstrip("\n").split("\t")
                found.update((cells[column].strip(), None) for column in columns)
    return list(found)[:COUNT]


def compared(ways: dict[str, Callable[[], Any]]) -> dict[str, dict[str, float]]:
    """The median wall and CPU time of each, run alternately."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {name: map(statistics.median, zip(*runs)) for name, runs in times.items()}
    return {name: dict(zip(("seconds", "cpu_seconds"), two)) for name, two in medians.items()}


def main() -> None:
    """Measure, print and save."""
    from sentence_transformers import util

    from wordladder import Model
    from wordladder.model.inputs import unit_vectors
    from wordladder.search.nearest import nearest
    from wordladder.search.text_pairs import text_pairs

    torch.set_num_threads(THREADS)
    texts = sentences()
    started = time.perf_counter()
    vectors = Model.load(encoder(), device="cpu").encode(texts)
    encoding = time.perf_counter() - started
    units, theirs = unit_vectors(vectors), torch.from_numpy(vectors)
    nearest(units[:3000], k=TOP)  # compiles
    scores = nearest(units, k=TOP).scores
    hits = util.semantic_search(theirs, theirs, top_k=TOP + 1)
    expected = [[hit["score"] for hit in row if hit["corpus_id"] != i][:TOP] for i, row in enumerate(hits)]
    difference = float(np.abs(np.array(expected) - scores).max())
    assert difference < 1e-5, difference

    def pairs() -> list[tuple[float, int, int]]:
        found = text_pairs(texts, lambda _: vectors, top=TOP, threshold=-1, limit=None).pairs
        return [(pair.score, pair.line - 1, pair.other_line - 1) for pair in found]

    mine = pairs()
    mined = util.paraphrase_mining_embeddings(theirs, top_k=TOP)
    shared = len({pair[1:] for pair in mine} & {tuple(sorted(pair[1:])) for pair in mined}) / len(mined)
    ways = {
        "nearest": lambda: nearest(units, k=TOP),
        "semantic_search": lambda: util.semantic_search(theirs, theirs, top_k=TOP + 1),
        "text_pairs": pairs,
        "paraphrase_mining": lambda: util.paraphrase_mining_embeddings(theirs, top_k=TOP),
    }
    figures: dict[str, Any] = {"texts": len(texts), "dim": vectors.shape[1], "top": TOP, "threads": THREADS}
    figures |= {"encoding_seconds": encoding, "ways": compared(ways), "largest_difference": difference}
    figures |= {"pairs": len(mine), "their_pairs": len(mined), "shared": shared}
    print(f"{len(texts):,} texts, {vectors.shape[1]} numbers; encoded in {encoding:.0f} s")
    for name, one in figures["ways"].items():
        print(f"  {name:18s} {one['seconds']:6.2f} s   {one['cpu_seconds']:6.2f} s of CPU")
    print(
        f"  {len(mine):,} pairs, {shared:.2%} of theirs among them; scores differ by {difference:.1e} at most"
    )
    keep("all_pairs", figures)


if __name__ == "__main__":
    main()
