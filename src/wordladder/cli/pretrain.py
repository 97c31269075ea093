"""`wordladder pretrain`: raw text becomes a BERT, an ALBERT or an ELMo of your own."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..extras import require
from ._warnings import tell
from .console import console, errors, print_json, progress_bar
from .options import Device, Json, Output, Resume, Threads, UnicodeErrors, option
from .tables import duration

TEXT = "Text"
OBJECTIVE = "Objective"
TRAINING = "Training"
STOPPED = 130


def pretrain(
    corpus: Annotated[
        list[Path],
        typer.Argument(
            metavar="CORPUS",
            help="Raw text, a blank line between documents, or JSONL; folders too; .gz .xz .zst .bz2 too.",
        ),
    ],
    output: Output,
    kind: Annotated[str, typer.Option(help="What is pretrained: bert, albert or elmo.")] = "bert",
    size: Annotated[str, typer.Option(help="How large it is: tiny, mini, small, base or starter.")] = "tiny",
    minutes: Annotated[
        float | None, typer.Option(help="Minutes to train; the rate falls to zero then.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps, instead of minutes.")] = None,
    resume: Resume = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only take the text apart: OUTPUT can be the CORPUS of others.")
    ] = False,
    continue_from: Annotated[
        Path | None,
        typer.Option("--continue-from", metavar="FOLDER", help="A BERT, ALBERT or ELMo to go on from."),
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Word vectors that the embedding layer starts from.")
    ] = None,
    unicode_errors: UnicodeErrors = "strict",
    objectives: Annotated[
        str | None,
        option(
            "mlm hides words; sop asks whether two segments are in order, nsp whether the second follows.",
            OBJECTIVE,
            show_default="bert mlm,nsp; albert mlm,sop",
        ),
    ] = None,
    whole_words: Annotated[
        bool | None,
        option(
            "Whether words are hidden as a whole; not for elmo.",
            OBJECTIVE,
            "--whole-words/--no-whole-words",
            show_default="whole-words",
        ),
    ] = None,
    longest_run: Annotated[
        int | None,
        option(
            "Words hidden together, at most; not for elmo.", OBJECTIVE, show_default="bert 1, albert 3", min=1
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        option("Folder of a BERT to learn from beside the text, with its pieces; not for elmo.", OBJECTIVE),
    ] = None,
    field: Annotated[
        str | None, option("Field of JSON lines that holds the text; left out, found.", TEXT)
    ] = None,
    tokenizer: Annotated[
        str | None,
        option(
            "wordpiece, sentencepiece, or a folder whose tokenizer is taken.",
            TEXT,
            show_default="bert wordpiece, albert sentencepiece",
        ),
    ] = None,
    vocabulary_size: Annotated[
        int | None, option("Pieces of the vocabulary, at most.", TEXT, show_default="16000, 30000", min=100)
    ] = None,
    lowercase: Annotated[
        bool | None,
        option(
            "Whether the vocabulary drops case and accents; not for elmo.",
            TEXT,
            "--lowercase/--no-lowercase",
            show_default="lowercase",
        ),
    ] = None,
    segmenter: Annotated[
        str | None, option("jieba: Chinese characters are hidden by words, not one by one.", TEXT)
    ] = None,
    held_out: Annotated[float, option("Share of the text that is kept to measure on.", TEXT)] = 0.01,
    max_pieces: Annotated[int, option("Pieces that the model reads at once.", TRAINING)] = 128,
    batch_pieces: Annotated[
        int | None, option("Pieces of a batch.", TRAINING, show_default="4096, elmo 2048")
    ] = None,
    parts: Annotated[int, option("Batches whose gradients make up one step.", TRAINING, min=1)] = 1,
    learning_rate: Annotated[
        float | None, option("Highest learning rate.", TRAINING, show_default="1e-3, base 2e-4")
    ] = None,
    dropout: Annotated[float, option("Share of activations set to zero.", TRAINING)] = 0.0,
    seed: Annotated[int, option("Start of everything random.", TRAINING)] = 1,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Pretrain an encoder on raw text; what comes out opens in transformers and in recipes.

    Example:  wordladder pretrain wiki.txt.xz --kind albert --size tiny --minutes 60 --output encoder
    """
    # Threads that spin while they wait take the processor from each other where other work is going on: with
    # one of two cores busy, four times the time. It must be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    require("torch", "train", "pretraining")
    from ..pretraining.pretrain import prepare as take_apart
    from ..pretraining.pretrain import pretrain as run
    from ..pretraining.settings import PretrainingSettings

    settings = PretrainingSettings(
        kind=kind,  # type: ignore[arg-type]
        size=size,  # type: ignore[arg-type]
        objectives=objectives,
        vocabulary_size=vocabulary_size,
        tokenizer=tokenizer,
        lowercase=lowercase,
        max_pieces=max_pieces,
        batch_pieces=batch_pieces,
        whole_words=whole_words,
        longest_run=longest_run,
        teacher=teacher,
        segmenter=segmenter,  # type: ignore[arg-type]
        held_out=held_out,
        dropout=dropout,
        learning_rate=learning_rate,
        steps=steps,
        minutes=minutes,
        parts=parts,
        seed=seed,
        threads=threads,
        device=device,
    )
    if prepare:
        with progress_bar() as progress:
            facts = take_apart(corpus, output, settings, field=field, progress=progress)
        told = f"{facts.pieces:,} pieces of {facts.documents:,} documents in [bold]{output}[/bold]"
        print_json({"output": str(output), **asdict(facts)}) if json else console.print(told)
        return
    sources: dict[str, Any] = {"field": field, "continue_from": continue_from, "vectors": vectors}
    sources["unicode_errors"] = unicode_errors
    try:
        with progress_bar() as progress:
            report = run(corpus, output, settings, resume=resume, progress=progress, **sources)
    except KeyboardInterrupt:
        errors.print("stopped. The same command with [bold]--resume[/bold] goes on from here")
        raise typer.Exit(STOPPED) from None
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
