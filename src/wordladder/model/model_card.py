"""The model card: the README.md of a saved model."""

from typing import Any

from .. import __version__
from ..recipe import Recipe

_PAIR = '("a text", "another text")'
INPUTS = {"span_qa": '("question", "passage")', "pairs": _PAIR, "similarity": _PAIR}


def model_card(recipe: Recipe, report: dict[str, Any], metrics: dict[str, Any], size: float) -> str:
    """A card in Markdown: what the model is, its score on dev, how to use it, and its recipe."""
    origin = f"read from {report['source']}" if "source" in report else "trained"
    title = f"A {recipe.task} model {origin} with wordladder {__version__}."
    lines = [f"# {recipe.name}", "", title, "", "| | |", "|---|---|"]
    if rows := report.get("rows"):
        lines.append(f"| training rows | {rows['train']:,} |")
    if metrics:
        low, high = metrics["interval"]
        lines.append(
            f"| {metrics['metric']} on {metrics['rows']:,} dev rows | {metrics['value']:.4f} "
            f"(95 % interval {low:.4f}–{high:.4f}) |"
        )
    decoding = report.get("decoding") or {}
    if "calibration_error_after" in decoding:
        before, after = decoding["calibration_error_before"], decoding["calibration_error_after"]
        lines.append(f"| calibration error on dev | {after:.4f} (before: {before:.4f}) |")
    if "train_seconds" in report:
        lines.append(f"| training time | {report['train_seconds']:.0f} s |")
    lines += [f"| {name} | SHA-256 {digest} |" for name, digest in report.get("files", {}).items()]
    lines += [f"| size | {size:.1f} MB |", ""]
    if warnings := report.get("warnings"):
        lines += ["## What to know", "", *(f"- {note}" for note in warnings), ""]
    example = INPUTS.get(recipe.task, '"…"')
    lines += ["## Use", "", "```python", "import wordladder", "", 'model = wordladder.Model.load(".")']
    lines += [f"model.predict([{example}])", "```", ""]
    lines += ["## Recipe", "", "```toml", recipe.to_toml().rstrip(), "```", ""]
    return "\n".join(lines)
