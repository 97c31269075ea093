"""Draw a map of words."""

from pathlib import Path
from typing import Any

from ..console import console, print_json, tell
from ..options import Json, UnicodeErrors
from ..signatures import command_options, library_options
from ._shared import File, Format, as_trained, load

OPTIONS = library_options(
    "evaluation/word_map.py", "word_map", {"Options": "neighbors method seed"}, neighbors={"min": 0}
)


@command_options(OPTIONS, words={"metavar": "WORD"}, words_file={"metavar": "FILE"}, font={"metavar": "FILE"})
def map(
    file: File,
    words: list[str] | None = None,
    *,
    output: Path,
    words_file: Path | None = None,
    font: Path | None = None,
    title: str = "",
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
    **options: Any,
) -> None:
    """Draw words, and the words nearest to them, as a map in two dimensions.

    Example:  wordladder vectors map words.safetensors king queen cat dog --neighbors 8 --output map.svg

    Args:
        words: Words to show.
        output: Picture to write: .svg, .png or .pdf.
        words_file: More words to show, one a line.
        font: Font for the labels; if not given, an installed one that fits.
        title: A line above the map.
    """
    from ...evaluation.word_map import word_map
    from ...evaluation.word_map_picture import draw_word_map, picture_format
    from ...extras import require
    from ...files.streams import atomic_write
    from ...text.file_content import decode, read_bytes

    kind = picture_format(output)
    require("matplotlib", "plot", "A map of words")
    lines = decode(read_bytes(words_file), str(words_file)).split("\n") if words_file else []
    shown = [*(words or []), *(line.strip() for line in lines if line.strip())]
    vectors = load(file, format_, unicode_errors)
    result = word_map(vectors, [as_trained(word, vectors) for word in shown], **options)
    picture = draw_word_map(result, kind, font=font, title=title)
    with atomic_write(output) as target:
        target.write(picture.content)
    if picture.missing:
        boxes = f"no installed font has {picture.missing[:12]!r}: these characters are drawn as boxes."
        tell([f"{boxes} Install a font that has them, such as Noto Sans CJK, or give one with --font FILE."])
    if picture.overlaps:
        tell([f"{picture.overlaps} pairs of labels touch: fewer words would make a clearer map."])
    if not json:
        console.print(f"{output}: {len(result.words)} words", markup=False, soft_wrap=True)
        return
    facts = {name: getattr(result, name) for name in ("method", "explained", "perplexity")}
    rows = zip(result.words, result.points.tolist(), result.groups)
    places = [{"word": word, "x": x, "y": y, "group": result.words[group]} for word, (x, y), group in rows]
    print_json({"output": str(output), **facts, "words": places})
