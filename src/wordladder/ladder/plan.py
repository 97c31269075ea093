"""Plans a climb: its recipes, with what the user changed in all of them, and the models to measure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import MissingExtraError, RecipeError, SettingError
from ..formats import UnicodeErrors
from ..interop.encoders import hub_error, read_encoder, read_starter
from ..recipe import Encoder, Recipe, rung_names
from .encoders import ADVICE, LeftOut, missing_encoder, needed_families, with_encoders

STARTER_RUNGS = ("albert-bilstm", "albert-bilstm-crf")  # they take the starter encoder, if there is one


class Plan(NamedTuple):
    """The recipes to climb, in the order of the ladder, and the rungs that cannot be climbed here."""

    recipes: list[Recipe]
    left_out: tuple[LeftOut, ...] = ()


class FixedModel(NamedTuple):
    """An existing model: it is measured with the rungs, but not trained.

    Attributes:
        source: What `Model.load` opens; for a file or folder the absolute path.
    """

    source: str

    @property
    def name(self) -> str:
        """Its name in the climb."""
        return Path(self.source).name

    def flat(self) -> dict[str, Any]:
        """What identifies the model when a climb is resumed."""
        return {"model": self.source}

    def to_toml(self) -> str:
        """What is shown in place of a recipe."""
        return f"# {self.name}, an existing model\n"


@dataclass(frozen=True)
class TaughtRecipe(Recipe):
    """A recipe that learns from a teacher.

    Attributes:
        teacher: What `Model.load` opens.
        made_up: Texts that are made of each training text.
    """

    teacher: str = ""
    made_up: int = 0

    def flat(self) -> dict[str, Any]:
        """All settings by their dotted keys, and the teacher."""
        return super().flat() | {"teacher": self.teacher, "made_up": self.made_up}

    def to_toml(self) -> str:
        """The recipe as a TOML document, and its teacher in a comment."""
        return f"# taught by {self.teacher}, with {self.made_up} texts made of each\n{super().to_toml()}"


def plan_taught(recipes: Sequence[Recipe], teacher: FixedModel, made_up: int) -> list[Recipe]:
    """The recipes without a pretrained encoder, as they learn from a teacher.

    Raises:
        SettingError: All recipes have an encoder.
    """
    cheap = [recipe for recipe in recipes if not recipe.encoder_tables()]
    if not cheap:
        raise SettingError("--distill: all rungs have a pretrained encoder, so there is none to teach")
    return [
        TaughtRecipe(
            one.tables, f"{one.name}@{teacher.name}", one.folder, teacher=teacher.source, made_up=made_up
        )
        for one in cheap
    ]


def plan_models(models: Sequence[str | Path] | None) -> list[FixedModel]:
    """Models to measure with the rungs.

    Args:
        models: Folders of ours, of transformers or sentence-transformers, fastText classifiers, or names on
            the Hugging Face hub.

    Raises:
        SettingError: A path does not exist.
    """
    planned = []
    for model in models or ():
        path = Path(model)
        may_be_name = path.suffix not in (".bin", ".ftz") and not str(model).startswith((".", "~"))
        if not path.exists() and (path.is_absolute() or not may_be_name):
            raise SettingError(f"--model {model}: there is no such folder or file")
        planned.append(FixedModel(str(path.absolute()) if path.exists() else str(model)))
    return planned


def plan_recipes(
    task: str,
    rungs: Sequence[str] | None,
    folder: str | Path | None,
    *,
    settings: Mapping[str, Any] | None = None,
    vectors: str | Path | None = None,
    unicode_errors: UnicodeErrors = "strict",
    corpus: str | Path | Sequence[str | Path] | None = None,
    encoders: Sequence[str | Path] | None = None,
    language: str | None = None,
    models: Sequence[FixedModel] = (),
) -> Plan:
    """The recipes to climb.

    A rung of the package is left out if its pretrained encoder is not available or it needs an extra that is
    not installed, unless it is asked for by name. Without encoders, the rungs that can use the starter
    encoder of the language take it, if one comes with wordladder.

    Args:
        task: The kind of the task.
        rungs: Names of rungs, or recipe files; None takes all that come with the package.
        folder: A folder of recipes, used instead of the package's own.
        settings: Recipe settings to change in every rung, such as `{"training.epochs": 3}`.
        vectors: A file of word vectors for every rung with a static embedder, instead of its own.
        unicode_errors: How to decode its words that are not UTF-8.
        corpus: Raw text that the rungs with their own word vectors also train them on.
        encoders: Folders, or names on the hub, of pretrained encoders: each is for the rungs of its family.
            Without any, the rungs' own names on the hub are tried.
        language: The language of the texts, such as `"en"`.
        models: Models that are measured too; with one, there may be no rungs.

    Raises:
        RecipeError: A recipe is unknown or not valid, or two have the same name.
        SettingError: An encoder cannot be read, no rung uses it, or a rung asked for by name has none.
        MissingExtraError: Every rung, or one asked for by name, needs an extra that is not installed.
    """
    packaged = set() if folder is not None else set(rung_names(task))
    recipes, missing = _load(_sources(task, rungs, folder), task, packaged if rungs is None else set())
    if not recipes and not models:
        raise RecipeError("no rung is given to climb")
    available = [read_encoder(encoder) for encoder in encoders or ()]
    if not available and (starter := read_starter(language)) is not None:
        names = packaged.intersection(STARTER_RUNGS)
        recipes = [recipe.with_encoder(starter) if recipe.name in names else recipe for recipe in recipes]
    recipes, left_out = _add_encoders(recipes, available, packaged, by_name=rungs is not None)
    names_in_use = [*(model.name for model in models), *(recipe.name for recipe in recipes)]
    for name in names_in_use:
        if names_in_use.count(name) > 1:
            raise RecipeError(f"two rungs or models have the name {name!r}; the names must differ")
    for recipe in recipes:
        if recipe.task != task:
            raise RecipeError(f"{recipe.name}: its task is {recipe.task}, but the climb is for {task}")
    if vectors is not None:
        recipes = [r.with_vectors(vectors, unicode_errors) if r.embedders("static") else r for r in recipes]
    if corpus is not None:
        recipes = [r.with_corpus(corpus) if r.table("vectors") else r for r in recipes]
    return Plan([recipe.with_settings(settings or {}) for recipe in recipes], (*missing, *left_out))


def tuned_from_hub(recipes: Sequence[Recipe]) -> list[str]:
    """The names of the recipes that fine-tune a transformer from the hub: the most expensive of a climb."""
    return [
        recipe.name
        for recipe in recipes
        for place, family in needed_families(recipe).items()
        if family != "elmo" and recipe.encoder_tables()[place].get("tune")
    ]


def _sources(task: str, rungs: Sequence[str] | None, folder: str | Path | None) -> list[str]:
    if folder is None:
        return list(rung_names(task) if rungs is None else rungs)
    paths = {path.stem: str(path) for path in sorted(Path(folder).glob("*.toml"))}
    if not paths:
        raise RecipeError(f"{folder}: there is no recipe (*.toml) in this folder")
    if missing := set(rungs or ()) - set(paths):
        raise RecipeError(f"{folder}: there is no recipe for {', '.join(sorted(missing))} in this folder")
    return [path for name, path in paths.items() if rungs is None or name in rungs]


def _load(sources: Sequence[str], task: str, optional: Container[str]) -> tuple[list[Recipe], list[LeftOut]]:
    """The recipes, and the optional ones that need an extra that is not installed."""
    recipes: list[Recipe] = []
    missing: list[LeftOut] = []
    for source in sources:
        try:
            recipes.append(Recipe.load(source, task))
        except MissingExtraError as error:
            if source not in optional or (source == sources[-1] and not recipes):
                raise
            missing.append(LeftOut(source, str(error)))
    return recipes, missing


def _add_encoders(
    recipes: Sequence[Recipe], encoders: Sequence[Encoder], packaged: set[str], *, by_name: bool
) -> tuple[list[Recipe], list[LeftOut]]:
    """Every recipe with its encoder; the user's own recipes keep theirs if none is given."""
    needed = {family for recipe in recipes for family in needed_families(recipe).values()}
    for encoder in encoders:
        if encoder.family not in needed:
            raise SettingError(
                f"--encoder {encoder.source}: none of these rungs uses an encoder of the family "
                f"{encoder.family!r}; see `wordladder rungs`"
            )
    cached_error = cache(hub_error)
    complete: list[Recipe] = []
    left_out: list[LeftOut] = []
    for recipe in recipes:
        if variants := with_encoders(recipe, encoders):
            complete += variants
        elif recipe.name in packaged and (
            why := missing_encoder(recipe, () if by_name else encoders, cached_error)
        ):
            if by_name:
                raise SettingError(f"the rung {recipe.name} has no encoder: {why}. {ADVICE}")
            left_out.append(LeftOut(recipe.name, f"{why}. {ADVICE}"))
        else:
            complete.append(recipe)
    return complete, left_out
