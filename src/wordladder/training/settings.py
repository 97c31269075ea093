"""The `[training]` table of a recipe: how a network is trained. Its sentences are also the documentation of
the keys.
"""

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import SettingError, check_at_least

_EPOCHS = (7, 60)
_LONG, _LONG_EPOCHS = 2_000_000, (5, 60)  # words of all examples, and how often so many are read


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained.

    Args:
        epochs: Most passes over the training examples; early stopping may end sooner. Two numbers are the
            least and the most: within them, as many as make about `steps`. Left out, `[7, 60]`, and
            `[5, 60]` where the examples have more than two million words.
        steps: Optimizer steps that a training of unsaid length takes: few examples are read more often.
        learning_rate: Highest learning rate, of all weights or of the embedders' weights alone where
            `head_learning_rate` is given; if a transformer is tuned, of that alone. Left out, 1e-3, and for
            a tuned transformer what suits its width and depth (`report.json` shows it).
        head_learning_rate: Highest learning rate of everything above the embedders; if a transformer is
            tuned, of everything else.
        weight_decay: Decoupled weight decay; biases, norms and embedding tables have none.
        batch_rows: Most examples in a batch.
        batch_words: Most words in a batch, padding included.
        accumulate: Batches whose gradients make up one optimizer step.
        warmup: Share of all steps in which the learning rate rises from zero.
        decay: How the learning rate falls after the warm-up.
        clip: Largest norm of the whole gradient.
        patience: Epochs without a better dev score after which training stops; left out, a third of all.
        average: The weights that are scored and kept are means over the steps before: this is the share of
            all steps that the mean reaches back, fading; 0 takes the weights as they are.
        precision: `"auto"` takes bfloat16 where the processor or the accelerator computes in it, else
            float32.
        contrast: For classification with few labels: partners of the same label, and as many of others, that
            each text gets. The cosines of these pairs tune everything below the head, which is then fitted
            to the vectors as a logistic regression (SetFit, Tunstall et al. 2022, where it is 20). An epoch
            has at most `steps` batches, and dev chooses none. 0 trains on the labels themselves.
        seed: Start of everything random.
        dev_share: Share of the training examples held out as dev when no dev file is given.
        checkpoint_steps: Also write a checkpoint after every so many steps; left out, once a minute and at
            every epoch's end.
    """

    epochs: int | list[int] | None = None
    steps: int = 1500
    learning_rate: float | None = None
    head_learning_rate: float | None = None
    weight_decay: float = 0.0
    batch_rows: int = 64
    batch_words: int = 16_384
    accumulate: int = 1
    warmup: float = 0.05
    decay: Literal["linear", "cosine", "constant"] = "linear"
    clip: float = 1.0
    patience: int | None = None
    average: float = 0.05
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    contrast: int = 0
    seed: int = 1
    dev_share: float = 0.1
    checkpoint_steps: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.epochs, list) and not (
            len(self.epochs) == 2 and 0 < self.epochs[0] <= self.epochs[1]
        ):
            raise SettingError(f"training.epochs is {self.epochs}; give a number, or the least and the most.")
        if self.accumulate < 1:
            raise SettingError(f"training.accumulate is {self.accumulate}; it must be at least 1.")
        check_at_least(0, **{"training.contrast": self.contrast})

    def planned(self, steps: int, words: int = 0) -> tuple[int, int]:
        """The epochs to train, each of so many steps and words, and the patience that belongs to them."""
        usual = _LONG_EPOCHS if words > _LONG else _EPOCHS
        least, most = (self.epochs, self.epochs) if isinstance(self.epochs, int) else self.epochs or usual
        epochs = min(max(math.ceil(self.steps / max(1, steps)), least), most)
        return epochs, math.ceil(epochs / 3) if self.patience is None else self.patience
