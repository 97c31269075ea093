"""What is loaded when: the package and its help are light, shallow rungs never load torch, and saved models
answer without the heavy libraries.
"""

import json
import subprocess
import sys

import pytest

import wordladder
from conftest import reviews
from tiny_transformers import tiny_bert
from wordladder import Model

COMMAND = """
import sys
sys.argv = {}
from wordladder.cli import app
try:
    app()
except SystemExit as end:
    assert not end.code
"""
MODULES = (
    "print(__import__('json').dumps(sorted({name.split('.')[0] for name in __import__('sys').modules})))"
)


def loaded(code: str, **given) -> set[str]:
    """The top-level modules that are loaded after `code` has run in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{MODULES}"], capture_output=True, text=True, check=True, **given
    )
    return set(json.loads(done.stdout.strip().split("\n")[-1]))


def test_the_package_is_light():
    assert not loaded("import wordladder") & {"torch", "numba", "pyarrow", "sklearn", "transformers", "numpy"}


@pytest.mark.parametrize("command", ["", "climb", "pretrain", "vectors train"])
def test_the_help_is_light(command):
    code = COMMAND.format(["wordladder", *command.split(), "--help"])
    assert not loaded(code) & {"torch", "numba", "numpy", "pyarrow", "sklearn", "transformers"}


def test_word_vectors_need_neither_torch_nor_numba():
    assert not loaded("from wordladder import WordVectors") & {"torch", "numba", "pyarrow"}


SHALLOW = """
from wordladder import Model
from wordladder.data.examples import Span

for kind in ("tfidf", "fasttext", "crf"):
    texts = [f"film {n} is {['good', 'dull'][n % 2]}" for n in range(60)]
    labels = [(Span(0, 4, "FILM"),) if kind == "crf" else "ny"[n % 2] for n in range(60)]
    settings = {"tree": False} if kind == "crf" else {}
    task = {"kind": "tagging" if kind == "crf" else "classification"}
    Model({"shallow": {"kind": kind, **settings}, "task": task}, threads=1).fit(texts, labels, output=kind)
    saved = Model.load(kind, threads=1)
    saved.predict(texts[:2])
    saved.evaluate(texts, labels)
"""


def test_shallow_rungs_are_fitted_and_used_without_torch(tmp_path):
    heavy = {"torch", "sklearn", "transformers", "pyarrow", "matplotlib", "pandas"}
    assert not loaded(SHALLOW, cwd=tmp_path) & heavy


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_saved_tfidf_answers_without_the_heavy_libraries(command, tmp_path):
    Model("tfidf").fit(*reviews(60), output=tmp_path / "model")
    (tmp_path / "texts.csv").write_text("text,label\na good film,positive\n", encoding="utf-8")
    code = COMMAND.format(["wordladder", command, str(tmp_path / "model"), str(tmp_path / "texts.csv")])
    assert not loaded(code) & {"torch", "sklearn", "scipy", "numba", "pyarrow", "pandas"}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_saved_bilstm_answers_without_the_heavy_libraries(command, small_model, tmp_path):
    small_model.save(tmp_path / "model")
    (tmp_path / "texts.csv").write_text("text,label\na good film,positive\n", encoding="utf-8")
    code = COMMAND.format(["wordladder", command, str(tmp_path / "model"), str(tmp_path / "texts.csv")])
    heavy = {"transformers", "sklearn", "scipy", "numba", "matplotlib", "pandas"}
    assert not loaded(code) & heavy


@pytest.mark.parametrize("command", ["predict", "evaluate", "embed"])
def test_an_exported_bilstm_needs_no_pytorch(command, small_model, tmp_path):
    pytest.importorskip("onnxruntime")
    wordladder.export(small_model, tmp_path / "model")
    (tmp_path / "texts.csv").write_text("text,label\na good film,positive\n", encoding="utf-8")
    more = ["-o", str(tmp_path / "out.npy")] if command == "embed" else []
    code = COMMAND.format(
        ["wordladder", command, str(tmp_path / "model"), str(tmp_path / "texts.csv"), *more]
    )
    assert not loaded(code) & {"torch", "transformers", "sklearn", "scipy", "numba", "pandas", "onnx"}


def test_an_encoder_in_openvino_needs_no_pytorch(tmp_path):
    pytest.importorskip("openvino")
    tiny_bert(tmp_path / "bert")
    (tmp_path / "texts.txt").write_text("a good film\n", encoding="utf-8")
    words = ["wordladder", "embed", str(tmp_path / "bert"), str(tmp_path / "texts.txt")]
    code = COMMAND.format([*words, "--output", str(tmp_path / "out.npy")])
    assert not loaded(code) & {"torch", "transformers", "sklearn", "scipy", "numba", "pandas"}
