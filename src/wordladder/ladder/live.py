"""Puts models of a climb into its report: the page answers what is typed, without a network or a server.

Shallow classifiers run as plain JavaScript, networks on word vectors as a graph in onnxruntime-web; the words
are found as by `text.words`. `live.js` is the other half.
"""

import base64
import gzip
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..embedders._unknown_words import PADDING, SPECIAL, UNKNOWN
from ..errors import SettingError, UserError
from ..kernels.character_classes import HAN
from ..text.words import classes
from .choice import best_below, best_rung
from .climb_folder import ClimbFolder
from .result import Climb, Rung

MOST_BYTES = 24_000_000  # of models and words; the rest of the page is well below a million
SMALL_MB = 10.0
EXAMPLES, EXAMPLE_CHARACTERS = 3, 120
RUNTIME = "WORDLADDER_ORT_WEB"  # the folder of onnxruntime-web's `dist`
JIEBA = "jieba"
RUNTIME_FILES = {"ort-code": "ort.wasm.bundle.min.mjs", "ort-wasm": "ort-wasm-simd-threaded.wasm"}

SHARED = (JIEBA, *RUNTIME_FILES)  # by all models of the page


@dataclass
class Packed:
    """A model for the page.

    Attributes:
        facts: What `live.js` reads of it.
        blobs: Its arrays and files, by name.
    """

    facts: dict[str, Any]
    blobs: dict[str, bytes] = field(default_factory=dict)

    @property
    def needs_runtime(self) -> bool:
        """Whether it runs in onnxruntime-web."""
        return self.facts["kind"] == "network"


def live_section(climb: Climb, test: Examples, folder: ClimbFolder) -> tuple[str, list[str]]:
    """The section of the report in which models answer, empty if there are none, and notes on those that are
    not in it.

    Args:
        climb: The climb; of classification.
        test: Its test rows, some of which are examples.
        folder: Its folder.
    """
    han = any(classes()[ord(letter)] == HAN for text in test.texts[:200] for letter in text)
    notes, scripts = list[str](), {"unicode-classes": _unicode_runs()}
    models: list[dict[str, Any]] = []
    used = len(scripts["unicode-classes"])
    for role, rung in _chosen(climb):
        try:
            parts, facts = _fitting(rung, folder, han=han, room=MOST_BYTES - used, known=scripts)
        except UserError as error:
            notes.append(f"{rung.name} is not in the page: {error}.")
            continue
        number = len(models)
        blobs = {name: f"blob-{number}-{name}" for name in parts if name not in SHARED}
        scripts |= {blobs.get(name, name): text for name, text in parts.items()}
        used = sum(map(len, scripts.values()))
        models.append(facts | {"name": rung.name, "role": role, "blobs": blobs})
    return (_page(models, scripts, test) if models else ""), notes


def _chosen(climb: Climb) -> Iterator[tuple[str, Rung]]:
    """The recommended rung or the best, the next cheaper one, and the best small one, with their roles; at
    least two if there are.
    """
    first = climb.rung(climb.recommended or climb.best or "")
    kind = climb.rule.cost
    trained = [rung for rung in climb.rungs if rung.measured and not rung.fixed]
    cheaper = [rung for rung in trained if rung.cost(kind) < first.cost(kind)]
    roles = {
        "recommended" if climb.recommended else "best": first,
        "next cheaper": max(cheaper, key=lambda rung: rung.cost(kind), default=None),
        "best small": best_below(climb, "size", SMALL_MB),
        "best": climb.rung(climb.best or first.name),
    }
    found: dict[str, tuple[str, Rung]] = {}
    for role, rung in roles.items():
        if rung is not None:
            found.setdefault(rung.name, (role, rung))
    others = [rung for rung in trained if rung.name not in found]
    if len(found) == 1 and (second := best_rung(others, climb.rule)) is not None:
        found[second.name] = ("second best", second)
    yield from found.values()


def _fitting(
    rung: Rung, folder: ClimbFolder, *, han: bool, room: int, known: dict[str, str]
) -> tuple[dict[str, str], dict[str, Any]]:
    """The parts of a model that fit into the page: a network with 8-bit numbers if others do not."""
    path = folder.run(rung.name, rung.seeds[0]) / "model"
    size = 0
    for precision in ("float32", "int8"):
        packed = pack(path, precision)
        parts = {name: _text_of(blob) for name, blob in packed.blobs.items()}
        if han and packed.facts["segmenter"] == "jieba" and JIEBA not in known:
            parts[JIEBA] = _text_of(_jieba())
        if packed.needs_runtime:
            runtime = _runtime_folder()
            parts |= {
                name: _text_of((runtime / file).read_bytes())
                for name, file in RUNTIME_FILES.items()
                if name not in known
            }
        size = sum(map(len, parts.values()))
        if size <= room:
            return parts, packed.facts
        if not packed.needs_runtime:
            break
    raise SettingError(f"it takes {size / 1e6:.0f} MB, and {max(room, 0) / 1e6:.0f} MB are left")


def pack(folder: Path, precision: Any = "float32") -> Packed:
    """A saved classifier as `live.js` reads it.

    Args:
        folder: The saved model.
        precision: Of a network's numbers.

    Raises:
        SettingError: It is of a kind that the page cannot run.
    """
    from ..model.model import Model

    model = Model.load(folder, threads=1)
    task, text, engine = model.task_, model.recipe_.text, model.engine_
    if text.pieces is not None or text.line_ends:
        raise SettingError("it reads pieces of words or ends of lines")
    facts = {
        "labels": list(task.labels),
        "multi_label": bool(task.multi_label),
        "metric": task.metric,
        "temperature": float(task.temperature),
        "thresholds": task.thresholds.tolist(),
        "segmenter": text.segmenter,
        "max_words": text.max_words,
    }
    kind = model.recipe_.table("shallow").get("kind")
    packs = {"tfidf": _pack_tfidf, "fasttext": _pack_fasttext}
    if kind in packs:
        own, blobs = packs[kind](engine.shallow)
        return Packed(facts | own | {"kind": kind}, blobs)
    if engine.network is None:
        raise SettingError(f"the page has no {kind or 'model of this kind'}")
    with tempfile.TemporaryDirectory() as place:
        own, blobs = _pack_network(model, Path(place) / "exported", precision)
    return Packed(facts | own | {"kind": "network", "precision": precision}, blobs)


def _pack_tfidf(shallow: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    choice, terms, linear = shallow.choice, shallow.terms, shallow.linear
    facts = {"ngrams": choice.ngrams, "characters": choice.characters, "weighting": choice.weighting}
    facts |= {"lowercase": shallow.lowercase, "sublinear": shallow.sublinear, "words": terms.words}
    arrays = {"hashes": terms.hashes, "idf": terms.idf}
    arrays |= {"coefficients": linear.coefficients, "intercepts": linear.intercepts}
    return facts, {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


def _pack_fasttext(shallow: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    names = ("dim", "word_ngrams", "buckets", "min_n", "lowercase")
    facts = {name: getattr(shallow, name) for name in names} | {"max_n": shallow.choice.max_n}
    matrices = {"rows": shallow.rows, "outputs": shallow.outputs}
    blobs = {
        name: np.ascontiguousarray(matrix[:, : shallow.dim]).tobytes() for name, matrix in matrices.items()
    }
    return facts, {**blobs, "used": shallow.used.tobytes(), "words": "\n".join(shallow.words.words).encode()}


def _pack_network(model: Any, folder: Path, precision: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    from ..deployment.export import export
    from ..engines.exported_engine import EXPORTED_FILE, GRAPH_FILE

    kinds = [embedder["kind"] for embedder in model.recipe_.tables["embedders"]]
    if kinds != ["static"]:
        raise SettingError(f"the page reads word vectors, not {' and '.join(kinds)}")
    export(model, folder, precision=precision)
    exported = json.loads((folder / EXPORTED_FILE).read_text(encoding="utf-8"))
    reader = folder / "readers" / "0"
    steps = json.loads((reader / "unknown.json").read_text(encoding="utf-8"))["steps"]
    if {"subwords", "random"} & set(steps):
        raise SettingError("its unknown words get vectors that are made as they come")
    lines = (reader / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    facts = {"lowercase": exported["readers"][0]["lowercase"], "steps": steps}
    facts |= {"special": SPECIAL, "padding": PADDING, "unknown": UNKNOWN}
    words = "\n".join(line.partition("\t")[0] for line in lines)
    return facts, {"words": words.encode(), "graph": (folder / GRAPH_FILE).read_bytes()}


def _runtime_folder() -> Path:
    """Where onnxruntime-web is.

    Raises:
        SettingError: It is not there.
    """
    given = os.environ.get(RUNTIME)
    folder = Path(given) if given else Path("node_modules", "onnxruntime-web", "dist")
    missing = [name for name in RUNTIME_FILES.values() if not (folder / name).is_file()]
    if missing:
        raise SettingError(
            f"{folder} has no {missing[0]}; networks in the page need onnxruntime-web: "
            f"npm install onnxruntime-web here, or {RUNTIME} = its folder dist"
        )
    return folder


def _jieba() -> bytes:
    """The dictionary of jieba, and its model of unknown words."""
    from jieba import dt, finalseg

    dt.check_initialized()
    facts = {"start": finalseg.start_P, "trans": finalseg.trans_P, "emit": finalseg.emit_P}
    facts["words"] = "\n".join(f"{word} {count}" for word, count in dt.FREQ.items() if count)
    return json.dumps(facts | {"total": dt.total}, ensure_ascii=False).encode()


def _text_of(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")


def _unicode_runs() -> str:
    """The first code point of each run of a class, and the class."""
    table = classes()
    firsts = np.append(0, np.flatnonzero(np.diff(table)) + 1)
    return json.dumps(np.column_stack([firsts, table[firsts]]).ravel().tolist(), separators=(",", ":"))


def _page(models: Sequence[dict[str, Any]], scripts: dict[str, str], test: Examples) -> str:
    short = [text for text in dict.fromkeys(test.texts) if 0 < len(text.strip()) <= EXAMPLE_CHARACTERS]
    shown = short or [text[:EXAMPLE_CHARACTERS] for text in test.texts if text.strip()]
    buttons = "".join(f'<button type="button">{escape(text)}</button>' for text in shown[:EXAMPLES])
    # `<` would end the element that holds the JSON.
    facts = json.dumps(list(models), ensure_ascii=False).replace("<", "\\u003c")
    parts = {"live-models": facts, **scripts}
    data = "".join(f'<script type="text/plain" id="{name}">{text}</script>' for name, text in parts.items())
    code = files(__package__).joinpath("live.js").read_text(encoding="utf-8")
    return (
        '<section><h2>Try it</h2><textarea id="live-text" rows="3" aria-label="A text"'
        ' placeholder="Type a text"></textarea>'
        f'<p id="live-examples">{buttons}</p><dl id="live-answers" aria-live="polite"></dl></section>'
        f'{data}<script type="module">{code}</script>'
    )
