"""Which recipes a climb runs, with what the user changed in all of them. Nothing is trained here."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import MissingExtraError, RecipeError, SettingError
from ..formats import UnicodeErrors
from ..recipe import Recipe, rung_names
from .encoders import (
    ADVICE,
    Encoder,
    LeftOut,
    families,
    hub_trouble,
    lack,
    read_encoder,
    read_starter,
    with_encoders,
)

STARTED = ("albert-bilstm", "albert-bilstm-crf")  # the rungs that read the starter encoder, if there is one


class Plan(NamedTuple):
    """The recipes to climb, in the order of the ladder, and the rungs that cannot be climbed here."""

    recipes: list[Recipe]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class FixedModel:
    """A model that is there already: it is measured beside the rungs, and not trained.

    Attributes:
        source: What `Model.load` opens; of a file or a folder the absolute path.
    """

    source: str

    @property
    def name(self) -> str:
        """What it is called in the climb."""
        return Path(self.source).name

    def flat(self) -> dict[str, Any]:
        """What makes it the same model when a climb goes on."""
        return {"model": self.source}

    def to_toml(self) -> str:
        """What stands where a rung has its recipe."""
        return f"# {self.name}, as it was trained elsewhere\n"


def plan_models(models: Sequence[str | Path] | None) -> list[FixedModel]:
    """Models to measure beside the rungs.

    Args:
        models: Folders of ours, of transformers or sentence-transformers, classifiers of fastText, or names
            on the Hugging Face hub.

    Raises:
        SettingError: There is nothing at a path.
    """
    found = []
    for model in models or ():
        path = Path(model)
        named = path.suffix not in (".bin", ".ftz") and not str(model).startswith((".", "~"))
        if not path.exists() and (path.is_absolute() or not named):
            raise SettingError(f"--model {model}: there is no such folder or file")
        found.append(FixedModel(str(path.absolute()) if path.exists() else str(model)))
    return found


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
    beside: Sequence[FixedModel] = (),
) -> Plan:
    """The recipes to climb.

    A rung of the package whose pretrained encoder cannot be had, or that needs an extra which is not
    installed, is left out, unless it is asked for by name. Without encoders, a rung takes the starter encoder
    of the language, if one comes with wordladder and the rung reads it.

    Args:
        task: The kind of the task.
        rungs: Names of rungs, or recipe files; None takes all that come with the package.
        folder: A folder of recipes, taken instead of the package's own.
        settings: Recipe settings that are changed in every rung, such as `{"training.epochs": 3}`.
        vectors: A file of word vectors for every rung with a static embedder, instead of its own.
        unicode_errors: What becomes of its words that are not UTF-8.
        corpus: Raw text on which rungs that train word vectors train them too.
        encoders: Folders, or names on the hub, of pretrained encoders for the rungs that read one: each goes
            to the rungs of its family. Without any, the rungs' own names on the hub are tried.
        language: The language of the texts, such as `"en"`.
        beside: Models that are measured with them; with one, there need be no rung.

    Raises:
        RecipeError: A recipe is unknown or not valid, or two have the same name.
        SettingError: An encoder cannot be read, no rung reads it, or a rung asked for by name has none.
        MissingExtraError: Every rung, or one asked for by name, needs an extra that is not installed.
    """
    packaged = set() if folder is not None else set(rung_names(task))
    recipes, lacking = _loaded(_sources(task, rungs, folder), task, packaged if rungs is None else set())
    if not recipes and not beside:
        raise RecipeError("no rung is given to climb")
    given = [read_encoder(encoder) for encoder in encoders or ()]
    if not given and (started := read_starter(language)) is not None:
        recipes = [started.into(r) if r.name in STARTED and r.name in packaged else r for r in recipes]
    recipes, left_out = _with_encoders(recipes, given, packaged, named=rungs is not None)
    left_out = (*lacking, *left_out)
    names = [*(model.name for model in beside), *(recipe.name for recipe in recipes)]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two rungs or models are called {name!r}; the names have to differ")
    for recipe in recipes:
        if recipe.task != task:
            raise RecipeError(f"{recipe.name}: its task is {recipe.task}, but the climb is for {task}")
    recipes = [with_corpus(with_vectors(recipe, vectors, unicode_errors), corpus) for recipe in recipes]
    return Plan([recipe.with_settings(settings or {}) for recipe in recipes], left_out)


def tuned_from_hub(recipes: Sequence[Recipe]) -> list[str]:
    """Names of the recipes that take a transformer from the hub and tune it: the dearest of a climb."""
    return [
        recipe.name
        for recipe in recipes
        for place, family in families(recipe).items()
        if family != "elmo" and recipe.tables["embedders"][place].get("tune")
    ]


def _sources(task: str, rungs: Sequence[str] | None, folder: str | Path | None) -> list[str]:
    if folder is None:
        return list(rung_names(task) if rungs is None else rungs)
    found = sorted(Path(folder).glob("*.toml"))
    if not found:
        raise RecipeError(f"{folder}: there is no recipe (*.toml) in this folder")
    wanted = [str(path) for path in found if rungs is None or path.stem in rungs]
    missing = set(rungs or ()) - {path.stem for path in found}
    if missing:
        raise RecipeError(f"{folder}: there is no recipe for {', '.join(sorted(missing))} in this folder")
    return wanted


def _loaded(
    sources: Sequence[str], task: str, optional: Container[str]
) -> tuple[list[Recipe], list[LeftOut]]:
    """The recipes, and those of the optional ones that need an extra which is not installed."""
    recipes: list[Recipe] = []
    lacking: list[LeftOut] = []
    for source in sources:
        try:
            recipes.append(Recipe.load(source, task))
        except MissingExtraError as error:
            if source not in optional or (source == sources[-1] and not recipes):
                raise
            lacking.append(LeftOut(source, str(error)))
    return recipes, lacking


def _with_encoders(
    recipes: Sequence[Recipe], encoders: Sequence[Encoder], packaged: set[str], *, named: bool
) -> tuple[list[Recipe], tuple[LeftOut, ...]]:
    """Every recipe with its encoder; recipes of the user's own keep theirs where none is given."""
    wanted = {family for recipe in recipes for family in families(recipe).values()}
    for encoder in encoders:
        if encoder.family not in wanted:
            raise SettingError(
                f"--encoder {encoder.source}: none of these rungs reads an encoder of the family "
                f"{encoder.family!r}; see `wordladder rungs`"
            )
    ask = cache(hub_trouble)
    made: list[Recipe] = []
    left_out: list[LeftOut] = []
    for recipe in recipes:
        if fitting := with_encoders(recipe, encoders):
            made += fitting
        elif recipe.name not in packaged:
            made.append(recipe)
        elif why := lack(recipe, () if named else encoders, ask):
            if named:
                raise SettingError(f"the rung {recipe.name} has no encoder: {why}. {ADVICE}")
            left_out.append(LeftOut(recipe.name, f"{why}. {ADVICE}"))
        else:
            made.append(recipe)
    return made, tuple(left_out)


def with_vectors(
    recipe: Recipe, vectors: str | Path | None, unicode_errors: UnicodeErrors = "strict"
) -> Recipe:
    """The recipe with every static embedder reading this file; vectors that nobody uses any more are not
    trained. The recipe itself where it has no static embedder.
    """
    static = [i for i, table in enumerate(recipe.tables.get("embedders", ())) if table["kind"] == "static"]
    if vectors is None or not static:
        return recipe
    path = str(Path(vectors).absolute())
    settings = {"source": path} | ({} if unicode_errors == "strict" else {"unicode_errors": unicode_errors})
    changed = recipe.with_settings(
        {f"embedders.{i}.{name}": value for i in static for name, value in settings.items()}
    )
    tables = {name: table for name, table in changed.tables.items() if name != "vectors"}
    return Recipe(tables, recipe.name, recipe.folder)


def with_corpus(recipe: Recipe, corpus: str | Path | Sequence[str | Path] | None) -> Recipe:
    """The recipe with its word vectors trained on this raw text too; itself where it trains none."""
    if corpus is None or not recipe.table("vectors"):
        return recipe
    files = [corpus] if isinstance(corpus, str | Path) else list(corpus)
    return recipe.with_settings({"vectors.corpus": [str(Path(file).absolute()) for file in files]})
