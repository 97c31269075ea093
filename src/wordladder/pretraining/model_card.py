"""The model card of a pretrained encoder: the README.md in its folder, written from its run."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .. import __version__

_NAMES = {"bert": "BERT", "albert": "ALBERT", "elmo": "ELMo"}
_POINTS = 12  # lines of the curve
_FOLDERS = ("teacher", "tokenizer")  # settings that may be a path, of which the name is shown


def pretraining_card(report: dict[str, Any]) -> str:
    """A card in Markdown: what the encoder is, what it reached on held-out text, how to use it, its curve."""
    settings, text, source = report["settings"], report["text"], report["continue_from"]
    facts = {
        "parameters": f"{report['parameters']:,}",
        "text": f"{text['documents']:,} documents, {text['words']:,} words",
        "pieces": f"{text['pieces']:,}, {text['unknown'] / text['pieces']:.2%} unknown",
        "vocabulary": f"{report['vocabulary']:,}",
        "steps": f"{report['steps']:,}",
        "read": f"{report['tokens']:,} ({report['passes']:.2f} times the text)",
        "time": f"{report['seconds']:.0f} s, {report['tokens_per_second']:,.0f} a second",
    }
    facts |= {f"held-out {name.replace('_', ' ')}": f"{v:.4g}" for name, v in report["held_out"].items()}
    used = {
        name: Path(value).name if name in _FOLDERS else value
        for name, value in settings.items()
        if value is not None and not (source and name == "size")
    }
    lines = [f"# {_NAMES[settings['kind']]}, {'continued' if source else settings['size']}", ""]
    lines += [f"Pretrained from raw text ({report['objectives']}) with wordladder {__version__}."]
    lines += [f"It was continued from `{Path(source).name}`."] if source else []
    lines += ["", *_table(facts.items()), ""]
    lines += ["## Use", "", "```python", *_use(settings["kind"]), "```", ""]
    lines += ["## Curve", "", *_curve(report["curve"]), ""]
    lines += ["## Settings", "", *_table(used.items()), ""]
    return "\n".join(lines)


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
    lines = [line for line in curve if any(name.startswith("held_out_") for name in line)] or curve
    every, last = max(1, len(lines) // _POINTS), lines[-1]
    names = ["step", "seconds", "loss", *(n for n in ("masked_accuracy", "order_accuracy") if n in last)]
    names += sorted(name for name in last if name.startswith("held_out_"))
    rows = [[f"{line[n]:.4g}" if n in line else "" for n in names] for line in [*lines[:-1:every], last]]
    return _table(rows, [name.replace("_", " ") for name in names])


def _table(rows: Iterable[Iterable[object]], heads: Sequence[str] = ("", "")) -> list[str]:
    lines = (heads, ["---"] * len(heads), *rows)
    return ["| " + " | ".join(map(str, cells)) + " |" for cells in lines]
