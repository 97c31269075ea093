"""The whole climb over made-up children: what is trained, kept and continued. One test trains for real."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from made_up import MadeUpJobs

from conftest import reviews
from wordladder import Model
from wordladder.data.examples import Examples
from wordladder.errors import OutputError, RecipeError, SettingError, UserError
from wordladder.files.folders import size_mb
from wordladder.ladder import climb as module
from wordladder.ladder import report
from wordladder.ladder.climb import climb
from wordladder.ladder.run import Run, evaluate_model
from wordladder.ladder.runner import Runner

ROWS = Examples(([f"text {n} about something" for n in range(1000)],), ["ab"[n % 2] for n in range(1000)])
ACCURACIES = {"tfidf": 0.90, "gru": 0.85, "bilstm": 0.905}
LATENCIES = {"tfidf": 0.5, "gru": 2.0, "bilstm": 3.0}


@pytest.fixture
def climbing(tmp_path, monkeypatch):
    """Climbs with made-up children; returns the climb and the jobs."""

    def run(accuracies=ACCURACIES, train=ROWS, dev_values=None, **settings):
        child = MadeUpJobs(accuracies, LATENCIES, dev_values)
        monkeypatch.setattr(module, "Runner", partial(Runner, run_job=child))
        monkeypatch.setattr(report, "cost_picture", lambda *_: "<svg></svg>")
        settings = {
            "rungs": list(ACCURACIES),
            "output": tmp_path / "out",
            "seeds": 2,
            "threads": 2,
        } | settings
        return climb(train, **settings), child.jobs

    return run


def trained(jobs):
    return [(job["name"], job["recipe"]["training"]["seed"]) for kind, job in jobs if kind == "run"]


def test_every_rung_with_every_seed_on_the_same_rows(climbing):
    found, jobs = climbing(seeds=3, seed=5)
    assert trained(jobs) == [(name, seed) for name in ACCURACIES for seed in (5, 6, 7)]
    assert len({job["data"] for kind, job in jobs if kind == "run"}) == 1
    assert [kind for kind, _ in jobs] == ["run", "run", "run", "cost"] * 3
    assert found.seeds == (5, 6, 7)
    assert [rung.seeds for rung in found.rungs] == [(5, 6, 7)] * 3


def test_the_figures_of_a_rung(climbing):
    found, _ = climbing(rungs=["tfidf"])
    (rung,) = found.rungs
    assert rung.dev_value == 0.90
    assert rung.value == sum(rung.seed_values) / 2
    assert rung.interval[0] < rung.value < rung.interval[1]
    assert rung.price.train_seconds == 15
    assert rung.price.size_mb == 1.0
    assert (rung.price.latency_p50, rung.price.latency_p95, rung.price.memory_mb) == (0.5, 1.0, 50.0)
    assert rung.warnings == ("a warning",)
    assert found.recommended == found.best == "tfidf"


def test_climb_json_and_the_report_are_written_and_the_rows_taken_away(climbing, tmp_path):
    found, _ = climbing(margin=0.1)
    out = tmp_path / "out"
    kept = json.loads((out / "climb.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(found.to_json()))
    assert kept.keys() >= {"task", "metric", "recommended", "reason", "rungs"}
    keys = "name value interval seeds latency_ms throughput memory_mb size_mb train_seconds on_front"
    assert kept["rungs"][0].keys() >= {*keys.split(), "within_budget", "error"}
    assert kept["rungs"][0]["latency_ms"] == {"p50": 0.5, "p95": 1.0}
    assert kept["recommended"] == "tfidf"
    assert "<svg" in (out / "report.html").read_text(encoding="utf-8")
    assert not (out / "data").exists()
    assert sorted(path.name for path in (out / "runs" / "gru" / "seed-2").iterdir()) == [
        "model",
        "outcomes.npy",
        "result.json",
        "scores.npy",
    ]


def test_a_rung_that_breaks_is_told_and_the_others_go_on(climbing):
    found, jobs = climbing(ACCURACIES | {"gru": "ValueError: no"})
    assert [rung.error for rung in found.rungs] == [None, "ValueError: no", None]
    assert trained(jobs).count(("gru", 1)) == 1
    assert ("gru", 2) not in trained(jobs)
    assert found.best == "bilstm"
    broken = found.to_json()["rungs"][1]
    assert (broken["value"], broken["latency_ms"], broken["within_budget"]) == (None, None, False)


def test_when_all_break_for_what_the_user_gave_that_is_the_error(climbing, tmp_path):
    with pytest.raises(UserError, match="no rung could be trained; tfidf: user: wrong"):
        climbing(dict.fromkeys(ACCURACIES, "user: wrong"))
    climbing()  # nothing is left that would be in the way
    assert (tmp_path / "out" / "climb.json").exists()


def test_when_all_break_for_other_reasons_that_is_the_result(climbing, tmp_path):
    found, _ = climbing(dict.fromkeys(ACCURACIES, "the process was killed (SIGKILL)"))
    assert found.recommended is None
    assert "SIGKILL" in found.reason
    assert (tmp_path / "out" / "report.html").exists()


def test_resume_trains_only_what_is_missing(climbing):
    climbing(ACCURACIES | {"gru": "it broke"}, rungs=["tfidf", "gru"], seeds=1)
    found, jobs = climbing(resume=True, seeds=2)
    assert trained(jobs) == [("tfidf", 2), ("gru", 1), ("gru", 2), ("bilstm", 1), ("bilstm", 2)]
    assert [job["model"].split("/")[-3] for kind, job in jobs if kind == "cost"] == ["gru", "bilstm"]
    assert all(rung.error is None for rung in found.rungs)


def test_resume_with_another_budget_only_chooses_again(climbing):
    climbing(margin=0.1)
    found, jobs = climbing(margin=0.1, max_latency_ms=0.4, cost="size", resume=True)
    assert jobs == []
    assert found.recommended is None
    assert found.rungs[0].over_budget == ("0.5 ms a text",)


def test_another_thread_count_is_measured_again(climbing):
    climbing(rungs=["tfidf"])
    _, jobs = climbing(rungs=["tfidf"], threads=1, resume=True)
    assert [kind for kind, _ in jobs] == ["cost"]


def test_resume_with_other_data_or_recipes_is_refused(climbing):
    climbing(rungs=["tfidf"])
    with pytest.raises(SettingError, match="began with other data"):
        climbing(train=ROWS.take(range(999)), resume=True)
    with pytest.raises(SettingError, match=r"began with training.epochs = None in tfidf, not 3"):
        climbing(settings={"training.epochs": 3}, resume=True)


def test_a_climb_is_not_overwritten(climbing):
    climbing(rungs=["tfidf"])
    with pytest.raises(OutputError, match="continue it with resume"):
        climbing(rungs=["tfidf"])


def test_an_interrupt_keeps_what_was_finished(climbing, monkeypatch, tmp_path):
    def progress(stage, done, total, **facts):
        if facts.get("rung") == "gru":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        climbing(progress=progress)
    assert not (tmp_path / "out" / "data").exists()
    _, jobs = climbing(resume=True)
    assert ("tfidf", 1) not in trained(jobs)


def test_where_dev_and_test_differ_by_more_than_chance_it_is_said(climbing, tmp_path):
    found, _ = climbing(seeds=1)
    assert found.warnings == ()
    child = {"tfidf": 0.60, "gru": 0.85}
    found, _ = climbing(
        child, rungs=list(child), seeds=1, output=tmp_path / "other", dev_values={"tfidf": 0.95}
    )
    (told,) = found.warnings
    assert "tfidf reaches 0.950 on dev and 0.600 on test" in told
    assert "--group keeps them together" in told
    kept = json.loads((tmp_path / "other" / "climb.json").read_text(encoding="utf-8"))
    assert kept["warnings"] == [told]
    assert [rung["dev_beyond_chance"] for rung in kept["rungs"]] == [True, False]
    page = (tmp_path / "other" / "report.html").read_text(encoding="utf-8")
    assert "by more than chance allows" in page
    assert "dev 0.950" in page


def test_a_label_curve_trains_on_parts_and_keeps_no_models(climbing, tmp_path):
    found, jobs = climbing(rungs=["tfidf"], seeds=1, label_curve=True)
    runs = [(job["rows"], job["recipe"]["training"]["seed"]) for kind, job in jobs if kind == "run"]
    assert runs == [(None, 1), (45, 1), (45, 2), (45, 3), (45, 4), (45, 5), (180, 1), (180, 2)]
    assert [point.rows for point in found.rungs[0].curve] == [45, 180, 720]
    assert [len(point.seed_values) for point in found.rungs[0].curve] == [5, 2, 1]
    assert found.rungs[0].curve[-1].value == found.rungs[0].value
    assert not list((tmp_path / "out").glob("runs/*/*/rows-*/model"))
    assert "With fewer labels" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_forecast_without_a_curve_is_told_and_nothing_is_lost(climbing, tmp_path):
    rows = ROWS.take(range(60))
    found, _ = climbing(rungs=["tfidf"], seeds=1, train=rows, forecast=[500])
    assert found.forecast is None
    assert found.notes[-1].startswith("No forecast: the climb has no label curve with three points")
    assert (tmp_path / "out" / "climb.json").is_file()
    with pytest.raises(SettingError, match=r"rows = \[0\]"):
        climbing(output=tmp_path / "never", forecast=[0])
    assert not (tmp_path / "never").exists()


def test_side_by_side_all_training_comes_before_any_measuring(climbing, tmp_path):
    accuracies = ACCURACIES | {"gru": "ValueError: no"}
    settings = {"seeds": 2, "label_curve": True}
    alone, _ = climbing(accuracies, **settings)
    found, jobs = climbing(accuracies, jobs=2, output=tmp_path / "other", **settings)
    kinds = [kind for kind, _ in jobs]
    assert kinds == ["run"] * kinds.count("run") + ["cost"] * 2
    assert trained(jobs).count(("gru", 1)) == 1, "what failed is not tried again"
    assert {job["threads"] for kind, job in jobs if kind == "run"} == {1}
    assert {job["threads"] for kind, job in jobs if kind == "cost"} == {2}
    assert [rung.to_json() for rung in found.rungs] == [rung.to_json() for rung in alone.rungs]
    assert "2 rungs were trained side by side: alone each takes less time." in found.notes


def test_a_forecast_trains_on_six_parts_and_is_in_the_report(climbing, tmp_path):
    found, _ = climbing(rungs=["tfidf", "gru"], seeds=1, forecast=[5000])
    assert [point.rows for point in found.rungs[0].curve] == [22, 45, 90, 180, 360, 720]
    assert [len(point.seed_values) for point in found.rungs[0].curve] == [5, 5, 4, 2, 1, 1]
    assert [rung.name for rung in found.forecast.rungs] == ["tfidf", "gru"]
    kept = json.loads((tmp_path / "out" / "climb.json").read_text(encoding="utf-8"))
    assert kept["forecast"]["rungs"][0]["expected"][0]["rows"] == 5000
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "With more labels" in page
    assert '<th scope="col">5,000 rows</th>' in page


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cost": "money"}, "cost: there is no 'money'"),
        ({"seeds": 0}, "seeds = 0"),
        ({"threads": 0}, "threads = 0"),
        ({"margin": -0.1}, "margin = -0.1"),
        ({"max_minutes": 0}, "max_minutes = 0"),
        ({"rungs": ["tfidv"]}, "Did you mean 'tfidf'"),
        ({"models": ["./nothing"]}, "--model ./nothing: there is no such folder"),
        ({"models": ["a/one", "b/one"]}, "two rungs or models have the name 'one'"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(climbing, tmp_path, settings, message):
    with pytest.raises((SettingError, RecipeError), match=message):
        climbing(**settings)
    assert not (tmp_path / "out").exists()


def test_models_that_are_there_already_are_compared_and_not_recommended(climbing, tmp_path):
    (tmp_path / "mine").mkdir()
    accuracies = ACCURACIES | {"mine": 0.99, "worse": 0.5, "broken": "user: of another task"}
    models = [tmp_path / "mine", "someone/worse", "someone/broken"]
    found, jobs = climbing(accuracies, models=models, label_curve=True, cost="train", margin=0.001)
    mine, worse, broken, *_ = found.rungs
    assert [(job["model"], job["recipe"]) for kind, job in jobs if kind == "run"][:2] == [
        (str(tmp_path / "mine"), {}),
        ("someone/worse", {}),
    ]
    assert (mine.seeds, mine.curve, mine.price.size_mb) == ((1,), (), 4.0)
    assert mine.to_json()["train_seconds"] is None
    assert [rung.fixed for rung in found.rungs] == [True] * 3 + [False] * 3
    assert broken.error == "user: of another task"
    assert found.best == "bilstm"
    assert found.recommended in ACCURACIES
    assert mine.difference.low > 0
    assert re.search(r"The existing model mine is 0\.\d+ \(.*\) better than bilstm", found.reason)
    assert "The existing model worse is 0.4" in found.reason
    assert found.warnings[-1].startswith("mine, worse: measured as they are.")
    assert not any(rung.gap for rung in (mine, worse))


def test_models_alone_are_compared_with_each_other(climbing):
    found, _ = climbing({"a": 0.9, "b": 0.7}, rungs=[], models=["some/a", "some/b"], max_minutes=1)
    assert [rung.name for rung in found.rungs] == ["a", "b"]
    assert found.best == found.recommended == "a"
    assert not any(rung.over_budget for rung in found.rungs)


def test_a_model_of_another_metric_is_told(climbing, monkeypatch):
    usual = MadeUpJobs._run

    def run(self, job):
        ended = usual(self, job)
        if job["name"] == "mine":
            path = Path(job["folder"]) / "result.json"
            path.write_text(path.read_text().replace('"accuracy"', '"macro_f1"'))
        return ended

    monkeypatch.setattr(MadeUpJobs, "_run", run)
    found, _ = climbing(ACCURACIES | {"mine": 0.9}, models=["some/mine"])
    assert found.rungs[0].error == "its metric is macro_f1, but the others are measured by accuracy"


def test_the_parent_stays_light():
    """It waits while children train; a heavy parent would take memory and processor time from them."""
    code = (
        "import sys, wordladder.ladder.climb; print(sorted({'torch', 'sklearn', 'numba'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_for_real(tmp_path):
    """Two rungs train and are measured in processes of their own; one cannot be trained. A model is there
    already.
    """
    texts, labels = reviews(200)
    Model("tfidf").fit(texts[:50], labels[:50], output=tmp_path / "mine")
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "a-good-one.toml").write_text('[shallow]\nkind = "tfidf"\n', encoding="utf-8")
    (recipes / "broken.toml").write_text(
        '[[embedders]]\nkind = "static"\nsource = "missing.vec"\n', encoding="utf-8"
    )
    told = []
    found = climb(
        Examples((texts,), labels),
        recipes=recipes,
        models=[tmp_path / "mine"],
        seeds=1,
        threads=1,
        device="cpu",
        output=tmp_path / "out",
        progress=lambda stage, *_, **facts: told.append(stage),
    )
    mine, good, broken = found.rungs
    assert mine.fixed
    assert mine.price.size_mb == size_mb(tmp_path / "mine")
    assert mine.value > 0.6
    assert good.value > 0.9
    assert good.price.latency_p50 > 0
    assert good.price.memory_mb > 20
    assert good.price.size_mb > 0.0005
    assert "missing.vec" in broken.error
    assert (found.recommended, found.device, found.threads) == ("a-good-one", "cpu", 1)
    assert {"climb", "a-good-one: measuring its cost"} < set(told)
    assert any(stage.startswith("a-good-one, seed 1: ") for stage in told)


def test_a_model_knows_labels_in_another_spelling(tmp_path):
    """It learned 1 and 0; a file that a program wrote has 1.0 and 0.0, and other labels beside them."""
    texts, labels = reviews(40)
    numbers = ["1" if label == labels[0] else "0" for label in labels]
    Model("tfidf").fit(texts, numbers, output=tmp_path / "mine")
    model = Model.load(tmp_path / "mine")
    rows = Examples((texts,), [f"{number}.0" for number in numbers])
    job = {
        "recipe": {},
        "recipe_folder": "",
        "data": "",
        "folder": "",
        "cache": "",
        "rows": None,
        "threads": 1,
    }
    tested = evaluate_model(Run(**job, name="mine", device="cpu", model=str(tmp_path / "mine")), rows, rows)
    assert tested.report_["dev_value"] == model.score(texts, numbers)
