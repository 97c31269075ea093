"""What is left of an index when the process that writes it is killed: what was acknowledged, whole."""

import random
import time
from multiprocessing import get_context

import pytest

from made_up_index import add_in_batches, made_up_document, tiny_encoder
from wordladder.search.index import Index

KILLS, BATCH = 20, 20


def acknowledged(said):
    """How many documents the processes have written down."""
    return max(map(int, said.read_text().split()), default=0) if said.exists() else 0


def test_nothing_acknowledged_is_lost(tmp_path):
    target, said, chance, done = tmp_path / "index", tmp_path / "said", random.Random(1), 0
    processes = get_context("forkserver")  # a new process in no time
    processes.set_forkserver_preload(["made_up_index", "qdrant_edge"])
    for kill in range(KILLS):
        child = processes.Process(target=add_in_batches, args=(target, said, done, 10**6, BATCH))
        child.start()
        while kill % 4 and child.is_alive() and acknowledged(said) == done:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))  # every fourth time perhaps while the index is made or opened
        assert child.is_alive()
        child.kill()
        child.join()
        done = acknowledged(said)
        if (target / "index.json").exists():
            with Index.open(target, tiny_encoder()) as index:
                check_whole(index, done)
    documents = [made_up_document(i) for i in range(done + 3 * BATCH)]
    with Index.open(target, tiny_encoder()) as index:
        written = index.update(documents)
        assert (written.updated, written.added <= 3 * BATCH) == (0, True)
        assert index.update(documents) == (0, 0, len(documents))
        check_whole(index, len(documents))


def check_whole(index, done):
    """All documents that were acknowledged are there, and are found; of the batch after, all or none."""
    assert done <= index.count() <= done + BATCH
    assert index.count() % BATCH == 0
    for i in {0, done // 2, done - 1} if done else ():
        document = made_up_document(i)
        for by in ("vectors", "words"):
            hits = index.search(document.text, 3, by=by)
            assert document.id in {hit.id for hit in hits if hit.text == document.text}, (by, i)


@pytest.mark.parametrize("broken", ["put", "delete"])
def test_an_update_that_was_broken_off_is_repaired_by_the_next(target, broken, monkeypatch):
    long = made_up_document(1, 400)
    short = made_up_document(1, 40)
    with Index.create(target, tiny_encoder(), passage_words=20, overlap=4) as index:
        index.add([long, made_up_document(2, 90)])
        before = index.count_passages()

        def stop(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(index._store, broken, stop)
            with pytest.raises(KeyboardInterrupt):
                index.update([short, made_up_document(2, 90)])
        assert index.count_passages() == before
        written = index.update([short, made_up_document(2, 90)])
        assert (written.updated, written.unchanged) == (1, 1)
        assert index.update([short]) == (0, 0, 1)
        kept = [row for rows in index._store.scan(50) for row in rows if row.document == "d1"]
        assert sorted(row.number for row in kept) == list(range(kept[0].payload["passages"]))
        assert all(row.payload["text"] in short.text for row in kept)
        assert index.count_passages() < before
