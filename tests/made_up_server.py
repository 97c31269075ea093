"""A model for every task, as small as can be, and a server of them in a process of its own."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from conftest import reviews
from made_up_index import made_up_document, tiny_encoder
from made_up_tasks import questions, sentences
from wordladder import Model, Recipe
from wordladder.data.examples import Answer, Examples
from wordladder.search.building import build_index

STATIC = {"kind": "static", "dim": 12, "min_count": 1}
RECURRENT = {"kind": "recurrent", "hidden": 8}
FAST = {"epochs": 3, "batch_rows": 16, "learning_rate": 0.03, "precision": "float32"}


def network(task, epochs=3, pieces=None, **encoder):
    """The recipe of a small network."""
    tables = {"embedders": [STATIC], "encoders": [RECURRENT | encoder], "task": task}
    tables |= {"training": FAST | {"epochs": epochs}}
    return tables | ({} if pieces is None else {"text": {"pieces": pieces}})


def write_models(folder: Path) -> dict[str, Path]:
    """Train a model for each task; the folders by name."""
    found = {
        name: folder / name for name in ("small", "cheap", "tagger", "reader", "alike", "writer", "other")
    }
    texts, labels = reviews()
    Model(network({"kind": "classification"}), threads=1).fit(texts, labels, output=found["small"])
    Model("tfidf", threads=1).fit(texts, labels, output=found["cheap"])
    Model(Recipe.load("crf", "tagging").with_settings({"shallow.tree": False}), threads=1).fit(
        *sentences(40), output=found["tagger"]
    )
    asked, right = questions(20)
    answers = [tuple(Answer(*one) for one in several) for several in right]
    examples = Examples(tuple(map(list, zip(*asked))), answers)
    Model(network({"kind": "span_qa", "no_answer": False}), threads=1).fit(examples, output=found["reader"])
    pairs = list(zip(texts, texts[2:] + texts[:2])) + list(zip(texts, texts[1:] + texts[:1]))
    Model("tfidf-cosine", threads=1).fit(
        pairs, ["same"] * len(texts) + ["other"] * len(texts), output=found["alike"]
    )
    Model(network({"kind": "language_model", "min_count": 1}, pieces=60, bidirectional=False), threads=1).fit(
        texts, output=found["writer"]
    )
    turned = [" ".join(reversed(text.split())) for text in texts[:60]]
    Model(network({"kind": "translation", "pieces": 60, "dim": 12, "hidden": 12}, pieces=60), threads=1).fit(
        texts[:60], turned, output=found["other"]
    )
    tiny_encoder().save(folder / "words.safetensors")
    found["words"] = folder / "words.safetensors"
    documents = [made_up_document(number) for number in range(30)]
    build_index(documents, folder / "notes", encoder=folder / "words.safetensors")
    return found | {"notes": folder / "notes"}


@contextmanager
def running(*arguments, environment=None, log=None):
    """A server in a process of its own: its address and the process, once it listens."""
    command = [sys.executable, "-m", "wordladder", "serve", *map(str, arguments), "--port", "0"]
    given = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"} | (environment or {})
    with open(log or os.devnull, "wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=given)
        try:
            told = []
            for line in process.stdout:
                told.append(line)
                if found := re.search(r"http://[\d.:\[\]]+\d", line):
                    yield found[0], process
                    break
            else:
                raise AssertionError("".join(told))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def ask(address, body=None, **headers):
    """The JSON of a response, or the status and the JSON of a refusal."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
