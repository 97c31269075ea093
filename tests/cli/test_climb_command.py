"""What `wordladder climb` says before it starts."""

import pytest
from test_commands import run

from tiny_transformers import tiny_albert
from wordladder.embedders import _encoder_sources
from wordladder.errors import SettingError
from wordladder.ladder import plan

DEAR = "albert, albert-bilstm, albert+vectors+bilstm, bert, bert+vectors, setfit"


@pytest.fixture
def stopped(monkeypatch):
    """A climb ends where it would begin, on a machine that reaches the hub."""

    def stop(*_, **__):
        raise SettingError("stopped")

    monkeypatch.setattr("wordladder.ladder.climb.climb", stop)
    monkeypatch.setattr(plan, "hub_error", lambda name: "")


def said(*options):
    return run("climb", "reviews.csv", "--output", "out", *options, code=2)


def test_rungs_that_take_hours_are_told_of(stopped):
    note, _, more = said().partition(" will be tuned from the Hugging Face hub")
    assert sorted(note.removeprefix("note: ").split(", ")) == sorted(DEAR.split(", "))
    assert "--rungs or --max-minutes" in more


@pytest.mark.parametrize("options", [("--rungs", "bert,tfidf"), ("--max-minutes", 3)])
def test_not_where_it_was_asked_for(stopped, options):
    assert "hours" not in said(*options)


def test_a_starter_encoder_is_told_of_too(stopped, monkeypatch, tmp_path):
    tiny_albert(tmp_path / "albert-en")
    monkeypatch.setattr(_encoder_sources, "FOLDER", tmp_path)
    monkeypatch.setattr(plan, "hub_error", lambda name: "the hub does not answer")
    assert said().startswith("note: albert-bilstm will be tuned from a starter: hours on a processor")


def test_not_without_the_hub(stopped, monkeypatch):
    monkeypatch.setattr(plan, "hub_error", lambda name: "the hub does not answer")
    assert "hours" not in said()
