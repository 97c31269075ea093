"""Options that are parameters of a library function: their types, defaults and help are written once, there.

The function's source is read and not imported, so that help is shown without loading a heavy library.
"""

import ast
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, wraps
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_origin

import typer

_PACKAGE = Path(__file__).parents[1]
_TYPES = {"bool": bool, "int": int, "float": float, "str | Path": Path}
_LITERALS = re.compile(r"^(\w+) = Literal(\[.*\])$", re.MULTILINE)
_ARGS = re.compile(r"^Args:\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ARG = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


class LibraryParameter(NamedTuple):
    """A parameter of a function, or of a class: of its `__init__`, or a field of a dataclass.

    Attributes:
        type: The type as a command line has it. A text whose values are listed is `str`: the library checks
            it, and suggests the nearest value.
        choices: The values that a `Literal` lists.
        default: The value if the option is not given.
        help: What the docstring says of it.
    """

    type: Any
    choices: Sequence[str]
    default: Any
    help: str


def documented_arguments(docstring: str) -> dict[str, str]:
    """The descriptions in the `Args:` section of a docstring, by name, each on one line."""
    section = _ARGS.search(cleandoc(docstring))
    return {name: " ".join(text.split()) for name, text in _ARG.findall(section[1] if section else "")}


@cache
def library_parameters(path: str, name: str) -> dict[str, LibraryParameter]:
    """The documented parameters of a function or a class that have a default, read from its source.

    Args:
        path: The file, relative to the package, such as "ladder/climb.py".
        name: The name of the function or class, or that of a method after its class: "Model.encode".
    """
    source = (_PACKAGE / path).read_text(encoding="utf-8")
    outer, *inner = name.split(".")
    text = re.search(rf"^(class|def) {outer}\b.*?(?=^[^\s)]|\Z)", source, re.MULTILINE | re.DOTALL)
    definition: Any = ast.parse(text[0] if text else "").body[0]
    for part in inner:
        definition = next(node for node in definition.body if getattr(node, "name", None) == part)
    help_texts, literals = (
        documented_arguments(ast.get_docstring(definition) or ""),
        _LITERALS.findall(source),
    )
    fields = [node for node in definition.body if isinstance(node, ast.AnnAssign)]
    declared: list[Any] = [(ast.unparse(node.target), node.annotation, node.value) for node in fields]
    for node in (definition, *definition.body):
        if isinstance(node, ast.FunctionDef) and (node is definition or node.name == "__init__"):
            arguments = zip(node.args.kwonlyargs, node.args.kw_defaults)
            declared += [(argument.arg, argument.annotation, default) for argument, default in arguments]
    parameters = {}
    for key, annotation, default in declared:
        with suppress(KeyError, ValueError):  # undocumented, or its default is not a constant
            value, about = ast.literal_eval(default), help_texts[key]
            kind, choices = _type_and_choices(ast.unparse(annotation), dict(literals))
            parameters[key] = LibraryParameter(kind, choices, value, about)
    return parameters


def _type_and_choices(annotation: str, literals: dict[str, str]) -> tuple[Any, Sequence[str]]:
    """The type and the values of `int | None`, `Sequence[str]`, `Literal["a", "b"]` or a name for the latter.

    Args:
        annotation: The annotation's source.
        literals: The lists of values that have a name.
    """
    text = annotation.removesuffix(" | None")
    text = literals.get(text, text.removeprefix("Literal"))
    if text.startswith("["):
        return str, ast.literal_eval(text)
    return list[str] if text.startswith("Sequence") else _TYPES.get(text, str), ()


def library_option(
    name: str, parameter: LibraryParameter, panel: str, flags: Sequence[str] = (), **changes: Any
) -> Parameter:
    """The option for a parameter of the library, in a panel of the help.

    Args:
        name: The name of the option's value among the command's keywords.
        parameter: The parameter.
        panel: The panel; "Options" is the first one.
        flags: The option's own names; left out, `--name`, and for what is true or unset `--no-name` too.
        changes: Keywords of `typer.Option`, `type` and `default` that differ from what the library has.
    """
    if not flags and parameter.default is False:
        flags = (f"--{name.replace('_', '-')}",)
    kind, default = changes.pop("type", parameter.type), changes.pop("default", parameter.default)
    about: dict[str, Any] = {"help": parameter.help, "metavar": "|".join(parameter.choices) or None}
    if get_origin(kind) is list:
        about["help"] += " May be repeated."
    about |= {"rich_help_panel": panel, **changes}
    values: Any = kind if default is not None else kind | None
    annotation = Annotated[values, typer.Option(*flags, **about)]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def library_options(
    path: str, function: str, panels: dict[str, str], prefix: str = "", **changes: dict[str, Any]
) -> list[Parameter]:
    """The options for some parameters of a library function.

    Args:
        path: The function's file, relative to the package.
        function: Its name, or that of a class.
        panels: The parameters' names, between spaces, by the panel of the help that shows them.
        prefix: What is put before each name.
        changes: By parameter, the arguments `flags` and `changes` of `library_option`.
    """
    known = library_parameters(path, function)
    return [
        library_option(prefix + name, known[name], panel, **changes.get(name, {}))
        for panel, names in panels.items()
        for name in names.split()
    ]


def add_options(*groups: Sequence[Parameter]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command more options, which it receives as keywords in its `**options`.

    In the help they follow the command's positional parameters; its keyword-only ones come last.
    """

    added = [option for group in groups for option in group]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for one in signature(command).parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        defaults = {option.name: option.default for option in added}

        @wraps(command)
        def call(*arguments: Any, **options: Any) -> None:
            command(*arguments, **defaults | options)

        parameters = sorted([*added, *own], key=lambda one: one.kind)
        call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in parameters}
        return call

    return decorate
