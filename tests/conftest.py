"""What many tests share: small labelled texts that a model can learn in seconds, and where research data
lie.
"""

import os
import random
from pathlib import Path

import pytest

from made_up_stores import postgres, target  # noqa: F401 (fixtures)
from made_up_text import write_corpus

DATA = Path(os.environ.get("WORDLADDER_DATA", Path(__file__).parents[2] / "shared" / "data"))


def reviews(rows: int = 200, seed: int = 0) -> tuple[list[str], list[str]]:
    """Short made-up reviews whose class one word decides, in English and Chinese."""
    chance = random.Random(seed)
    good, bad = ("good", "great", "很好", "lovely"), ("bad", "awful", "糟糕", "dull")
    filler = [
        "the",
        "film",
        "was",
        "and",
        "a",
        "story",
        "of",
        "it",
        "I",
        "thought",
        "电影",
        "really",
        ",",
        ".",
        "actor's",
        "plot",
    ]
    texts, labels = [], []
    for row in range(rows):
        words = [chance.choice(filler) for _ in range(chance.randint(3, 12))]
        words.insert(chance.randrange(len(words)), chance.choice(good if row % 2 else bad))
        texts.append(" ".join(words))
        labels.append("positive" if row % 2 else "negative")
    return texts, labels


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where the research data lie; the test is skipped without them."""
    if not DATA.is_dir():
        pytest.skip(f"no research data at {DATA}; set WORDLADDER_DATA")
    return DATA


@pytest.fixture(scope="session")
def small_recipe():
    """A BiLSTM over random vectors, small enough for tests."""
    from wordladder import Recipe

    return Recipe.load(
        {
            "embedders": [{"kind": "static", "dim": 12, "min_count": 1}],
            "encoders": [{"kind": "recurrent", "hidden": 8}],
            "task": {"kind": "classification"},
            "training": {"epochs": 6, "batch_rows": 8, "learning_rate": 0.03},
        }
    )


@pytest.fixture(scope="session")
def small_model(small_recipe):
    """A trained small model."""
    from wordladder import Model

    return Model(small_recipe).fit(*reviews())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Raw text to pretrain on: sixty made-up documents."""
    return write_corpus(tmp_path_factory.mktemp("text") / "corpus.txt", documents=60)


@pytest.fixture(scope="module")
def small_encoders():
    """Encoders of the size "tiny" are pretrained in a second."""
    from wordladder.pretraining import settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.SIZES, "tiny", settings.Shape(2, 24, 48, 2, 16, 150))
        yield
