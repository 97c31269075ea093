"""Where the disk is full, every command says so in a line, and what stood at its output stays whole.

A limit on the size of a file is met by the same calls as the end of a disk.
"""

import subprocess
import sys

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model, WordVectors

resource = pytest.importorskip("resource")

LIMIT = 20_000
OLD = ("old.safetensors", "old.npy", "old.html")
COMMANDS = {
    "a shallow rung": "train fasttext --train rows.tsv --output old",
    "a network": "train vectors-mean --train rows.tsv --output old",
    "a climb": "climb rows.tsv --rungs fasttext --seeds 1 --output climb",
    "a rung of a climb": "climb rows.tsv --rungs vectors-mean,tfidf --seeds 1 --output other",
    "word vectors": "vectors train raw.txt --min-count 1 --output old.safetensors",
    "a conversion": "vectors convert words.vec old.safetensors",
    "an encoder": "pretrain raw.txt --kind bert --size tiny --steps 2 --output bert",
    "vectors of texts": "embed words.vec raw.txt --output old.npy",
    "answers": "predict model raw.txt --json",
    "a page of entities": "predict tagger raw.txt --html old.html",
    "a network that goes on": "train vectors-mean --train rows.tsv --output begun --resume",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the commands read, an old model, and old files."""
    folder = tmp_path_factory.mktemp("full")
    texts, labels = reviews(400)
    rows = "".join(f"{text}\t{label}\n" for text, label in zip(texts, labels))
    (folder / "rows.tsv").write_text("text\tlabel\n" + rows)
    (folder / "raw.txt").write_text("\n".join(texts * 10))
    words = [f"word{number}" for number in range(400)]
    WordVectors(words, np.ones((400, 30), np.float32)).save(folder / "words.vec")
    Model("tfidf").fit(texts[:40], labels[:40], output=folder / "model")
    Model("tfidf").fit(texts[:40], labels[:40], output=folder / "old")
    Model("crf").fit(["in Rome"] * 20, [[(3, 7, "place")]] * 20, output=folder / "tagger")
    with pytest.raises(KeyboardInterrupt):
        Model("vectors-mean").fit(texts, labels, output=folder / "begun", progress=stop)
    for name in OLD:
        (folder / name).write_text("old")
    return folder


def stop(stage, done, total, **facts):
    if stage == "training" and done > 0:
        raise KeyboardInterrupt


@pytest.mark.parametrize("what", COMMANDS)
def test_it_is_said_and_the_old_stays_whole(folder, what):
    limit = LIMIT * (4 if what == "a rung of a climb" else 1)
    before = Model.load(folder / "old").predict(["a good film"])
    with (folder / "told.txt").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "wordladder", *COMMANDS[what].split()],
            cwd=folder,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
    told = done.stderr + (folder / "told.txt").read_text()
    assert "the disk is full" in told, told
    assert "Traceback" not in told
    assert "a fault in wordladder" not in told
    assert done.returncode == (1 if what == "a rung of a climb" else 2)
    assert Model.load(folder / "old").predict(["a good film"]) == before
    assert {(folder / name).read_text() for name in OLD} == {"old"}
