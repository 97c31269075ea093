"""Word2Vec here against gensim's: the same text, the same settings, one after the other; speed and quality.

    python benchmarks/word2vec.py [TEXT] [--megabytes 20] [--threads 2] [--json results.json]

TEXT is raw text, perhaps compressed, and is lower-cased; left out, it is the English Wikipedia sample of the
research data. Both sides read one prepared file of the same words between spaces, each in a process of its
own, gensim by its fastest way (`corpus_file`). Words per second are those of the file times the epochs, over
the seconds of training alone; `whole` is the job from the file to vectors in memory, the compiling of our
kernels (once a machine) left out and shown. Analogies are those among the 30,000 most frequent words.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import keep, need
from wordladder.ladder.machine import describe
from wordladder.streams import ByteReader, line_blocks
from wordladder.text import lower, tokenize
from wordladder.word_vectors import WordVectors

SIDES = ("gensim", "wordladder")
MODELS = ("skipgram", "cbow")
COUNTS = {"threads": 2, "dim": 100, "window": 5, "negative": 5, "min_count": 5, "epochs": 5, "seed": 1}
SAMPLE = 1e-3
COMMON = 30_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", nargs="?", type=Path)
    parser.add_argument("--megabytes", type=float, help="of the text, from its start; all if not given")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    for name, value in COUNTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--json", type=Path, help="file to write the results to")
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


def train_gensim(text: str, output: str, model: str, given: dict[str, Any]) -> dict[str, float]:
    from gensim.models import Word2Vec

    started = time.perf_counter()
    skipgram = model == "skipgram"
    trainer = Word2Vec(
        sg=int(skipgram),
        alpha=0.025 if skipgram else 0.05,
        sample=SAMPLE,
        vector_size=given["dim"],
        workers=given["threads"],
        **{name: given[name] for name in ("window", "negative", "min_count", "seed")},
    )
    trainer.build_vocab(corpus_file=text)
    counts = {"total_examples": trainer.corpus_count, "total_words": trainer.corpus_total_words}
    training = time.perf_counter()
    trainer.train(corpus_file=text, epochs=given["epochs"], **counts)
    ended, memory = time.perf_counter(), peak_memory()
    WordVectors(trainer.wv.index_to_key, trainer.wv.vectors).save(output)
    return {"seconds": ended - training, "whole": ended - started, "compiling": 0.0, "memory_mb": memory}


def train_wordladder(text: str, output: str, model: str, given: dict[str, Any]) -> dict[str, float]:
    from wordladder.corpus import read_corpus
    from wordladder.text import TextSettings
    from wordladder.vectors.word2vec import Word2Vec

    compiling, training = 0.0, 0.0

    def progress(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        nonlocal compiling, training
        if stage == "compiling":
            compiling, training = float(facts.get("seconds", 0)), time.perf_counter()

    started = time.perf_counter()
    names = ("dim", "window", "negative", "min_count", "epochs")
    trainer = Word2Vec(model=model, sample=SAMPLE, **{name: given[name] for name in names})
    reading = {"text": TextSettings(segmenter="whitespace"), "min_count": given["min_count"]}
    with read_corpus([text], threads=given["threads"], **reading) as corpus:
        vectors = trainer.train(corpus, threads=given["threads"], seed=given["seed"], progress=progress)
    ended, memory = time.perf_counter(), peak_memory()
    vectors.save(output)
    whole = ended - started - compiling
    return {"seconds": ended - training, "whole": whole, "compiling": compiling, "memory_mb": memory}


def peak_memory() -> float | None:
    """The most resident memory of this process so far, in megabytes; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def measure(side: str, model: str, text: Path, words: int, given: dict[str, Any]) -> dict[str, Any]:
    """Train in a process of its own, and test what comes out."""
    output = text.with_name(f"{side}-{model}.safetensors")
    task = json.dumps([side, str(text), str(output), model, given])
    command = [sys.executable, __file__, "--alone", task]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    vectors = WordVectors.load(output)
    similarity = vectors.evaluate_word_pairs(need("wordsim/EN-WS-353-ALL.txt"))
    analogies = vectors.evaluate_word_analogies(need("wordsim/questions-words.txt.gz"), restrict_vocab=COMMON)
    speed = words * given["epochs"] / found["seconds"]
    quality = {"wordsim353": similarity.spearman, "analogies": analogies.accuracy}
    return {"side": side, "model": model, "words_per_second": speed, **found, **quality}


def show(rows: list[dict[str, Any]]) -> None:
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


def main() -> None:
    if sys.argv[1:2] == ["--alone"]:
        side, *task = json.loads(sys.argv[2])
        print(json.dumps({"gensim": train_gensim, "wordladder": train_wordladder}[side](*task)))
        return
    given = arguments()
    settings = {name: getattr(given, name) for name in COUNTS}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        words = prepare(given.text or need("corpora/enwiki_sample.txt.xz"), given.megabytes, text)
        print(f"{words:,} words, {given.threads} threads, {given.dim} numbers, {given.epochs} epochs")
        rows = [measure(side, model, text, words, settings) for model in given.models for side in given.sides]
    show(rows)
    result = {"words": words, "settings": settings, "rows": rows}
    if given.json:
        given.json.write_text(
            json.dumps({"machine": describe(), **result}, indent=1) + "\n", encoding="utf-8"
        )
    elif given.text is None and given.megabytes is None:
        keep("word2vec", result)


if __name__ == "__main__":
    main()
