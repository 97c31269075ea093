"""What a model can say about its answers."""

from typing import Any

from ..engines import Engine
from ..explanation.explain import STEPS, explain
from ..explanation.explanation import Method
from .inputs import examples_of


class Explainer:
    """The part of a model that explains."""

    engine_: Engine
    task_: Any
    threads: int | None

    def _fitted_engine(self) -> Engine:
        raise NotImplementedError

    def explain(
        self, texts: Any, *, target: str | None = None, method: Method = "auto", steps: int = STEPS
    ) -> Any:
        """For each text how much each word counts for the answer, an `Explanation`; None where there is no
        answer, such as an entity. One text gives one result.

        The weights say what this model's score rests on in this text. They do not show what causes what, nor
        what the model would do with another text.

        Args:
            texts: Texts, one text, or pairs.
            target: The label that is explained, or the type of the entity, the surest of the text; left out,
                the model's answer.
            method: `"weights"`, those of a linear model, which tell exactly; `"gradients"`, integrated
                gradients (Sundararajan et al. 2017); the weights of both sum up to the difference to the
                score without words; `"occlusion"`, what the score loses without each word; `"auto"`, the
                first of them that the model has.
            steps: How often the gradients of a text are computed.

        Raises:
            SettingError: there is no such label.
            ModelError: the method does not fit the model, or nothing can be explained.
        """
        if isinstance(texts, str):
            return self.explain([texts], target=target, method=method, steps=steps)[0]
        engine = self._fitted_engine()
        examples = examples_of(texts, task=self.task_)
        with engine.threads(self.threads):
            return explain(engine, examples, target=target, method=method, steps=steps)
