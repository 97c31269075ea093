"""The rungs of search."""

from typing import NamedTuple

TASK = "retrieval"


class Way(NamedTuple):
    """A rung: what encodes the passages, how is searched, and whether a model ranks again.

    Attributes:
        encoder: A rung of similarity that is trained on the documents, without labels; `encoder` for the one
            that is given; None for words alone. Of several the first that can be had.
        by: How is searched.
        rerank: Whether the reranker that is given reads the best passages.
        about: A sentence about it.
    """

    encoder: tuple[str, ...]
    by: str
    rerank: bool
    about: str


GIVEN, WORDS_ALONE = "encoder", "vectors-sif"  # the one that is given; one of the documents alone
RUNGS = {
    "bm25": Way((), "words", False, "BM25 of the stems of words, and of Chinese words and characters."),
    "vectors-sif": Way(
        ("vectors-sif",), "vectors", False, "Means of word vectors, weighted by inverse frequency."
    ),
    "static-distilled": Way(
        ("static-distilled",), "vectors", False, "Means of word vectors that are distilled from the encoder."
    ),
    "sbert": Way((GIVEN,), "vectors", False, "The vectors of a sentence encoder."),
    "hybrid-static": Way(
        ("static-distilled", "vectors-sif"), "hybrid", False, "Ranks by BM25 and by distilled vectors, fused."
    ),
    "hybrid": Way((GIVEN,), "hybrid", False, "Ranks by BM25 and by the sentence encoder, fused."),
    "hybrid-rerank": Way(
        (GIVEN, "vectors-sif"), "hybrid", True, "The best of the hybrid, ranked again by a model of pairs."
    ),
}
