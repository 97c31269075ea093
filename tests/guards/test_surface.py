"""The public surface: what the package offers, and one class a kind."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import wordladder
from wordladder import errors
from wordladder.recipe import component, kinds

PACKAGE = Path(wordladder.__file__).parent
KIND_FOLDERS = ("vectors", "embedders", "fusion", "encoders", "shallow", "tasks")
ALL_KINDS = [(folder, kind) for folder in KIND_FOLDERS for kind in kinds(folder)]


def test_the_package_offers_exactly_these_names():
    names = ["Model", "Recipe", "WordVectors", "__version__", "climb", "compare", "distill", "export"]
    names += ["forecast", "label_next", "load"]
    assert dir(wordladder) == names
    for name in wordladder.__all__:
        assert getattr(wordladder, name) is not None


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"


@pytest.mark.parametrize(("folder", "kind"), ALL_KINDS)
def test_a_kind_describes_all_its_settings(folder, kind):
    cls = component(folder, kind)
    module = importlib.import_module(f"wordladder.{folder}.{kind}")
    assert module.__all__ == [cls.__name__]
    doc = inspect.getdoc(cls) or ""
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert f"    {name}: " in doc, f"{cls.__name__} does not say what {name} is"


def test_the_drawn_hierarchy_is_the_real_one():
    drawing = errors.__doc__
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.WordladderError):
            assert name in drawing
