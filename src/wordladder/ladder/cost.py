"""What a saved model costs to use, measured in a process of its own.

`python -m wordladder.ladder.cost job.json` starts it. Nothing else of the climb runs meanwhile. What it costs
to train is told by the training itself.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..errors import WordladderError
from .subprocess_job import answering

Predict = Callable[[list[Any]], Any]

WARM_UP_CALLS = 10
TIMED_CALLS = 200
FEWEST_CALLS = 30
BATCH_TEXTS = 2000
FEWEST_BATCH_TEXTS = 64
PATIENCE_SECONDS = 20.0  # for each of the two figures


@dataclass(frozen=True)
class Cost:
    """What a model costs to use.

    Attributes:
        latency_p50: Milliseconds for one text, the median of separately timed calls.
        latency_p95: Milliseconds that 95 calls in 100 stay under.
        throughput: Texts a second, many given at once.
        memory_mb: The most memory that the process held, the interpreter and the libraries included, in MB.
        load_seconds: From a started interpreter to a model ready to answer, the imports included.
        calls: How many calls were timed.
        texts: How many texts the throughput was measured on.
        threads: How many threads the model was allowed.
        device: Where it ran.
    """

    latency_p50: float
    latency_p95: float
    throughput: float
    memory_mb: float
    load_seconds: float
    calls: int
    texts: int
    threads: int
    device: str


def measure(
    load: Callable[[], Predict], texts: Sequence[Any], *, threads: int, device: str | None = None
) -> Cost:
    """Load a model and time it.

    Args:
        load: Loads the model; returns what predicts a list of texts.
        texts: Real texts to predict.
        threads: How many threads the model was allowed; recorded only.
        device: Where the model was sent; None left it to the model.
    """
    started = perf_counter()
    predict = load()
    load_seconds = perf_counter() - started
    calls = _latencies(predict, texts)
    p50, p95 = np.percentile(calls, [50, 95])
    count = int(np.clip(PATIENCE_SECONDS * 1000 / p50, FEWEST_BATCH_TEXTS, BATCH_TEXTS))
    batch = [texts[number % len(texts)] for number in range(count)]
    predict(batch[:FEWEST_BATCH_TEXTS])  # a first batch sets up what single texts do not need
    started = perf_counter()
    predict(batch)
    return Cost(
        latency_p50=float(p50),
        latency_p95=float(p95),
        throughput=len(batch) / (perf_counter() - started),
        memory_mb=peak_memory_mb(),
        load_seconds=load_seconds,
        calls=len(calls),
        texts=len(batch),
        threads=threads,
        device=_device(device),
    )


def _latencies(predict: Predict, texts: Sequence[Any]) -> list[float]:
    """Milliseconds of single calls, each with another text as long as there are enough."""
    for number in range(WARM_UP_CALLS):
        predict([texts[-1 - number % len(texts)]])
    calls: list[float] = []
    deadline = perf_counter() + PATIENCE_SECONDS
    while len(calls) < TIMED_CALLS and (len(calls) < FEWEST_CALLS or perf_counter() < deadline):
        text = texts[len(calls) % len(texts)]
        started = perf_counter()
        predict([text])
        calls.append((perf_counter() - started) * 1000)
    return calls


def _device(given: str | None) -> str:
    """The processor, or the name of the accelerator that a model takes when it may choose."""
    torch = sys.modules.get("torch")
    if given == "cpu" or torch is None or not torch.cuda.is_available():
        return "cpu"
    return torch.cuda.get_device_name()


def peak_memory_mb() -> float:
    """The most resident memory that this process has held, in MB of 10⁶ bytes."""
    if sys.platform == "linux":
        # Not getrusage: there a child starts with the peak of the process that started it.
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
    """Measure what the job file names and send the result."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    texts = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))

    def load() -> Predict:
        from ..model.model import Model

        return Model.load(job["model"], device=job["device"], threads=job["threads"]).predict

    with answering() as line:
        if not texts:
            raise WordladderError("there is no text to measure with")
        line.send("result", facts=asdict(measure(load, texts, threads=job["threads"], device=job["device"])))


if __name__ == "__main__":
    main(sys.argv[1])
