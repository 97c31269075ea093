"""Small made-up documents that a language model can learn in seconds, in English and Chinese."""

import random
from pathlib import Path

SENTENCES = (
    "The cat sees the river.",
    "A dog likes some music.",
    "My sister paints a red house.",
    "The old king finds the garden.",
    "An actor sees the garden.",
    "她喜欢中国电影。",
    "这个老师看见苹果树。",
    "The cat likes a red house.",
)


def write_corpus(path: Path, documents: int = 40, seed: int = 0) -> Path:
    """Documents of a title and two paragraphs of the few sentences, a blank line between them."""
    chance = random.Random(seed)
    parts = []
    for number in range(documents):
        paragraphs = [" ".join(chance.choices(SENTENCES, k=chance.randint(3, 6))) for _ in range(2)]
        parts.append("\n".join([f"Story {number}", *paragraphs]))
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path
