import ast
import sysconfig
import warnings
from pathlib import Path

import pytest

from wordladder.data.docstring_source import (
    docstrings_of,
    first_sentence,
    name_pattern,
    named_docstrings_of,
    paragraphs_of,
)
from wordladder.data.docstrings import MASK, Documentation, documentation, gather
from wordladder.errors import DataError

NODES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
FILES = [
    "argparse",
    "ast",
    "csv",
    "dataclasses",
    "difflib",
    "functools",
    "inspect",
    "json/decoder",
    "pathlib",
]
FILES += ["random", "statistics", "string", "textwrap", "tokenize", "typing", "unittest/mock", "zipfile"]


@pytest.mark.parametrize("name", FILES)
def test_the_scan_finds_what_the_parser_finds(name):
    path = Path(sysconfig.get_paths()["stdlib"], name + ".py")
    path = path if path.exists() else path.with_suffix("") / "__init__.py"
    source = path.read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    nodes = [
        node for node in ast.walk(tree) if isinstance(node, NODES) and ast.get_docstring(node) is not None
    ]
    lines = source.split("\n")
    expected = {
        ast.get_docstring(node): "".join(lines[node.body[0].lineno - 1 : node.body[0].end_lineno])
        for node in nodes
    }
    found = list(docstrings_of(source))
    assert len(found) == len(nodes)
    # the scan leaves escapes as they are written
    as_written = {text for text, written in expected.items() if "\\" not in written}
    assert as_written <= set(found)
    names = {(getattr(node, "name", ""), ast.get_docstring(node)) for node in nodes}
    assert {(name, text) for name, text in names if text in as_written} <= set(named_docstrings_of(source))


def test_quotes_inside_strings_and_comments_do_not_mislead():
    source = '''"""Module's own."""
# A comment's """ quotes
text = "a \\" quote" + 'x"""y'  # :
def one(a=":"):  # why: """
    # more
    r"""Of one: "quoted" text."""
    if text == """not
this""":
        f"""nor {this}"""
class Two(
    object,
):

    'Of two.'
    def three(self): "Of three, which is not found."
'''
    assert list(docstrings_of(source)) == ["Module's own.", 'Of one: "quoted" text.', "Of two."]
    assert list(docstrings_of('x = """never closed\n' + "y = 'a'\n" * 1000)) == []


def test_paragraphs_are_prose():
    docstring = """Compute the :class:`~lib.Mean` of
    ``values``, see <https://example.org/x>.

    Parameters
    ----------
    values : array

    >>> mean([1, 2])

    The `weights <w>`_ are optional.

    x = {1: [2, 3], 4: (5, 6)}; y += {}
    """
    assert paragraphs_of(docstring) == [
        "Compute the lib.Mean of values, see",
        *("", ""),
        "The weights are optional.",
        "",
    ]


@pytest.mark.parametrize(
    ("paragraph", "sentence"),
    [
        ("Compute the mean (of all values). It is fast.", "Compute the mean (of all values)."),
        ("… draws it, doesn't it? Yes.", "… draws it, doesn't it?"),
        ("Compute the mean", ""),
        ("compute the mean.", ""),
        ("Return x[0] of it.", ""),
        ("Return a new MaskedArray instance.", ""),
        ("Return the value of dtype_name as text.", ""),
        ("Since version 3 it is fast.", ""),
        ("Call np.mean of it.", ""),
    ],
)
def test_a_sentence_that_reads_like_prose(paragraph, sentence):
    assert first_sentence(paragraph) == sentence


def test_names_are_masked_in_all_their_forms():
    mask = name_pattern(["scikit-learn", "sklearn"])
    text = "Scikit-Learn, scikit_learn, sklearn.base and a learner"
    assert mask.sub(MASK, text) == "…, …, ….base and a learner"
    mask = name_pattern(["torch"])
    assert mask.sub(MASK, "PyTorch's TorchScript, torch.nn") == "…'s …, ….nn"
    mask = name_pattern(["re", "np"])
    assert mask.sub(MASK, "np.where, NP, re_match: here, prefer") == "….where, …, …_match: here, prefer"


def library(folder, name, files=6, functions=4):
    for file in range(files):
        path = folder / name / f"part{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "\n".join(
                f'def f{n}():\n    """Return the {name} {word(file)} {word(n)} of things.\n\n'
                f'    More about {word(file)} {word(n)} in prose.\n    """\n'
                for n in range(functions)
            )
            + 'def same():\n    """Say what every library says too."""\n',
            encoding="utf-8",
        )


def in_own_words(folder, name):
    for path in folder.glob(f"{name}/*.py"):
        path.write_text(path.read_text("utf-8").replace("things", f"{name[::-1]} things"), "utf-8")


def word(number):
    return "abcdefgh"[number] * 3


@pytest.fixture
def packages(tmp_path):
    for name in ("apple", "pear", "small"):
        library(tmp_path, name, files=1 if name == "small" else 6)
    (tmp_path / "pear" / "tests").mkdir()
    (tmp_path / "pear" / "tests" / "helper.py").write_text(
        '"""Never seen by anyone at all."""', encoding="utf-8"
    )
    return tmp_path


def test_gather(packages):
    # what they say is equal but for their names, so give each words of its own
    for name in ("pear", "small"):
        in_own_words(packages, name)
    data = gather(folders=[packages], min_rows=5)
    assert data.complete
    assert data.files == 13
    assert set(data.train.labels) == set(data.test.labels) == {"apple", "pear"}
    assert len(data.train) + len(data.test) == 48
    assert all(f"Return the {MASK} " in text for text in data.train.texts)
    assert not set(data.train.texts) & set(data.test.texts)

    def files(examples):
        return {(label, text.split()[3]) for label, text in zip(examples.labels, examples.texts)}

    assert not files(data.train) & files(data.test)
    assert not set(data.train.groups) & set(data.test.groups)
    rows = zip(data.train.groups, data.train.labels, data.train.texts, strict=True)
    assert len({(group, label, text.split()[3]) for group, label, text in rows}) == len(
        set(data.train.groups)
    )
    raw = set(data.raw)
    assert "Say what every library says too." in raw
    assert not any(MASK in text for text in raw)
    assert not any("Never seen" in text for text in raw)
    for label, text in zip(data.test.labels, data.test.texts):
        assert text.replace(MASK, label) not in raw
    for label, text in zip(data.train.labels, data.train.texts):
        assert text.replace(MASK, label) in raw
    again = gather(folders=[packages], min_rows=5)
    assert (again.train, again.test, again.raw) == (data.train, data.test, data.raw)
    other = gather(folders=[packages], min_rows=5, seed=2)
    assert other.test.texts != data.test.texts
    assert len(gather(folders=[packages], min_rows=5, max_rows=8).train) == 16
    library(packages, "plum", files=8)
    in_own_words(packages, "plum")
    assert set(gather(folders=[packages], min_rows=5, most_libraries=2).train.labels) == {"apple", "plum"}


def test_what_two_libraries_say_is_not_asked(packages):
    with pytest.raises(DataError, match="too few"):
        gather(folders=[packages], min_rows=5)


def test_time_limit(packages):
    with pytest.raises(DataError, match="0 files read"):
        gather(0, folders=[packages])


def test_documentation_of_packages(packages):
    (packages / "pear" / "__init__.py").write_text(
        '"""The whole pear, as it is eaten.\n\n>>> code\n\nWith its peel and all."""\n'
        'def _own():\n    """Nobody should look for this one."""\ndef short():\n    """Too short."""\n',
        encoding="utf-8",
    )
    found = documentation(1000, folders=[packages])
    assert (
        Documentation("pear", "pear", "", "The whole pear, as it is eaten.\nWith its peel and all.") in found
    )
    texts = [one.text for one in found]
    assert len(set(texts)) == len(texts) == 2 * 6 * 4 + 4 + 2
    assert not any("Nobody" in text or "Never" in text or "short" in text for text in texts)
    (one,) = [one for one in found if "apple ccc ddd" in one.text]
    assert (one.package, one.module, one.name) == ("apple", "apple.part2", "f3")
    assert documentation(7, folders=[packages]) == found[:7]
    assert {one.package for one in found[:12]} == {"apple", "pear", "small"}, "something of every package"
