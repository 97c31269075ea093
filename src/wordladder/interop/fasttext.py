"""fastText's classifiers as engines."""

from pathlib import Path

from ..engines import ShallowEngine
from ..recipe import Recipe
from ..shallow._fasttext_file import classifier_from


def fasttext_engine(path: Path) -> ShallowEngine:
    """A classifier that fastText has trained. Words are separated by blanks, as in fastText.

    Raises:
        ModelError: the file holds no classifier, or its labels form a tree.
        VectorsError: the file is broken.
    """
    settings, labels, words, weights = classifier_from(path)
    tables = {
        "text": {"segmenter": "whitespace"},
        "shallow": {"kind": "fasttext", **settings},
        "task": {"kind": "classification", "multi_label": settings["loss"] == "ova"},
    }
    engine = ShallowEngine(Recipe(tables, path.stem))
    engine.shallow.set_weights(words, weights)
    engine.task.set_labels(labels, multi_label=settings["loss"] == "ova")
    return engine
