"""Shared by the benchmark scripts: location of the data, description of the machine, saving of results."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("WORDLADDER_DATA", ROOT.parent / "shared" / "data"))
RESULTS = Path(__file__).parent / "results"


def need(path: str) -> Path:
    """Path of a research data file; ends the script with a message if it does not exist."""
    found = DATA / path
    if not found.exists():
        print(f"skipped: {found} is not there; set WORDLADDER_DATA")
        sys.exit(0)
    return found


def without_paths(text: str) -> str:
    """The path relative to the research data folder."""
    return text.replace(str(DATA.resolve()), "WORDLADDER_DATA").replace(str(DATA), "WORDLADDER_DATA")


def commit() -> str:
    """The short hash of the checkout's commit."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    return asked.stdout.strip()


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write figures with machine, commit and date to results/NAME.json."""
    from wordladder.ladder.machine import describe

    facts = {"day": time.strftime("%Y-%m-%d"), "commit": commit(), "machine": describe()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = json.dumps(facts | figures, indent=1, ensure_ascii=False)
    path.write_text(without_paths(text) + "\n", encoding="utf-8")
    print(f"kept in {path.relative_to(ROOT)}")
