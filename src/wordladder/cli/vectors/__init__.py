"""`wordladder vectors`: train static word vectors, query, test, draw, compare and convert them."""

import typer

from . import ask, compare, convert, evaluate, map, train

__all__ = ["app"]

app = typer.Typer(
    help="Static word vectors: train them on raw text, query, test, draw, compare and convert them.",
    no_args_is_help=True,
)

for command in (
    train.train, ask.neighbors, ask.analogy, ask.doesnt_match, evaluate.evaluate, map.map, compare.compare,
    convert.convert,
):  # fmt: skip
    app.command()(command)
