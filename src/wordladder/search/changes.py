"""How documents are written together, and what tells a document from an older one."""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256

from .fields import checked
from .passages import Document, cut
from .settings import IndexSettings

BATCH = 1024  # passages that are written together


def batches(
    documents: Iterable[Document], settings: IndexSettings
) -> Iterator[list[tuple[Document, list[tuple[int, int]]]]]:
    """Documents with their passages, some hundred passages together."""
    batch: list[tuple[Document, list[tuple[int, int]]]] = []
    passages = 0
    for document in documents:
        document = checked(document)
        spans = cut(document.text, settings.passage_words, settings.overlap) or [(0, len(document.text))]
        batch.append((document, spans))
        passages += len(spans)
        if passages >= BATCH:
            yield batch
            batch, passages = [], 0
    if batch:
        yield batch


def digest(document: Document) -> str:
    """What changes with the text or the fields of a document."""
    content = json.dumps([document.text, document.fields], sort_keys=True, ensure_ascii=False)
    return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
