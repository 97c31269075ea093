"""`wordladder vectors`: train static word vectors, ask them, test them, draw them, convert them."""

import typer

from . import ask, compare, convert, evaluate, map, train

__all__ = ["app"]

app = typer.Typer(
    help="Static word vectors: train on raw text, query, test, draw, compare, convert.", no_args_is_help=True
)

app.command("train")(train.train)
app.command("neighbors")(ask.neighbors)
app.command("analogy")(ask.analogy)
app.command("doesnt-match")(ask.doesnt_match)
app.command("evaluate")(evaluate.evaluate)
app.command("map")(map.draw_map)
app.command("compare")(compare.compare)
app.command("convert")(convert.convert)
