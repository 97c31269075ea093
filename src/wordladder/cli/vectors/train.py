"""Train word vectors on raw text."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import console, print_json, progress_bar
from ..options import Json, Threads
from ..tables import duration

__all__ = ["train"]

METHOD = "Method"
READING = "Reading"


def _option(help: str, panel: str = METHOD, **more: Any) -> Any:
    return typer.Option(help=help, rich_help_panel=panel, **more)


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
    from ...corpus import read_corpus
    from ...formats import format_of
    from ...recipe import build, kinds
    from ...text import TextSettings

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
    from ...errors import SettingError, did_you_mean

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
