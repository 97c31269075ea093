"""The classification data sets, each as training and test rows."""

import csv
import gzip
import io
import random
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from _common import need

__all__ = ["NAMES", "Rows", "load"]

TEST_ROWS = 5000  # of a large test set


class Rows(NamedTuple):
    """Texts and their labels."""

    texts: list[str]
    labels: list[str]

    def first(self, count: int) -> "Rows":
        """The first rows."""
        return Rows(self.texts[:count], self.labels[:count])


def load(name: str) -> tuple[Rows, Rows]:
    """All training rows and at most 5,000 test rows, both in a fixed random order."""
    train, test = (_shuffled(rows) for rows in _SETS[name]())
    return train, test.first(TEST_ROWS)


def _shuffled(rows: Iterator[tuple[str, str]]) -> Rows:
    listed = list(rows)
    random.Random(1).shuffle(listed)
    return Rows([text for text, _ in listed], [label for _, label in listed])


def _table(path: str, text: str, label: str, delimiter: str) -> Iterator[tuple[str, str]]:
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    csv.field_size_limit(10_000_000)
    with gzip.open(need(path), "rt", encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter=delimiter, quoting=quoting):
            yield row[text], row[label]


def _sst2() -> tuple[Iterator[tuple[str, str]], ...]:
    return tuple(
        _table(f"classification/sst2/{part}.tsv.gz", "sentence", "label", "\t") for part in ("train", "test")
    )


def _chnsenticorp() -> tuple[Iterator[tuple[str, str]], ...]:
    return tuple(
        _table(f"classification/chnsenticorp/{part}.tsv.gz", "text_a", "label", "\t")
        for part in ("train", "test")
    )


def _imdb() -> tuple[Iterator[tuple[str, str]], ...]:
    return tuple(
        _table(f"classification/imdb_{part}.csv.gz", "review", "sentiment", ",") for part in ("train", "test")
    )


def _thucnews() -> tuple[Iterator[tuple[str, str]], ...]:
    def rows(part: str) -> Iterator[tuple[str, str]]:
        with gzip.open(need(f"classification/thucnews_titles/{part}.txt.gz"), "rt", encoding="utf-8") as file:
            for line in file:
                text, _, label = line.rstrip("\n").rpartition("\t")
                yield text, label

    return rows("train"), rows("test")


def _newsgroups() -> tuple[Iterator[tuple[str, str]], ...]:
    def rows(part: str) -> Iterator[tuple[str, str]]:
        with tarfile.open(need("classification/20news-bydate.tar.xz")) as archive:
            for member in archive:
                if member.isfile() and f"-{part}/" in member.name:
                    post = io.TextIOWrapper(archive.extractfile(member), "latin-1").read()  # type: ignore[arg-type]
                    yield post.partition("\n\n")[2], member.name.split("/")[-2]  # without its header

    return rows("train"), rows("test")


def _shopping(label: str = "cat") -> tuple[Iterator[tuple[str, str]], ...]:
    """The category of a review, or its sentiment; a random fifth of the rows is the test set."""
    rows = list(_table("classification/online_shopping_10_cats.csv.gz", "review", label, ","))
    random.Random(2).shuffle(rows)
    part = len(rows) // 5
    return iter(rows[part:]), iter(rows[:part])


_SETS: dict[str, Callable[[], tuple[Iterator[tuple[str, str]], ...]]] = {
    "sst2": _sst2,
    "20news": _newsgroups,
    "thucnews": _thucnews,
    "chnsenticorp": _chnsenticorp,
    "imdb": _imdb,
    "shopping": _shopping,
}
NAMES = tuple(_SETS)
_SETS["shopping_sentiment"] = partial(_shopping, "label")
