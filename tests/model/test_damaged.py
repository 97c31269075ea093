"""A damaged folder of a saved model is told as such, whatever is wrong in it: no other error leaks."""

import json
import shutil

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model
from wordladder.errors import ModelError, WordladderError

STATIC = {"kind": "static", "dim": 4, "min_count": 1}
SHORT = {"epochs": 1}
RECIPES = {
    "tfidf": {"shallow": {"kind": "tfidf"}},
    "fasttext": {"shallow": {"kind": "fasttext", "dim": 4, "buckets": 50}},
    "network": {"embedders": [STATIC | {"unknown": "random"}], "training": SHORT},
    "tags": {"embedders": [STATIC], "task": {"kind": "tagging"}, "training": SHORT},
}
ODD = (None, -1, "x", [], {}, [1], {"a": 1}, True, 1e300)


@pytest.fixture(scope="module", params=RECIPES)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / request.param
    texts, labels = reviews(40)
    if request.param == "tags":
        texts, labels = [text.split() for text in texts], [["A"] * len(text.split()) for text in texts]
        labels = [["B" if place else "A" for place, _ in enumerate(row)] for row in labels]
    Model(RECIPES[request.param]).fit(texts, labels, output=folder)
    return folder


def opens_or_is_told(folder):
    try:
        found = Model.load(folder).predict(["a good film", "unheard-of"])
    except WordladderError:
        pass
    else:
        assert len(found) == 2


def mutations(content):
    """The same without a key, with an odd value there, or something else altogether."""
    yield from ODD
    for key in content if isinstance(content, dict) else ():
        yield {name: value for name, value in content.items() if name != key}
        for value in ODD:
            yield content | {key: value}
        if isinstance(content[key], dict):
            yield from (content | {key: inner} for inner in mutations(content[key]))
        elif isinstance(content[key], list) and content[key]:
            yield content | {key: content[key][:-1]}
            yield content | {key: [*content[key], "x"]}
            yield content | {key: [None, *content[key][1:]]}


def test_no_other_error_leaks_from_json(saved, tmp_path):
    for path in sorted(saved.rglob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = {k: v for k, v in content.items() if path.name != "report.json" or k in ("name", "label_kind")}
        folder = shutil.copytree(saved, tmp_path / path.name)
        place = folder / path.relative_to(saved)
        for number, other in enumerate(mutations(kept)):
            whole = content | other if isinstance(other, dict) and path.name == "report.json" else other
            place.write_text(json.dumps(whole), encoding="utf-8")
            if number % 3 == 0 or path.name != "labels.json":
                opens_or_is_told(folder)
        for broken in (b"", b"{", b"\xff", b'"ste5s"', b'{"steps": ["[hared"], "dim": 100, "spread": 0.9}'):
            place.write_bytes(broken)
            opens_or_is_told(folder)


@pytest.mark.parametrize("saved", ["network"], indirect=True)
@pytest.mark.parametrize("broken", ['"ste5s"', '{"steps": ["[hared"], "dim": 100, "spread": 0.9}'])
def test_the_damaged_file_is_named(saved, tmp_path, broken):
    folder = shutil.copytree(saved, tmp_path / "copy")
    (folder / "embedders" / "0" / "unknown.json").write_text(broken)
    with pytest.raises(ModelError, match=r"embedders/0/unknown\.json: the saved model is damaged"):
        Model.load(folder)


def test_no_other_error_leaks_from_any_file(saved, tmp_path):
    chance = np.random.default_rng(1)
    for path in sorted(path for path in saved.rglob("*") if path.is_file()):
        folder = shutil.copytree(saved, tmp_path / path.name)
        place, content = folder / path.relative_to(saved), path.read_bytes()
        for cut in (0, len(content) // 2, len(content) - 1):
            place.write_bytes(content[:cut])
            opens_or_is_told(folder)
        for _ in range(4):
            changed = bytearray(content)
            for at in chance.integers(0, len(content), 3):
                changed[at] = chance.integers(256)
            place.write_bytes(changed)
            opens_or_is_told(folder)
        place.unlink()
        opens_or_is_told(folder)
