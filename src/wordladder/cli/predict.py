"""`wordladder predict`: what a saved model predicts for the texts of a file or of standard input."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from ..errors import SettingError
from ..evaluation.entity_marks import COLOURS, colour_numbers, pieces
from ..explanation.explanation import Method
from .console import console, errors, print_json, print_notes
from .explaining import explain_rows
from .options import Device, Input, Json, ModelPath, Threads, blocks, climb_options
from .signatures import command_options

BLOCK = 1024
COLUMNS, SUFFIXES = ("columns", "conllu"), (".conll", ".conllu")  # files with a word a line

# The colours of the page's marks, of middling lightness: on dark and on light terminals.
NAMES = (
    "dodger_blue2", "green4", "dark_orange3", "medium_purple3", "dark_cyan", "red3", "dark_goldenrod",
    "slate_blue3", "deep_pink3", "sea_green3", "deep_sky_blue3", "chartreuse4",
)  # fmt: skip


@command_options(
    climb_options({"Table": "text format skip_incomplete"}),
    top={"min": 1},
    **{name: {"rich_help_panel": "Explanation"} for name in ("explain", "target", "method")},
)
def predict(
    model: ModelPath,
    file: Input = "-",
    *,
    top: int = 1,
    refuse: bool = False,
    html: Path | None = None,
    explain: bool = False,
    target: str | None = None,
    method: Method = "auto",
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **columns: Any,
) -> None:
    """Predict for each text of a file or of standard input.

    Prints the text's label, its entities marked in colour, its translation, or the answer to a question.
    Questions come with their passages in a file, or one a line: question, tab, passage. --json prints one
    object a line.

    Example:  echo "what a wonderful film" | wordladder predict model -

    Args:
        top: Labels, taggings or answers to print for each text.
        refuse: Answer only where the set of labels has one; the model was trained with `task.guarantee`.
        html: Page to write: the entities marked in their texts, the attention of each translation, or with
            --explain the texts with their words coloured.
        explain: Say how much each word counts for the answer.
        target: The label, or the type of the entity, that is explained instead of the answer.
        method: How: by the weights of a linear model, by integrated gradients, by occlusion, which takes
            out a word at a time; auto is the first that fits the model.
    """
    from ..evaluation.alignment_page import alignment_page
    from ..evaluation.entity_page import entity_page
    from ..files.streams import atomic_write
    from ..model.model import Model

    loaded = Model.load(model, device=device, threads=threads)
    task = loaded.recipe_.task
    if explain:
        blocks = _rows(task, loaded.task_.segments > 1, file, **columns)
        explain_rows(loaded, blocks, {"target": target, "method": method}, html, json=json)
        return
    if html is not None and task not in ("tagging", "translation"):
        raise SettingError(
            "--html shows entities, or the attention of translations, or with --explain what words count; "
            f"this model is for {task}"
        )
    if refuse and task == "tagging":
        raise SettingError("--refuse is for labels of texts; --json shows the set of entities of each text")
    if refuse and getattr(loaded.task_, "guarantee", None) is None:
        raise SettingError(
            "--refuse: this model has no sets of labels; train it with --set task.guarantee=0.9"
        )
    page: list[tuple[str, dict[str, Any]]] = []
    alignments: list[Any] = []
    for rows, ids in _rows(task, loaded.task_.segments > 1, file, **columns):
        if html is not None and task == "translation":
            alignments += loaded.alignments(rows)
        for number, (row, answer) in enumerate(zip(rows, loaded.answers(rows, top))):
            if refuse and len(answer["set"]) != 1:
                answer |= {"label": None}
            if html is not None:
                page.append((row, answer))
            if json:
                print_json(answer if ids is None else {"id": ids[number], **answer})
            elif html is None:
                _show(loaded.task_, row, answer, top)
    if html is not None:
        texts = [row for row, _ in page]
        if task == "translation":
            written = alignment_page(alignments, loaded.recipe_.name)
        else:
            found = [answer if "entities" in answer else {"entities": answer["words"]} for _, answer in page]
            written = entity_page(texts, found, loaded.recipe_.name)
        html.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(html) as output:
            output.write(written.encode("utf-8"))
        # With --json, standard output is for programs.
        done = "translated" if task == "translation" else "marked"
        (errors if json else console).print(f"{len(page):,} texts {done} in [bold]{html}[/bold]")


def _rows(
    task: str, pairs: bool, file: str, text: str | None, format: str | None, skip_incomplete: bool
) -> Iterator[tuple[list[Any], list[str] | None]]:
    """Blocks of texts, or of questions with their passages, and their ids if the file has any."""
    from ..data.questions import read_questions
    from ..data.tables import read_table, read_texts
    from ..data.tagged import read_tagged

    if task == "span_qa" and (file != "-" or format is not None):
        read: Any = read_questions
    elif task == "tagging" and (format in COLUMNS or Path(file).suffix in SUFFIXES):
        read = read_tagged
    elif task != "span_qa" and skip_incomplete:
        read = read_table
    else:
        size = 1 if file == "-" and sys.stdin.isatty() else BLOCK  # a person waits for each answer
        for rows in blocks(read_texts(file, text=text, format=format), size):
            yield ([_pair(row) if isinstance(row, str) else row for row in rows] if pairs else rows), None
        return
    found = read(file, labelled=False, text=text, format=format, skip_incomplete=skip_incomplete)
    if skip_incomplete:
        print_notes(found, to=errors)
    whole = found.texts if len(found.segments) == 1 else list(zip(*found.segments, strict=True))
    for first in range(0, len(whole), BLOCK):
        names = None if found.ids is None else list(found.ids[first : first + BLOCK])
        yield whole[first : first + BLOCK], names


def _pair(line: str) -> tuple[str, str]:
    question, tab, passage = line.partition("\t")
    if not tab:
        raise SettingError(f"two texts are expected, with a tab between, not {line[:60]!r}")
    return question, passage


def _show(task: Any, row: Any, answer: dict[str, Any], top: int) -> None:
    if task.labels_are == "spans":
        _show_tags(row, answer, task.labels)
    elif task.labels_are == "answers":
        question = " ".join(row[0].split())
        for one in answer.get("candidates") or [answer["answer"]]:
            print(f"{' '.join(one['text'].split()) or '–'}\t{one['score']:.3f}\t{question}")
    elif task.labels_are == "texts":
        for one in answer.get("candidates") or [answer]:
            print(one["text"] if top == 1 else f"{one['score']:.3f}\t{one['text']}", flush=True)
    elif task.labels_are == "nothing":
        print(f"{answer['log_probability']:.3f}", row, sep="\t")
    elif task.labels_are == "numbers":
        texts = (" ".join(text.split()) for text in ([row] if isinstance(row, str) else row))
        print(f"{answer['value']:.4g}", *texts, sep="\t")
    else:
        print(_label_line(row, answer, top))


def _show_tags(text: str, answer: dict[str, Any], types: list[str]) -> None:
    """The text with its entities or the tags of its words; alternatives below, with their probabilities."""
    for number, way in enumerate([answer, *answer.get("alternatives", ())[1:]]):
        found = way["entities"] if "entities" in way else way["words"]
        sure = f"{way['probability']:.3f}  " if number else ""
        if console.is_terminal:
            console.print(f"[dim]{sure}[/dim]", coloured(text, found, types), sep="", soft_wrap=True)
        else:
            print(sure + marked(text, found))


def coloured(text: str, entities: Sequence[Mapping[str, Any]], types: Iterable[str] = ()) -> Text:
    """A text whose entities are bold, in the colour of their type, which follows in brackets.

    Args:
        text: The text.
        entities: What `predict` answers: each has `type`, `start` and `end` in characters.
        types: All types that are shown beside; they keep the same colours in all texts.

    Raises:
        DataError: an entity does not lie within the text or overlaps another one.
    """
    numbers = colour_numbers({*types, *(entity["type"] for entity in entities)})
    shown = Text()
    for piece, entity in pieces(text, entities):
        if entity is None:
            shown.append(piece)
            continue
        shade, colour = divmod(numbers[entity["type"]], COLOURS)
        shown.append(piece, f"bold {NAMES[colour]}{' underline' if shade % 2 else ''}")
        shown.append(f"[{entity['type']}]", f"dim {NAMES[colour]}")
    return shown


def marked(text: str, entities: Sequence[Mapping[str, Any]]) -> str:
    """A text with its entities in brackets, as in `[Paris LOC] is large.`

    Raises:
        DataError: an entity does not lie within the text or overlaps another one.
    """
    return "".join(
        piece if entity is None else f"[{piece} {entity['type']}]" for piece, entity in pieces(text, entities)
    )


def _label_line(row: str | tuple[str, ...], answer: dict[str, Any], top: int) -> str:
    texts = [" ".join(text.split()) for text in ([row] if isinstance(row, str) else row)]
    ranked = answer["probabilities"]
    labels = answer["label"] if isinstance(answer["label"], list) else list(ranked)[:top]
    if answer["label"] is None:
        return "\t".join(["–", *texts])
    if top == 1 and len(answer.get("set", labels)) > 1:
        labels = answer["set"]
    shown = ", ".join(labels) if top == 1 else ", ".join(f"{label} {ranked[label]:.3f}" for label in labels)
    surest = f"{max((ranked[label] for label in labels), default=0.0):.3f}"
    return "\t".join([shown, surest, *texts] if top == 1 else [shown, *texts])
