"""What word vectors bring to pretraining: the same language model from vectors and from random weights.

    python benchmarks/vectors_into_bert.py [--corpus FILE] [--megabytes 60] [--kind bert] [--size tiny]
                                           [--steps 2000] [--learning-rate 3e-4] [--batch-pieces 2048]
                                           [--dim 100] [--vectors FILE] [--threads N]
    python benchmarks/vectors_into_bert.py pieces --vectors FILE --tokenizer FOLDER

Skip-gram vectors are trained on the text first, and their time is reported. Both runs then have the same
text, pieces, masks, seed, steps and rates; only the initial embeddings differ. Held-out loss is measured
up to forty times per run. Both curves are saved, with the number of steps (and of seconds, including training
the vectors) after which the run from vectors is as good as the random start at its end, and a plot.

`pieces` compares ways to derive piece vectors from words: the cosine between the mean of a held-out word's
pieces and its vector, and that of whole words with their own, both weighted by count.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from _common import ROOT, keep, need

CORPUS = "corpora/enwiki_sample.txt.xz"
EVALUATIONS = 40
ARMS = ("random", "vectors")


def text_of(corpus: Path, megabytes: float, folder: Path) -> Path:
    """The first megabytes of the corpus, as a plain file with whole lines."""
    from wordladder.files.streams import ByteReader

    with ByteReader(corpus) as reader:
        raw = reader.read(int(megabytes * 1e6))
    path = folder / "text.txt"
    path.write_bytes(raw[: raw.rfind(b"\n") + 1] or raw)
    return path


def trained_vectors(text: Path, dim: int, threads: int | None, path: Path) -> float:
    """Train skip-gram vectors on the text, lower-cased like the pieces; returns the seconds."""
    from wordladder.text.corpus import read_corpus
    from wordladder.vectors.word2vec import Word2Vec

    started = time.perf_counter()
    with read_corpus([text], lowercase=True, min_count=5, threads=threads) as corpus:
        Word2Vec(dim=dim).train(corpus, threads=threads).save(path)
    return time.perf_counter() - started


def curves(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run both; their curves and the result."""
    from wordladder.pretraining.pretrain import pretrain
    from wordladder.pretraining.settings import PretrainingSettings

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = text_of(arguments.corpus or need(CORPUS), arguments.megabytes, folder)
        vectors, seconds = arguments.vectors, 0.0
        if vectors is None:
            vectors = folder / "vectors.safetensors"
            seconds = trained_vectors(text, arguments.dim, arguments.threads, vectors)
            print(f"vectors trained in {seconds:.0f} s")
        settings = {
            "kind": arguments.kind,
            "size": arguments.size,
            "objectives": arguments.objectives,
            "steps": arguments.steps,
            "learning_rate": arguments.learning_rate,
            "batch_pieces": arguments.batch_pieces,
            "evaluations": EVALUATIONS,
            "threads": arguments.threads,
            "device": arguments.device,
        }
        reports: dict[str, Any] = {}
        tokenizer: str | None = None
        for arm in ARMS:
            reports[arm] = pretrain(
                [text],
                folder / arm,
                PretrainingSettings(**settings, tokenizer=tokenizer),
                vectors=vectors if arm == "vectors" else None,
            )
            tokenizer = str(folder / "random")
            print(f"{arm}: held-out {reports[arm]['held_out']}")
    return {"settings": settings, "vectors_seconds": seconds, **found(reports, seconds)}


def found(reports: dict[str, Any], vectors_seconds: float) -> dict[str, Any]:
    """The curves of held-out masked loss, and when one reaches the other's final loss."""
    points = {arm: curve(report["curve"]) for arm, report in reports.items()}
    steps, _, losses = points["random"][-1]
    reached = reach(points["vectors"], losses)
    facts = {
        "start": {key: value for key, value in reports["vectors"]["vectors"].items() if key != "file"},
        "steps": steps,
        "random_loss": losses,
        "vectors_loss": points["vectors"][-1][2],
        "steps_to_the_same": None if reached is None else reached[0],
        "share_of_steps": None if reached is None else reached[0] / steps,
        "seconds_to_the_same": None if reached is None else reached[1] + vectors_seconds,
        "random_seconds": points["random"][-1][1],
        "held_out": {arm: report["held_out"] for arm, report in reports.items()},
    }
    return {**facts, "curves": points}


def curve(lines: list[dict[str, float]]) -> list[list[float]]:
    """Step, seconds and held-out masked loss of the log lines that have it."""
    name = "held_out_masked_loss"
    return [[line["step"], line["seconds"], line[name]] for line in lines if name in line]


def reach(points: list[list[float]], loss: float) -> tuple[float, float] | None:
    """Step and seconds at which a curve first reaches `loss`, interpolated linearly."""
    before: list[float] | None = None
    for point in points:
        if point[2] <= loss:
            if before is None:
                return point[0], point[1]
            share = (before[2] - loss) / max(before[2] - point[2], 1e-12)
            return before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])
        before = point
    return None


def draw(figures: dict[str, Any], path: Path) -> None:
    """Plot both curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    colours = {"random": "#8a8a86", "vectors": "#3f6592"}
    names = {"random": "random start", "vectors": "start from word vectors"}
    for arm, points in figures["curves"].items():
        steps, _, losses = zip(*points)
        axes.plot(steps, losses, color=colours[arm], label=names[arm], linewidth=1.8)
    if figures["steps_to_the_same"] is not None:
        axes.axhline(figures["random_loss"], color="#c9c9c4", linewidth=0.8, zorder=0)
        axes.axvline(figures["steps_to_the_same"], color="#c9c9c4", linewidth=0.8, zorder=0)
    axes.set_xlabel("steps")
    axes.set_ylabel("held-out masked loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})


def told(figures: dict[str, Any]) -> str:
    """The result in one sentence."""
    ends = f"{figures['vectors_loss']:.3f} against {figures['random_loss']:.3f}"
    if figures["steps_to_the_same"] is None:
        return f"after {figures['steps']:,} steps {ends}: the vectors did not help"
    return (
        f"after {figures['steps']:,} steps {ends}; the random start's end is reached after "
        f"{figures['steps_to_the_same']:,.0f} steps ({figures['share_of_steps']:.0%}), in "
        f"{figures['seconds_to_the_same']:,.0f} s instead of {figures['random_seconds']:,.0f} s, the "
        "time for the vectors included"
    )


# ── pieces from words ──────────────────────────────────────────────────────────────────────────────────────


def pieces(vectors_file: Path, folder: Path) -> dict[str, Any]:
    """Compare ways to derive piece vectors from words, on held-out words."""
    from scipy.sparse import csr_matrix, diags, eye
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    from wordladder.pretraining._piece_vectors import split
    from wordladder.word_vectors import WordVectors

    tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    vectors = WordVectors.load(vectors_file)
    counts = vectors.counts if vectors.counts is not None else 1e6 / np.arange(10, len(vectors) + 10)
    matrix = vectors.vectors - vectors.vectors.mean(axis=0)
    owners, parts, lengths = split(backend, list(vectors.words), tokenizer.unk_token_id)
    number = len(tokenizer)
    all_means = csr_matrix((1 / lengths[owners], (owners, parts)), shape=(len(vectors), number))
    draw_ = np.random.default_rng(1).random(len(vectors)) < 0.1
    left_out, whole = (lengths > 1) & draw_, lengths == 1
    learned = (lengths > 0) & ~left_out
    own = parts[np.searchsorted(owners, np.flatnonzero(whole))]

    def scores(table: np.ndarray) -> dict[str, float]:
        return {
            "left_out_words": cosine(all_means[left_out] @ table, matrix[left_out], counts[left_out]),
            "whole_words": cosine(table[own], matrix[whole], counts[whole]),
        }

    ways = {}
    for name, power in (("count", 1.0), ("square root of count", 0.5), ("1", 0.0)):
        weight = np.where(learned, counts**power, 0.0)
        parts_of = csr_matrix((np.ones(len(owners)), (parts, owners)), shape=(number, len(vectors)))
        total = np.maximum(parts_of @ weight, 1e-12)
        mean = (parts_of @ (matrix * weight[:, None])) / total[:, None]
        ways[f"mean of the words, weight {name}"] = scores(mean)
        weight = diags(weight / weight[learned].mean())
        normal = (all_means.T @ weight @ all_means + 0.3 * eye(number)).tocsr()
        fitted = solved(normal, all_means.T @ (weight @ matrix) + 0.3 * mean, mean)
        ways[f"least squares, weight {name}"] = scores(fitted)
        kept = np.array(mean)
        kept[own[::-1]] = matrix[whole][::-1]  # the most frequent of several is written last
        ways[f"mean of the words, weight {name}, whole words as they are"] = scores(kept)
    for name, score in ways.items():
        print(f"{name}: left-out words {score['left_out_words']:.3f}, whole words {score['whole_words']:.3f}")
    return {"words": len(vectors), "pieces": number, "ways": ways}


def cosine(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> float:
    """The mean cosine between rows."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(np.average((first * second).sum(axis=1) / np.maximum(lengths, 1e-12), weights=weight))


def solved(matrix: Any, right: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Conjugate gradients with the diagonal as preconditioner, all columns at once."""
    diagonal = matrix.diagonal()[:, None]
    found, rest = start.copy(), right - matrix @ start
    way = rest / diagonal
    old = (rest * way).sum(axis=0)
    for _ in range(100):
        step = matrix @ way
        along = old / np.maximum((way * step).sum(axis=0), 1e-30)
        found, rest = found + along * way, rest - along * step
        if np.abs(rest).max() < 1e-4 * np.abs(right).max():
            break
        new = (rest * rest / diagonal).sum(axis=0)
        way, old = rest / diagonal + new / np.maximum(old, 1e-30) * way, new
    return found


def main() -> None:
    """Parse, measure, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("curves", "pieces"), default="curves")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=60)
    parser.add_argument("--kind", choices=("bert", "albert"), default="bert")
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--objectives", default="mlm")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--batch-pieces", type=int, default=2048)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="Write the figures into results and the picture into docs/pictures.",
    )
    arguments = parser.parse_args()
    if arguments.what == "pieces":
        if arguments.vectors is None or arguments.tokenizer is None:
            parser.error("pieces needs --vectors and --tokenizer")
        figures = pieces(arguments.vectors, arguments.tokenizer)
        name = "vectors_into_pieces"
    else:
        figures = curves(arguments)
        name = "vectors_into_bert" if arguments.kind == "bert" else "vectors_into_albert"
        print(told(figures))
    if arguments.keep:
        keep(name, figures)
        if "curves" in figures:
            draw(figures, ROOT / "docs" / "pictures" / f"{name}.svg")


if __name__ == "__main__":
    main()
