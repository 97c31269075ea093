"""`wordladder pretrain`: raw text becomes a BERT, an ALBERT or an ELMo of your own."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from ..extras import require
from .console import FIRST, STOPPED, console, duration, errors, print_json, progress_bar, tell
from .options import RUN, Json, Output, Resume, UnicodeErrors
from .signatures import command_options, library_options

SETTINGS = library_options(
    "pretraining/settings.py",
    "PretrainingSettings",
    {
        "Options": "kind size minutes steps",
        "Objective": "objectives whole_words longest_run teacher",
        "Text": "tokenizer vocabulary_size lowercase segmenter held_out",
        "Training": "max_pieces batch_pieces parts learning_rate dropout seed",
        RUN: "device threads",
    },
    steps={"min": 1},
    objectives={"show_default": "bert mlm,nsp; albert mlm,sop; elmo lm"},
    whole_words={"show_default": "whole-words"},
    longest_run={"show_default": "bert 1, albert 3", "min": 1},
    tokenizer={"show_default": "bert wordpiece, albert sentencepiece"},
    vocabulary_size={"show_default": "16000 or 30000 by size, elmo 50000", "min": 100},
    lowercase={"show_default": "lowercase"},
    batch_pieces={"show_default": "4096, elmo 2048"},
    parts={"min": 1},
    threads={"min": 1},
    learning_rate={"show_default": "1e-3, base 2e-4, elmo 5 times as high"},
)


@command_options(
    SETTINGS,
    continue_from={"metavar": "FOLDER"},
    vectors={"metavar": "FILE"},
    field={"rich_help_panel": "Text"},
)
def pretrain(
    corpus: list[Path],
    *,
    output: Output,
    resume: Resume = False,
    prepare: bool = False,
    continue_from: Path | None = None,
    vectors: Path | None = None,
    unicode_errors: UnicodeErrors = "strict",
    field: str | None = None,
    json: Json = False,
    **settings: Any,
) -> None:
    """Pretrain an encoder on raw text; the result opens in transformers and in recipes.

    Example:  wordladder pretrain wiki.txt.xz --kind albert --size tiny --minutes 60 --output encoder

    Args:
        corpus: Raw text with a blank line between documents, or JSONL; folders too; .gz .xz .zst .bz2 too.
        prepare: Only tokenize the text: OUTPUT can then be the CORPUS of other runs.
        continue_from: A BERT, ALBERT or ELMo to continue training.
        vectors: Word vectors that the embedding layer starts from.
        field: Field of JSON lines that holds the text; if not given, found by the usual names.
    """
    # Threads that spin while they wait take the processor from each other where other work is going on: with
    # one of two cores busy, four times the time. It must be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    require("torch", "train", "pretraining")
    from ..pretraining.pretrain import prepare as tokenize
    from ..pretraining.pretrain import pretrain as run
    from ..pretraining.settings import PretrainingSettings

    chosen = PretrainingSettings(**settings)
    if prepare:
        with progress_bar() as progress:
            facts = tokenize(corpus, output, chosen, field=field, progress=progress)
        text = f"{facts.pieces:,} pieces of {facts.documents:,} documents in [bold]{output}[/bold]"
        print_json({"output": str(output), **asdict(facts)}) if json else console.print(text)
        return
    sources: dict[str, Any] = {"continue_from": continue_from, "vectors": vectors, "field": field}
    sources |= {"unicode_errors": unicode_errors, "resume": resume}
    try:
        with progress_bar() as progress:
            report = run(corpus, output, chosen, progress=progress, **sources)
    except KeyboardInterrupt:
        errors.print("stopped. The same command with [bold]--resume[/bold] continues from here")
        raise typer.Exit(STOPPED) from None
    if not FIRST:
        return
    tell(report["notes"])
    print_json({"output": str(output), **report}) if json else _print(report, output)


def _print(report: dict[str, Any], output: Path) -> None:
    from ..files.folders import size_mb

    settings, text = report["settings"], report["text"]
    size = "continued" if report["continue_from"] else settings["size"]
    console.print(
        f"[bold]{settings['kind']} {size}[/bold] ({report['objectives']}), "
        f"{report['parameters'] / 1e6:.1f} M parameters, {size_mb(output):.1f} MB in [bold]{output}[/bold]"
    )
    if text:
        console.print(
            f"{text['words']:,} words of {text['documents']:,} documents, {text['pieces']:,} pieces of a "
            f"vocabulary of {report['vocabulary']:,}"
        )
        if text["line_documents"]:
            tell(["without blank lines, each line counted as a document"], to=console)
    console.print(
        f"{report['steps']:,} steps in {duration(report['seconds'])}, {report['tokens_per_second']:,.0f} "
        f"{'words' if settings['kind'] == 'elmo' else 'pieces'}/s, {report['passes']:.2f} times the text"
    )
    if found := report["held_out"]:
        shown = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in found.items())
        console.print(f"held-out text: {shown}")
    if report["vectors"]:
        console.print(f"word vectors: {report['vectors']['told']}")
        tell(report["vectors"]["notes"])
    console.print(f"[dim]next:[/dim]  wordladder climb reviews.csv --encoder {output} --output climb")
