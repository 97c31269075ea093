"""Writes src/wordladder/text/unicode_classes.txt: the class of every code point, read by `text/words.py`.

Needs the package `regex`, whose tables say which version of Unicode this is. Run it again only to move to
a newer version of Unicode: words change with it, and so does what a model trained before then sees.

    pip install regex==2026.11.15 && python tools/unicode_classes.py
"""

from pathlib import Path

import regex

from wordladder.kernels import character_classes as kinds
from wordladder.text import words as text

UNICODE = "17.0"
TARGET = Path(text.__file__).with_name("unicode_classes.txt")

# The first pattern that matches decides. Anything left (punctuation, symbols, private use) is a SYMBOL.
RULES = [
    # Space is what str.isspace() says: White_Space and the four information separators.
    (kinds.SPACE, r"[\p{White_Space}\x1c-\x1f]"),
    (kinds.APOSTROPHE, r"['\u2019]"),
    (kinds.MODIFIER, r"\p{Emoji_Modifier}"),
    (kinds.REGIONAL, r"\p{Regional_Indicator}"),
    # Circled M is the one pictograph with a lower case, which is none: both are symbols.
    (kinds.SYMBOL, r"\u24c2"),
    (kinds.EMOJI, r"\p{Extended_Pictographic}"),
    # Marks, soft hyphen, the two joiners, and the tags that spell the flags of regions.
    (kinds.EXTEND, r"[\p{M}\xad\u200c\u200d\U000e0020-\U000e007f]"),
    (kinds.CONTROL, r"[\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}]"),
    (kinds.CONTROL, r"(?=\p{Cn})\p{Default_Ignorable_Code_Point}"),
    # Planes 2 and 3 are set aside for Han: what later versions assign there is already right.
    (kinds.HAN, r"(?=\p{Cn})[\U00020000-\U0003fffd]"),
    (kinds.HAN, r"(?=\p{Script=Han})[\p{L}\p{Nl}\p{So}]"),
    (kinds.LETTER, r"\p{L}"),
    (kinds.DIGIT, r"\p{N}"),
]


def classify(code: int) -> int:
    character = chr(code)
    return next((kind for kind, pattern in RULES if regex.match(pattern, character)), kinds.SYMBOL)


def main() -> None:
    runs, last = [], -1
    for code in range(0x110000):
        kind = classify(code)
        if kind != last:
            runs.append(f"{code:X} {kind}")
            last = kind
    head = [f"# Unicode {UNICODE}. Written by tools/unicode_classes.py: first code point of a run, class."]
    TARGET.write_text("\n".join(head + runs) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
