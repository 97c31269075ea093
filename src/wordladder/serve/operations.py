"""What a served model can do: each operation computes one result a row, of many requests together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..errors import SettingError, UserError
from ..interop.no_task import NoTask
from ..search.answering import answer as find_answer
from ..search.highlight import marks
from ..search.index import Index
from ..search.reranking import relevance
from ..search.terms import Terms
from ..text.listed import listed
from ..text.words import lower
from ..word_vectors import WordVectors

# The operations of each task; a model that has vectors of texts also embeds and compares.
_OF_TASK: dict[str, tuple[str, ...]] = {
    "classification": ("classify",),
    "regression": ("classify",),
    "pairs": ("classify",),
    "tagging": ("tag",),
    "span_qa": ("answer",),
    "similarity": ("similarity", "rerank"),
    "translation": ("translate",),
    "language_model": ("generate",),
}
_PROBE = "A text."


def operations_of(model: Any) -> dict[str, int]:
    """The names of what a model can do, and how many numbers its vectors have, under `embed`."""
    if isinstance(model, Index):
        return {"search": 0}
    if isinstance(model, WordVectors):
        return {"embed": model.dim, "similarity": 0, "neighbors": 0, "tokenize": 0}
    task = task_of(model)
    found = dict.fromkeys(_OF_TASK.get(task, ()), 0)
    if task == "pairs" and len(model.task_.labels) == 2:
        found["rerank"] = 0
    for name in ("embed", "tokenize"):
        try:
            result = OPERATIONS[name](model, [_PROBE])
        except UserError:
            continue
        found[name] = len(result[0]) if name == "embed" else 0
    if "embed" in found:
        found.setdefault("similarity", 0)
    return found


def task_of(model: Any) -> str:
    """The kind of a model's task; empty if it has none."""
    has_none = isinstance(model, Index | WordVectors) or isinstance(model.task_, NoTask)
    return "" if has_none else model.recipe_.task


def _embed(
    model: Any,
    texts: list[str],
    normalize: bool = True,
    prompt_name: str | None = None,
    dim: int | None = None,
) -> list[Any]:
    options = {} if prompt_name is None else {"prompt_name": prompt_name}
    if options and isinstance(model, WordVectors):
        raise SettingError("word vectors have no prompts")
    vectors = np.asarray(model.encode(texts, **options), np.float32)
    if dim is not None and not 1 <= dim <= vectors.shape[1]:
        raise SettingError(f"the vectors have {vectors.shape[1]} numbers; {dim} cannot be given")
    vectors = vectors[:, :dim]
    if normalize:
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return list(np.ascontiguousarray(vectors))


def _answers(model: Any, rows: list[Any], top: int = 1) -> list[Any]:
    return model.answers(rows, top)


def _similarity(model: Any, pairs: list[tuple[str, str]]) -> list[float]:
    """What a model of similarity says, else the cosine of the vectors."""
    if task_of(model) == "similarity":
        return np.asarray(model.predict(pairs), np.float64).tolist()
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    vectors = dict(zip(texts, _embed(model, texts)))
    return [float(vectors[first] @ vectors[second]) for first, second in pairs]


def _rerank(model: Any, pairs: list[tuple[str, str]], raw: bool = False) -> list[float]:
    """How relevant each text is to its query: a similarity, or the probability of the second of two labels;
    raw, its log-odds.
    """
    scores = relevance(model, pairs)
    if task_of(model) == "pairs" and not raw:
        scores = 1 / (1 + np.exp(-scores))
    return scores.tolist()


def _search(
    index: Index, queries: list[str], k: int = 10, reader: Any = None, **how: Any
) -> list[dict[str, Any]]:
    found, terms = [], Terms(stemmer=index.settings.stemmer)
    for query, hits in zip(queries, index.search_all(queries, k, **how)):
        best = None if reader is None else find_answer(reader, query, hits)
        answers = {} if reader is None else {"answer": None if best is None else asdict(best)}
        shown = [
            asdict(hit) | {"marks": [[one.start, one.end] for one in marks(terms, query, hit.text)]}
            for hit in hits
        ]
        found.append({"query": query, "hits": shown, **answers})
    return found


def _generate(model: Any, prompts: list[str], **how: Any) -> list[list[str]]:
    return [model.generate(prompt, **how) for prompt in prompts]


def _neighbors(model: WordVectors, words: list[str], top: int = 10) -> list[list[dict[str, Any]]]:
    return [
        [{"word": word, "cosine": float(cosine)} for word, cosine in model.most_similar(one, topn=top)]
        for one in words
    ]


def _tokenize(model: Any, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    if isinstance(model, WordVectors):
        lowercase, rows = bool(model.settings.get("lowercase", False)), model.index
        pieces = [
            [one._replace(id=rows.get(lower(one.text) if lowercase else one.text)) for one in several]
            for several in listed(model.tokens(texts))
        ]
    else:
        pieces = model.engine_.pieces(texts)
    return [[piece._asdict() for piece in several] for several in pieces]


OPERATIONS: Mapping[str, Callable[..., list[Any]]] = {
    "embed": _embed,
    "classify": _answers,
    "tag": _answers,
    "answer": _answers,
    "translate": _answers,
    "similarity": _similarity,
    "rerank": _rerank,
    "search": _search,
    "generate": _generate,
    "neighbors": _neighbors,
    "tokenize": _tokenize,
}
