"""Draw a map of words."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .._warnings import tell
from ..console import console, print_json
from ..options import Json, UnicodeErrors
from ._shared import File, Format, load
from .ask import as_trained


def draw_map(
    file: File,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .svg, .png or .pdf.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD", help="Words to show.")] = None,
    words_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="More words to show, one a line.")
    ] = None,
    neighbors: Annotated[
        int, typer.Option(min=0, help="Also show so many of the nearest words of each word.")
    ] = 0,
    method: Annotated[
        str,
        typer.Option(
            metavar="pca|tsne",
            help="pca: directions of largest variance. tsne: neighbours together; needs scikit-learn.",
        ),
    ] = "pca",
    font: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Font for the labels; left out, an installed one that fits."),
    ] = None,
    title: Annotated[str, typer.Option(help="A line above the map.")] = "",
    seed: Annotated[int, typer.Option(help="Start of t-SNE's chance.")] = 1,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Draw words, and the words nearest to them, as a map in two dimensions.

    Example:  wordladder vectors map words.safetensors king queen cat dog --neighbors 8 --output map.svg
    """
    from ...evaluation.word_map import word_map
    from ...evaluation.word_map_picture import draw_word_map, picture_format
    from ...extras import require
    from ...files.streams import atomic_write

    kind = picture_format(output)
    require("matplotlib", "plot", "A map of words")
    asked = [*(words or []), *(_listed(words_file) if words_file else [])]
    vectors = load(file, format_, unicode_errors)
    asked = [as_trained(word, vectors) for word in asked]
    found = word_map(vectors, asked, neighbors=neighbors, method=method, seed=seed)  # type: ignore[arg-type]
    picture = draw_word_map(found, kind, font=font, title=title)
    with atomic_write(output) as target:
        target.write(picture.content)
    _tell(picture)
    if json:
        print_json({"output": str(output), **_facts(found)})
        return
    console.print(f"{output}: {len(found.words)} words", markup=False, soft_wrap=True)


def _listed(path: Path) -> list[str]:
    """The words of a file, one a line."""
    from ...text.file_content import decode, read_bytes

    lines = decode(read_bytes(path), str(path)).split("\n")
    return [line.strip() for line in lines if line.strip()]


def _facts(found: Any) -> dict[str, Any]:
    places = zip(found.words, found.points.tolist(), found.groups)
    return {
        "method": found.method,
        "explained": found.explained,
        "perplexity": found.perplexity,
        "words": [{"word": w, "x": x, "y": y, "group": found.words[g]} for w, (x, y), g in places],
    }


def _tell(picture: Any) -> None:
    notes = []
    if picture.missing:
        notes.append(
            f"no installed font has {picture.missing[:12]!r}: these characters are drawn as boxes. Install a "
            "font that has them, such as Noto Sans CJK, or give one with --font FILE."
        )
    if picture.overlaps:
        notes.append(f"{picture.overlaps} pairs of labels touch: fewer words would make a clearer map.")
    tell(notes)
