"""`wordladder pretrain`, as a user types it."""

import json

import pytest
from safetensors.torch import load_file, save_file
from test_commands import run
from typer.testing import CliRunner

from tiny_transformers import tiny_bert
from wordladder.cli import app

pytestmark = pytest.mark.usefixtures("small_encoders")

SHORT = ("--steps", 3, "--max-pieces", 32, "--batch-pieces", 256, "--held-out", 0.1, "--threads", 1)


def test_it_says_what_it_did(corpus, tmp_path):
    out = run("pretrain", corpus, "--kind", "albert", "--output", tmp_path / "encoder", *SHORT)
    assert "albert tiny (mlm,sop)" in out
    assert "3 steps" in out
    assert "perplexity" in out
    assert f"--encoder {tmp_path / 'encoder'}" in " ".join(out.split())  # a long path begins a line


def test_for_programs(corpus, tmp_path):
    found = json.loads(run("pretrain", corpus, "--output", tmp_path / "encoder", *SHORT, "--json"))
    assert found["steps"] == 3
    assert found["objectives"] == "mlm,nsp"
    assert found["held_out"].keys() >= {"masked_loss", "perplexity", "masked_accuracy"}


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_was_taken_from_the_names_of_the_weights_is_told(corpus, tmp_path, prefix, options):
    path = tiny_bert(tmp_path / "bert") / "model.safetensors"
    weights = {prefix + name: tensor for name, tensor in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    args = ("--continue-from", path.parent, "--output", tmp_path / "more", *SHORT, *options)
    done = CliRunner().invoke(app, ["pretrain", *map(str, (corpus, *args))], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    notes = [f"bert: the names of its weights begin with {prefix!r}, which was removed"] if prefix else []
    assert [line for line in done.stderr.splitlines() if "removed" in line] == [f"note: {n}" for n in notes]
    if options:
        assert json.loads(done.stdout)["notes"] == notes


def test_text_is_prepared_before(corpus, tmp_path):
    run(
        "pretrain", corpus, "--kind", "albert", "--max-pieces", 32, "--prepare", "--output", tmp_path / "text"
    )
    assert {path.name for path in (tmp_path / "text").iterdir()} == {"text", "tokenizer"}
    out = run("pretrain", tmp_path / "text", "--kind", "albert", "--output", tmp_path / "encoder", *SHORT)
    assert "3 steps" in out
    again = ("--prepare", "--json", "--output", tmp_path / "text")
    assert json.loads(run("pretrain", corpus, *again))["documents"] == 60


def test_what_cannot_be_used(corpus, tmp_path):
    error = run("pretrain", corpus, "--kind", "brt", "--output", tmp_path / "a", *SHORT, code=2)
    assert "Did you mean 'bert'" in error
    error = run("pretrain", corpus, "--output", tmp_path / "a", code=2)
    assert "either steps or minutes" in error


@pytest.mark.parametrize("option", ["--lowercase", "--no-lowercase", "--whole-words", "--no-whole-words"])
def test_options_that_elmo_has_no_use_for(corpus, tmp_path, option):
    error = run("pretrain", corpus, "--kind", "elmo", option, "--output", tmp_path / "a", *SHORT, code=2)
    name = option.removeprefix("--").removeprefix("no-").replace("-", "_")
    assert f"{name} is {'--no' not in option}, but ELMo" in error


def test_the_help_tells_what_happens_without_an_option():
    shown = " ".join(run("pretrain", "--help").split())
    assert "default: (lowercase)" in shown
    assert "default: (whole-words)" in shown


def test_stopping(corpus, tmp_path, monkeypatch):
    def stop(*args, **others):
        raise KeyboardInterrupt

    monkeypatch.setattr("wordladder.pretraining.pretrain.pretrain_network", stop)
    error = run("pretrain", corpus, "--output", tmp_path / "a", *SHORT, code=130)
    assert "--resume" in error
