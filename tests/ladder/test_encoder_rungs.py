"""Rungs that read a pretrained encoder: which one they get, and what is told where there is none."""

import json
import shutil
from functools import partial
from urllib.error import HTTPError

import pytest
from made_up import MadeUpJobs, made_up_climb

from conftest import reviews
from tiny_elmo import tiny_elmo
from tiny_transformers import tiny_albert, tiny_bert, tiny_roberta
from wordladder import Model, Recipe
from wordladder.cli.climb import print_climb
from wordladder.cli.train import rungs as list_rungs
from wordladder.data.examples import Examples
from wordladder.embedders import _encoder_sources
from wordladder.errors import SettingError
from wordladder.interop import encoders
from wordladder.interop.encoders import hub_error, read_encoder
from wordladder.ladder import climb as climb_module
from wordladder.ladder import plan, report
from wordladder.ladder.climb import climb
from wordladder.ladder.encoders import ADVICE, LeftOut, left_out_lines
from wordladder.ladder.plan import plan_recipes
from wordladder.ladder.runner import Runner
from wordladder.recipe import Encoder

CHEAP = ["tfidf", "fasttext", "vectors-mean", "cnn", "rnn", "gru", "lstm", "bilstm"]
BERT = ["bert-frozen-bilstm", "bert", "setfit", "bert+vectors"]
ALBERT = ["albert", "albert-bilstm", "albert+vectors+bilstm"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A tiny encoder of each kind."""
    home = tmp_path_factory.mktemp("encoders")
    (home / "elmo").mkdir()
    return {
        "bert": tiny_bert(home / "bert"),
        "albert": tiny_albert(home / "albert"),
        "roberta": tiny_roberta(home / "roberta"),
        "elmo": tiny_elmo(home / "elmo"),
    }


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """No hub: nothing leaves the machine. The names that were asked for."""
    names = []

    def trouble(name):
        names.append(name)
        return f"{name} is far away"

    monkeypatch.setattr(plan, "hub_error", trouble)
    monkeypatch.setattr(encoders, "hub_error", trouble)
    return names


def planned(rungs=None, *, given=(), folder=None, **more):
    return plan_recipes("classification", rungs, folder, encoders=given, **more)


def names(recipes):
    return [recipe.name for recipe in recipes]


def sources(recipes):
    return {recipe.name: recipe.tables.get("embedders", [{}])[0].get("source") for recipe in recipes}


def test_without_an_encoder_the_cheap_rungs_are_climbed_and_the_others_named(asked):
    found = planned()
    assert names(found.recipes) == CHEAP
    left_out = {one.name: one.why for one in found.left_out}
    assert left_out.keys() == {"elmo-bilstm", *BERT, *ALBERT}
    assert left_out["elmo-bilstm"] == f"no ELMo was given. {ADVICE}"
    assert left_out["bert"] == f"google-bert/bert-base-uncased is far away. {ADVICE}"
    assert len(asked) == 2, "each name is asked for once"


def test_what_the_hub_has_is_climbed_with_the_names_of_the_rungs(monkeypatch):
    monkeypatch.setattr(plan, "hub_error", lambda name: "" if "albert" in name else "no")
    found = planned()
    assert names(found.recipes) == CHEAP + ALBERT
    assert sources(found.recipes)["albert"] == "albert/albert-base-v2"
    assert {*BERT} <= {one.name for one in found.left_out}


@pytest.fixture
def started(folders, monkeypatch, tmp_path):
    """A starter encoder of English alone, which reads 64 pieces."""
    shutil.copytree(folders["albert"], tmp_path / "albert-en")
    monkeypatch.setattr(_encoder_sources, "FOLDER", tmp_path)


def test_a_starter_encoder_joins_every_climb(started, folders):
    found = planned(language="en")
    assert names(found.recipes) == [*CHEAP, "albert-bilstm"]
    assert sources(found.recipes)["albert-bilstm"] == "starter"
    assert found.recipes[-1].flat()["embedders.0.max_pieces"] == 64
    assert {one.name for one in found.left_out} == {"elmo-bilstm", *BERT, "albert", "albert+vectors+bilstm"}
    assert names(planned(["albert-bilstm"], language="en").recipes) == ["albert-bilstm"]
    tagging = plan_recipes("tagging", None, None, language="en").recipes
    assert sources(tagging)["albert-bilstm-crf"] == "starter"
    assert sources(planned(given=[folders["albert"]], language="en").recipes)["albert-bilstm"] != "starter"
    assert not plan.tuned_from_hub(found.recipes)


@pytest.mark.parametrize("language", ["zh", None])
def test_without_a_starter_of_the_language_nothing_changes(started, language):
    assert names(planned(language=language).recipes) == CHEAP


def test_a_climb_finds_the_language(started, tmp_path, monkeypatch):
    child = MadeUpJobs(dict.fromkeys([*CHEAP, "albert-bilstm"], 0.9))
    monkeypatch.setattr(climb_module, "Runner", partial(Runner, run_job=child))
    monkeypatch.setattr(report, "cost_picture", lambda *_: "<svg></svg>")
    texts = {"en": "the film was number {}", "de": "ein langer Abend ohne jede Freude {}"}
    for language, text in texts.items():
        rows = Examples(([text.format(n) for n in range(200)],), ["ab"[n % 2] for n in range(200)])
        found = climb(rows, output=tmp_path / language, seeds=1, threads=1)
        assert ("albert-bilstm" in names(found.rungs)) == (language == "en")


@pytest.mark.parametrize(
    ("kind", "rungs", "others", "title"),
    [("bert", BERT, ALBERT, "ALBERT"), ("roberta", BERT, ALBERT, "ALBERT"), ("albert", ALBERT, BERT, "BERT")],
)
def test_an_encoder_goes_to_the_rungs_of_its_family(folders, asked, kind, rungs, others, title):
    found = planned(given=[folders[kind]])
    assert names(found.recipes) == CHEAP + rungs
    assert all(sources(found.recipes)[name] == str(folders[kind]) for name in rungs)
    assert {one.name: one.why for one in found.left_out}.items() >= dict.fromkeys(
        others, f"no {title} was given. {ADVICE}"
    ).items()
    assert asked == [], "what is given decides, and nothing is fetched"


def test_several_encoders(folders, tmp_path):
    found = planned(given=[folders["bert"], folders["albert"]])
    assert {*names(found.recipes)} == {*CHEAP, *BERT, *ALBERT}
    found = planned(given=[folders["elmo"]])
    assert names(found.recipes) == [*CHEAP, "elmo-bilstm"]
    found = planned(["tfidf", "bert"], given=[folders["bert"], folders["roberta"]])
    assert sources(found.recipes) == {
        "tfidf": None,
        "bert@bert": str(folders["bert"]),
        "bert@roberta": str(folders["roberta"]),
    }


def test_windows_are_as_an_encoder_can_read_them(folders):
    for kind in ("bert", "roberta"):
        frozen, tuned = planned(["bert-frozen-bilstm", "bert"], given=[folders[kind]]).recipes
        assert tuned.flat()["embedders.0.max_pieces"] == 64
        assert "embedders.0.overlap" not in frozen.flat(), "the embedder finds one that fits"
        wide = Recipe({"embedders": [{**frozen.tables["embedders"][0], "overlap": 48}]})
        assert wide.with_encoder(read_encoder(folders[kind])).flat()["embedders.0.overlap"] == 16
    assert Recipe.load("bert").flat()["embedders.0.max_pieces"] == 384


def test_a_rung_asked_for_by_name_must_have_its_encoder(folders):
    with pytest.raises(SettingError, match=r"bert has no encoder: google-bert/\S+ is far away\. .*--encoder"):
        planned(["tfidf", "bert"])
    with pytest.raises(SettingError, match="albert has no encoder: albert/albert-base-v2 is far away"):
        planned(["bert", "albert"], given=[folders["bert"]])
    with pytest.raises(SettingError, match="none of these rungs uses an encoder of the family 'bert'"):
        planned(["tfidf"], given=[folders["bert"]])


def test_recipes_of_the_users_own(folders, tmp_path):
    text = '[[embedders]]\nkind = "transformer"\nsource = "{}"\n'
    (tmp_path / "named.toml").write_text(text.format("some/model"), encoding="utf-8")
    (tmp_path / "folder.toml").write_text(text.format(folders["albert"]), encoding="utf-8")
    alone = planned(folder=tmp_path)
    assert sources(alone.recipes) == {"folder": str(folders["albert"]), "named": "some/model"}
    given = planned(folder=tmp_path, given=[folders["bert"]])
    assert sources(given.recipes) == {"folder": str(folders["albert"]), "named": str(folders["bert"])}
    assert alone.left_out == given.left_out == ()


def test_what_lies_in_a_folder(folders, tmp_path, monkeypatch):
    assert (read_encoder(folders["bert"]).family, read_encoder(folders["bert"]).limit) == ("bert", 64)
    assert (read_encoder(folders["roberta"]).family, read_encoder(folders["roberta"]).limit) == ("bert", 64)
    assert read_encoder(folders["elmo"]).family == "elmo"
    monkeypatch.chdir(folders["albert"].parent)
    assert read_encoder("albert") == Encoder(str(folders["albert"]), "albert", 64)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "neither a transformer"),
        ({"config.json": '{"model_type": "bert"}'}, r"no weights; model\.safetensors or pytorch_model\.bin"),
        ({"config.json": "{", "model.safetensors": ""}, r"config\.json cannot be read"),
        ({"config.json": "[]", "model.safetensors": ""}, r"config\.json: a JSON object is expected"),
        ({"config.json": "{}", "model.safetensors": ""}, "has no model_type"),
        (
            {"config.json": '{"model_type": "bart", "is_encoder_decoder": true}', "model.safetensors": ""},
            "with a decoder",
        ),
        ({"recipe.toml": "", "embedders/0/config.json": "{}"}, r"trained; its encoder is in .*embedders.0"),
    ],
)
def test_a_folder_that_holds_no_encoder_is_named(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message) as caught:
        read_encoder(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_neither_a_folder_nor_a_name_on_the_hub(tmp_path):
    with pytest.raises(SettingError, match=r"there is no such folder$"):
        read_encoder(tmp_path / "nothing")
    with pytest.raises(SettingError, match="as a name on the hub: a/b is far away"):
        read_encoder("a/b")
    for name in ("my folder", "a--b", "C:encoder"):
        assert hub_error(name) == f"{name} is not a valid name on the hub"


def test_the_local_cache_of_the_hub_is_looked_into_first(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in hub_error("a/b")
    place = tmp_path / "models--a--b" / "snapshots" / "1"
    place.mkdir(parents=True)
    (tmp_path / "models--a--b" / "refs").mkdir()
    (tmp_path / "models--a--b" / "refs" / "main").write_text("1", encoding="utf-8")
    (place / "config.json").write_text('{"model_type": "albert"}', encoding="utf-8")
    assert "not in the local cache" in hub_error("a/b")
    (place / "model.safetensors").touch()
    (place / "spiece.model").touch()
    assert hub_error("a/b") == ""
    monkeypatch.setattr(encoders, "hub_error", hub_error)
    assert read_encoder("a/b") == Encoder("a/b", "albert", None)


def test_a_hub_that_does_not_answer_and_one_that_does(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(encoders, "_failed", [])  # an earlier test may have asked a hub that is not there
    seen = []

    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    def answers(request, timeout):
        seen.append((request.get_method(), request.full_url, timeout))
        return Answer()

    def silence(request, timeout):
        raise TimeoutError

    monkeypatch.setattr(encoders, "urlopen", answers)
    assert hub_error("an-owner/a-model") == ""
    assert seen[0][0] == "HEAD"
    assert "an-owner/a-model" in seen[0][1]

    def refuses(request, timeout):
        raise HTTPError(request.full_url, 404, "Not Found", None, None)

    monkeypatch.setattr(encoders, "urlopen", refuses)
    assert hub_error("an-owner/a-model") == "", "what it has said is remembered"
    assert "the hub does not provide it (404 Not Found)" in hub_error("an-owner/another")
    monkeypatch.setattr(encoders, "_failed", [])
    monkeypatch.setattr(encoders, "urlopen", silence)
    assert "the hub does not answer" in hub_error("an-owner/a-third")
    monkeypatch.setattr(encoders, "urlopen", answers)
    assert "the hub does not answer" in hub_error("an-owner/a-fourth"), "and it is not asked again"
    assert len(seen) == 1


def test_left_out_rungs_are_told_everywhere(tmp_path, monkeypatch, capsys):
    """In the result, in climb.json, on the console and on the page."""
    child = MadeUpJobs(dict.fromkeys(CHEAP, 0.9))
    monkeypatch.setattr(climb_module, "Runner", partial(Runner, run_job=child))
    monkeypatch.setattr(report, "cost_picture", lambda *_: "<svg></svg>")
    rows = Examples(([f"text {n} about" for n in range(200)],), ["ab"[n % 2] for n in range(200)])
    found = climb(rows, output=tmp_path / "out", seeds=1, threads=1)
    assert names(found.rungs) == CHEAP
    kept = json.loads((tmp_path / "out" / "climb.json").read_text(encoding="utf-8"))
    assert {"name": "albert", "why": f"albert/albert-base-v2 is far away. {ADVICE}"} in kept["left_out"]
    print_climb(found)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for text in (" ".join(capsys.readouterr().out.split()), page):
        assert "ot climbed: bert-frozen-bilstm, bert, setfit, bert+vectors – google-bert/" in text
        assert "--encoder FOLDER" in text
        assert "wordladder pretrain" in text


def test_one_line_for_each_reason(tmp_path):
    lines = left_out_lines([LeftOut("a", "why"), LeftOut("b", "else"), LeftOut("c", "why")])
    assert lines == ["not climbed: a, c – why", "not climbed: b – else"]
    assert made_up_climb(tmp_path, {"tfidf": (0.9, 0.5)}).to_json()["left_out"] == []


@pytest.mark.parametrize("name", ["elmo-bilstm", *BERT, *ALBERT])
def test_every_rung_learns_with_a_tiny_encoder(folders, name):
    """The recipes as they are, but for a small head and a rate that a tiny random encoder learns at."""
    kind = "bert" if name in BERT else name.partition("-")[0].partition("+")[0]
    (recipe,) = planned([name], given=[folders[kind]]).recipes
    changes = {"training.epochs": 16, "training.steps": 8, "training.batch_rows": 8, "training.warmup": 0.0}
    changes |= {"training.learning_rate": 2e-3, "training.patience": 16, "training.head_learning_rate": 1e-2}
    if recipe.table("vectors"):
        changes |= {"vectors.dim": 8, "vectors.epochs": 1}
    if recipe.tables.get("encoders"):
        changes |= {"encoders.0.hidden": 8}
    texts, labels = reviews(64)
    model = Model(recipe.with_settings(changes), threads=1).fit(texts, labels, dev=(texts[:16], labels[:16]))
    assert model.score(texts, labels) > 0.6


def test_train_takes_an_encoder_too(folders):
    recipe = Recipe.load("bert").with_encoder(read_encoder(folders["albert"]))
    assert recipe.flat()["embedders.0.source"] == str(folders["albert"])
    with pytest.raises(SettingError, match="bilstm has no transformer embedder"):
        Recipe.load("bilstm").with_encoder(read_encoder(folders["bert"]))


def test_the_list_of_rungs_says_what_they_need(capsys):
    list_rungs(name=None, task="classification", json=True)
    needs = {rung["name"]: rung["encoder"] for rung in json.loads(capsys.readouterr().out)}
    assert needs == {
        **dict.fromkeys(CHEAP),
        "elmo-bilstm": "elmo",
        **dict.fromkeys(BERT, "bert"),
        **dict.fromkeys(ALBERT, "albert"),
    }
