"""`wordladder serve`: models behind HTTP, in the shapes that clients already speak."""

from typing import Any

from rich.text import Text

from .console import console
from .signatures import command_options, library_options

OPTIONS = library_options(
    "serve/settings.py",
    "ServerSettings",
    {
        "Options": "host port",
        "Who may ask": "keys rate",
        "Limits": "timeout drain batch_tokens queue_tokens max_body_mb max_texts max_characters",
        "Run": "workers threads reload log_texts",
    },
    workers={"min": 1},
    threads={"min": 1},
    batch_tokens={"min": 1},
    queue_tokens={"min": 1},
    max_texts={"min": 1},
    max_characters={"min": 1},
    rate={"min": 0},
    reload={"min": 0},
    drain={"min": 0},
)


@command_options(OPTIONS)
def serve(model: list[str], **options: Any) -> None:
    """Serve models over HTTP, with a page to try them.

    Clients of OpenAI, Cohere, Text Embeddings Inference and bert-as-service are understood, and requests of
    our own for every task: /openapi.json describes them. Stop it with Ctrl+C.

    Example:  wordladder serve model minilm=./all-MiniLM-L6-v2 notes-index --port 8000

    Args:
        model: What to serve, by its last name or as NAME=WHAT: folders of saved or exported models, of
            sentence-transformers or transformers, names on the Hugging Face hub, word vectors, indexes.
    """
    from ..extras import EXTRAS, require

    for module in EXTRAS["serve"]:
        require(module, "serve", "the server")
    from ..serve.run import serve as run
    from ..serve.settings import ServerSettings

    def loaded(served: Any, seconds: float) -> None:
        facts = served.facts()
        what = f"{facts['rung']}, {facts['task']}" if facts["task"] else facts["kind"]
        line = f"  {what}: {' '.join(facts['operations'])}  {seconds:.1f} s"
        console.print(Text.assemble((served.name, "bold cyan"), (line, "dim")), soft_wrap=True)

    def listening(address: str) -> None:
        console.print(Text.assemble("serving at ", (address, "bold"), ("  Ctrl+C stops it", "dim")))

    run(model, ServerSettings(**options), loaded=loaded, listening=listening)
