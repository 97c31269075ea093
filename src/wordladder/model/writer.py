"""What a model can do that writes texts."""

from collections.abc import Callable
from typing import Any

from ..engines import Engine
from ..errors import check_at_least
from ..layers.search_settings import Search
from ..tasks.translation import Alignment
from .inputs import examples_of


class Writer:
    """The part of a model that translates, or goes on with a text."""

    engine_: Engine
    task_: Any
    threads: int | None

    def _fitted_engine(self) -> Engine:
        raise NotImplementedError

    def alignments(self, texts: Any) -> list[Alignment]:
        """For each text its words, the pieces of its translation, and the attention between them.

        Raises:
            ModelError: the task is not translation.
        """
        engine = self._fitted_engine()
        with engine.threads(self.threads):
            return engine.alignments(examples_of(texts, task=self.task_))

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 100,
        count: int = 1,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 1,
        beams: int | None = None,
        told: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Texts that begin with a prompt, drawn word by word, the likeliest first.

        Args:
            prompt: How they begin.
            length: The most words, or pieces, after the prompt; a text may end before.
            count: How many texts are drawn.
            temperature: What scores are divided by before a word is drawn; below 1 likely words are drawn
                more often.
            top_k: Only so many of the likeliest words are drawn; 0: all.
            top_p: Only the likeliest words that together have this probability are drawn.
            seed: The same seed draws the same texts.
            beams: Search for the likeliest texts with so many beams instead.
            told: Called with the text so far after each word, if there is only one text.

        Raises:
            ModelError: the task is not a language model.
            SettingError: an argument is not valid.
        """
        check_at_least(1, length=length, count=count)
        drawn: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        engine = self._fitted_engine()
        how = Search(beams=beams or count, sample=beams is None, seed=seed, **drawn)
        with engine.threads(self.threads):
            return engine.generate(prompt, length, how, told if how.beams == 1 else None)
