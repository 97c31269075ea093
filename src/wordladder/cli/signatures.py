"""Command-line options from signatures and docstrings: types and defaults from the first, help from `Args:`.

The signature is the command's own or that of a library function, so that each setting is described once. The
source of a library function is read, not imported: help must not load heavy libraries.
"""

import ast
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, wraps
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import typer

Command = Callable[..., None]
_PACKAGE = Path(__file__).parents[1]
_TYPES = {"bool": bool, "int": int, "float": float, "Path": Path, "str | Path": Path, "Source": Path}
_LITERALS = re.compile(r"^(\w+) = Literal(\[.*\])$", re.MULTILINE)
_ARGS = re.compile(r"^Args:\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ARG = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


class LibraryParameter(NamedTuple):
    """A parameter of a function, or of a class: of its `__init__`, or a field of a dataclass.

    Attributes:
        type: The type on the command line. A `Literal` of strings is `str`: the library checks the value and
            suggests the nearest one.
        choices: The values of a `Literal`.
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
def read_parameters(path: str, name: str) -> dict[str, LibraryParameter]:
    """The documented parameters of a function or a class that have a default, read from its source.

    Args:
        path: The file, relative to the package, such as "ladder/climb.py".
        name: The name of the function or class, or that of a method after its class: "Model.encode".
    """
    file = _PACKAGE / path
    source = file.read_text(encoding="utf-8")
    siblings = (module.read_text(encoding="utf-8") for module in file.parent.glob("*.py"))
    outer, *inner = name.split(".")
    text = re.search(rf"^(class|def) {outer}\b.*?(?=^[^\s)]|\Z)", source, re.MULTILINE | re.DOTALL)
    definition: Any = ast.parse(text[0] if text else "").body[0]
    for part in inner:
        definition = next(node for node in definition.body if getattr(node, "name", None) == part)
    help_texts = documented_arguments(ast.get_docstring(definition) or "")
    literals = dict(_LITERALS.findall("".join(siblings)))
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
            kind, choices = _type_and_choices(ast.unparse(annotation), literals)
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


def library_option(name: str, parameter: LibraryParameter, panel: str, **changes: Any) -> Parameter:
    """The option for a parameter of the library, in a panel of the help.

    Args:
        name: The name of the option's value among the command's keywords.
        parameter: The parameter.
        panel: The panel; "Options" is the first one.
        changes: What differs from the library: keywords of `typer.Option`, `flags`, `type`, `default`.
    """
    kind, default = changes.pop("type", parameter.type), changes.pop("default", parameter.default)
    about: dict[str, Any] = {"help": parameter.help, "flags": _flags(name, parameter.default)}
    about |= {"metavar": "|".join(parameter.choices) or None, "rich_help_panel": panel, **changes}
    annotation = _annotated(kind if default is not None else kind | None, **about)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flags(name: str, default: Any) -> Sequence[str]:
    """The names of an option where they differ from what typer makes of its parameter's name: `--name` and,
    of what is true or unset, `--no-name`.
    """
    if name == "output":
        return ["--output", "-o"]
    return [f"--{name.strip('_').replace('_', '-')}"] if default is False or name.endswith("_") else []


def _annotated(kind: Any, help: str, flags: Sequence[str] = (), **about: Any) -> Any:
    several = any(get_origin(one) is list for one in (kind, *get_args(kind)))
    help = f"{help} May be repeated." if several else help
    return Annotated[kind, typer.Option(*flags, help=help, **about)]


def library_options(
    path: str, function: str, panels: dict[str, str], prefix: str = "", **changes: dict[str, Any]
) -> list[Parameter]:
    """The options for some parameters of a library function.

    Args:
        path: The function's file, relative to the package.
        function: Its name, or that of a class.
        panels: The parameters' names, between spaces, by the panel of the help that shows them.
        prefix: What is put before each name.
        changes: By parameter, the changes of `library_option`.
    """
    known = read_parameters(path, function)
    return [
        library_option(prefix + name, known[name], panel, **changes.get(name, {}))
        for panel, names in panels.items()
        for name in names.split()
    ]


def command_options(*groups: Sequence[Parameter], **changes: dict[str, Any]) -> Callable[[Command], Command]:
    """Make a command of a function: its positional parameters are arguments, the others options. What the
    docstring's `Args:` says of them is their help; a parameter that is not there has an annotation of typer.

    Args:
        groups: More options, which the function receives as keywords. In the help they follow the function's
            required options and precede its others.
        changes: By parameter, keywords of `typer.Option` or `typer.Argument`, and the option's `flags`.
    """
    added = [option for group in groups for option in group]
    defaults = {option.name: option.default for option in added}

    def decorate(function: Command) -> Command:
        docstring = cleandoc(function.__doc__ or "")
        help_texts, parameters = documented_arguments(docstring), list(added)
        for one in signature(function).parameters.values():
            if one.name in help_texts:
                one = _with_help(one, help_texts[one.name], changes.get(one.name, {}))
            if one.kind is not Parameter.VAR_KEYWORD:
                parameters.append(one)
        parameters.sort(key=lambda one: (one.kind, one.default is not Parameter.empty))

        @wraps(function)
        def command(*arguments: Any, **options: Any) -> None:
            function(*arguments, **defaults | options)

        command.__doc__ = docstring.partition("\n\nArgs:\n")[0]
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def _with_help(parameter: Parameter, help: str, about: dict[str, Any]) -> Parameter:
    if parameter.kind is Parameter.KEYWORD_ONLY:
        about = {"help": help, "flags": _flags(parameter.name, parameter.default)} | about
        return parameter.replace(annotation=_annotated(parameter.annotation, **about))
    about = {"help": help, "metavar": parameter.name.upper()} | about
    return parameter.replace(annotation=Annotated[parameter.annotation, typer.Argument(**about)])
