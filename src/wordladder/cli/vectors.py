"""`wordladder vectors`: train static word vectors, ask them, test them, convert them."""

import math
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import console, print_json, progress_bar
from .options import Json, Threads
from .tables import duration

__all__ = ["app"]

app = typer.Typer(
    help="Static word vectors: train them on raw text, ask them, test them, convert them.",
    no_args_is_help=True,
)

METHOD = "Method"
READING = "Reading"

File = Annotated[Path, typer.Argument(metavar="FILE", help="Word vectors: .vec .txt .bin .safetensors.")]
Format = Annotated[
    str | None,
    typer.Option("--format", help="text, binary or safetensors; left out, the file's name tells."),
]
TopN = Annotated[int, typer.Option("--topn", min=1, help="Answers shown.")]


def _option(help: str, panel: str = METHOD, **more: Any) -> Any:
    return typer.Option(help=help, rich_help_panel=panel, **more)


@app.command("train")
def train(
    corpus: Annotated[
        list[Path],
        typer.Argument(
            metavar="CORPUS",
            help="Raw text, one text a line, or JSONL; folders too; .gz .xz .zst .bz2 too.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .safetensors .vec .txt .bin.")
    ],
    kind: Annotated[str, typer.Option(help="How vectors are trained: word2vec.")] = "word2vec",
    model: Annotated[
        str,
        _option(
            "`skipgram` learns from each pair of neighbours and is better on rare words; "
            "`cbow` learns from the mean of the neighbours and is faster."
        ),
    ] = "skipgram",
    dim: Annotated[int, _option("Numbers in a vector.")] = 100,
    window: Annotated[int, _option("Words to each side that count as neighbours, at most.")] = 5,
    negative: Annotated[int, _option("Random words that each word is told from.")] = 5,
    min_count: Annotated[int, _option("Words that occur less often have no vector.")] = 5,
    epochs: Annotated[int, _option("Times the corpus is read.")] = 5,
    sample: Annotated[
        float, _option("Words more frequent than this share of the text are thinned out; 0 keeps all.")
    ] = 1e-3,
    learning_rate: Annotated[
        float | None,
        _option(
            "Step at the start, from where it falls evenly to nearly nothing; "
            "left out, 0.025 for skipgram and 0.05 for cbow."
        ),
    ] = None,
    max_vocabulary: Annotated[
        int | None, _option("Words that get a vector at most, the most frequent first.")
    ] = None,
    lowercase: Annotated[
        bool,
        typer.Option("--lowercase", help="Whether the text is lower-cased first.", rich_help_panel=READING),
    ] = False,
    segmenter: Annotated[
        str, _option("How words are found: characters, jieba or whitespace.", READING)
    ] = "characters",
    field: Annotated[
        str | None,
        _option("Field of a JSON line that holds the text; left out, found by usual names.", READING),
    ] = None,
    seed: Annotated[int, typer.Option(help="Start of everything random.")] = 1,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Train word vectors on raw text.

    One thread and one seed give the same file on every run; several threads are faster, and their files
    differ a little from run to run.

    Example:  wordladder vectors train corpus.txt.gz --output words.safetensors --lowercase
    """
    from ..corpus import read_corpus
    from ..formats import format_of
    from ..recipe import build, kinds
    from ..text import TextSettings

    started = time.perf_counter()
    _check_kind(kind, kinds("vectors"))
    format_of(output)  # a wrong suffix is told now, not after the training
    settings = {
        "model": model, "dim": dim, "window": window, "negative": negative, "min_count": min_count,
        "epochs": epochs, "sample": sample, "learning_rate": learning_rate, "lowercase": lowercase,
        "max_vocabulary": max_vocabulary,
    }  # fmt: skip
    trainer = build("vectors", {"kind": kind, **settings})
    reading: dict[str, Any] = {
        "lowercase": lowercase,
        "min_count": min_count,
        "max_vocabulary": max_vocabulary,
        "field": field,
    }
    text = TextSettings(segmenter=segmenter)  # type: ignore[arg-type]
    with progress_bar() as progress:
        watch = _Watch(progress)
        with read_corpus(corpus, text=text, threads=threads, progress=watch, **reading) as read:
            vectors = trainer.train(read, threads=threads, seed=seed, progress=watch)
    vectors.save(output)
    total = time.perf_counter() - started
    found = {
        "words": vectors.settings["words"], "vocabulary": len(vectors), "dim": vectors.dim, "epochs": epochs,
        "seconds": watch.seconds, "words_per_second": watch.facts.get("words_per_second"),
        "seconds_total": total, "compile_seconds": watch.compile_seconds, "loss": watch.facts.get("loss"),
        "threads": vectors.settings["threads"], "output": str(output),
    }  # fmt: skip
    print_json(found) if json else _print_training(found)


class _Watch:
    """Passes progress on, and remembers when training began and what was told last."""

    def __init__(self, progress: Any) -> None:
        self._progress, self._compiled = progress, time.perf_counter()
        self.facts: dict[str, Any] = {}
        self.seconds = self.compile_seconds = 0.0

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage == "compiling":
            self._compiled, self.compile_seconds = time.perf_counter(), float(facts.get("seconds", 0))
        elif stage.startswith("training"):
            self.seconds, self.facts = time.perf_counter() - self._compiled, facts
        self._progress(stage, done, total, **facts)


def _check_kind(kind: str, kinds: list[str]) -> None:
    from ..errors import SettingError, did_you_mean

    if kind not in kinds:
        raise SettingError(
            f"--kind {kind}: there is no such kind of vectors here.{did_you_mean(kind, kinds)}"
        )


def _print_training(found: dict[str, Any]) -> None:
    console.print(
        f"[bold]{found['vocabulary']:,}[/bold] words of {found['dim']} numbers from "
        f"{found['words']:,} words of text, in [bold]{found['output']}[/bold]"
    )
    speed = f"{found['words_per_second'] or 0:,.0f} words/s, {found['threads']} threads"
    console.print(
        f"trained {found['epochs']} epochs in {duration(found['seconds'])} "
        f"({speed}, loss {found['loss']:.4f}); "
        f"{duration(found['seconds_total'])} with reading and writing"
    )
    if found["threads"] > 1:
        console.print(
            "[dim]several threads: another run gives slightly other vectors (--threads 1 does not)[/dim]"
        )


@app.command("neighbors")
def neighbors(
    file: File,
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="Words to look up.")],
    topn: TopN = 10,
    format_: Format = None,
    json: Json = False,
) -> None:
    """Show the words nearest to each word, by cosine.

    Example:  wordladder vectors neighbors words.safetensors king queen
    """
    vectors = _load(file, format_)
    found = {word: vectors.most_similar(_as_trained(word, vectors), topn=topn) for word in words}
    if json:
        print_json({word: _near(answers) for word, answers in found.items()})
        return
    _print_answers(found)


@app.command("analogy")
def analogy(
    file: File,
    a: Annotated[str, typer.Argument(metavar="A")],
    b: Annotated[str, typer.Argument(metavar="B")],
    c: Annotated[str, typer.Argument(metavar="C")],
    topn: TopN = 10,
    format_: Format = None,
    json: Json = False,
) -> None:
    """Show what is to C as B is to A.

    Example:  wordladder vectors analogy words.safetensors man king woman
    """
    vectors = _load(file, format_)
    found = vectors.analogy(*(_as_trained(word, vectors) for word in (a, b, c)), topn=topn)
    if json:
        print_json({"a": a, "b": b, "c": c, "answers": _near(found)})
        return
    _print_answers({f"{a} : {b} = {c} : ?": found})


@app.command("evaluate")
def evaluate(
    file: File,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Word pairs with people's scores: word, word, score a line; may be repeated."),
    ] = None,
    analogies: Annotated[
        list[Path] | None,
        typer.Option(help="Analogies: four words a line, sections after a colon; may be repeated."),
    ] = None,
    restrict_vocab: Annotated[
        int, typer.Option(min=1, help="Only the first so many words are known.")
    ] = 300_000,
    format_: Format = None,
    json: Json = False,
) -> None:
    """Test word vectors on word similarity (Spearman's correlation) and analogies (accuracy).

    Example:  wordladder vectors evaluate words.vec --pairs wordsim.txt --analogies questions-words.txt
    """
    from dataclasses import asdict

    from ..errors import SettingError

    if not pairs and not analogies:
        raise SettingError("evaluate needs a test: --pairs FILE or --analogies FILE.")
    vectors = _load(file, format_)
    limit = {"restrict_vocab": restrict_vocab}
    similar = {str(path): asdict(vectors.evaluate_word_pairs(path, **limit)) for path in pairs or []}
    solved = {str(path): asdict(vectors.evaluate_word_analogies(path, **limit)) for path in analogies or []}
    if json:
        print_json(
            _finite({"pairs": similar, "analogies": {path: _by_name(one) for path, one in solved.items()}})
        )
        return
    _print_tests(similar, solved)


@app.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Word vectors to read.")],
    target: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="File to write; its suffix says the format, .gz compresses."),
    ],
    format_: Format = None,
    json: Json = False,
) -> None:
    """Write word vectors in another format. Only safetensors keeps counts and settings.

    Example:  wordladder vectors convert words.vec.gz words.safetensors
    """
    from ..formats import format_of

    written = format_of(target)
    vectors = _load(source, format_)
    vectors.save(target)
    if json:
        print_json({"words": len(vectors), "dim": vectors.dim, "format": written, "output": str(target)})
        return
    console.print(f"{len(vectors):,} words of {vectors.dim} numbers in [bold]{target}[/bold] ({written})")


def _load(file: Path, format_: str | None) -> Any:
    from ..word_vectors import WordVectors

    return WordVectors.load(file, format_)


def _as_trained(word: str, vectors: Any) -> str:
    from ..text import lower

    return lower(word) if vectors.settings.get("lowercase") and word not in vectors else word


def _near(answers: list[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"word": word, "similarity": cosine} for word, cosine in answers]


def _by_name(result: dict[str, Any]) -> dict[str, Any]:
    """A result with its sections as a table: name → figures."""
    sections = {}
    for section in result["sections"]:
        figures = {key: section[key] for key in ("correct", "used", "total")}
        accuracy = section["correct"] / section["used"] if section["used"] else math.nan
        sections[section["name"]] = {"accuracy": accuracy, **figures}
    return {**result, "sections": sections}


def _finite(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(*columns: str) -> Any:
    """A table whose first column is text and whose others are figures."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _print_answers(found: dict[str, list[tuple[str, float]]]) -> None:
    from rich.text import Text

    for question, answers in found.items():
        table = _table(question, "cosine")
        for word, cosine in answers:
            table.add_row(Text(word), f"{cosine:.3f}")
        console.print(table)


def _print_tests(pairs: dict[str, Any], analogies: dict[str, Any]) -> None:
    from rich.text import Text

    if pairs:
        table = _table("word pairs", "Spearman", "used", "of")
        for path, one in pairs.items():
            table.add_row(Text(path), f"{one['spearman']:.4f}", f"{one['used']:,}", f"{one['total']:,}")
        console.print(table)
    for path, one in analogies.items():
        table = _table(path, "accuracy", "correct", "used", "of")
        for section in (*one["sections"], {**one, "name": "all"}):
            share = section["correct"] / section["used"] if section["used"] else math.nan
            figures = (f"{section[key]:,}" for key in ("correct", "used", "total"))
            table.add_row(Text(section["name"]), f"{share:.4f}", *figures)
        console.print(table)
