"""The command line: each command parses, calls one library function, and prints. Heavy modules load inside
the commands, and of the commands only the one that is called.
"""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from ..errors import UserError, WordladderError
from ..files.streams import disk_errors
from .console import errors, tell

__all__ = ["app", "main"]

# In the order of the help. Each is in the module of its name, or after a point.
_COMMANDS = (
    "demo", "climb", "forecast", "pretrain", "train", "train.rungs", "distill", "evaluate", "compare",
    "predict", "generate", "embed", "export", "serve", "search", "pairs", "neighbors",
    "doctor",
)  # fmt: skip
_GROUPS = ("vectors", "index")


def make_app(called: str = "") -> typer.Typer:
    """The command line.

    Args:
        called: The command that will be called: if there is one of this name, the others are left out.
    """
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
    app.callback()(_root)
    for path in _named(called, _COMMANDS):
        module, _, name = path.partition(".")
        app.command()(getattr(import_module(f".{module}", __name__), name or module))
    for name in _named(called, _GROUPS):
        app.add_typer(import_module(f".{name}", __name__).app, name=name)
    return app


def _named(called: str, paths: Sequence[str]) -> list[str]:
    names = {path.rpartition(".")[2] for path in (*_COMMANDS, *_GROUPS)}
    return [path for path in paths if called not in names or path.rpartition(".")[2] == called]


def _root(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")) -> None:
    pass


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = make_app()
    return globals()["app"]


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
            make_app("".join(sys.argv[1:2]))()
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
