"""Models that other programs have trained, as engines of ours: fastText's classifiers."""

from pathlib import Path
from typing import Any

from ..engines import ShallowEngine
from ..recipe import Recipe

SUFFIXES = (".bin", ".ftz")


def fasttext_engine(path: str | Path) -> tuple[ShallowEngine, dict[str, Any]]:
    """A classifier of fastText, and a report of what is known about it.

    Its words are what stands between blanks, as there.

    Raises:
        ModelError: the file holds no classifier.
        VectorsError: the file is broken.
    """
    from ..shallow._fasttext_file import classifier_from

    settings, labels, words, weights = classifier_from(path)
    tables = {
        "text": {"segmenter": "whitespace"},
        "shallow": {"kind": "fasttext", **settings},
        "task": {"kind": "classification", "multi_label": settings["loss"] == "ova"},
    }
    engine = ShallowEngine(Recipe({"format": 1, **tables}, Path(path).stem))
    engine.shallow.set_weights(words, weights)
    engine.task.set_labels(labels, multi_label=settings["loss"] == "ova")
    return engine, {"name": engine.recipe.name, "source": Path(path).name}
