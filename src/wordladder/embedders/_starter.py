"""The encoders that come with wordladder, one ALBERT a language, which `source = "starter"` reads.
`tools/starter_encoder.py` makes them; a language may have none.
"""

from collections.abc import Sequence
from pathlib import Path

from ..text.vocabulary import Vocabulary
from ..text.words import tokenize
from ..vectors._starter import language_of

STARTER = "starter"
FOLDER = Path(__file__).parents[1] / "starters"
_TEXTS = 2000  # whose words tell the language


def starter_encoder(language: str | None) -> Path | None:
    """The folder of a language's encoder, or None where there is none."""
    folder = FOLDER / f"albert-{language}"
    return folder if (folder / "config.json").is_file() else None


def starter_languages() -> list[str]:
    """The languages that have one."""
    found = (folder.name.removeprefix("albert-") for folder in FOLDER.glob("albert-*"))
    return sorted(language for language in found if starter_encoder(language))


def text_language(texts: Sequence[str]) -> str | None:
    """The language of texts; None where it is not known, or no encoder comes with wordladder at all."""
    if not starter_languages():
        return None
    return language_of(Vocabulary.count(tokenize(texts[:_TEXTS]).surfaces(lowercase=True)))
