"""The folder of a saved model: written whole or not at all, read without running any code from it.

recipe.toml          what the model is made of
weights.safetensors  every tensor once (a network)
embedders/N/         the vocabulary of embedder N, and what else it keeps itself
shallow/             a shallow model
labels.json          the labels, temperature and thresholds
metrics.json         the metrics on dev
report.json          what happened in training
README.md            the model card
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ..engines import Engine, engine_for
from ..errors import ModelError
from ..evaluation.evaluate import Evaluation
from ..files.folders import RECIPE_FILE, atomic_folder, find_model, size_mb
from ..files.json_files import read_validated, write_json
from ..recipe import Recipe
from .inputs import LabelKind, SavedKind
from .model_card import model_card


def write_model(model: Any, folder: Path) -> None:
    """Write a fitted `Model`; one of another program keeps the layout of that program.

    Raises:
        OutputError: the disk is full, or something else stands there.
    """
    with atomic_folder(folder) as fresh:
        model.engine_.keep(fresh)
        if getattr(model.engine_, "foreign", False):
            return
        recipe = model.recipe_.portable()
        (fresh / RECIPE_FILE).write_text(recipe.to_toml(), encoding="utf-8", newline="\n")
        report = model.report_ | {"name": recipe.name, "label_kind": asdict(model.label_kind_)}
        report = model.recipe_.without_paths(report)
        metrics = model.evaluation_.to_dict() if hasattr(model, "evaluation_") else {}
        for name, content in (("report.json", report), ("metrics.json", metrics)):
            write_json(fresh / name, content)
        card = model_card(recipe, report, metrics, size_mb(fresh))
        (fresh / "README.md").write_text(card, encoding="utf-8", newline="\n")


def read_model(
    source: str | Path, device: str | None = None
) -> tuple[Engine, dict[str, Any], LabelKind, Evaluation | None]:
    """What `write_model` wrote: the engine, the report, how labels are written, and the evaluation on dev.

    Raises:
        ModelError: there is no saved model, or it is incomplete.
    """
    folder = find_model(source)
    try:
        report = read_validated(folder / "report.json", dict[str, Any])
        saved = read_validated(folder / "report.json", SavedKind)
        engine = engine_for(Recipe.read(folder / RECIPE_FILE, saved.name), device)
        engine.restore(folder)
        path = folder / "metrics.json"
        known = read_validated(path, Evaluation) if path.is_file() and path.read_text() != "{}" else None
    except (OSError, LookupError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{source}: the saved model is incomplete or damaged: {error}") from error
    return engine, report, saved.label_kind, known
