"""`tools/starter_encoder.py`, and the part of a script that pretrains, with tiny sizes."""

import importlib.util
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from made_up_text import SENTENCES
from tiny_transformers import tiny_bert
from wordladder.data.examples import Examples
from wordladder.embedders import _encoder_sources
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.pretraining import settings
from wordladder.text.words import tokenize

ROOT = Path(__file__).parents[2]
SHORT = ["--steps", "3", "--max-pieces", "32", "--batch-pieces", "512", "--device", "cpu"]


def script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(settings.SIZES, "starter", settings.Shape(2, 24, 48, 2, 16, 150))


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool with a place of its own for what it ships, and a climb that finds what it is told to."""
    made = script(ROOT / "tools" / "starter_encoder.py")
    for module in (made, _encoder_sources):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "starters")
    made.reached, made.asked = {"bilstm": 0.8, "albert-bilstm": 0.9}, []

    def climb(train, **given):
        made.asked.append((train, given))
        rungs = [SimpleNamespace(name=name, value=value, error=None) for name, value in made.reached.items()]
        return SimpleNamespace(rungs=rungs)

    rows = Examples((["a film"] * 6_000,), ["good"] * 6_000)
    monkeypatch.setattr(made, "climb", climb)
    monkeypatch.setattr(made, "read_examples", lambda path, task: rows)
    return made


def test_from_text_to_the_package(tool, corpus, tmp_path, capsys):
    teacher = str(tiny_bert(tmp_path / "teacher"))
    here, there = tmp_path / "here", tmp_path / "there"
    tool.main(
        ["en", str(corpus), str(corpus), "--output", str(here), "--teacher", teacher, "--prepare", *SHORT]
    )
    assert not (here / "encoder").exists()
    shutil.copytree(here / "prepared", there / "prepared")
    given = ["en", "--output", str(there), "--teacher", teacher, *SHORT]
    tool.main(given)
    ((train, asked),) = tool.asked
    assert (len(train), len(asked["test"])) == (2_000, 5_000)
    assert (asked["rungs"], asked["encoders"]) == (("bilstm", "albert-bilstm"), [there / "encoder"])
    folder = tmp_path / "starters" / "albert-en"
    assert f"shipped: {folder}" in capsys.readouterr().out
    assert {weight.dtype for weight in load_file(folder / "model.safetensors").values()} == {torch.float16}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "what teacher says" in card
    assert "| judged: albert-bilstm | 0.9000 |" in card
    assert str(tmp_path) not in card
    made = Transformer(source="starter", overlap=8)
    made.initialise(TrainingText(tokenize(["The cat sees the river and the old garden."])))
    assert made.dim == 24
    tool.reached = {"bilstm": 0.8, "albert-bilstm": 0.8}
    shutil.rmtree(folder)
    tool.main(given)
    assert "not shipped" in capsys.readouterr().out
    assert not folder.exists()


def test_paragraphs_that_come_again_are_left_out(tool, tmp_path):
    long = " ".join(SENTENCES[:3])
    text = f"Title\n{long}\n{long}<br />Short.<br /><br />Short.\n\nTitle\n{long}\nThe end.\n"
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    found = tool.unique([tmp_path / "text.txt"], tmp_path / "unique.txt").read_text(encoding="utf-8")
    assert found == f"\nTitle\n{long}\nShort.\nShort.\n\nTitle\nThe end.\n"


def test_a_part_of_a_longer_script(tool, corpus, tmp_path, capsys):
    for language in ("en", "zh"):
        tool.main([language, str(corpus), "--output", str(tmp_path / language), "--prepare", *SHORT])
    part = script(ROOT / "benchmarks" / "_gpu_albert.py")
    prepared = {language: tmp_path / language / "prepared" for language in ("en", "zh")}
    small = {"max_pieces": 32, "batch_pieces": 512, "device": "cpu", "threads": 1}
    figures = part.albert_part(prepared, 0.02, tmp_path / "out", **small)
    assert figures.keys() == prepared.keys()
    told = capsys.readouterr().out
    for name, found in figures.items():
        assert 0 <= found["masked_accuracy"] <= 1
        assert 0 <= found["order_accuracy"] <= 1
        assert found["pieces_per_second"] > 0
        assert found["size_mb"] < 0.1
        assert f"{name}: masked_accuracy" in told
