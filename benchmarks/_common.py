"""What the benchmark scripts share: where the data lie, what machine this is, and how results are kept."""

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
    """A file of the research data; the script ends politely without it."""
    found = DATA / path
    if not found.exists():
        print(f"skipped: {found} is not there; set WORDLADDER_DATA")
        sys.exit(0)
    return found


def without_paths(text: str) -> str:
    """The same without where the research data lie on this machine."""
    return text.replace(str(DATA.resolve()), "WORDLADDER_DATA").replace(str(DATA), "WORDLADDER_DATA")


def commit() -> str:
    """The commit of the checkout, short."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    return asked.stdout.strip()


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write figures with machine, commit and day beside them into results/NAME.json."""
    from wordladder.ladder.machine import describe

    facts = {"day": time.strftime("%Y-%m-%d"), "commit": commit(), "machine": describe()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = json.dumps(facts | figures, indent=1, ensure_ascii=False)
    path.write_text(without_paths(text) + "\n", encoding="utf-8")
    print(f"kept in {path.relative_to(ROOT)}")
