"""The classes of code points as numbers, for `text.words`, which has the table, and for the scan of corpora.

Comparisons rely on the order: below LETTER nothing is a word, and a text without a class from EXTEND on is
plain enough for the short way.
"""

from typing import Final

SPACE: Final = 0  # what str.isspace() says
CONTROL: Final = 1  # control and format characters
LETTER: Final = 2
DIGIT: Final = 3  # digits and other numbers
HAN: Final = 4
SYMBOL: Final = 5  # punctuation, symbols and all that is left
APOSTROPHE: Final = 6
EXTEND: Final = 7  # marks, joiners, variation selectors, soft hyphen
EMOJI: Final = 8
MODIFIER: Final = 9  # skin tones
REGIONAL: Final = 10  # two make a flag
