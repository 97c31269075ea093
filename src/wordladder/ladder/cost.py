"""The job that measures what a saved model costs to use.

`python -m wordladder.ladder.cost job.json` runs it, while nothing else of the climb runs. What a model costs
to train is part of the result of its training.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..errors import WordladderError
from .subprocess_job import job_events

Predict = Callable[[list[Any]], Any]

WARM_UP_CALLS = 10
TIMED_CALLS = 200
FEWEST_CALLS = 30
BATCH_TEXTS = 2000
FEWEST_BATCH_TEXTS = 64
MAX_SECONDS = 20.0  # for each of the two measurements
POWERCAP = Path("/sys/class/powercap")


def measure(
    load: Callable[[], Predict], texts: Sequence[Any], *, threads: int, device: str | None = None
) -> dict[str, Any]:
    """Load a model and time it.

    Args:
        load: Loads the model and returns its method that predicts a list of texts.
        texts: Real texts to predict.
        threads: How many threads the model can use; only recorded.
        device: Where the model runs; None leaves it to the model.

    Returns:
        What the model costs to use, as in a `Price`, and how it was measured: `calls`, how many were timed;
        `latency_mean`, the mean of these; `texts`, how many the throughput was measured on; `threads`; and
        `device`, where it ran.
    """
    started = perf_counter()
    predict = load()
    load_seconds = perf_counter() - started
    calls = _latencies(predict, texts)
    p50, p95 = np.percentile(calls, [50, 95])
    count = int(np.clip(MAX_SECONDS * 1000 / p50, FEWEST_BATCH_TEXTS, BATCH_TEXTS))
    batch = [texts[number % len(texts)] for number in range(count)]
    predict(batch[:FEWEST_BATCH_TEXTS])  # a first batch sets up what single texts do not need
    before, started = energy_joules(), perf_counter()
    predict(batch)
    seconds, after = perf_counter() - started, energy_joules()
    used = after - before if before is not None and after is not None else -1.0
    return {
        "latency_p50": float(p50),
        "latency_p95": float(p95),
        "latency_mean": float(np.mean(calls)),
        "throughput": len(batch) / seconds,
        "joules": used / len(batch) if used > 0 else None,  # a counter that began anew tells nothing
        "memory_mb": peak_memory_mb(),
        "load_seconds": load_seconds,
        "calls": len(calls),
        "texts": len(batch),
        "threads": threads,
        "device": _device(device),
    }


def _latencies(predict: Predict, texts: Sequence[Any]) -> list[float]:
    """Milliseconds of single calls, each with a different text if there are enough."""
    for number in range(WARM_UP_CALLS):
        predict([texts[-1 - number % len(texts)]])
    calls: list[float] = []
    deadline = perf_counter() + MAX_SECONDS
    while len(calls) < TIMED_CALLS and (len(calls) < FEWEST_CALLS or perf_counter() < deadline):
        text = texts[len(calls) % len(texts)]
        started = perf_counter()
        predict([text])
        calls.append((perf_counter() - started) * 1000)
    return calls


def _device(device: str | None) -> str:
    """ "cpu", or the name of the accelerator that the model uses if it can choose."""
    torch = sys.modules.get("torch")
    if device == "cpu" or torch is None or not torch.cuda.is_available():
        return "cpu"
    return torch.cuda.get_device_name()


def energy_joules(folder: Path = POWERCAP) -> float | None:
    """The energy that the processors have used since some time, in joules, where Linux may tell it (RAPL)."""
    counters = sorted(folder.glob("intel-rapl:[0-9]*/energy_uj"))  # of whole processors, also AMD's
    try:
        return sum(int(one.read_text(encoding="ascii")) for one in counters) / 1e6 if counters else None
    except OSError:  # usually for the administrator only
        return None


def peak_memory_mb() -> float:
    """The peak resident memory of this process, in MB of 10⁶ bytes."""
    if sys.platform == "linux":
        # Not getrusage: there a process starts with the peak of its parent.
        for line in Path("/proc/self/status").read_text(encoding="ascii").split("\n"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def main(path: str) -> None:
    """Run the job in the file and send its result."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    texts = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))

    def load() -> Predict:
        from ..model.model import Model

        return Model.load(job["model"], device=job["device"], threads=job["threads"]).predict

    with job_events() as events:
        if not texts:
            raise WordladderError("there are no texts to measure with")
        facts = measure(load, texts, threads=job["threads"], device=job["device"])
        events.send("result", facts=facts)


if __name__ == "__main__":
    main(sys.argv[1])
