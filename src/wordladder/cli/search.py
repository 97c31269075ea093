"""`wordladder search`: the passages of an index that fit a query, with its words marked, and the answer."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from json import loads
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from ..data.plurals import counted
from ..errors import DataError, SettingError, did_you_mean
from .console import console, duration, milliseconds, print_json, tell, wrapped
from .encoding import open_encoder
from .options import Device, Json, Threads, blocks
from .signatures import command_options, library_options

if TYPE_CHECKING:
    from ..search.answering import FoundAnswer
    from ..search.index import Index
    from ..search.passages import Hit
    from ..search.terms import Terms

BLOCK = 64  # queries of standard input that are searched together
INDENT, LINES = 4, 3  # of a passage in the list
OPTIONS = library_options("search/index.py", "Index.search_all", {"Options": "by depth"}, depth={"min": 1})

_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(>=|<=|>|<|==?)\s*(.*?)\s*", re.DOTALL)
_MEMBER = re.compile(r'\s*"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+')  # of a list
_COMPARISONS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")  # and what a terminal would obey


@command_options(OPTIONS, top={"min": 1}, where={"metavar": "CONDITION"})
def search(
    index: str,
    query: list[str],
    *,
    top: int = 10,
    where: list[str] | None = None,
    rerank: Path | None = None,
    answer: Path | None = None,
    encoder: Path | None = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Search an index: the passages that fit best, with the words of the query marked.

    Example:  wordladder search notes-index "who designed the wing" --top 5 --where "year>=1950"

    Args:
        index: The folder or address of an index that `wordladder index build` has made.
        query: What is searched; several words are one query. - reads one query a line from standard input.
        top: Passages to show.
        where: Only documents whose field has a value, one of several, or a number in a range: kind=a,b
            "year>=1990". A value with a comma stands in quotes: 'author="Lee, K."'. All conditions hold.
        rerank: A model of pairs or of similarity that ranks the passages again.
        answer: A model that answers questions (span_qa): it reads the first five passages found.
        encoder: The encoder of the index, if it is not where it was.
    """
    from ..search.answering import answer as find_answer
    from ..search.index import Index

    options["where"] = parse_where(where or [])
    opening: dict[str, Any] = {"device": device, "threads": threads}
    with Index.open(index, encoder, **opening) as opened:
        options["rerank"] = None if rerank is None else open_encoder(rerank, **opening)
        reader = None if answer is None else open_encoder(answer, **opening)
        warm = empty = False
        for queries in _queries(query):
            if not warm:  # what is loaded once is not counted
                opened.search(queries[0], 1, by=options["by"], depth=1)
                warm = True
            started = perf_counter()
            found = opened.search_all(queries, top, **options)
            seconds = perf_counter() - started
            for text, hits in zip(queries, found):
                best = None if reader is None else find_answer(reader, text, hits)
                if json:
                    print_json(_row(text, hits, best, reader is not None))
                    continue
                if query == ["-"]:
                    console.print(Text(text, style="bold underline"))
                if reader is not None:
                    _show_answer(best)
                show_hits(opened, text, hits, best)
            empty = empty or not all(found)
            if not json:
                searched = f"{counted(opened.count(), 'document')} searched"
                time = milliseconds(seconds * 1000) if seconds < 1 else duration(seconds)
                console.print(f"[dim]{searched} in {time}[/dim]")
        if empty and options["where"]:
            known = opened.fields()
            unknown = [name for name in options["where"] if name not in known]
            tell(f"no document has a field {one!r}.{did_you_mean(one, sorted(known))}" for one in unknown)


def parse_where(conditions: Sequence[str]) -> dict[str, Any]:
    """`["year>=1990", "kind=a,b"]` as `{"year": {"gte": 1990}, "kind": ["a", "b"]}`. A value is a number,
    true, false, or else a text; in double quotes it is a text whatever it looks like.

    Raises:
        SettingError: a condition is not of this form, or two contradict each other.
    """
    found: dict[str, Any] = {}
    for condition in conditions:
        parts = _CONDITION.fullmatch(condition)
        if parts is None or not parts[3]:
            raise SettingError(
                f"--where {condition}: write it as FIELD=VALUE, such as kind=a,b or year>=1990"
            )
        name, sign, value = parts.groups()
        comparison, known = _COMPARISONS.get(sign), found.get(name, {})
        wanted: Any = {comparison: _value(value)}
        if comparison is None:
            wanted = [_value(one.strip()) for one in _MEMBER.findall(value)]
        if name not in found:
            found[name] = wanted
        elif isinstance(known, dict) and isinstance(wanted, dict) and known.keys().isdisjoint(wanted):
            found[name] = known | wanted
        else:
            raise SettingError(f"--where {condition}: there is another condition on {name} already")
    return found


def _value(text: str) -> str | int | float | bool:
    try:
        value = loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float) else text


def _queries(given: Sequence[str]) -> Iterator[list[str]]:
    """The query, or blocks of those of standard input."""
    if list(given) != ["-"]:
        yield [" ".join(given)]
        return
    from ..data.tables import read_texts

    lines = 0
    for block in blocks(read_texts("-"), 1 if sys.stdin.isatty() else BLOCK):
        for line, text in enumerate(block, start=lines + 1):
            if not text.strip():
                raise DataError(f"standard input, line {line}: the query is empty")
        lines += len(block)
        yield block


def _row(query: str, hits: "Sequence[Hit]", answer: "FoundAnswer | None", asked: bool) -> dict[str, Any]:
    found = {"answer": None if answer is None else asdict(answer)} if asked else {}
    return {"query": query, "hits": [asdict(hit) for hit in hits], **found}


def show_hits(index: "Index", query: str, hits: "Sequence[Hit]", answer: "FoundAnswer | None" = None) -> None:
    """Print a list of hits: of each passage the part with the words of the query, or with the answer.

    Args:
        index: The index.
        query: The query.
        hits: What it found.
        answer: The answer that was read in one of them.
    """
    from ..search.highlight import Mark
    from ..search.terms import Terms

    terms = Terms(stemmer=index.settings.stemmer)
    for rank, hit in enumerate(hits):
        spot = None
        if answer is not None and answer.hit == rank:
            spot = Mark(answer.start - hit.start, answer.end - hit.start, answer.text)
        console.print(_head(rank + 1, hit), overflow="ellipsis", no_wrap=True)
        for line in wrapped(_passage(terms, query, hit.text, spot), console.width - INDENT):
            console.print(Text(" " * INDENT) + line)
    if not hits:
        console.print("nothing found")


def _show_answer(answer: "FoundAnswer | None") -> None:
    if answer is None:
        console.print("[dim]no answer in these passages[/dim]")
        return
    place = f"  {answer.score:.3f}  {answer.id}, characters {answer.start:,} to {answer.end:,}"
    console.print(Text.assemble((_plain(answer.text), "bold green"), (_plain(place), "dim")))


def _head(rank: int, hit: "Hit") -> Text:
    place = f"  from character {hit.start:,}" if hit.start else ""
    fields = "".join(f"  {name}: {_field(value)}" for name, value in hit.fields.items())
    number, score = (f"{rank:>{INDENT - 2}}  ", "dim"), f"{hit.score:.3f}  "
    return Text.assemble(number, score, (_plain(hit.id), "bold cyan"), (place + fields, "dim"))


def _field(value: Any) -> str:
    return _plain(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _passage(terms: "Terms", query: str, text: str, spot: Any) -> Text:
    """The part of a passage that fits into some lines, with the words of the query and the answer marked."""
    from ..search.highlight import marks, snippet

    wide = max(1, cell_len(text)) / max(1, len(text))  # some characters take two cells
    marked = marks(terms, query, text)
    room = max(20, int((console.width - INDENT - 8) / wide) * LINES)
    start, end = snippet(text, marked if spot is None else [spot], room)
    shown, at = Text("… " if start else ""), start
    styled = [
        (mark, "bold") for mark in marked if spot is None or mark.end <= spot.start or spot.end <= mark.start
    ]
    styled += [(spot, "bold green")] if spot is not None else []
    for mark, style in sorted(styled):
        if start <= mark.start and mark.end <= end:
            shown.append(_plain(text[at : mark.start]))
            shown.append(_plain(text[mark.start : mark.end]), style)
            at = mark.end
    shown.append(_plain(text[at:end]) + (" …" if end < len(text) else ""))
    return shown


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", text)
