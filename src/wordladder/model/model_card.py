"""The model card: the README.md of a saved model, written from its run."""

from typing import Any

from .. import __version__
from ..recipe import Recipe

TEXT = '"…"'
INPUTS = {"span_qa": '("question", "passage")'}


def model_card(recipe: Recipe, report: dict[str, Any], metrics: dict[str, Any], size: float) -> str:
    """A card in Markdown: what the model is, what it was worth on dev, how to use it, its recipe."""
    by = f"taken over from {report['source']}" if "source" in report else "trained"
    lines = [f"# {recipe.name}", "", f"A {recipe.task} model {by} with wordladder {__version__}.", ""]
    lines += ["| | |", "|---|---|"]
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
    lines += ["## Use", "", "```python", "import wordladder", ""]
    lines += [
        'model = wordladder.Model.load(".")',
        f"model.predict([{INPUTS.get(recipe.task, TEXT)}])",
        "```",
        "",
    ]
    lines += ["## Recipe", "", "```toml", recipe.to_toml().rstrip(), "```", ""]
    return "\n".join(lines)
