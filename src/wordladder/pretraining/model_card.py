"""The model card of a pretrained encoder: the README.md beside it, written from its run."""

from pathlib import Path
from typing import Any

from .. import __version__

_NAMES = {"bert": "BERT", "albert": "ALBERT", "elmo": "ELMo"}
_POINTS = 12  # lines of the curve
_FOLDERS = ("teacher", "tokenizer")  # settings that may be one: its name tells enough


def pretraining_card(report: dict[str, Any]) -> str:
    """A card in Markdown: what the encoder is, what it reached on held-out text, how to use it, its curve."""
    settings, text = report["settings"], report["text"]
    name = _NAMES[settings["kind"]]
    before = report["continue_from"]
    lines = [f"# {name}, " + ("continued" if before else settings["size"]), ""]
    lines += [f"Pretrained from raw text ({report['objectives']}) with wordladder {__version__}."]
    lines += [f"It went on from `{Path(before).name}`.", ""] if before else [""]
    lines += ["| | |", "|---|---|", f"| parameters | {report['parameters']:,} |"]
    if text:
        lines.append(f"| text | {text['documents']:,} documents, {text['words']:,} words |")
        lines.append(f"| pieces | {text['pieces']:,}, {text['unknown'] / text['pieces']:.2%} unknown |")
    if report["vocabulary"]:
        lines.append(f"| vocabulary | {report['vocabulary']:,} |")
    lines.append(f"| steps | {report['steps']:,} |")
    often = f" ({report['passes']:.2f} times the text)" if text else ""
    lines.append(f"| read | {report['tokens']:,}{often} |")
    lines.append(f"| time | {report['seconds']:.0f} s, {report['tokens_per_second']:,.0f} a second |")
    lines += [f"| held-out {n.replace('_', ' ')} | {v:.4g} |" for n, v in report["held_out"].items()]
    lines += ["", "## Use", "", "```python", *_use(settings["kind"]), "```", ""]
    lines += ["## Curve", "", *_curve(report["curve"]), ""]
    lines += ["## Settings", "", "| | |", "|---|---|"]
    lines += [
        f"| {name} | {Path(value).name if name in _FOLDERS else value} |"
        for name, value in settings.items()
        if value is not None and not (before and name == "size")
    ]
    return "\n".join([*lines, ""])


def _use(kind: str) -> list[str]:
    if kind == "elmo":
        return ["# in a recipe", "[[embedders]]", 'kind = "elmo"', 'source = "this folder"']
    return [
        "from transformers import AutoModel, AutoTokenizer, pipeline",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("this folder")',
        'model = AutoModel.from_pretrained("this folder")',
        'pipeline("fill-mask", "this folder")("The capital of France is [MASK].")',
    ]


def _curve(curve: list[dict[str, float]]) -> list[str]:
    """Some lines of the log, held-out ones where there are."""
    held = [line for line in curve if any(name.startswith("held_out_") for name in line)] or curve
    every = max(1, len(held) // _POINTS)
    chosen = [*held[:-1:every], *held[-1:]]
    names = ["step", "seconds", "loss"]
    names += [n for n in ("masked_accuracy", "order_accuracy") if chosen and n in chosen[-1]]
    names += sorted(name for name in (chosen[-1] if chosen else ()) if name.startswith("held_out_"))
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|" + "---|" * len(names)]
    for line in chosen:
        lines.append("| " + " | ".join(f"{line[n]:.4g}" if n in line else "" for n in names) + " |")
    return lines
