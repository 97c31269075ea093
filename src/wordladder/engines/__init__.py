"""The two ways a recipe runs: a network that is trained by steps, or a shallow model that is fitted at once.

Both turn examples into scores. Neither knows what the scores mean (the task does) nor where a model is
kept (`model.py` does).
"""

from ..recipe import Recipe
from .engine import Engine, FitRun, FusionWeights
from .shallow_engine import ShallowEngine

__all__ = ["Engine", "FitRun", "FusionWeights", "ShallowEngine", "engine_for"]


def engine_for(recipe: Recipe, device: str | None = None) -> Engine:
    """The engine that a recipe needs."""
    if recipe.table("shallow"):
        return ShallowEngine(recipe)
    from .network_engine import NetworkEngine  # brings torch

    return NetworkEngine(recipe, device)
