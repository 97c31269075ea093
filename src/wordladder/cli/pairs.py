"""`wordladder pairs`: near-duplicates and paraphrases in a corpus, and exact duplicates."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..data.plurals import counted
from ..errors import ModelError, OutputError
from .console import console, errors, print_json, print_notes, progress_bar
from .encoding import encode_texts, open_encoder, show_anisotropy
from .options import Device, Input, Json, Threads, UnicodeErrors, climb_options
from .signatures import command_options, library_options

if TYPE_CHECKING:
    from ..search.text_pairs import TextPairs

SUFFIXES = (".jsonl", ".csv")
OPTIONS = library_options(
    "search/text_pairs.py",
    "text_pairs",
    {"Options": "top threshold limit"},
    top={"min": 1},
    limit={"min": 0, "help": "The most pairs; 0: all."},
)
ENCODING = library_options(
    "model/model.py", "Model.encode", {"Vectors": "prompt prompt_name batch_size"}, batch_size={"min": 1}
)


@command_options(
    OPTIONS,
    ENCODING,
    climb_options({"Table": "text format"}),
    output={"flags": ["--output", "-o"]},
    precision={"rich_help_panel": "Vectors"},
)
def pairs(
    file: Input = "-",
    *,
    model: Path | None = None,
    output: Path | None = None,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    unicode_errors: UnicodeErrors = "strict",
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Find texts of a corpus that say nearly the same: near-duplicates and paraphrases.

    Prints each pair once, by falling cosine, with the lines of both texts, then the texts that occur more
    than once. What a cosine means depends on the model: look at some pairs before you set --threshold.

    Example:  wordladder pairs questions.txt --model MiniLM/ --threshold 0.75

    Args:
        model: As for `wordladder embed`; if not given, the word vectors that come with wordladder, which see
            words in common and little of the meaning.
        output: File to write the pairs to, exact duplicates included: .jsonl or .csv.
        precision: Arithmetic of a pretrained encoder; `auto` is bfloat16 where the hardware has it.
    """
    from ..data.tables import read_table
    from ..search.text_pairs import text_pairs

    if output is not None and output.suffix not in SUFFIXES:
        raise OutputError(f"{output}: pairs are written as .jsonl or .csv")
    if output is not None and not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    search = {name: options.pop(name) for name in ("top", "threshold", "limit")}
    search["limit"] = search["limit"] or None
    examples = read_table(file, labelled=False, text=options.pop("text"), format=options.pop("format"))
    print_notes(examples, to=errors)
    opening: dict[str, Any] = {"device": device, "threads": threads, "precision": precision}
    if model is None:
        loaded = _starter(examples.texts)
    else:
        loaded = open_encoder(model, unicode_errors=unicode_errors, **opening)
    with progress_bar() as progress:
        encode = partial(encode_texts, loaded, progress=progress, **options)
        found = text_pairs(examples, encode, progress=progress, **search)
    if output is not None:
        _write(output, found)
    if json:
        print_json(found.to_json())
        return
    _show(found, search["limit"])


def _starter(texts: list[str]) -> Any:
    """The starter vectors of the language of the texts."""
    from ..text.vocabulary import Vocabulary
    from ..text.words import tokenize
    from ..vectors._starter import starter

    vectors = starter(Vocabulary.count(tokenize(texts).surfaces(lowercase=True)))
    if vectors is None:
        raise ModelError("no word vectors come with wordladder for the language of these texts; give --model")
    return vectors


def _rows(found: "TextPairs") -> list[dict[str, Any]]:
    """The pairs, after each repeated text with the line where it came first, whose score is 1."""
    rows: list[dict[str, Any]] = [
        {"score": 1.0, "line": one.lines[0], "other_line": line, "text": one.text, "other_text": one.text}
        for one in found.duplicates
        for line in one.lines[1:]
    ]
    return rows + [vars(pair) for pair in found.pairs]


def _write(output: Path, found: "TextPairs") -> None:
    import csv
    import io
    from json import dumps

    from ..files.streams import atomic_write

    rows, text = _rows(found), io.StringIO()
    if output.suffix == ".csv":
        writer = csv.DictWriter(text, ["score", "line", "other_line", "text", "other_text"])
        writer.writeheader()
        writer.writerows(rows)
    else:
        text.writelines(dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with atomic_write(output) as file:
        file.write(text.getvalue().encode())


def _show(found: "TextPairs", limit: int | None) -> None:
    width = max((len(str(max(pair.line, pair.other_line))) for pair in found.pairs), default=0)
    for pair in found.pairs:
        print(f"{pair.score:.3f}  {pair.line:{width}}  {' '.join(pair.text.split())}")
        print(f"       {pair.other_line:{width}}  {' '.join(pair.other_text.split())}")
    if found.duplicates:
        console.print(f"[bold]{counted(len(found.duplicates), 'text')} more than once:[/bold]")
    for one in found.duplicates[:limit]:
        print(f"lines {', '.join(map(str, one.lines))}  {' '.join(one.text.split())}")
    shown = f"the best {len(found.pairs):,} of " if len(found.pairs) < found.found else ""
    pairs = counted(found.found, "pair")
    console.print(f"[dim]{shown}{pairs} among {found.distinct:,} different texts of {found.texts:,}[/dim]")
    show_anisotropy(found.anisotropy)
