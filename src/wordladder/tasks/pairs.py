"""Pairs of texts in classes: paraphrase, entailment, answer selection."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from ..data.examples import Examples
from ..metrics.labels import average_precision
from .classification import Classification

__all__ = ["Pairs"]


@dataclass(eq=False, repr=False)
class Pairs(Classification):
    """Sort pairs of texts into classes, such as paraphrase or not, or the three of entailment.

    What the recipe is made of decides how a pair is read. A transformer reads both texts together. Where an
    encoder compares the texts, such as `alignment`, they are read apart until then. All others read each text
    on its own, and the head sees `[u; v; |u−v|; u∗v]` of their pooled vectors (Conneau et al. 2017).

    Args:
        multi_label: Whether a pair may have several labels, or none; left out, as in the data.
        metric: The primary metric: `"accuracy"` (of the whole set of labels, if several); `"macro_f1"`, the
            unweighted mean of the labels' F1; or `"f1"`, that of the second of two labels, which is predicted
            from the probability on that is best on dev. Left out, accuracy for one label a pair and macro-F1
            for several.
        pooling: How the word vectors of a text become one: `"auto"` takes the embedder's own summary if it
            has one, else the maximum; `"mean+max"` concatenates both.
        features: What the head sees of the two pooled vectors: `"compare"`, as above, or `"concatenate"`,
            `[u; v]`, where an encoder has compared the texts already (ESIM).
        symmetric: Whether the two texts are exchangeable: then the scores are the mean of both orders. A
            transformer is trained on the order given, and reads each pair twice when it predicts.
        hidden: Units of a hidden layer in the head; 0 for none.
        dropout: Dropout of the head's input in training.
        class_weights: `"balanced"` weighs each class by the inverse of its frequency.
        label_smoothing: Share of the target that is spread evenly over all classes.
        calibrate: Whether a temperature is fitted on the dev set, so that probabilities are calibrated.
        guarantee: The share of pairs, such as 0.9, whose set of labels is to contain the right one: with it
            answers have such a set, of one label where the model is sure, of several or none where it is not
            (split conformal prediction on dev; Sadinle, Lei & Wasserman 2019). For one label a pair.
    """

    _: KW_ONLY
    features: Literal["compare", "concatenate"] = "compare"
    symmetric: bool = False

    segments = 2
    compares = True

    def metrics(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Those of a classification; for two labels also `ap`, the average precision of the second one."""
        found = super().metrics(scores, examples)
        if len(self.labels) == 2 and not self.multi_label:
            found["ap"] = average_precision(
                self.gold(examples) == 1, (scores[:, 1] - scores[:, 0]).astype(float)
            )
        return found
