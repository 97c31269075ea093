"""Docstrings out of Python source, cleaned into prose, by a scan over strings and comments; no code is run.

A full parse would find the same docstrings far more slowly. Left out: docstrings that are not the
first thing under a line that ends in a colon, and what belongs to code rather than prose (examples,
parameter tables).
"""

import inspect
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

# Strings and comments, in order, so that a quote inside one of them never starts another. Possessive
# repeats (`++`, `*+`) keep the scan linear when a quote is never closed.
_STRING_OR_COMMENT = re.compile(
    r"""
      \#[^\n]*
    | \"\"\"(?P<double3>(?:[^"\\]++|\\.|"(?!""))*+)\"\"\"
    | '''(?P<single3>(?:[^'\\]++|\\.|'(?!''))*+)'''
    | "(?P<double>(?:[^"\\\n]++|\\.)*+)"
    | '(?P<single>(?:[^'\\\n]++|\\.)*+)'
    """,
    re.VERBOSE | re.DOTALL,
)
_DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_TRIPLE = ('"""', "'''")
_PREFIXES = ("", "r", "u")  # bytes and f-strings are no docstrings


def docstrings_of(source: str) -> Iterator[str]:
    """The docstrings of the module, classes and functions of `source`, in the order of their writing.

    Escapes are left as written, but for a backslash at a line's end.
    """
    return (docstring for _, docstring in named_docstrings_of(source))


def named_docstrings_of(source: str) -> Iterator[tuple[str, str]]:
    """The same, with the names of what they describe; that of the module is ""."""
    if not any(quotes in source for quotes in _TRIPLE):
        return
    definitions = [(found.start(), found[1]) for found in _DEFINITION.finditer(source)]
    for match in _STRING_OR_COMMENT.finditer(source):
        if match.lastgroup is None:
            continue
        line_start = source.rfind("\n", 0, match.start()) + 1
        prefix = source[line_start : match.start()].strip().lower()
        if prefix in _PREFIXES and _opens_a_body(source, line_start):
            before = bisect_left(definitions, (line_start, ""))
            name = definitions[before - 1][1] if before else ""
            yield name, inspect.cleandoc(match[match.lastgroup].replace("\\\n", ""))


def _opens_a_body(source: str, line_start: int) -> bool:
    """Whether the code before `line_start` ends in a colon, or there is none: the module's own docstring."""
    end = line_start
    while end > 0:
        start = source.rfind("\n", 0, end - 1) + 1
        code = source[start:end].partition("#")[0].rstrip()
        if code:
            return code.endswith(":")
        end = start
    return True


_ROLE = re.compile(r":(?:[a-z]+:)?[a-z]+:(?=`)")
_MARKED = re.compile(r"`{1,2}~?([^`]*?)(?:\s*<[^`<>]*>)?`{1,2}_{0,2}")
_ADDRESS = re.compile(r"<?\b(?:https?|ftp)://\S+")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
# What begins a paragraph of code, markup, a signature or a table of parameters rather than prose.
_NOT_PROSE = re.compile(
    r"\s*(?:>>>|\.\.|:\w|@|\$|\#|\*|[-=~|+]{2,}|[\w.]+\(|[\w.]+ \([^)]*\) ?:|"
    r"(?:args|arguments|parameters?|params|returns?|raises|yields?|examples?|notes?|references|see also|"
    r"usage|attributes|inputs?|outputs?|warnings?|todo|copyright|licen[cs]e)\s*(?::|\n\s*[-=~]+))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")


def paragraphs_of(docstring: str) -> list[str]:
    """The paragraphs of a docstring (without its common indentation), each as one line of plain text.

    The first is often the summary. What is not prose becomes "", so that the first of the list is always the
    first paragraph of the docstring.
    """
    return [_plain(paragraph) for paragraph in _BLANK_LINE.split(docstring)]


def _plain(paragraph: str) -> str:
    if _NOT_PROSE.match(paragraph):
        return ""
    text = _ADDRESS.sub("", _MARKED.sub(r"\1", _ROLE.sub("", paragraph)))
    text = " ".join(text.split())
    letters = sum(map(str.isalpha, text)) + text.count(" ")
    return text if letters >= 0.85 * len(text) and "\ufffd" not in text else ""


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z…])")
# Letters, and the punctuation that prose has within a sentence: neither digits nor names of code.
_READABLE = re.compile(r"[A-Z…](?:[A-Za-z ,;'’()…-](?<![a-z][A-Z]))*[.!?]")


def first_sentence(paragraph: str) -> str:
    """The first sentence of a paragraph if it reads like prose, from a capital to a full stop; else ""."""
    sentence = _SENTENCE_END.split(paragraph, maxsplit=1)[0]
    return sentence if _READABLE.fullmatch(sentence) else ""


def count_words(text: str) -> int:
    """How many words of two letters or more there are in a line of prose."""
    return len(_WORD.findall(text))


def name_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds a library's names in prose, so that the answer can be taken out of the question.

    A name of four letters or more is found inside longer words too ("PyTorch" for torch), a shorter one only
    as a word of its own ("np" in "np.sum"). Neither case matters nor what joins the parts of a name: "-",
    "_", " " or nothing.
    """
    parts = []
    for name in sorted(set(names), key=lambda name: (-len(name), name)):
        joined = r"[-_ ]?".join(map(re.escape, re.findall(r"[^-_ .]+", name)))
        parts.append(rf"\b\w*?{joined}\w*" if len(name) > 3 else rf"(?<![^\W_]){joined}(?![^\W_])")
    return re.compile("|".join(parts), re.IGNORECASE)
