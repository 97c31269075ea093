"""The command line: each command parses, calls one library function, and prints. Heavy modules load inside
the commands.
"""

import errno
import os
import sys

import typer

from ..errors import UserError, WordladderError
from ..files.streams import disk_errors
from . import (
    climb,
    demo,
    distill,
    doctor,
    embed,
    evaluate,
    generate,
    index,
    neighbors,
    pairs,
    predict,
    pretrain,
    search,
    train,
    vectors,
)  # fmt: skip
from .console import errors, tell

__all__ = ["app", "main"]

app = typer.Typer(
    name="wordladder",
    help="Climb the ladder of text representation on your own text: train rungs, measure them, "
    "ship the cheapest good one.",
    epilog="Start with:  wordladder demo   ·   any command explains itself with --help",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)


@app.callback()
def _root(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")) -> None:
    pass


for command in (
    demo.demo, climb.climb, pretrain.pretrain, train.train, train.rungs, distill.distill, evaluate.evaluate,
    predict.predict, generate.generate, embed.embed, search.search, pairs.pairs, neighbors.neighbors,
    doctor.doctor,
):  # fmt: skip
    app.command()(command)
app.add_typer(vectors.app, name="vectors")
app.add_typer(index.app, name="index")


def main() -> None:
    """Run the command line. Exit code 0; 2: what the user gave is wrong; 1: a fault of ours, or a rung of a
    climb that did not finish.
    """
    debug = "--debug" in sys.argv
    # Wherever it stands, `--debug` is about the whole program.
    sys.argv = [sys.argv[0], *(["--debug"] if debug else []), *(a for a in sys.argv[1:] if a != "--debug")]
    if not debug:
        sys.excepthook = _fault
    try:
        with disk_errors("standard output or the temporary folder"):
            app()
    except BrokenPipeError:
        # The reader of our output went away, as `head` does: no message, and no second complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (WordladderError, OSError) as error:
        message = str(error)
        if isinstance(error, OSError):
            if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOENT, errno.EISDIR):
                raise
            message = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        if debug:
            raise
        tell([message], mark="[red]error:[/red]")
        sys.exit(2 if isinstance(error, UserError | OSError) else 1)


def _fault(kind: type[BaseException], value: BaseException, _: object) -> None:
    """What is shown of an error that nobody expected; the exit code is 1."""
    tell([str(value)], mark=f"[red]a fault in wordladder:[/red] {kind.__name__}:")
    errors.print("Run the command with --debug for the traceback, and please report it.")
