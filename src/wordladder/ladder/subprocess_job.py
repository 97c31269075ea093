"""Runs one job in a subprocess, and passes its events to the parent.

The subprocess writes one JSON object a line to its standard output. Everything else that it or a library
prints goes to its standard error, which is kept in a log file. So a crash, a kill or a lack of memory ends
one job only, and the parent can still say in one line what happened.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO, Any

from ..errors import UserError, WordladderError
from ..progress import Progress, quiet

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip
GRACE_SECONDS = 10
LOG_TAIL = 65_536  # bytes


class JobError(Exception):
    """A job failed; the message says why in one line.

    Attributes:
        user_error: Whether the reason is a mistake in what the user gave.
    """

    def __init__(self, message: str, user_error: bool = False) -> None:
        super().__init__(message)
        self.user_error = user_error


# In the subprocess


class EventWriter:
    """Sends events to the parent as JSON lines. Also a `Progress`."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def send(self, event: str, **facts: Any) -> None:
        """Send one event."""
        self.stream.write(json.dumps({"event": event, **facts}) + "\n")
        self.stream.flush()

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        """Send progress."""
        plain = {key: value if isinstance(value, str) else float(value) for key, value in facts.items()}
        self.send("progress", stage=stage, done=float(done), total=total and float(total), facts=plain)


@contextmanager
def job_events() -> Iterator[EventWriter]:
    """Reserve standard output for events, and send an expected error as an event.

    Whatever else writes to standard output from here on, C libraries included, writes to standard error.
    """
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n") as stream:
        os.dup2(2, 1)
        events = EventWriter(stream)
        try:
            yield events
        except WordladderError as error:
            events.send("error", message=str(error), user=isinstance(error, UserError))
            sys.exit(1)


# In the parent


def run_job(
    module: str,
    job: dict[str, Any],
    folder: Path,
    *,
    threads: int,
    minutes: float | None = None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Run `python -m module job.json` and return its result.

    Args:
        module: A module of this package whose main program takes the path of the job.
        job: What to do, as JSON values.
        folder: The folder of `job.json` and the log.
        threads: The number of threads for numeric libraries, set in their environment variables.
        minutes: The time limit between the events `clock_starts` and `clock_stops`.
        progress: Called with the progress of the job.

    Raises:
        JobError: The job failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, log = folder / "job.json", folder / "log.txt"
    path.write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, "-P", "-m", module, str(path)]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with (
        open(log, "wb") as errors,
        subprocess.Popen(command, **pipes, stderr=errors, env=_environment(threads)) as process,
    ):
        watchdog = _Watchdog(process, minutes)
        try:
            last = _read_events(process, watchdog, progress)
            process.wait()
        finally:  # also when the user interrupts
            watchdog.cancel()
            _stop(process)
            path.unlink(missing_ok=True)
    if log.stat().st_size == 0:
        log.unlink()
    if watchdog.expired:
        raise JobError(f"training took longer than the limit of {minutes:g} minutes")
    return _result(process.returncode, last, log)


def _environment(threads: int) -> dict[str, str]:
    package_home, path = str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")
    limits = dict.fromkeys(THREAD_VARIABLES, str(threads))
    paths = os.pathsep.join([package_home, path] if path else [package_home])
    return {**os.environ, **limits, "PYTHONPATH": paths, "PYTHONUTF8": "1"}


class _Watchdog(Timer):
    """Kills a process that runs longer than the limit, once it is started."""

    def __init__(self, process: subprocess.Popen[bytes], minutes: float | None) -> None:
        super().__init__(minutes * 60 if minutes else 0, self.kill)
        self.daemon, self.process, self.limited, self.expired = True, process, minutes is not None, False

    def kill(self) -> None:
        self.expired = True
        self.process.kill()


def _read_events(process: subprocess.Popen[bytes], watchdog: _Watchdog, progress: Progress) -> dict[str, Any]:
    """Read the events of the subprocess until it closes its output; returns its result or error, or {}."""
    last: dict[str, Any] = {}
    for line in process.stdout or ():
        if not line.endswith(b"\n"):  # killed in the middle of a line
            break
        event = json.loads(line)
        match event["event"]:
            case "progress":
                progress(event["stage"], event["done"], event["total"], **event["facts"])
            case "clock_starts" if watchdog.limited:
                watchdog.start()
            case "clock_stops":
                watchdog.cancel()
            case "result" | "error":
                last = event
    return last


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Make sure that the process is gone; it has a moment to notice an interrupt by itself."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _result(code: int, last: dict[str, Any], log: Path) -> dict[str, Any]:
    if last.get("event") == "result" and code == 0:
        return last["facts"]
    if last.get("event") == "error":
        raise JobError(" ".join(last["message"].split()), last["user"])
    if code < 0:
        names = {item.value: item.name for item in signal.Signals}
        why = "; it probably ran out of memory" if names.get(-code) == "SIGKILL" else ""
        raise JobError(f"the process was killed ({names.get(-code, f'signal {-code}')}){why}")
    raise JobError(
        f"{_last_error(log)} (full log: {log})" if log.exists() else f"it ended with exit code {code}"
    )


def _last_error(log: Path) -> str:
    """The exception of the last traceback in the log, cut where its message is long; else the last line."""
    with open(log, "rb") as file:
        file.seek(max(log.stat().st_size - LOG_TAIL, 0))
        lines = file.read().decode("utf-8", "replace").strip().split("\n")
    tracebacks = [number for number, line in enumerate(lines) if line.startswith("Traceback (")]
    after = lines[tracebacks[-1] + 1 :] if tracebacks else []
    error = next((line for line in after if line and not line[0].isspace()), lines[-1])
    return error.strip()[:300]
