"""Static vectors against the usual trainers: the same text and settings, alternating.

    python benchmarks/static_vectors.py [JOB...] [--megabytes 25] [--threads 2]
    python benchmarks/static_vectors.py --ours          only our side; saved figures of the others stay
    python benchmarks/static_vectors.py --growth        the sample ten times over: time and memory
    python benchmarks/static_vectors.py --scaling       one thread against two

JOBs are skipgram and cbow (against gensim), fasttext (the fastText of PyPI, or gensim's if that is not
installed), glove (a straightforward implementation, below) and supervised (fastText again, on IMDB). Default:
all.

The text is the English Wikipedia sample of the research data in lower case, prepared once as words separated
by spaces; both sides read that file, each in its own process, gensim in its fastest way (`corpus_file`).
Words/s are those of training alone (for GloVe of counting and training, for fastText and its classifier of
the whole job, since it does not report them separately); `whole` is the time from the file to vectors in
memory. Compiling our kernels, once per machine, is excluded from both and shown. Analogies are those among
the 30,000 most frequent words; rare words are those of RW in the vocabulary.

What was tried for speed, at 25 MB on two cores:
- skip-gram, 5.9 → 8.9 M words/s, and CBOW, 4.8 → 9.8: kernels compiled without reference counts for arrays,
  and with all parts inlined. Numba counted in a hundred places per word, with atomic operations.
- CBOW, 9.8 → 10.8: a single context is not scored twice to fill a pair.
- fastText, negatives shared by the neighbours of a word: 2.2 → 2.9 M words/s, but analogies fell from 0.51 to
  0.33 (0.46 with two neighbours sharing). Not kept. A word's n-grams are read once for all its neighbours,
  which is exact: between neighbours only their mean moves.
- fastText, one step for all neighbours together: 3.8 M words/s, analogies 0.43. Not kept.
- fastText, a word's n-grams read when it enters a centre's window and written when it leaves, so that all
  neighbours of a centre share one draw of negatives as in skip-gram, instead of one draw each: 1.9 times as
  fast, analogies 0.524 → 0.535, rare words 0.409 → 0.417. N-gram rows in order of first use: a few per cent.
  N-grams that only occur together, as one row: 11 % fewer rows per word; not done.
- CBOW, learning rate 0.05 → 0.06, means of three seeds: analogies 0.148 → 0.156; 0.142 → 0.148 on
  alphanumeric words alone; on those words of the whole sample 0.366 → 0.369 (0.075: 0.368), gensim 0.373.
- CBOW, initial vectors within 0.1/√dim instead of 0.4/√dim, one thread, no update beyond dot products of ±6
  as in gensim: no difference.
- fastText, learning rate 0.05, its own default → 0.04: analogies 0.606 → 0.609, rare words 0.481 → 0.488.
- classifier, 28 → 5 µs per text of 460 rows: rows of all texts found once instead of in each epoch.
- Explicitly requested huge pages: no change.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _common import RESULTS, keep, need
from wordladder.files.streams import ByteReader, line_blocks
from wordladder.text.words import lower, tokenize
from wordladder.word_vectors import WordVectors

SETTINGS = {"threads": 2, "dim": 100, "window": 5, "negative": 5, "min_count": 5, "epochs": 5, "seed": 1}
GLOVE = {"window": 10, "epochs": 15, "x_max": 10.0, "alpha": 0.75, "learning_rate": 0.05}
SAMPLE = {"skipgram": 1e-3, "cbow": 1e-3, "fasttext": 1e-4}
SUPERVISED = {"dim": 100, "learning_rate": 0.5, "epochs": 5, "buckets": 2_000_000}
COMMON = 30_000
REPEATS = 3
QUALITY = ("wordsim353", "rare_words", "analogies", "accuracy")
Progress = Callable[..., None]


# ── the text ───────────────────────────────────────────────────────────────────────────────────────────────


def prepare(megabytes: float | None, target: Path) -> int:
    """Write the sample in lower case with one space between words; returns the number of words."""
    left, words = float("inf") if megabytes is None else megabytes * 1e6, 0
    source = need("corpora/enwiki_sample.txt.xz")
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


def prepare_imdb(folder: Path) -> int:
    """Write IMDB in fastText's format, train.ft shuffled; returns the number of words in train."""
    from wordladder.data.tables import read_table

    words = 0
    for part in ("train", "test"):
        table = read_table(need(f"classification/imdb_{part}.csv.gz"))
        tokens = tokenize([lower(text) for text in table.texts])
        order = np.random.default_rng(1).permutation(len(tokens))
        with (folder / f"{part}.ft").open("w", encoding="utf-8", newline="\n") as file:
            for index in order.tolist():
                file.write(f"__label__{table.labels[index]} {' '.join(tokens.words_of(index))}\n")
        words = words or len(tokens.starts)
    return words


# ── the two sides of each job: each runs in a process of its own and returns seconds ───────────────────────


def gensim_word2vec(text: str, output: str, job: str, given: dict[str, Any]) -> dict[str, float]:
    from gensim.models import FastText, Word2Vec

    kind = FastText if job == "fasttext" else Word2Vec
    started = time.perf_counter()
    trainer = kind(
        sg=int(job != "cbow"),
        alpha=0.025 if job == "skipgram" else 0.05,
        sample=SAMPLE[job],
        vector_size=given["dim"],
        workers=given["threads"],
        **{name: given[name] for name in ("window", "negative", "min_count", "seed")},
    )
    trainer.build_vocab(corpus_file=text)
    counts = {"total_examples": trainer.corpus_count, "total_words": trainer.corpus_total_words}
    training = time.perf_counter()
    trainer.train(corpus_file=text, epochs=given["epochs"], **counts)
    found = told(started, training)
    WordVectors(trainer.wv.index_to_key, trainer.wv.vectors).save(output)
    return found


def real_fasttext(text: str, output: str, job: str, given: dict[str, Any]) -> dict[str, float]:
    import fasttext

    started = time.perf_counter()
    model = fasttext.train_unsupervised(
        text,
        model="skipgram",
        dim=given["dim"],
        ws=given["window"],
        epoch=given["epochs"],
        minCount=given["min_count"],
        neg=given["negative"],
        thread=given["threads"],
        t=SAMPLE[job],
        verbose=0,
    )
    found = told(started, started)  # its reading time cannot be separated
    words = [word for word in model.get_words() if word != "</s>"]
    WordVectors(words, np.stack([model.get_word_vector(word) for word in words])).save(output)
    return found


def fasttext_peer(*task: Any) -> dict[str, float]:
    try:
        import fasttext  # noqa: F401
    except ImportError:
        return gensim_word2vec(*task)
    return real_fasttext(*task)


def ours(text: str, output: str, job: str, given: dict[str, Any]) -> dict[str, float]:
    from wordladder.recipe import build
    from wordladder.text.corpus import read_corpus
    from wordladder.text.words import TextSettings

    watch = Watch()
    started = time.perf_counter()
    shared = {name: given[name] for name in ("dim", "min_count")}
    if job == "glove":
        trainer = build("vectors", {"kind": "glove", **shared, **GLOVE})
    else:
        more = {name: given[name] for name in ("window", "negative", "epochs")}
        kind = {"kind": "fasttext"} if job == "fasttext" else {"kind": "word2vec", "model": job}
        trainer = build("vectors", {**kind, **shared, **more, "sample": SAMPLE[job]})
    reading = {"text": TextSettings(segmenter="whitespace"), "min_count": given["min_count"]}
    with read_corpus([text], threads=given["threads"], **reading) as corpus:
        vectors = trainer.train(corpus, threads=given["threads"], seed=given["seed"], progress=watch)
    found = told(started, watch.compiled, watch.compiling)
    vectors.save(output)
    return found | {"entries": vectors.settings.get("entries", 0)}


def plain_glove(text: str, output: str, job: str, given: dict[str, Any]) -> dict[str, float]:
    """GloVe implemented from the paper: counts in sparse matrices, training in a plain loop; one thread."""
    from collections import Counter

    from numba import njit
    from scipy.sparse import csr_matrix

    @njit
    def learn(rows, columns, counts, order, vectors, biases, squares, bias_squares, rate, x_max, alpha):
        for i in order:
            sides = (rows[i], columns[i])
            dot = biases[0, sides[0]] + biases[1, sides[1]]
            for k in range(vectors.shape[2]):
                dot += vectors[0, sides[0], k] * vectors[1, sides[1], k]
            slope = rate * min(1.0, (counts[i] / x_max) ** alpha) * (dot - np.log(counts[i]))
            for k in range(vectors.shape[2]):
                moves = (slope * vectors[1, sides[1], k], slope * vectors[0, sides[0], k])
                for side in range(2):
                    vectors[side, sides[side], k] -= moves[side] / np.sqrt(squares[side, sides[side], k])
                    squares[side, sides[side], k] += moves[side] ** 2
            for side in range(2):
                biases[side, sides[side]] -= slope / np.sqrt(bias_squares[side, sides[side]])
                bias_squares[side, sides[side]] += slope**2

    started = time.perf_counter()
    lines = [line.split(" ") for line in Path(text).read_text(encoding="utf-8").split("\n")]
    counter = Counter(word for line in lines for word in line if word)
    words = [word for word, count in counter.most_common() if count >= given["min_count"]]
    index = {word: i for i, word in enumerate(words)}
    ids = np.array([i for line in lines for i in (*(index.get(w, -2) for w in line), -1)])
    del lines
    ids = ids[ids != -2]
    line_of = np.cumsum(ids == -1)
    matrix = csr_matrix((len(words), len(words)))
    for distance in range(1, GLOVE["window"] + 1):
        one, other = ids[:-distance], ids[distance:]
        near = (line_of[:-distance] == line_of[distance:]) & (one >= 0) & (other >= 0)
        values = np.full(int(near.sum()), 1 / distance)
        matrix = matrix + csr_matrix((values, (one[near], other[near])), matrix.shape)
    found = (matrix + matrix.T).tocoo()
    random = np.random.default_rng(given["seed"])
    vectors = (random.random((2, len(words), given["dim"]), np.float32) - 0.5) / given["dim"]
    biases = (random.random((2, len(words)), np.float32) - 0.5) / given["dim"]
    squares = (np.ones_like(vectors), np.ones_like(biases))
    settings = tuple(GLOVE[name] for name in ("learning_rate", "x_max", "alpha"))
    order = random.permutation(found.nnz)
    learn(found.row, found.col, found.data, order[:1], vectors, biases, *squares, *settings)
    for _ in range(GLOVE["epochs"]):
        learn(found.row, found.col, found.data, order, vectors, biases, *squares, *settings)
    figures = told(started, started)
    WordVectors(words, vectors.sum(axis=0)).save(output)
    return figures | {"entries": found.nnz}


def real_classifier(text: str, output: str, job: str, given: dict[str, Any]) -> dict[str, float]:
    import fasttext

    started = time.perf_counter()
    model = fasttext.train_supervised(
        text,
        dim=SUPERVISED["dim"],
        lr=SUPERVISED["learning_rate"],
        epoch=SUPERVISED["epochs"],
        bucket=SUPERVISED["buckets"],
        wordNgrams=2,
        thread=given["threads"],
        verbose=0,
    )
    found = told(started, started)
    return found | {"accuracy": model.test(text.replace("train", "test"))[1]}


def our_classifier(text: str, output: str, job: str, given: dict[str, Any]) -> dict[str, float]:
    from wordladder.shallow.fasttext import FastTextClassifier
    from wordladder.text.words import TextSettings

    def read(path: str) -> tuple[list[str], np.ndarray]:
        lines = Path(path).read_text(encoding="utf-8").split("\n")[:-1]
        cut = [line.split(" ", 1) for line in lines]
        names = sorted({label for label, _ in cut})
        return [words for _, words in cut], np.array([names.index(label) for label, _ in cut])

    watch = Watch()
    # compile on a few texts first
    model = FastTextClassifier(TextSettings(segmenter="whitespace"), word_ngrams=2, **SUPERVISED)
    compiling = time.perf_counter()
    model.fit(["a b", "c d"], np.array([0, 1]), threads=given["threads"])
    compiling = time.perf_counter() - compiling
    started = time.perf_counter()
    texts, labels = read(text)
    model.fit(texts, labels, threads=given["threads"], progress=watch)
    found = told(started, watch.compiled) | {"compiling": compiling}
    texts, labels = read(text.replace("train", "test"))
    return found | {"accuracy": float((model.scores(texts).argmax(axis=1) == labels).mean())}


class Watch:
    """Records when the kernels were compiled."""

    def __init__(self) -> None:
        self.compiling, self.compiled = 0.0, time.perf_counter()

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage == "compiling":
            self.compiling += float(facts.get("seconds", 0))
            self.compiled = time.perf_counter()


def told(started: float, training: float, compiling: float = 0.0) -> dict[str, float]:
    now = time.perf_counter()
    figures = {"training": now - training, "whole": now - started - compiling, "compiling": compiling}
    return figures | {"memory_mb": peak_memory()}


def peak_memory() -> float:
    """The peak resident memory of this process so far, in megabytes; NaN if unknown."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


JOBS: dict[str, dict[str, Callable[..., dict[str, float]]]] = {
    "skipgram": {"gensim": gensim_word2vec, "wordladder": ours},
    "cbow": {"gensim": gensim_word2vec, "wordladder": ours},
    "fasttext": {"fastText": fasttext_peer, "wordladder": ours},
    "glove": {"plain": plain_glove, "wordladder": ours},
    "supervised": {"fastText": real_classifier, "wordladder": our_classifier},
}


# ── measuring and showing ──────────────────────────────────────────────────────────────────────────────────


def vectors_of(text: Path, side: str, job: str) -> Path:
    """The file to which one side of a job writes its vectors."""
    return text.with_name(f"{side}-{job}.safetensors")


def alone(side: str, job: str, text: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Run one side of a job in its own process."""
    task = json.dumps([side, str(text), str(vectors_of(text, side, job)), job, given])
    command = [sys.executable, __file__, "--alone", task]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stderr)
    return {"job": job, "side": side, **json.loads(done.stdout.splitlines()[-1])}


def judged(side: str, job: str, text: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Run one side of a job and measure the quality of its vectors."""
    row = alone(side, job, text, given)
    if job == "supervised":
        return row
    vectors = WordVectors.load(vectors_of(text, side, job))
    similarity = vectors.evaluate_word_pairs(need("wordsim/EN-WS-353-ALL.txt"))
    rare = vectors.evaluate_word_pairs(need("wordsim/EN-RW-STANFORD.txt"), subwords=False)
    questions = need("wordsim/questions-words.txt.gz")
    analogies = vectors.evaluate_word_analogies(questions, restrict_vocab=COMMON)
    return row | {
        "wordsim353": similarity.spearman,
        "rare_words": rare.spearman,
        "analogies": analogies.accuracy,
    }


def in_turn(tasks: list[tuple[str, str, Path, dict[str, Any]]]) -> list[dict[str, Any]]:
    """All tasks one after another with three seeds; for each the fastest run, with the mean quality."""
    seeds = range(1, REPEATS + 1)
    runs = [[judged(*task[:3], task[3] | {"seed": seed}) for task in tasks] for seed in seeds]
    return [fastest(of_one) for of_one in zip(*runs)]


def fastest(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run with the shortest training time and the mean quality of all runs, and the individual values."""
    best = min(runs, key=lambda run: run["training"])
    each = {name: [run[name] for run in runs] for name in ("training", "whole", *QUALITY) if name in best}
    return best | {name: float(np.mean(each[name])) for name in QUALITY if name in best} | {"runs": each}


def measure(job: str, text: Path, words: int, given: dict[str, Any], ours_only: bool) -> list[dict[str, Any]]:
    """Speed and quality of both sides of a job, or of ours."""
    sides = [side for side in JOBS[job] if side == "wordladder" or not ours_only]
    rows = in_turn([(side, job, text, given) for side in sides])
    epochs = {"supervised": SUPERVISED, "glove": GLOVE}.get(job, given)["epochs"]
    for row in rows:
        row["words_per_second"] = words * epochs / row["training"]
        if row.get("entries"):
            row["entries_per_second"] = row["entries"] * epochs / row["whole"]
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("job")
    table.add_column("trainer")
    columns = (
        "words/s",
        "ratio",
        "whole",
        "ratio",
        "compiling",
        "memory",
        "WordSim-353",
        "rare",
        "analogies",
    )
    for column in (*columns, "accuracy"):
        table.add_column(column, justify="right")
    for row in rows:
        peer = next(one for one in rows if one["job"] == row["job"])
        speed, whole = row["words_per_second"] / peer["words_per_second"], peer["whole"] / row["whole"]
        figures = (f"{row['words_per_second'] / 1e3:,.0f} k", f"{speed:.2f}", f"{row['whole']:.1f} s")
        quality = (f"{row[name]:.3f}" if name in row else "" for name in QUALITY)
        more = (f"{whole:.2f}", f"{row['compiling']:.1f} s", f"{row['memory_mb']:,.0f} MB")
        table.add_row(row["job"], row["side"], *figures, *more, *quality)
    Console(width=150).print(table)
    for row in rows:
        if "entries_per_second" in row:
            print(f"{row['side']} GloVe: {row['entries_per_second'] / 1e6:.1f} M pairs × epochs a second")


def growth(folder: Path, given: dict[str, Any]) -> None:
    """One epoch of skip-gram on the sample, and on ten copies of it."""
    text, more = folder / "text.txt", folder / "more.txt"
    words = prepare(None, text)
    with more.open("wb") as file:
        for _ in range(10):
            file.write(text.read_bytes())
    given = given | {"epochs": 1, "min_count": 5}
    # the same vocabulary: rare words of the sample would be frequent in the tenfold text
    rows = [
        alone("wordladder", "skipgram", path, given | {"min_count": given["min_count"] * times})
        for path, times in ((text, 1), (more, 10))
    ]
    for row, times in zip(rows, (1, 10)):
        print(
            f"{words * times:,} words: {row['training']:.1f} s training, {row['whole']:.1f} s whole, "
            f"{row['memory_mb']:,.0f} MB"
        )
    keep("static_vectors_growth", {"words": words, "rows": rows})


def scaling(folder: Path, given: dict[str, Any]) -> None:
    """Two threads against one, for each of our trainers."""
    text = folder / "text.txt"
    prepare(25, text)
    rows = []
    for job in ("skipgram", "cbow", "fasttext", "glove"):
        both = in_turn([("wordladder", job, text, given | {"threads": threads}) for threads in (1, 2)])
        rows.append({"job": job, "ratio": both[0]["training"] / both[1]["training"]})
        print(
            f"{job}: {both[0]['training']:.2f} s and {both[1]['training']:.2f} s, {rows[-1]['ratio']:.2f} ×"
        )
    keep("static_vectors_scaling", {"rows": rows})


def main() -> None:
    if sys.argv[1:2] == ["--alone"]:
        side, *task = json.loads(sys.argv[2])
        print(json.dumps(JOBS[task[2]][side](*task)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--megabytes", type=float, help="of the text, from its start; all if not given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--scaling", action="store_true")
    given = parser.parse_args()
    settings = SETTINGS | {"threads": given.threads}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.growth or given.scaling:
            (growth if given.growth else scaling)(folder, settings)
            return
        text, rows = folder / "text.txt", []
        words = prepare(given.megabytes, text)
        print(f"{words:,} words, {given.threads} threads, {settings['dim']} numbers", flush=True)
        name = "static_vectors" + (f"_{given.megabytes:g}mb" if given.megabytes else "")
        for job in given.jobs or JOBS:
            if job == "supervised":
                found = measure(job, folder / "train.ft", prepare_imdb(folder), settings, given.ours)
            else:
                found = measure(job, text, words, settings, given.ours)
            rows += found
            keep_rows(name, words, settings, found)
            show(found)


def keep_rows(name: str, words: int, settings: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Save new rows, replacing earlier ones of the same job and side."""
    path = RESULTS / f"{name}.json"
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    fresh = {(row["job"], row["side"]) for row in rows}
    rows = [row for row in before if (row["job"], row["side"]) not in fresh] + rows
    places = list(JOBS)
    rows.sort(key=lambda row: (places.index(row["job"]), row["side"] == "wordladder"))
    keep(name, {"words": words, "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
