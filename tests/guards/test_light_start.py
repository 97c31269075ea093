"""What is loaded when: the package and its help are light, and a saved BiLSTM answers without the heavy
libraries.
"""

import json
import subprocess
import sys

import pytest

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


def test_the_help_is_light():
    code = COMMAND.format(["wordladder", "--help"])
    assert not loaded(code) & {"torch", "numba", "pyarrow", "sklearn", "transformers", "accelerate"}


def test_word_vectors_need_neither_torch_nor_numba():
    assert not loaded("from wordladder import WordVectors") & {"torch", "numba", "pyarrow"}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_saved_bilstm_answers_without_the_heavy_libraries(command, small_model, tmp_path):
    small_model.save(tmp_path / "model")
    (tmp_path / "texts.csv").write_text("text,label\na good film,positive\n", encoding="utf-8")
    code = COMMAND.format(["wordladder", command, str(tmp_path / "model"), str(tmp_path / "texts.csv")])
    heavy = {"transformers", "sklearn", "scipy", "accelerate", "numba", "matplotlib", "pandas"}
    assert not loaded(code) & heavy
