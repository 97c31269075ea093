"""The Dockerfile and the unit of systemd."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT, DOCKERFILE = ROOT / "deploy" / "wordladder.service", ROOT / "deploy" / "Dockerfile"
INSTRUCTIONS = (
    "FROM", "WORKDIR", "COPY", "ARG", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT",
)  # fmt: skip


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    unit = tmp_path / "wordladder.service"
    program = re.search(r"ExecStart=(\S+)", text := UNIT.read_text(encoding="utf-8"))[1]
    unit.write_text(text.replace(program, "/bin/true"), encoding="utf-8")  # the program is not installed here
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "wordladder.service" not in done.stderr, done.stderr


def test_the_dockerfile_copies_what_is_there_and_starts_the_server():
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {name for name, _ in lines} <= set(INSTRUCTIONS)
    for name, rest in lines:
        if name == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    (start,) = (json.loads(rest) for name, rest in lines if name == "ENTRYPOINT")
    assert start[:2] == ["wordladder", "serve"]
    json.loads(next(rest for name, rest in lines if name == "HEALTHCHECK").partition("CMD ")[2])
