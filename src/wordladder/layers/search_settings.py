"""How the texts that a decoder writes are searched; known without PyTorch."""

from dataclasses import dataclass

from ..errors import SettingError, check_at_least


@dataclass(frozen=True, kw_only=True)
class Search:
    """How texts are searched.

    Args:
        beams: How many beginnings are followed at a time; when sampling, how many texts are drawn.
        length_penalty: The exponent of the length; 0 prefers short texts.
        coverage_penalty: The weight of source words that little attention was paid to.
        sample: Whether pieces are drawn at random.
        temperature: What scores are divided by before a piece is drawn.
        top_k: Only so many of the likeliest pieces are drawn; 0: all.
        top_p: Only the likeliest pieces that together have this probability are drawn.
        seed: Decides which are drawn.
    """

    beams: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, beams=self.beams)
        check_at_least(0, top_k=self.top_k, coverage_penalty=self.coverage_penalty)
        if self.temperature <= 0 or not 0 < self.top_p <= 1:
            raise SettingError(
                f"temperature = {self.temperature} has to be above 0, top_p = {self.top_p} from 0 to 1"
            )
