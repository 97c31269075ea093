"""The methods of a scikit-learn estimator, without importing scikit-learn: parameters and tags."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..errors import SettingError
from ..recipe import Recipe


class Estimator:
    """A class whose constructor stores `recipe`, `device` and `threads` unchanged, and whose `fit` sets
    `engine_`.
    """

    recipe: str | Path | Mapping[str, Any] | Recipe
    device: str | None
    threads: int | None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments; if `deep`, also the recipe's settings, such as `training__epochs`."""
        params: dict[str, Any] = {"recipe": self.recipe, "device": self.device, "threads": self.threads}
        if deep:
            params |= {key.replace(".", "__"): v for key, v in Recipe.load(self.recipe).flat().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments, or settings of the recipe, such as `training__epochs=3`."""
        for name in ("recipe", "device", "threads"):
            if name in params:
                setattr(self, name, params.pop(name))
        for key in params:
            if "__" not in key:
                raise SettingError(
                    f"Model has no parameter {key!r}; recipe settings are written like training__epochs"
                )
        if params:
            self.recipe = Recipe.load(self.recipe).with_settings(
                {key.replace("__", "."): value for key, value in params.items()}
            )
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=ClassifierTags(multi_label=True),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "engine_")
