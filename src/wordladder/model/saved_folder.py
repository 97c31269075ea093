"""The folder of a saved model. It is written completely or not at all, and no code in it is run.

recipe.toml          the recipe
weights.safetensors  every tensor once (a network)
embedders/N/         the vocabulary of embedder N, and other files of its own
shallow/             a shallow model
exported.json        an exported network, in place of these: see engines/exported_engine.py
cascade.json         a cascade, in place of these: see engines/cascade_engine.py
labels.json          the labels, temperature and thresholds
metrics.json         the metrics on dev
report.json          facts about the training
README.md            the model card
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ..engines import Engine, engine_for
from ..engines.cascade_engine import CASCADE_FILE, CascadeEngine
from ..errors import ModelError
from ..evaluation.evaluate import Evaluation
from ..files.folders import RECIPE_FILE, atomic_folder, find_model, size_mb
from ..files.json_files import read_validated, write_json
from ..recipe import Recipe
from .inputs import LabelKind
from .model_card import model_card


@dataclass(frozen=True)
class _SavedReport:
    """What every `report.json` contains."""

    name: str
    label_kind: LabelKind


def write_model(model: Any, folder: Path, keep: Callable[[Path], None] | None = None) -> None:
    """Write a fitted `Model`; a model of another program keeps the format of that program.

    Args:
        model: The model.
        folder: The folder.
        keep: Writes labels and weights; left out, the engine does.

    Raises:
        OutputError: the disk is full, or the folder holds something else.
    """
    with atomic_folder(folder) as new:
        (keep or model.engine_.keep)(new)
        if model.engine_.has_own_format and keep is None:
            return
        recipe = model.recipe_.portable()
        (new / RECIPE_FILE).write_text(recipe.to_toml(), encoding="utf-8", newline="\n")
        report = model.report_ | {"name": recipe.name, "label_kind": asdict(model.label_kind_)}
        report = model.recipe_.without_paths(report)
        metrics = model.evaluation_.to_dict() if hasattr(model, "evaluation_") else {}
        for name, content in (("report.json", report), ("metrics.json", metrics)):
            write_json(new / name, content)
        card = model_card(recipe, report, metrics, size_mb(new))
        (new / "README.md").write_text(card, encoding="utf-8", newline="\n")


def read_model(
    source: str | Path, device: str | None = None, open_stage: Callable[[Path], Any] | None = None
) -> tuple[Engine, dict[str, Any], LabelKind, Evaluation | None]:
    """What `write_model` wrote: the engine, the report, the type of labels, and the evaluation on dev.

    Args:
        source: The folder.
        device: Where a network computes.
        open_stage: Opens a model of a cascade.

    Raises:
        ModelError: there is no saved model, or it is incomplete.
    """
    folder = find_model(source)
    try:
        report = read_validated(folder / "report.json", dict[str, Any])
        saved = read_validated(folder / "report.json", _SavedReport)
        engine = _engine(folder, saved.name, device, open_stage)
        engine.restore(folder)
        path = folder / "metrics.json"
        evaluation = read_validated(path, Evaluation) if path.is_file() and path.read_text() != "{}" else None
    except (OSError, LookupError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{source}: the saved model is incomplete or damaged: {error}") from error
    return engine, report, saved.label_kind, evaluation


def _engine(folder: Path, name: str, device: str | None, open_stage: Any) -> Any:
    exported = (folder / "exported.json").is_file()
    recipe = Recipe.read(folder / RECIPE_FILE, name, exported=exported)
    if exported:
        from ..engines.exported_engine import ExportedEngine

        return ExportedEngine(recipe)
    if (folder / CASCADE_FILE).is_file():
        return CascadeEngine(recipe, open_stage)
    return engine_for(recipe, device)
