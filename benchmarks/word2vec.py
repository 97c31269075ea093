"""Word2Vec here against gensim's: the same text, the same settings, one after the other; speed and quality.

    python benchmarks/word2vec.py [TEXT] [--megabytes 20] [--threads 2] [--json results.json]

TEXT is raw text in lower case or not, perhaps compressed; left out, the English Wikipedia sample of the data folder
(WORDLADDER_DATA). Both sides read one prepared file of the same words between spaces, each in a process of its
own, gensim by its fastest way (`corpus_file`). Words per second are those of the file times the epochs, over the
seconds of training alone; `whole` is the whole job from the file to vectors in memory, the compiling of our
kernels (once a machine) left out and shown.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wordladder.streams import ByteReader, line_blocks
from wordladder.text import lower, tokenize
from wordladder.word_vectors import WordVectors

DATA = Path(os.environ.get("WORDLADDER_DATA", Path(__file__).parents[2] / "shared" / "data"))
PAIRS = DATA / "wordsim" / "EN-WS-353-ALL.txt"
ANALOGIES = DATA / "wordsim" / "questions-words.txt.gz"
COMMON = 30_000  # analogies are asked among the most frequent words


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", nargs="?", type=Path, default=DATA / "corpora" / "enwiki_sample.txt.xz")
    parser.add_argument("--megabytes", type=float, help="of the text, from its start; all if not given")
    parser.add_argument("--models", nargs="+", choices=["skipgram", "cbow"], default=["skipgram", "cbow"])
    parser.add_argument(
        "--sides", nargs="+", choices=["gensim", "wordladder"], default=["gensim", "wordladder"]
    )
    for name, value in (
        ("threads", 2),
        ("dim", 100),
        ("window", 5),
        ("negative", 5),
        ("min-count", 5),
        ("epochs", 5),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--sample", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(source: Path, megabytes: float | None, target: Path) -> int:
    """Write the text in lower case with one space between words: the number of words."""
    left, words = float("inf") if megabytes is None else megabytes * 1e6, 0
    with ByteReader(source) as reader, target.open("w", encoding="utf-8", newline="\n") as file:
        for block in line_blocks(reader):
            tokens = tokenize([lower(line) for line in block.decode().split("\n")])
            for index in range(len(tokens)):
                if len(line := tokens.words_of(index)):
                    file.write(" ".join(line) + "\n")
                    words += len(line)
            left -= len(block)
            if left <= 0:
                break
    return words


def train_gensim(text: Path, given: argparse.Namespace) -> dict:
    from gensim.models import Word2Vec

    started = time.perf_counter()
    skipgram = given.model == "skipgram"
    model = Word2Vec(
        vector_size=given.dim, window=given.window, negative=given.negative, min_count=given.min_count,
        sample=given.sample, sg=int(skipgram), alpha=0.025 if skipgram else 0.05, workers=given.threads,
        seed=given.seed,
    )  # fmt: skip
    model.build_vocab(corpus_file=str(text))
    training = time.perf_counter()
    model.train(
        corpus_file=str(text), total_examples=model.corpus_count, total_words=model.corpus_total_words,
        epochs=given.epochs,
    )  # fmt: skip
    ended = time.perf_counter()
    memory = peak_memory()
    WordVectors(model.wv.index_to_key, model.wv.vectors).save(given.output)
    return {"seconds": ended - training, "whole": ended - started, "compiling": 0.0, "memory_mb": memory}


def train_wordladder(text: Path, given: argparse.Namespace) -> dict:
    from wordladder.corpus import read_corpus
    from wordladder.text import TextSettings
    from wordladder.vectors.word2vec import Word2Vec

    told = {"compiling": 0.0, "training": 0.0}

    def progress(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage == "compiling":
            told.update(compiling=float(facts.get("seconds", 0)), training=time.perf_counter())

    started = time.perf_counter()
    trainer = Word2Vec(
        model=given.model, dim=given.dim, window=given.window, negative=given.negative,
        min_count=given.min_count, epochs=given.epochs, sample=given.sample,
    )  # fmt: skip
    reading = TextSettings(segmenter="whitespace")
    with read_corpus([text], text=reading, min_count=given.min_count, threads=given.threads) as corpus:
        vectors = trainer.train(corpus, threads=given.threads, seed=given.seed, progress=progress)
    ended = time.perf_counter()
    memory = peak_memory()
    vectors.save(given.output)
    return {
        "seconds": ended - told["training"],
        "whole": ended - started - told["compiling"],
        "compiling": told["compiling"],
        "memory_mb": memory,
    }


def peak_memory() -> float | None:
    """The most resident memory of this process so far, in megabytes; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def measure(side: str, model: str, text: Path, words: int, given: argparse.Namespace) -> dict:
    """Train in a process of its own, and test what comes out."""
    output = text.with_name(f"{side}-{model}.safetensors")
    options = [
        f"--{name.replace('_', '-')}={getattr(given, name)}"
        for name in ("threads", "dim", "window", "negative", "min_count", "epochs", "sample", "seed")
    ]
    command = [
        sys.executable,
        __file__,
        str(text),
        f"--side={side}",
        f"--model={model}",
        f"--output={output}",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout.strip().split("\n")[-1])
    vectors = WordVectors.load(output)
    similarity = vectors.evaluate_word_pairs(PAIRS, restrict_vocab=len(vectors))
    analogies = vectors.evaluate_word_analogies(ANALOGIES, restrict_vocab=COMMON)
    return {
        "side": side,
        "model": model,
        "words_per_second": words * given.epochs / found["seconds"],
        **found,
        "vocabulary": len(vectors),
        "wordsim353": similarity.spearman,
        "analogies": analogies.accuracy,
    }


def show(rows: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("model")
    table.add_column("trainer")
    for column in ("words/s", "ratio", "whole", "ratio", "compiling", "memory", "WordSim-353", "analogies"):
        table.add_column(column, justify="right")
    for row in rows:
        peer = next((one for one in rows if one["model"] == row["model"] and one["side"] == "gensim"), None)
        speed = row["words_per_second"] / peer["words_per_second"] if peer else float("nan")
        whole = peer["whole"] / row["whole"] if peer else float("nan")
        memory = "?" if row["memory_mb"] is None else f"{row['memory_mb']:,.0f} MB"
        figures = (f"{row['words_per_second']:,.0f}", f"{speed:.2f}", f"{row['whole']:.1f} s", f"{whole:.2f}")
        quality = (f"{row['wordsim353']:.3f}", f"{row['analogies']:.3f}")
        table.add_row(row["model"], row["side"], *figures, f"{row['compiling']:.1f} s", memory, *quality)
    Console(width=160).print(table)


def commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or None


def main() -> None:
    given = arguments()
    if given.side:  # a process of its own for one side
        train = {"gensim": train_gensim, "wordladder": train_wordladder}[given.side]
        print(json.dumps(train(given.text, given)))
        return
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        words = prepare(given.text, given.megabytes, text)
        print(f"{words:,} words, {given.threads} threads, {given.dim} numbers, {given.epochs} epochs")
        rows = [measure(side, model, text, words, given) for model in given.models for side in given.sides]
    show(rows)
    if given.json:
        from wordladder.ladder.machine import describe

        settings = {
            key: str(value) if isinstance(value, Path) else value for key, value in vars(given).items()
        }
        result = {
            "machine": describe(),
            "commit": commit(),
            "words": words,
            "settings": settings,
            "rows": rows,
        }
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
