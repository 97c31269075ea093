"""What is timed and measured; that a figure is right to the millisecond is no test's business."""

import sys
import textwrap

import numpy as np
import pytest

from wordladder.ladder import cost
from wordladder.ladder.subprocess_job import run_job


@pytest.fixture
def calls(monkeypatch):
    """Measures a predictor on three texts, on a clock that a text moves by its number in milliseconds."""
    made, clock = [], [0.0]
    monkeypatch.setattr(cost, "perf_counter", lambda: clock[0])

    def predict(texts):
        made.append(list(texts))
        clock[0] += sum(texts) / 1000
        return texts

    def measure(texts):
        return cost.measure(lambda: predict, texts, threads=2), made

    return measure


def test_every_call_is_timed_alone_after_a_warm_up(calls):
    texts = list(range(1, 102))
    found, made = calls(texts)
    singles = [batch for batch in made if len(batch) == 1]
    assert len(singles) == cost.WARM_UP_CALLS + cost.TIMED_CALLS
    timed = [batch[0] for batch in singles[cost.WARM_UP_CALLS :]]
    assert timed == [texts[number % 101] for number in range(cost.TIMED_CALLS)]
    assert found["latency_p50"] == pytest.approx(np.percentile(timed, 50))
    assert found["latency_p95"] == pytest.approx(np.percentile(timed, 95))
    assert (found["calls"], found["threads"], found["device"]) == (cost.TIMED_CALLS, 2, "cpu")


def test_the_throughput_is_that_of_one_big_batch(calls):
    found, made = calls([1.0] * 5)
    assert len(made[-1]) == cost.BATCH_TEXTS == found["texts"]
    assert found["throughput"] == pytest.approx(1000)


def test_a_slow_model_is_not_waited_for_forever(calls):
    found, made = calls([10_000.0])
    assert found["calls"] == cost.FEWEST_CALLS
    assert len(made[-1]) == cost.FEWEST_BATCH_TEXTS
    assert found["throughput"] == pytest.approx(0.1)


def test_the_peak_stays_when_the_memory_is_given_back():
    before = cost.peak_memory_mb()
    block = np.ones(40_000_000 // 8)
    del block
    after = cost.peak_memory_mb()
    assert 5 < before <= after
    assert cost.peak_memory_mb() >= after


def test_the_peak_of_a_child_is_its_own(tmp_path, monkeypatch):
    """A child starts as a copy of its parent, whose memory must not be counted."""
    script = """
        from wordladder.ladder.subprocess_job import job_events
        from wordladder.ladder.cost import peak_memory_mb
        with job_events() as events: events.send("result", facts={"mb": peak_memory_mb()})
    """
    (tmp_path / "tells_its_peak.py").write_text(textwrap.dedent(script), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    block = np.ones(250_000_000 // 8)
    facts = run_job("tells_its_peak", {}, tmp_path, threads=1)
    assert len(block)
    assert facts["mb"] < 200


def test_an_accelerator_is_named_only_where_it_may_be_used(monkeypatch):
    class Torch:
        class cuda:
            is_available = staticmethod(lambda: True)
            get_device_name = staticmethod(lambda: "an accelerator")

    monkeypatch.setitem(sys.modules, "torch", Torch)
    assert cost._device(None) == "an accelerator"
    assert cost._device("cpu") == "cpu"
