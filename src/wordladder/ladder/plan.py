"""Which recipes a climb runs, with what the user changed in all of them. Nothing is trained here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import RecipeError
from ..recipe import Recipe, rung_names

__all__ = ["plan_recipes"]


def plan_recipes(
    task: str,
    rungs: Sequence[str] | None,
    folder: str | Path | None,
    *,
    settings: Mapping[str, Any] | None = None,
    vectors: str | Path | None = None,
    corpus: str | Path | Sequence[str | Path] | None = None,
) -> list[Recipe]:
    """The recipes to climb, in the order of the ladder.

    Args:
        task: The kind of the task.
        rungs: Names of rungs, or recipe files; None takes all that come with the package.
        folder: A folder of recipes, taken instead of the package's own.
        settings: Recipe settings that are changed in every rung, such as `{"training.epochs": 3}`.
        vectors: A file of word vectors for every rung with a static embedder, instead of its own.
        corpus: Raw text on which rungs that train word vectors train them too.

    Raises:
        RecipeError: A recipe is unknown or not valid, or two have the same name.
    """
    recipes = [Recipe.load(source, task) for source in _sources(task, rungs, folder)]
    if not recipes:
        raise RecipeError("no rung is given to climb")
    names = [recipe.name for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two rungs are called {name!r}; the names have to differ")
    for recipe in recipes:
        if recipe.task != task:
            raise RecipeError(f"{recipe.name}: its task is {recipe.task}, but the climb is for {task}")
    recipes = [_with_corpus(_with_vectors(recipe, vectors), corpus) for recipe in recipes]
    return [recipe.with_settings(settings or {}) for recipe in recipes]


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


def _with_vectors(recipe: Recipe, vectors: str | Path | None) -> Recipe:
    """Every static embedder reads this file; vectors that nobody uses any more are not trained."""
    static = [i for i, table in enumerate(recipe.tables.get("embedders", ())) if table["kind"] == "static"]
    if vectors is None or not static:
        return recipe
    path = str(Path(vectors).absolute())
    changed = recipe.with_settings({f"embedders.{i}.source": path for i in static})
    tables = {name: table for name, table in changed.tables.items() if name != "vectors"}
    return Recipe(tables, recipe.name, recipe.folder)


def _with_corpus(recipe: Recipe, corpus: str | Path | Sequence[str | Path] | None) -> Recipe:
    if corpus is None or not recipe.table("vectors"):
        return recipe
    files = [corpus] if isinstance(corpus, str | Path) else list(corpus)
    return recipe.with_settings({"vectors.corpus": [str(Path(file).absolute()) for file in files]})
