"""`wordladder neighbors`: the words nearest to a word as it is meant in its sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import SettingError
from ..extras import require
from ._warnings import tell
from .console import console, print_json, progress_bar
from .options import Device, Json, Threads, UnicodeErrors
from .tables import plain_table

if TYPE_CHECKING:
    from rich.text import Text

    from ..evaluation.context_neighbors import Neighbor, Occurrence


def neighbors(
    encoder: Annotated[
        str,
        typer.Argument(
            metavar="ENCODER",
            help="A saved model; the folder or hub name of a BERT, ALBERT or other transformer; the folder "
            "of an ELMo; or a file of word vectors.",
        ),
    ],
    text: Annotated[str, typer.Argument(metavar="SENTENCE", help="The sentence that the word stands in.")],
    word: Annotated[str, typer.Option("--word", help="The word, or several that follow each other.")],
    among: Annotated[
        list[Path],
        typer.Option(
            "--among", help="Raw text to look in: files or folders, compressed or not; may be repeated."
        ),
    ],
    topn: Annotated[int, typer.Option(min=1, help="How many neighbours.")] = 10,
    only: Annotated[
        Literal["same", "other"] | None,
        typer.Option(help="same: only this word in other sentences. other: only other words."),
    ] = None,
    distinct: Annotated[
        bool, typer.Option("--distinct", help="Show each word once, where it is nearest.")
    ] = False,
    layers: Annotated[
        str | None,
        typer.Option(help="Layer of a transformer or an ELMo: last, last4 or a number; left out, last."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Most sentences to read, a random sample if there are more; 0: all.")
    ] = 10_000,
    segmenter: Annotated[
        Literal["characters", "jieba", "whitespace"] | None,
        typer.Option(help="What makes words; left out, as a saved model has it, else characters."),
    ] = None,
    unicode_errors: UnicodeErrors = "strict",
    seed: Annotated[int, typer.Option(help="Start of the sample.")] = 1,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Show where, in a text, words stand for the same as a word does in its sentence.

    Every word is compared by the vector that it has in its own sentence, so a river's bank finds shores, and
    a bank for money finds lenders.

    Example:  wordladder neighbors bert-folder "He sat on the bank of the river." --word bank --among text.txt
    """
    require("torch", "train", "the vector of a word in its sentence")
    from ..evaluation.context_neighbors import context_neighbors
    from ..evaluation.word_reader import WordReader
    from ..layers.devices import threads as computing
    from ..text.words import TextSettings

    settings = None if segmenter is None else TextSettings(segmenter=segmenter)
    with computing(threads), progress_bar() as progress:
        opening: dict[str, Any] = {"settings": settings, "device": device, "unicode_errors": unicode_errors}
        reader = WordReader.open(encoder, layers=_layers(layers), **opening)
        tell(getattr(reader.network, "notes", ()))
        found = context_neighbors(
            reader,
            text,
            word,
            _sentences(among),
            topn=topn,
            only=only,
            distinct=distinct,
            limit=limit or None,
            seed=seed,
            progress=progress,
        )
    if json:
        print_json(found.to_json())
        return
    for one in found.occurrences:
        console.print(_line(one, "bold"))
        _print_table(one.neighbors)
    part = f"{found.sentences:,}"
    if found.sentences < found.of:
        part = f"a random {part} of {found.of:,}"
    console.print(f"[dim]among {found.words:,} words in {part} sentences[/dim]")


def _layers(given: str | None) -> "int | Literal['last', 'last4'] | None":
    if given is None or given in ("last", "last4"):
        return given  # type: ignore[return-value]
    try:
        return int(given)
    except ValueError:
        raise SettingError(f"--layers {given}: write last, last4 or a number, such as -2") from None


def _sentences(paths: list[Path]) -> Iterator[str]:
    from ..pretraining.raw_text import RawText, sentences

    for block in RawText(paths).blocks("reading"):
        for paragraph in block.paragraphs:
            yield from sentences(paragraph)


def _print_table(neighbors: "tuple[Neighbor, ...]") -> None:
    table = plain_table()
    table.add_column("cosine", justify="right")
    table.add_column("in its sentence", no_wrap=True, overflow="ignore")
    for one in neighbors:
        table.add_row(f"{one.cosine:.3f}", _line(one, "bold green"))
    console.print(table)


def _line(one: "Occurrence", style: str) -> "Text":
    """The word between what stands around it, as much as fits into a line."""
    from rich.cells import cell_len
    from rich.text import Text

    room = console.width * len(one.sentence) // max(1, cell_len(one.sentence))  # some characters are wide
    room = max(20, room - 10 - (one.end - one.start))
    before, after = one.sentence[: one.start], one.sentence[one.end :]
    left = max(room // 2, room - len(after))
    before = before if len(before) <= left else "…" + before[len(before) - left + 1 :]
    right = room - len(before)
    after = after if len(after) <= right else after[: right - 1] + "…"
    return Text.assemble(before, (one.sentence[one.start : one.end], style), after)
