"""A running mean of the weights: what is scored and kept in place of the weights of the last step.

The last steps' noise averages out (Polyak and Juditsky 1992), and while the learning rate is still high the
mean is already near the bottom that the weights circle around.
"""

import math

import torch
from torch import Tensor

_UPDATES = 8  # within the steps that the mean reaches back


class Average:
    """An exponential mean of tensors.

    Args:
        weights: What training changes, by name.
        held: The mean so far; empty at the start. It is written to.
        horizon: Steps that the mean reaches back; less than one keeps none.
    """

    def __init__(self, weights: dict[str, Tensor], held: dict[str, Tensor], horizon: float) -> None:
        self.weights, self.held = weights, held
        self.every = max(1, round(horizon / _UPDATES))
        self.decay = math.exp(-self.every / horizon) if horizon >= 1 else 0.0
        if not held and self.decay:
            held.update({name: tensor.clone() for name, tensor in weights.items()})

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps, counted from one; the first steps fade sooner."""
        if step % self.every or not self.decay:
            return
        taken = step // self.every
        share = 1 - min(self.decay, taken / (taken + 9))
        for name, mean in self.held.items():
            if mean.is_floating_point():
                mean.lerp_(self.weights[name], share)
            else:
                mean.copy_(self.weights[name])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their mean."""
        for name, mean in self.held.items():
            weight = self.weights[name]
            before = weight.clone()
            weight.copy_(mean)
            mean.copy_(before)
