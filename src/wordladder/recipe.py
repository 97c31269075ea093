"""Recipes: TOML tables that name kinds of components and their settings, checked and turned into objects.

`kind = "recurrent"` in `[[encoders]]` means the class in `__all__` of `wordladder/encoders/recurrent.py`. Its
keyword-only arguments are the keys of the table; its positional arguments come from the components before it.
"""

import inspect
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from .errors import RecipeError, SettingError, did_you_mean
from .extras import require
from .text.words import TextSettings

FORMAT = 1
LISTS = ("embedders", "encoders")
TABLES = ("vectors", "fusion", "shallow", "task")
PLAIN = ("text", "training")
OF_NETWORKS = ("embedders", "fusion", "encoders", "heads")
OF_ENCODERS = ("transformer", "elmo", "distilled")  # kinds that read a pretrained encoder
RUNGS = Path(__file__).parent / "ladder" / "rungs"


def kinds(folder: str) -> list[str]:
    """The kinds in a folder: the names of its files."""
    package = import_module(f"wordladder.{folder}")
    return sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))


def component(folder: str, kind: str) -> Any:
    """The class of a kind. Only files in the folder are ever imported.

    Raises:
        RecipeError: there is no such kind.
        MissingExtraError: it is a part of a network, and PyTorch is not installed.
    """
    if kind not in kinds(folder):
        raise RecipeError(f"there is no kind {kind!r} in {folder}.{did_you_mean(str(kind), kinds(folder))}")
    if folder in OF_NETWORKS:
        require("torch", "train", "a network")
    module = import_module(f"wordladder.{folder}.{kind}")
    (name,) = module.__all__
    return getattr(module, name)


def build(folder: str, table: Mapping[str, Any], *arguments: Any) -> Any:
    """Build the component that a checked table describes, with positional arguments."""
    settings = {key: value for key, value in table.items() if key != "kind"}
    return component(folder, table["kind"])(*arguments, **settings)


@cache
def _schema(cls: type) -> type[BaseModel]:
    """A strict pydantic model of the keyword-only arguments of a constructor."""
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.default is p.empty else p.default)
        for p in inspect.signature(cls, eval_str=True).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    return create_model(cls.__name__, __config__=ConfigDict(extra="forbid", strict=True), **fields)


def _check(cls: type, table: Mapping[str, Any], where: str) -> None:
    """Raise a RecipeError that names the keys of `table` that `cls` does not accept."""
    schema = _schema(cls)
    try:
        schema.model_validate(dict(table))
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(map(str, problem["loc"])) or "kind"
            if problem["type"] == "extra_forbidden":
                lines.append(f"{key}: there is no such key.{did_you_mean(key, schema.model_fields)}")
            elif problem["type"] == "missing":
                lines.append(f"{key} is missing")
            else:
                lines.append(f"{key} = {problem['input']!r}: {problem['msg']}")
        raise RecipeError(f"{where}: " + "; ".join(dict.fromkeys(lines))) from None


def rung_names(task: str = "classification") -> list[str]:
    """The names of the rungs that come with the package, the cheapest first."""
    if task not in rung_tasks():
        raise RecipeError(f"there are no rungs for the task {task!r}.{did_you_mean(task, rung_tasks())}")
    names = [path.stem for path in (RUNGS / task).glob("*.toml")]
    return sorted(names, key=lambda name: (_rung_number(rung_text(name, task)), name))


def _rung_number(text: str) -> int:
    """The position of a rung on the ladder, from its first line `# rung: N`."""
    return int(text.split("\n", 1)[0].removeprefix("# rung:"))


def rung_tasks() -> list[str]:
    """The tasks that have rungs."""
    return sorted(path.name for path in RUNGS.glob("[!_.]*") if path.is_dir())


def rung_text(name: str, task: str | None = None) -> str:
    """The file of a rung, comments included; without a task, of the first task that has such a rung."""
    tasks = rung_tasks() if task is None else [task]
    for path in (RUNGS / folder / f"{name}.toml" for folder in tasks):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    known = [rung for folder in tasks for rung in rung_names(folder)]
    where = "" if task is None else f" for {task}"
    raise RecipeError(f"there is no rung {name!r}{where}.{did_you_mean(name, known)}")


class Encoder(NamedTuple):
    """A pretrained encoder that embedders can read.

    Attributes:
        source: Its absolute folder, or its name on the Hugging Face hub.
        family: `"albert"`, `"elmo"`, or `"bert"` for all other transformers.
        limit: The most pieces that it reads at once, special ones included; None: no limit.
    """

    source: str
    family: str
    limit: int | None = None


@dataclass(frozen=True)
class Recipe:
    """The components of a model and how it is trained: a checked TOML document.

    Attributes:
        tables: The document, with the defaults of `format`, `task` and `fusion`.
        name: The name of a rung, or of a file without its suffix; for tables and reports.
        folder: Where its relative paths start.
        exported: Whether the network is a graph: then its parts, which need PyTorch, are not checked.
    """

    tables: dict[str, Any]
    name: str = "recipe"
    folder: Path = Path()
    exported: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", _checked(self.tables, exported=self.exported))

    @classmethod
    def load(cls, source: "str | Path | Mapping[str, Any] | Recipe", task: str | None = None) -> "Recipe":
        """A recipe from the name of a rung, of one task or of any, from a TOML file or a dictionary.

        Raises:
            RecipeError: there is no such rung or file, its TOML is broken, or a key or a value is wrong.
        """
        if isinstance(source, Recipe):
            return source
        if isinstance(source, Mapping):
            return cls(deepcopy(dict(source)))
        path, name = Path(source), str(source)
        if path.suffix == ".toml" or path.is_file():
            return cls.read(path)
        if "/" in name or "\\" in name:
            raise RecipeError(f"{name}: there is no such file")
        return cls._parse(rung_text(name, task), name, Path(), f"rung {name}")

    @classmethod
    def read(cls, path: Path, name: str | None = None, *, exported: bool = False) -> "Recipe":
        """A recipe from a TOML file."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: the recipe cannot be read: {error}") from None
        return cls._parse(text, name or path.stem, path.parent, str(path), exported)

    @classmethod
    def _parse(cls, text: str, name: str, folder: Path, where: str, exported: bool = False) -> "Recipe":
        try:
            return cls(tomllib.loads(text), name, folder, exported)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"{where}: not valid TOML: {error}") from None
        except RecipeError as error:
            raise RecipeError(f"{where}: {error}") from None

    def to_toml(self) -> str:
        """The recipe as a TOML document."""
        return tomli_w.dumps(_without_none(self.tables))

    def with_settings(self, changes: Mapping[str, Any]) -> "Recipe":
        """A copy with some keys changed: `{"training.epochs": 3, "encoders.0.hidden": 64}`.

        Raises:
            RecipeError: the changed recipe is not valid.
        """
        tables = deepcopy(self.tables)
        for key, value in changes.items():
            _put(tables, key, value)
        return replace(self, tables=tables)

    def with_vectors(self, path: str | Path, unicode_errors: str = "strict") -> "Recipe":
        """A copy whose static embedders read this file of word vectors, so that none are trained.

        Raises:
            SettingError: there is no static embedder.
        """
        if not (static := self.embedders("static")):
            raise SettingError(f"--vectors: {self.name} has no static embedder to read them.")
        settings = {"source": str(Path(path).absolute())}
        settings |= {} if unicode_errors == "strict" else {"unicode_errors": unicode_errors}
        recipe = self.with_settings({f"embedders.{i}.{k}": v for i in static for k, v in settings.items()})
        recipe.tables.pop("vectors", None)
        return recipe

    def with_corpus(self, files: str | Path | Sequence[str | Path]) -> "Recipe":
        """A copy whose word vectors are also trained on this raw text.

        Raises:
            SettingError: the recipe trains no word vectors.
        """
        if not self.table("vectors"):
            raise SettingError(f"--corpus: {self.name} trains no word vectors here.")
        paths = [files] if isinstance(files, str | Path) else files
        return self.with_settings({"vectors.corpus": [str(Path(path).absolute()) for path in paths]})

    def with_encoder(self, encoder: Encoder, places: Sequence[str] | None = None) -> "Recipe":
        """A copy with this pretrained encoder, whose windows are no longer than the encoder's limit.

        Args:
            encoder: The encoder.
            places: The tables that read it, of `encoder_tables`; left out, all that can.

        Raises:
            SettingError: no embedder can read it, and no vectors are distilled from it.
        """
        tables = self.encoder_tables()
        if places is None:
            kind = "elmo" if encoder.family == "elmo" else "transformer"
            places = [
                place for place, table in tables.items() if (table["kind"] == "elmo") == (kind == "elmo")
            ]
            if not places:
                raise SettingError(
                    f"--encoder {encoder.source}: {self.name} has no {kind} embedder; see `wordladder rungs`"
                )
        changes: dict[str, Any] = {}
        limit = math.inf if encoder.limit is None else encoder.limit
        for place in places:
            table = tables[place]
            changes[f"{place}.{'teacher' if place == 'vectors' else 'source'}"] = encoder.source
            if (table.get("max_pieces") or 0) > limit:
                changes[f"{place}.max_pieces"] = limit
            if table.get("overlap", 0) > limit / 2:
                changes[f"{place}.overlap"] = int(limit / 4)
        return self.with_settings(changes)

    def encoder_tables(self) -> dict[str, dict[str, Any]]:
        """The tables that read a pretrained encoder, by their dotted keys: `embedders.0`, `vectors`."""
        tables = {f"embedders.{i}": table for i, table in enumerate(self.tables.get("embedders", ()))}
        tables["vectors"] = self.table("vectors")
        return {place: table for place, table in tables.items() if table.get("kind") in OF_ENCODERS}

    def embedders(self, kind: str) -> list[int]:
        """The numbers of the embedders of a kind, counted from 0."""
        return [i for i, table in enumerate(self.tables.get("embedders", ())) if table["kind"] == kind]

    def paths(self) -> list[str]:
        """The absolute paths of files and folders in the settings."""
        values = self.flat().values()
        texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
        return [text for text in texts if isinstance(text, str) and Path(text).is_absolute()]

    def without_paths(self, value: Any) -> Any:
        """A JSON value with the names of files instead of their absolute paths."""
        text = json.dumps(value)
        for path in sorted(self.paths(), key=len, reverse=True):
            text = text.replace(json.dumps(path)[1:-1], json.dumps(Path(path).name)[1:-1])
        return json.loads(text)

    def portable(self) -> "Recipe":
        """A copy with the names of files instead of their absolute paths."""
        return replace(self, tables=self.without_paths(self.tables))

    def flat(self) -> dict[str, Any]:
        """All settings by their dotted keys."""
        return dict(_leaves(self.tables, ""))

    def table(self, name: str) -> dict[str, Any]:
        """One of the recipe's tables, or an empty one."""
        return self.tables.get(name) or {}

    @property
    def task(self) -> str:
        """The kind of the task."""
        return self.tables["task"]["kind"]

    @property
    def text(self) -> TextSettings:
        """How texts become words."""
        return TextSettings(**self.table("text"))


def _checked(tables: dict[str, Any], *, exported: bool) -> dict[str, Any]:
    """The tables with their defaults.

    Raises:
        RecipeError: a table, a key or a value is not valid.
    """
    tables = {"format": FORMAT, **tables}
    if tables["format"] != FORMAT:
        raise RecipeError(f"format = {tables['format']!r}: this version reads format {FORMAT}")
    known = ("format", *PLAIN, *TABLES, *LISTS)
    for key, value in tables.items():
        if key not in known:
            raise RecipeError(f"[{key}]: there is no such table.{did_you_mean(key, known)}")
        if key in LISTS and not (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
            raise RecipeError(f"{key}: must be written as [[{key}]], once for each")
        if key in (*TABLES, *PLAIN) and not isinstance(value, dict):
            raise RecipeError(f"{key}: must be a table, [{key}]")
    tables.setdefault("task", {"kind": "classification"})
    if len(tables.get("embedders", ())) > 1:
        tables.setdefault("fusion", {"kind": "concatenate"})
    _check_parts(tables, () if exported else LISTS)
    return tables


def _check_parts(tables: dict[str, Any], lists: Sequence[str]) -> None:
    from .training.settings import TrainingSettings

    if bool(tables.get("shallow")) == bool(tables.get("embedders")):
        raise RecipeError("a recipe has either [shallow] or at least one [[embedders]]")
    if tables.get("shallow") and tables.get("encoders"):
        raise RecipeError("[[encoders]]: a [shallow] model takes no encoders")
    kind, task = tables.get("shallow", {}).get("kind"), tables["task"].get("kind")
    if kind in kinds("shallow") and (serves := component("shallow", kind).serves) != task:
        raise RecipeError(f"[shallow] kind = {kind!r} is for the task {serves!r}, not for {task!r}")
    _check(TextSettings, tables.get("text", {}), "[text]")
    pieces = tables.get("text", {}).get("pieces")
    for name in ("shallow", "vectors"):
        if pieces is not None and tables.get(name) and tables[name].get("kind") != "kneser_ney":
            raise RecipeError(f"[text] pieces: [{name}] reads whole words")
    if pieces is None and tables["task"].get("pieces") == "shared":
        raise RecipeError('[task] pieces = "shared": [text] pieces says how many there are; it is missing')
    _check(TrainingSettings, tables.get("training", {}), "[training]")
    for folder in TABLES if lists else ("task",):
        if folder in tables:
            _check_kind("tasks" if folder == "task" else folder, tables[folder], f"[{folder}]")
    for folder in lists:
        for number, table in enumerate(tables.get(folder, ()), start=1):
            _check_kind(folder, table, f"[[{folder}]] number {number}")


def _check_kind(folder: str, table: dict[str, Any], where: str) -> None:
    if "kind" not in table:
        raise RecipeError(f"{where}: kind is missing.{did_you_mean('', kinds(folder))}")
    try:
        cls = component(folder, table["kind"])
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
    _check(cls, {key: value for key, value in table.items() if key != "kind"}, where)


def _put(tables: dict[str, Any], dotted: str, value: Any) -> None:
    """Set `a.0.b` inside nested tables and lists."""
    *path, last = dotted.split(".")
    node: Any = tables
    for step in path:
        if isinstance(node, list):
            if not (step.isdigit() and int(step) < len(node)):
                raise RecipeError(f"{dotted}: the recipe has no number {step} there (counted from 0)")
            node = node[int(step)]
        else:
            node = node.setdefault(step, {})
    if not isinstance(node, dict):
        raise RecipeError(f"{dotted}: this does not name a setting")
    node[last] = value


def _leaves(value: Any, prefix: str) -> "list[tuple[str, Any]]":
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        items = [(str(i), v) for i, v in enumerate(value)]
    else:
        return [(prefix, value)]
    return [leaf for key, inner in items for leaf in _leaves(inner, f"{prefix}.{key}" if prefix else key)]


def _without_none(value: Any) -> Any:
    """The value without keys that are None: TOML has no null."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value
