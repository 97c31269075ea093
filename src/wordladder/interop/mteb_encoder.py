"""Models for MTEB, the benchmark of text vectors: `mteb.evaluate(MtebEncoder(model, "me/model"), tasks)`.

It needs the package mteb, and only passes on: texts are encoded by `Model.encode`, prompts are found as mteb
and sentence-transformers find them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ScoringFunction
from numpy.typing import NDArray
from sentence_transformers import SimilarityFunction

from ..embedders._sentence_layout import SentenceLayout
from ..word_vectors import WordVectors


class MtebEncoder(AbsEncoder):
    """A model with the methods that mteb calls.

    Args:
        model: A `Model` or `WordVectors`.
        name: What mteb calls the model, such as `"me/model"`. It keeps results under this name and does not
            compute them again, so each model needs its own.
        revision: Tells apart versions of a model with one name.
    """

    def __init__(self, model: Any, name: str, revision: str | None = None) -> None:
        self.model = model
        engine = getattr(model, "engine_", None)
        layout = getattr(engine, "layout", None) or SentenceLayout()
        self.model_prompts = dict(layout.prompts)
        self.similarity = SimilarityFunction.to_similarity_fn(layout.similarity)
        self.similarity_pairwise = SimilarityFunction.to_similarity_pairwise_fn(layout.similarity)
        measure = ScoringFunction(layout.similarity)
        about = {"name": name, "revision": revision, "similarity_fn_name": measure}
        self.mteb_model_meta = ModelMeta.create_empty(about)

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        prompt_type: Any = None,
        batch_size: int | None = None,
        **_: Any,
    ) -> NDArray:
        """One vector a text, `(texts, dim)`.

        Args:
            inputs: Batches, each with its texts under `"text"`.
            task_metadata: The task, which may have a prompt of its own.
            prompt_type: Whether the texts are queries or documents, if they are either.
            batch_size: Most texts in a batch.
        """
        texts = [text for batch in inputs for text in batch["text"]]
        if isinstance(self.model, WordVectors):
            return self.model.encode(texts)
        name = self.get_prompt_name(task_metadata, prompt_type)
        # The default prompt is not for queries and documents.
        prompt = "" if name is None and prompt_type is not None else None
        return self.model.encode(texts, prompt=prompt, prompt_name=name, batch_size=batch_size)
