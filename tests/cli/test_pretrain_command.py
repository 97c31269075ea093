"""`wordladder pretrain`, as a user types it."""

import json
import sys
from pathlib import Path

import pytest
from test_commands import run

from wordladder.pretraining import settings

sys.path.insert(0, str(Path(__file__).parents[1] / "pretraining"))
from made_up_text import write_corpus

SHORT = ("--steps", 3, "--max-pieces", 32, "--batch-pieces", 256, "--held-out", 0.1, "--threads", 1)


@pytest.fixture(scope="module", autouse=True)
def tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.SIZES, "tiny", settings.Shape(1, 16, 24, 2, 8, 150))
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("text") / "corpus.txt")


def test_it_says_what_it_did(corpus, tmp_path):
    out = run("pretrain", corpus, "--kind", "albert", "--output", tmp_path / "encoder", *SHORT)
    assert "albert tiny (mlm,sop)" in out
    assert "3 steps" in out
    assert "perplexity" in out
    assert f"--encoder {tmp_path / 'encoder'}" in out


def test_for_programs(corpus, tmp_path):
    found = json.loads(run("pretrain", corpus, "--output", tmp_path / "encoder", *SHORT, "--json"))
    assert found["steps"] == 3
    assert found["objectives"] == "mlm,nsp"
    assert found["held_out"].keys() >= {"masked_loss", "perplexity", "masked_accuracy"}


def test_what_cannot_be_used(corpus, tmp_path):
    error = run("pretrain", corpus, "--kind", "brt", "--output", tmp_path / "a", *SHORT, code=2)
    assert "Did you mean 'bert'" in error
    error = run("pretrain", corpus, "--output", tmp_path / "a", code=2)
    assert "either steps or minutes" in error


def test_stopping(corpus, tmp_path, monkeypatch):
    def stop(*args, **others):
        raise KeyboardInterrupt

    monkeypatch.setattr("wordladder.pretraining.pretrain.pretrain_network", stop)
    error = run("pretrain", corpus, "--output", tmp_path / "a", *SHORT, code=130)
    assert "--resume" in error
