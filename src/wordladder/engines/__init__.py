"""The two ways a recipe runs: a network that is trained by steps, or a shallow model that is fitted at once.

Both turn examples into scores. Neither knows what the scores mean (the task does) nor where a model is
kept (`model.py` does).
"""

from ..recipe import Recipe
from .engine import Engine, FitRun, FusionWeights
from .network import NetworkEngine
from .shallow import ShallowEngine

__all__ = ["Engine", "FitRun", "FusionWeights", "NetworkEngine", "ShallowEngine", "engine_for"]


def engine_for(recipe: Recipe, device: str | None = None) -> NetworkEngine | ShallowEngine:
    """The engine that a recipe needs."""
    return ShallowEngine(recipe) if recipe.table("shallow") else NetworkEngine(recipe, device)
