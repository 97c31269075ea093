"""`wordladder vectors`: train static word vectors, query, test, draw, compare and convert them."""

import typer

from . import ask, compare, convert, evaluate, map, train

__all__ = ["app"]

app = typer.Typer(
    help="Static word vectors: train them on raw text, query, test, draw, compare and convert them.",
    no_args_is_help=True,
)

app.command("train")(train.train)
app.command("neighbors")(ask.neighbors)
app.command("analogy")(ask.analogy)
app.command("doesnt-match")(ask.doesnt_match)
app.command("evaluate")(evaluate.evaluate)
app.command("map")(map.draw_map)
app.command("compare")(compare.compare)
app.command("convert")(convert.convert)
