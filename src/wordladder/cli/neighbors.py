"""`wordladder neighbors`: the words nearest to a word as it is used in its sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.text import Text

from ..errors import SettingError
from ..extras import require
from .console import console, plain_table, print_json, progress_bar, tell
from .options import Device, Json, Threads, UnicodeErrors
from .signatures import command_options, library_options

if TYPE_CHECKING:
    from ..model.context_neighbors import Occurrence


OPTIONS = library_options(
    "model/context_neighbors.py",
    "context_neighbors",
    {"Options": "topn only distinct limit seed"},
    topn={"min": 1},
    only={"type": Literal["same", "other"], "metavar": None},
    limit={"min": 0, "help": "Most sentences to read, a random sample if there are more; 0 reads all."},
)


@command_options(OPTIONS, text={"metavar": "SENTENCE"}, layers={"show_default": "last"})
def neighbors(
    encoder: str,
    text: str,
    *,
    word: str,
    among: list[Path],
    layers: str | None = None,
    segmenter: Literal["characters", "jieba", "whitespace"] | None = None,
    unicode_errors: UnicodeErrors = "strict",
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Show the words in a text that are nearest to a word as it is used in its sentence.

    Every word is compared by the vector that it has in its own sentence, so a river's bank finds shores, and
    a bank for money finds lenders.

    Example:  wordladder neighbors bert-folder "He sat on the bank of the river." --word bank --among text.txt

    Args:
        encoder: A saved model; the folder or hub name of a BERT, ALBERT or other transformer; the folder of
            an ELMo; or a file of word vectors.
        text: The sentence that the word occurs in.
        word: The word, or several consecutive ones.
        among: Raw text to search: files or folders, compressed or not.
        layers: Layer of a transformer or an ELMo: last, last4 or a number.
        segmenter: How words are found; if not given, as in the saved model, else characters.
    """
    require("torch", "train", "the vector of a word in its sentence")
    from ..layers.devices import threads as computing
    from ..model.context_neighbors import context_neighbors
    from ..model.word_reader import WordReader
    from ..text.words import TextSettings

    settings = None if segmenter is None else TextSettings(segmenter=segmenter)
    with computing(threads), progress_bar() as progress:
        opening: dict[str, Any] = {"settings": settings, "device": device, "unicode_errors": unicode_errors}
        reader = WordReader.open(encoder, layers=_layers(layers), **opening)
        tell(getattr(reader.network, "notes", ()))
        options["limit"] = options["limit"] or None
        found = context_neighbors(reader, text, word, _sentences(among), progress=progress, **options)
    if json:
        print_json(found.to_json())
        return
    for one in found.occurrences:
        console.print(_line(one, "bold"))
        table = plain_table()
        table.add_column("cosine", justify="right")
        table.add_column("in its sentence", no_wrap=True, overflow="ignore")
        for neighbor in one.neighbors:
            table.add_row(f"{neighbor.cosine:.3f}", _line(neighbor, "bold green"))
        console.print(table)
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
    from ..pretraining.raw_text import RawText
    from ..text.sentences import sentences

    for block in RawText(paths).blocks("reading"):
        for paragraph, _ in block:
            yield from sentences(paragraph)


def _line(one: "Occurrence", style: str) -> Text:
    """The word between what stands around it, as much as fits into a line."""
    from rich.cells import cell_len

    room = console.width * len(one.sentence) // max(1, cell_len(one.sentence))  # some characters are wide
    room = max(20, room - 10 - (one.end - one.start))
    before, after = one.sentence[: one.start], one.sentence[one.end :]
    left = max(room // 2, room - len(after))
    before = before if len(before) <= left else "…" + before[len(before) - left + 1 :]
    right = room - len(before)
    after = after if len(after) <= right else after[: right - 1] + "…"
    return Text.assemble(before, (one.sentence[one.start : one.end], style), after)
