"""Word vectors and documents for tests of an index, and a process that adds them until it is killed."""

from pathlib import Path

import numpy as np

from wordladder import WordVectors
from wordladder.search.index import Index
from wordladder.search.passages import Document

WORDS = ["fox", *(f"word{i}" for i in range(1, 60))]  # one is in the text that an encoder is known by


def tiny_encoder(dim=8, seed=0):
    return WordVectors(WORDS, np.random.default_rng(seed).normal(size=(60, dim)).astype(np.float32))


def made_up_document(i, words=12, **fields):
    """A document of which `words` words follow from its number."""
    chance = np.random.default_rng(i)
    sentences = [" ".join(chance.choice(WORDS, 4)).capitalize() + "." for _ in range(max(1, words // 4))]
    return Document(f"d{i}", " ".join(sentences), {"n": i, **fields})


def add_in_batches(target, said, first, last, batch):
    """Add documents to an index that may be there; write down after each batch what is there for good."""
    there = (Path(target) / "index.json").exists()
    index = Index.open(target, tiny_encoder()) if there else Index.create(target, tiny_encoder())
    with open(said, "a", encoding="ascii") as file:
        for start in range(first, last, batch):
            index.update([made_up_document(i) for i in range(start, start + batch)])
            file.write(f"{start + batch}\n")
            file.flush()
