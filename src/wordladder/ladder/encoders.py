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


def needed_families(recipe: Recipe) -> dict[int, str]:
    """The family of the encoder that each embedder still needs, by the position of the embedder.

    An embedder whose source is an existing folder needs none.
    """
    needed = {}
    for position, table in enumerate(recipe.tables.get("embedders", ())):
        family = encoder_family(table)
        if family is not None and not (recipe.folder / table["source"]).is_dir():
            needed[position] = family
    return needed


def encoder_family(table: Mapping[str, Any]) -> str | None:
    """The encoder family of an embedder's table; None if its kind uses none, or the starter encoder."""
    if table["kind"] == "transformer" and table["source"] != STARTER:
        return "albert" if "albert" in table["source"].lower() else "bert"
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
    for position, family in needed_families(recipe).items():
        if family == "elmo" or encoders:
            error = "" if family in [e.family for e in encoders] else f"no {TITLES[family]} was given"
        else:
            error = hub_error(recipe.tables["embedders"][position]["source"])
        if error:
            return error
    return ""


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """The rungs that are not climbed, a line for each reason."""
    rungs: dict[str, list[str]] = {}
    for name, why in left_out:
        rungs.setdefault(why, []).append(name)
    return [f"not climbed: {', '.join(names)} – {why}" for why, names in rungs.items()]
