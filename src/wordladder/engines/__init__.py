"""Engines compute scores: a network that is trained step by step, or a shallow model.

They know neither what the scores mean (the task does) nor how a model is saved (`model/` does).
"""

from ..recipe import Recipe
from .engine import Engine, FitRun, FusionWeights, TrainableEngine

__all__ = ["Engine", "FitRun", "FusionWeights", "TrainableEngine", "engine_for"]


def engine_for(recipe: Recipe, device: str | None = None) -> TrainableEngine:
    """The engine that a recipe needs."""
    if recipe.table("shallow"):
        from .shallow_engine import ShallowEngine

        return ShallowEngine(recipe)
    from .network_engine import NetworkEngine  # imports torch

    return NetworkEngine(recipe, device)
