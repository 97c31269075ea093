"""An index of one's own texts: add, update, delete, search, by meaning and by words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SettingError, StoreError, check_at_least, check_choice
from ..formats import check_finite
from ..model.inputs import unit_vectors
from ..progress import Progress, quiet
from .changes import BATCH, batches, digest
from .encoders import NO_ENCODER, check_encoder, described, loaded, name_of, text_vectors
from .passages import Document, Hit, fuse, merge
from .settings import IndexSettings, read_settings
from .store import Row, Store, Where, open_store, passage_id
from .terms import Terms, document_weights, query_weights

By = Literal["hybrid", "vectors", "words"]

_SETTLE = 10_000  # passages written after which the index is rebuilt for speed


class Written(NamedTuple):
    """How many documents were added, replaced, and left as they were."""

    added: int
    updated: int
    unchanged: int


class Index:
    """Texts to search in, in a folder or on a server.

    Use `Index.create` or `Index.open`. What `add`, `update` and `delete` have returned for is kept, whatever
    becomes of the process; of a call that was broken off some documents are there, each whole or not at all.

    Attributes:
        name: Its folder or address.
        settings: What it was made with.
    """

    def __init__(self, store: Store, settings: IndexSettings, encoder: Any = None) -> None:
        self.name, self.settings = store.name, settings
        self._store, self._encoder, self._unsettled = store, encoder, 0
        self._loading: dict[str, Any] = {}
        self._terms = Terms(stemmer=settings.stemmer, chinese=settings.chinese)

    @classmethod
    def create(cls, target: str | Path, encoder: Any = None, **settings: Any) -> "Index":
        """A new index.

        Args:
            target: A folder, or the address of a server, `postgresql://…/database?index=NAME`.
            encoder: A model or word vectors, or where they can be loaded; None: search is by words alone.
            settings: Keywords of `IndexSettings`.

        Raises:
            StoreError: there is an index already, or something else.
            SettingError: a setting is not valid.
        """
        fresh = IndexSettings(**settings)
        Terms(stemmer=fresh.stemmer)
        if encoder is not None:
            name, encoder = name_of(encoder), loaded(encoder)
            fresh = replace(fresh, **described(encoder, name))
        store = open_store(target)
        if store.settings() is not None:
            store.close()
            raise StoreError(f"{target}: there is an index already; open it, or choose another place")
        store.keep(asdict(fresh))
        return cls(store, fresh, encoder)

    @classmethod
    def open(cls, target: str | Path, encoder: Any = None, **loading: Any) -> "Index":
        """An index that is there.

        Args:
            target: Its folder or address.
            encoder: Its encoder, if it is not where it was; loaded at the first search that needs it if not
                given.
            loading: How an encoder is loaded: keywords of `wordladder.load`.

        Raises:
            StoreError: there is no index, it is broken, or the encoder is not the one it was built with.
        """
        if "://" not in str(target) and not Path(target).absolute().parent.is_dir():
            raise StoreError(f"{target}: there is no index; `wordladder index build` makes one")
        store = open_store(target)
        try:
            settings = read_settings(store)
            opened = cls(store, settings, loaded(encoder, **loading))
            opened._loading = loading
            if encoder is not None:
                check_encoder(opened.encoder, settings, opened.name)
        except BaseException:
            store.close()
            raise
        return opened

    @property
    def encoder(self) -> Any:
        """The encoder, loaded when it is first needed; None in an index of words alone.

        Raises:
            StoreError: it is not the one the index was built with.
        """
        if self._encoder is None and self.settings.encoder is not None:
            self._encoder = loaded(self.settings.encoder, **self._loading)
            check_encoder(self._encoder, self.settings, self.name)
        return self._encoder

    def add(self, documents: Iterable[Document], *, progress: Progress = quiet) -> Written:
        """Add documents.

        Args:
            documents: Documents with new ids; may be a generator.
            progress: Called with the number of documents.

        Raises:
            DataError: an id is there already, or comes twice; those before its batch are kept.
        """
        return self._write(documents, progress, replace_old=False)

    def update(self, documents: Iterable[Document], *, progress: Progress = quiet) -> Written:
        """Add documents, or replace those of the same id; what has not changed is left as it is.

        Args:
            documents: Documents; may be a generator.
            progress: Called with the number of documents.

        Raises:
            DataError: an id comes twice; those before its batch are kept.
        """
        return self._write(documents, progress, replace_old=True)

    def _write(self, documents: Iterable[Document], progress: Progress, *, replace_old: bool) -> Written:
        seen: set[str] = set()
        counts, done = [0, 0, 0], 0
        for batch in batches(documents, self.settings):
            for document, _ in batch:
                if document.id in seen:
                    raise DataError(f"the id {document.id!r} comes twice")
                seen.add(document.id)
            places = {
                passage_id(document.id, number): (document.id, number)
                for document, spans in batch
                for number in (0, len(spans))
            }
            there = {places[one]: payload for one, payload in self._store.get(list(places)).items()}
            old = {name: payload for (name, number), payload in there.items() if number == 0}
            if old and not replace_old:
                raise DataError(
                    f"{self.name}: the id {next(iter(old))!r} is there already; update replaces it"
                )
            fresh = [
                (document, spans)
                for document, spans in batch
                if (document.id, len(spans)) in there
                or old.get(document.id, {}).get("digest") != digest(document)
            ]
            self._put(fresh)
            for document, spans in fresh:
                # What the text no longer has; also what is left of an update that was broken off here.
                passages = old.get(document.id, {}).get("passages", 0)
                if (document.id, len(spans)) in there or passages > len(spans):
                    self._store.delete(document.id, len(spans))
            updated = sum(document.id in old for document, _ in fresh)
            counts[0] += len(fresh) - updated
            counts[1] += updated
            counts[2] += len(batch) - len(fresh)
            done += len(batch)
            progress("documents", done, None)
        if self._unsettled >= _SETTLE:
            self.settle()
        return Written(*counts)

    def _put(self, documents: list[tuple[Document, list[tuple[int, int]]]]) -> None:
        """Write the passages of documents."""
        texts = [document.text[start:end] for document, spans in documents for start, end in spans]
        if not texts:
            return
        terms = self._terms.of(texts)
        if not self.settings.mean_length:
            mean = max(1.0, float(np.mean([len(one) for one in terms])))
            self.settings = replace(self.settings, mean_length=mean)
            self._store.keep(asdict(self.settings))
        vectors = None if not self.settings.dim else text_vectors(self.encoder, texts, "passage")
        rows, at = [], 0
        for document, spans in documents:
            shared = {"digest": digest(document), "passages": len(spans), "fields": document.fields}
            for number, (start, end) in enumerate(spans):
                payload = {"text": texts[at], "start": start, "end": end, **shared}
                words = document_weights(terms[at], self.settings.mean_length)
                rows.append(
                    Row(document.id, number, payload, None if vectors is None else vectors[at], words)
                )
                at += 1
        self._store.put(rows)
        self._unsettled += len(rows)

    def delete(self, ids: Iterable[str]) -> int:
        """Delete the document of an id, or of several; returns how many of them were there."""
        there = 0
        for name in [ids] if isinstance(ids, str) else ids:
            there += len(self._store.get([passage_id(name, 0)]))
            self._store.delete(name)
        return there

    def search(self, query: Any, k: int = 10, **how: Any) -> list[Hit]:
        """The passages that fit a query best, the best first.

        Args:
            query: A text, or a vector.
            k: The most hits.
            how: See `search_all`.
        """
        return self.search_all([query], k, **how)[0]

    def search_all(
        self,
        queries: Sequence[Any],
        k: int = 10,
        *,
        by: By | None = None,
        where: Where | None = None,
        depth: int = 100,
        rerank: Any = None,
        join: bool = True,
    ) -> list[list[Hit]]:
        """The passages that fit each query best, the best first.

        Args:
            queries: Texts, or vectors.
            k: The most hits of each.
            by: `vectors` (cosine), `words` (BM25), or `hybrid`, which fuses the ranks in both; if not given,
                hybrid for texts, unless the index has no encoder.
            where: Conditions on fields: `{"year": {"gte": 1990}, "kind": ["a", "b"], "open": True}`.
            depth: How many passages are taken from each ranking, and reranked.
            rerank: A model of pairs or of similarity that scores the query with each passage.
            join: Whether neighbouring passages of a document are joined into one.

        Raises:
            DataError: a query is empty, or a vector has the wrong length.
            SettingError: an argument is not valid.
        """
        from .reranking import reranked

        check_at_least(1, k=k, depth=depth)
        if not len(queries):
            return []
        texts = [query for query in queries if isinstance(query, str)]
        if not all(text.strip() for text in texts):
            raise DataError("the query is empty")
        if texts and len(texts) < len(queries):
            raise DataError("some queries are texts, others vectors")
        if by is None:
            by = "vectors" if not texts else "hybrid" if self.settings.dim else "words"
        check_choice("by", by, get_args(By))
        if not texts and by != "vectors":
            raise SettingError(f"by = {by!r}: a vector has no words")
        ranked = self.rankings(queries, by, max(depth, k), where)
        found = []
        for query, rankings in zip(queries, ranked, strict=True):
            ranking = dict(rankings[0]) if len(rankings) == 1 else fuse(rankings, self._fusion)
            best = dict(islice(ranking.items(), max(depth, k)))
            payloads = self._store.get(list(best))
            hits = [_hit(payloads[one], score) for one, score in best.items() if one in payloads]
            if rerank is not None:
                hits = reranked(rerank, query, hits, self.settings.reranker_share)
            found.append(merge(hits, k) if join else hits[:k])
        return found

    def rankings(
        self, queries: Sequence[Any], by: By, depth: int, where: Where | None = None
    ) -> Iterator[list[list[tuple[str, float]]]]:
        """For each query the ids and scores of passages, the best first: by vectors, by words, or both."""
        vectors = terms = None
        if by != "words":
            vectors = self._query_vectors(queries)
        if by != "vectors":
            terms = self._terms.of(queries)
        for row in range(len(queries)):
            rankings = []
            if vectors is not None:
                rankings.append(self._store.nearest(vectors[row], depth, where))
            if terms is not None:
                rankings.append(self._store.match(query_weights(terms[row]), depth, where))
            yield rankings

    def _query_vectors(self, queries: Sequence[Any]) -> NDArray[np.float32]:
        if not self.settings.dim:
            raise SettingError(NO_ENCODER.format(self.name))
        if isinstance(queries[0], str):
            return text_vectors(self.encoder, list(queries), "query")
        for query in queries:
            if np.shape(query) != (self.settings.dim,):
                raise DataError(f"a vector of {self.settings.dim} numbers is needed, not of {np.size(query)}")
        vectors = np.asarray(queries, np.float32)
        check_finite(vectors, lambda row: f"the vector {row + 1} of the queries")
        return unit_vectors(vectors)

    def documents_of(self, passages: Sequence[str]) -> dict[str, str]:
        """The ids of the documents that passages are of, by the ids of the passages."""
        return {one: payload["document"] for one, payload in self._store.get(passages).items()}

    @property
    def _fusion(self) -> tuple[float, float]:
        """The weights of vectors and words."""
        return 1 - self.settings.words_share, self.settings.words_share

    def set_shares(self, **shares: Any) -> None:
        """Keep `words_share`, that of words in the fusion, or `reranker_share`, that of a reranker in the
        score.

        Raises:
            SettingError: a share is not from 0 to 1.
        """
        self.settings = replace(self.settings, **shares)
        self._store.keep(asdict(self.settings))

    def fields(self) -> set[str]:
        """The names of the fields that documents have or had."""
        return self._store.fields()

    def ids(self) -> Iterator[str]:
        """The ids of all documents."""
        return (row.document for rows in self._store.scan(BATCH) for row in rows if row.number == 0)

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of some ids that documents have."""
        names = {passage_id(name, 0): name for name in ids}
        return {names[one] for one in self._store.get(list(names))}

    def passages(self, name: str) -> list[Hit]:
        """The passages of the document of that id, in order, with the score 0; none if it is not there."""
        first = self._store.get([passage_id(name, 0)])
        count = next(iter(first.values()))["passages"] if first else 0
        ids = [passage_id(name, number) for number in range(count)]
        payloads = self._store.get(ids)
        return [_hit(payloads[one], 0.0) for one in ids if one in payloads]

    def count(self) -> int:
        """How many documents there are."""
        return self._store.count(0)

    def count_passages(self) -> int:
        """How many passages there are."""
        return self._store.count()

    def settle(self) -> None:
        """Make search fast over all that was added. `add` and `update` do it after many passages."""
        self._store.settle()
        self._unsettled = 0

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _hit(payload: Mapping[str, Any], score: float) -> Hit:
    keys = ("text", "start", "end", "fields")
    return Hit(id=payload["document"], score=float(score), **{key: payload[key] for key in keys})
