"""What an index is made with, and keeps."""

from dataclasses import dataclass, field

from ..errors import SettingError, StoreError, check_at_least
from .store import Store

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """What an index is made with, and keeps.

    Args:
        encoder: The model of the vectors, a path or a name; None: search is by words alone.
        passage_words: The most words in a passage; a Chinese character is a word.
        overlap: The most words that two neighbouring passages share.
        stemmer: The Snowball stemmer of words that are not Chinese; `none` leaves them whole.
        chinese: Whether Chinese words are searched too, besides characters.
        dim: The length of its vectors.
        probe: The vector of a known text, to recognise the encoder.
        mean_length: The mean number of terms in a passage when the first ones were added.
        words_share: The share of words in the fusion with vectors, from 0 to 1.
        reranker_share: The share of a reranker in the score, from 0 to 1; the rest is that of the first
            ranking.
        format: The version of this format.
    """

    encoder: str | None = None
    passage_words: int = 160
    overlap: int = 32
    stemmer: str = "english"
    chinese: bool = True
    dim: int = 0
    probe: list[float] = field(default_factory=list)
    mean_length: float = 0.0
    words_share: float = 0.5
    reranker_share: float = 1.0
    format: int = FORMAT

    def __post_init__(self) -> None:
        check_at_least(8, passage_words=self.passage_words)
        check_at_least(0, overlap=self.overlap)
        if self.overlap > self.passage_words // 2:
            raise SettingError(f"overlap = {self.overlap}: at most half of passage_words")
        for name in ("words_share", "reranker_share"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise SettingError(f"{name} = {share}: a share is from 0 to 1")


def read_settings(store: Store) -> IndexSettings:
    values = store.settings()
    if values is None:
        raise StoreError(f"{store.name}: there is no index; `wordladder index build` makes one")
    if values.get("format") != FORMAT:
        raise StoreError(f"{store.name}: its format {values.get('format')!r} is unknown to this version")
    try:
        return IndexSettings(**values)
    except (TypeError, SettingError) as error:
        raise StoreError(f"{store.name}: the index is broken: {error}") from None
