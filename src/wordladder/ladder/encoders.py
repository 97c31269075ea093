"""Which pretrained encoder each rung of a climb reads, and which rungs have none."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ..embedders._encoder_sources import STARTER
from ..recipe import Encoder, Recipe

ADVICE = "Add one with --encoder FOLDER; `wordladder pretrain` makes such a folder from your own text."
TITLES = {"bert": "BERT", "albert": "ALBERT", "elmo": "ELMo"}


class LeftOut(NamedTuple):
    """A rung that is not climbed; why, and what to do about it."""

    name: str
    why: str


def needed_families(recipe: Recipe) -> dict[str, str]:
    """The family of the encoder that each embedder and distilled vectors still need, by their table's key.

    One whose source is an existing folder needs none.
    """
    needed = {}
    for place, table in recipe.encoder_tables().items():
        family = encoder_family(table)
        if family is not None and not (recipe.folder / encoder_source(table)).is_dir():
            needed[place] = family
    return needed


def encoder_source(table: Mapping[str, Any]) -> str:
    """The folder or hub name of the encoder that a table reads."""
    return table["teacher" if table["kind"] == "distilled" else "source"]


def encoder_family(table: Mapping[str, Any]) -> str | None:
    """The encoder family of a table; None if its kind uses none, or the starter encoder."""
    if table["kind"] in ("transformer", "distilled") and encoder_source(table) != STARTER:
        return "albert" if "albert" in encoder_source(table).lower() else "bert"
    return "elmo" if table["kind"] == "elmo" else None


def with_encoders(recipe: Recipe, encoders: Sequence[Encoder]) -> list[Recipe]:
    """The recipe with an encoder for every embedder that needs one; several if a family has several encoders.

    These are named `RUNG@FOLDER`. Empty if there is no encoder for an embedder.
    """
    needed = needed_families(recipe)
    choices = [[e for e in encoders if e.family == family] for family in dict.fromkeys(needed.values())]
    recipes = []
    for chosen in product(*choices):
        one = recipe
        for encoder in chosen:
            one = one.with_encoder(encoder, [i for i, f in needed.items() if f == encoder.family])
        several = [encoder for encoder, choice in zip(chosen, choices) if len(choice) > 1]
        name = "@".join([recipe.name, *(Path(encoder.source).name for encoder in several)])
        recipes.append(Recipe(one.tables, name, recipe.folder))
    return recipes


def missing_encoder(recipe: Recipe, encoders: Sequence[Encoder], hub_error: Callable[[str], str]) -> str:
    """Why a recipe has no encoder; empty if it has one.

    Args:
        recipe: A recipe that none of the encoders is for.
        encoders: The encoders that the user gave. If there are none, the hub is asked.
        hub_error: Says why a name on the hub is not available, as `hub_error` does.
    """
    for place, family in needed_families(recipe).items():
        if family == "elmo" or encoders:
            error = "" if family in [e.family for e in encoders] else f"no {TITLES[family]} was given"
        else:
            error = hub_error(encoder_source(recipe.encoder_tables()[place]))
        if error:
            return error
    return ""


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """The rungs that are not climbed, a line for each reason."""
    rungs: dict[str, list[str]] = {}
    for name, why in left_out:
        rungs.setdefault(why, []).append(name)
    return [f"not climbed: {', '.join(names)} – {why}" for why, names in rungs.items()]
