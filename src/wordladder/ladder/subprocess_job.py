"""A child process for one job, and the lines it talks in. What the job does stands elsewhere.

The child writes one JSON object a line on its standard output; everything else that it or a library prints
goes to its standard error, which is kept in a log file. So a crash, a kill or an exhausted memory takes one
job down, and the parent can still say in one line what happened.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any

from ..errors import UserError, WordladderError
from ..progress import Progress, quiet

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
GRACE_SECONDS = 10
LOG_TAIL = 65_536  # bytes


@dataclass(frozen=True)
class Ended:
    """How a child process ended.

    Attributes:
        facts: What it found, when it ended well.
        error: One line that says what went wrong, when it did not.
        user_error: Whether the error is a mistake in what the user gave.
    """

    facts: dict[str, Any] | None = None
    error: str | None = None
    user_error: bool = False


# In the child


class Line:
    """The child's end: sends JSON lines to the parent. Also a `Progress`."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def send(self, event: str, **facts: Any) -> None:
        """Send one event."""
        self.stream.write(json.dumps({"event": event, **facts}) + "\n")
        self.stream.flush()

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        """Relay progress."""
        self.send(
            "progress", stage=stage, done=float(done), total=total and float(total), facts=_plain(facts)
        )


def _plain(facts: dict[str, Any]) -> dict[str, float | str]:
    return {key: value if isinstance(value, str) else float(value) for key, value in facts.items()}


@contextmanager
def answering() -> Iterator[Line]:
    """Take over standard output for events, and turn what is raised on purpose into an error event.

    Whatever else writes to standard output from here on, C libraries included, writes to standard error.
    """
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    line = Line(stream)
    try:
        yield line
    except WordladderError as error:
        line.send("error", message=str(error), user=isinstance(error, UserError))
        sys.exit(1)
    finally:
        stream.close()


# In the parent


def run_child(
    module: str,
    job: dict[str, Any],
    folder: Path,
    *,
    threads: int,
    minutes: float | None = None,
    progress: Progress = quiet,
) -> Ended:
    """Run `python -m module job.json` to its end.

    Args:
        module: A module of this package whose main program takes the path of the job.
        job: What to do, as JSON values.
        folder: Where `job.json` and the log are written.
        threads: Told to the numeric libraries through their environment variables.
        minutes: How long the child may spend between its events `clock_starts` and `clock_stops`.
        progress: Is told what the child tells.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, log = folder / "job.json", folder / "log.txt"
    path.write_text(json.dumps(job), encoding="utf-8")
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(threads),
        )
    watch = _Watch(process, minutes)
    try:
        last = _listen(process, watch, progress)
        process.wait()
    finally:  # also when the user interrupts
        watch.stop()
        _end(process)
        path.unlink(missing_ok=True)
    ended = _ended(process.returncode, last, watch, log)
    if log.stat().st_size == 0:
        log.unlink()
    return ended


def _environment(threads: int) -> dict[str, str]:
    package_home = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    limits = {name: str(threads) for name in THREAD_VARIABLES}
    paths = os.pathsep.join([package_home, known] if known else [package_home])
    return {**os.environ, **limits, "PYTHONPATH": paths, "PYTHONUTF8": "1"}


class _Watch:
    """Kills a child that runs over its time."""

    def __init__(self, process: subprocess.Popen[bytes], minutes: float | None) -> None:
        self.process, self.minutes = process, minutes
        self.timer: Timer | None = None
        self.over = False

    def start(self) -> None:
        if self.minutes is not None:
            self.timer = Timer(self.minutes * 60, self._kill)
            self.timer.daemon = True
            self.timer.start()

    def stop(self) -> None:
        if self.timer:
            self.timer.cancel()

    def _kill(self) -> None:
        self.over = True
        self.process.kill()


def _listen(process: subprocess.Popen[bytes], watch: _Watch, progress: Progress) -> dict[str, Any]:
    """Follow the child's lines until it closes its output; returns the result or the error it sent."""
    last: dict[str, Any] = {}
    for line in process.stdout or ():
        if not line.endswith(b"\n"):  # killed in the middle of a line
            break
        message = json.loads(line)
        event = message.pop("event")
        if event == "progress":
            progress(message["stage"], message["done"], message["total"], **message["facts"])
        elif event == "clock_starts":
            watch.start()
        elif event == "clock_stops":
            watch.stop()
        else:
            last = {"event": event, **message}
    return last


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that the child is gone; a moment is left for it to notice an interrupt by itself."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def _ended(code: int, last: dict[str, Any], watch: _Watch, log: Path) -> Ended:
    if watch.over:
        return Ended(error=f"training takes more than the {watch.minutes:g} minutes that are allowed")
    if last.get("event") == "result" and code == 0:
        return Ended(facts=last["facts"])
    if last.get("event") == "error":
        return Ended(error=" ".join(last["message"].split()), user_error=last["user"])
    if code < 0:
        return Ended(error=_signal_line(-code))
    return Ended(error=f"{_last_words(log) or f'it ended with exit code {code}'} (all of it: {log})")


def _signal_line(number: int) -> str:
    known = {item.value: item.name for item in signal.Signals}
    name = known.get(number, f"signal {number}")
    why = "; most likely the memory was exhausted" if name == "SIGKILL" else ""
    return f"the process was killed ({name}){why}"


def _last_words(log: Path) -> str:
    """What the log ends with: the exception of the last traceback, without the rest of a long message."""
    with open(log, "rb") as file:
        file.seek(max(log.stat().st_size - LOG_TAIL, 0))
        lines = file.read().decode("utf-8", "replace").strip().split("\n")
    tracebacks = [number for number, line in enumerate(lines) if line.startswith("Traceback (")]
    after = lines[tracebacks[-1] + 1 :] if tracebacks else []
    raised = next((line for line in after if line and not line[0].isspace()), lines[-1])
    return raised.strip()[:300]
