"""Options that come from signatures and docstrings."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command

from wordladder.cli import app
from wordladder.cli.signatures import Parameter, command_options, documented_arguments, read_parameters

SOURCES = [
    ("ladder/climb.py", "climb"),
    ("pretraining/settings.py", "PretrainingSettings"),
    ("vectors/word2vec.py", "Word2Vec"),
    ("vectors/fasttext.py", "FastText"),
    ("vectors/glove.py", "GloVe"),
    ("model/model.py", "Model.encode"),
]


@pytest.mark.parametrize(("path", "name"), SOURCES)
def test_the_source_says_what_the_function_has(path, name):
    function = import_module(f"wordladder.{path.removesuffix('.py').replace('/', '.')}")
    for part in name.split("."):
        function = getattr(function, part)
    documented = documented_arguments(inspect.getdoc(function))
    known = inspect.signature(function).parameters
    parameters = read_parameters(path, name)
    constant = {
        key for key, one in known.items() if one.kind is one.KEYWORD_ONLY and one.default is not one.empty
    }
    assert parameters.keys() == constant - {"progress"}
    for key, parameter in parameters.items():
        assert (parameter.default, parameter.help) == (known[key].default, documented[key])


def test_types_and_choices():
    parameters = read_parameters("ladder/climb.py", "climb") | read_parameters(
        "vectors/word2vec.py", "Word2Vec"
    )
    types = {"seeds": int, "margin": float, "recipes": Path, "rungs": list[str], "label": str, "resume": bool}
    assert {name: parameters[name].type for name in types} == types
    assert (parameters["model"].type, list(parameters["model"].choices)) == (str, ["skipgram", "cbow"])


def test_a_command_of_a_function():
    group = [Parameter("size", Parameter.KEYWORD_ONLY, default=3, annotation=int)]

    @command_options(group, file={"metavar": "TABLE"}, fast={"rich_help_panel": "Speed"})
    def show(file: Path, *, output: Path, fast: bool = False, **options):
        """Show a file.

        Args:
            file: The file
                to show.
            output: Where it goes.
            fast: Whether it is quick.
        """
        calls.append((file, output, fast, options))

    calls = []
    parameters = inspect.signature(show).parameters
    assert list(parameters) == ["file", "output", "size", "fast"]
    (file,), (output,), (fast,) = (
        parameters[name].annotation.__metadata__ for name in ("file", "output", "fast")
    )
    assert (file.help, file.metavar) == ("The file to show.", "TABLE")
    assert (output.default, *output.param_decls) == ("--output", "-o")
    assert (fast.default, fast.rich_help_panel) == ("--fast", "Speed")
    assert show.__doc__ == "Show a file."
    show(Path("a"), output=Path("b"))
    show(Path("a"), output=Path("b"), size=4, fast=True)
    assert calls == [(Path("a"), Path("b"), False, {"size": 3}), (Path("a"), Path("b"), True, {"size": 4})]


def test_every_option_has_a_help():
    def commands(command):
        return [leaf for one in getattr(command, "commands", {}).values() for leaf in commands(one)] or [
            command
        ]

    bare = ("a", "b", "c")  # of an analogy, whose help says what they are
    for command in commands(get_command(app)):
        assert command.help
        assert all(one.help for one in command.params if one.name not in bare), command.name
