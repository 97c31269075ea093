"""Small made-up data for tagging and for questions that a model can learn in seconds."""

import json
import random
from pathlib import Path

PEOPLE = ("Ann", "Bo", "Carl", "Dora", "Eve")
PLACES = ("Rome", "Oslo", "Lima", "Cairo", "Bonn")
FILLER = ("the", "old", "cat", "sleeps", ",", "and", "we", "often", "sing")
COLOURS = ("red", "blue", "green", "white", "black")


def sentences(rows: int = 80, seed: int = 0) -> tuple[list[list[str]], list[list[str]]]:
    """Words and their tags: a person of one or two names after "met", a place after "in"."""
    chance = random.Random(seed)
    words, tags = [], []
    for _ in range(rows):
        name = chance.sample(PEOPLE, chance.randint(1, 2))
        parts = [(chance.choices(FILLER, k=chance.randint(1, 4)), "O"), (["met"], "O"), (name, "PER")]
        parts += [(["in"], "O"), ([chance.choice(PLACES)], "LOC"), (["."], "O")]
        words.append([word for some, _ in parts for word in some])
        tags.append(
            [
                kind if kind == "O" else f"{'I' if place else 'B'}-{kind}"
                for some, kind in parts
                for place in range(len(some))
            ]
        )
    return words, tags


def write_columns(path: Path, rows: int = 80, seed: int = 0) -> Path:
    """The sentences as a word and its tag a line."""
    written = ["\n".join(map(" ".join, zip(*row))) for row in zip(*sentences(rows, seed))]
    path.write_text("\n\n".join(written) + "\n", encoding="utf-8")
    return path


def questions(
    passages: int = 40, seed: int = 0, none: float = 0.0, before: int = 0
) -> tuple[list[tuple[str, str]], list[list[tuple[str, int]]]]:
    """Two questions a passage, and the answers with their places: the colour of a thing.

    Args:
        passages: How many passages.
        seed: Draws them.
        none: The share of questions about a thing that the passage does not have.
        before: Words of filler before what is asked for.
    """
    chance = random.Random(seed)
    pairs, answers = [], []
    for _ in range(passages):
        things = chance.sample(["house", "car", "hat", "boat"], 3)
        colours = chance.sample(COLOURS, 2)
        facts = [f"{thing} {colour} ," for thing, colour in zip(things, colours)]
        text = " ".join([*chance.choices(FILLER, k=before + chance.randint(0, 3)), *facts])
        for thing, fact, colour in zip(things, facts, colours):
            lacking = chance.random() < none
            pairs.append((f"{things[2] if lacking else thing} ?", text))
            place = text.index(fact) + fact.index(colour)
            answers.append([] if lacking else [(colour, place)])
    return pairs, answers


def write_squad(path: Path, passages: int = 40, seed: int = 0, none: float = 0.0) -> Path:
    """The questions as SQuAD 2.0 has them."""
    paragraphs: dict[str, list[dict]] = {}
    for number, ((asked, text), right) in enumerate(zip(*questions(passages, seed, none))):
        found = [{"text": answer, "answer_start": start} for answer, start in right]
        entry = {"id": f"q{number}", "question": asked, "answers": found, "is_impossible": not found}
        paragraphs.setdefault(text, []).append(entry)
    told = [{"context": text, "qas": asked} for text, asked in paragraphs.items()]
    path.write_text(
        json.dumps({"version": "v2.0", "data": [{"title": "x", "paragraphs": told}]}), encoding="utf-8"
    )
    return path
