"""Words per second of finding and joining phrases, against gensim's Phrases, on the same words.

    python benchmarks/phrases.py [FILE] [--megabytes 20] [--repeat 3]

Both find the pairs of neighbours that score above 10 and join them throughout the text. gensim gets the words
in memory, split at punctuation marks like ours; our time is that of reading the text with phrases, minus
that of reading it without. One thread. FILE defaults to the English Wikipedia sample of the research data.
"""

import argparse
import tempfile
import time
from pathlib import Path

from gensim.models.phrases import Phrases

from _common import keep, need
from corpus import machine, plain_copy
from wordladder.text.corpus import read_corpus
from wordladder.text.phrases import PhraseSettings
from wordladder.text.words import tokenize


def seconds_of_reading(path: Path, phrases: PhraseSettings | None) -> tuple[float, int, dict[str, int]]:
    """Seconds, number of words, and the count of each word in the text with phrases."""
    started = time.perf_counter()
    with read_corpus([path], min_count=1, threads=1, phrases=phrases) as corpus:
        seconds = time.perf_counter() - started
        counts = corpus.vocabulary.counts.tolist()
        return seconds, corpus.words, dict(zip(corpus.vocabulary.words, counts))


def between_marks(path: Path) -> list[list[str]]:
    """The words of the text, split at punctuation marks and line ends."""
    lines = path.read_text(encoding="utf-8").split("\n")
    tokens = tokenize(lines)
    pieces: list[list[str]] = []
    for number in range(len(lines)):
        pieces.append([])
        for word in tokens.words_of(number):
            if any(letter.isalnum() for letter in word):
                pieces[-1].append(word)
            else:
                pieces.append([])
    return [piece for piece in pieces if piece]


def gensim_seconds(sentences: list[list[str]]) -> tuple[float, dict[str, int]]:
    started = time.perf_counter()
    found = Phrases(sentences)
    counts: dict[str, int] = {}
    for sentence in sentences:
        for word in found[sentence]:
            counts[word] = counts.get(word, 0) + 1
    return time.perf_counter() - started, counts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", help="plain text or gzip, xz, zstd, bzip2")
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    given.file = given.file or need("corpora/enwiki_sample.txt.xz")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = plain_copy(given.file, given.megabytes * 10**6, folder)
        sentences = between_marks(path)
        seconds_of_reading(path, PhraseSettings())  # compile first
        ours, theirs, without = [], [], []
        for _ in range(given.repeat):
            without.append(seconds_of_reading(path, None)[0])
            with_phrases, words, our_counts = seconds_of_reading(path, PhraseSettings())
            ours.append(with_phrases)
            seconds, their_counts = gensim_seconds(sentences)
            theirs.append(seconds)
    our_seconds = min(ours) - min(without)
    print(f"{given.file.name}, {words:,} words with marks, one thread, best of {given.repeat}")
    print(f"wordladder {our_seconds:8.2f} s {words / our_seconds / 1e6:8.2f} M words/s")
    print(f"gensim     {min(theirs):8.2f} s {words / min(theirs) / 1e6:8.2f} M words/s")
    print(f"ratio of time, gensim / wordladder: {min(theirs) / our_seconds:.1f}")
    same = sum(our_counts.get(word) == count for word, count in their_counts.items())
    print(f"words and phrases of the text with the same count: {same:,} of {len(their_counts):,}")
    phrases = sorted((word for word in our_counts if "_" in word and len(word) > 1), key=our_counts.get)
    speeds = {"wordladder": words / our_seconds, "gensim": words / min(theirs)}
    keep(
        "phrases", {"words": words, "words_per_second": speeds, "same_counts": same, "of": len(their_counts)}
    )
    print("most frequent:", ", ".join(f"{word} {our_counts[word]:,}" for word in phrases[:-11:-1]))


if __name__ == "__main__":
    main()
