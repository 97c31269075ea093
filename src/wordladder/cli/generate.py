"""`wordladder generate`: texts that a language model writes."""

from typing import Any

from .console import print_json
from .options import Device, Json, ModelPath, Threads
from .signatures import command_options, library_options

OPTIONS = library_options(
    "model/writer.py",
    "Writer.generate",
    {"Options": "length count temperature top_k top_p seed beams"},
    length={"min": 1},
    count={"min": 1},
    beams={"min": 1},
)


@command_options(OPTIONS)
def generate(
    model: ModelPath,
    *,
    prompt: str = "",
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Write texts with a language model.

    Example:  wordladder generate model --prompt "The history of" --length 100 --temperature 0.8

    Args:
        prompt: How the texts begin.
    """
    from ..model.model import Model

    texts = Model.load(model, device=device, threads=threads).generate(prompt, **options)
    if json:
        print_json({"prompt": prompt, "texts": texts})
        return
    print("\n\n".join(texts))
