"""On the base install every command and every public call works, or says in one line which extra to type.

One process without the extras' modules does it all; the processes that it starts lack them, too.
"""

import json
import os
import re
import subprocess
import sys
from inspect import getmembers, signature
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

import wordladder
from conftest import reviews
from tiny_transformers import tiny_bert
from wordladder import Model, Recipe, WordVectors
from wordladder.cli import app
from wordladder.extras import EXTRAS
from wordladder.recipe import rung_names, rung_tasks

# Python runs a module called sitecustomize when it starts.
SITE = f"""
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        missing = {sorted({module for modules in EXTRAS.values() for module in modules})}
        return None if name.split(".")[0] in missing else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""
RUN = """
import contextlib, io, json, sys, traceback
from wordladder.cli import main

found = []
for words in json.load(sys.stdin):
    sys.argv, told, code = ["wordladder", *words], io.StringIO(), 0
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            main()
    except SystemExit as end:
        code = end.code
    except Exception:
        code = traceback.format_exc()
    found.append([code, told.getvalue().strip()])
print(json.dumps(found))
"""
CALL = """
import json, sys
from pathlib import Path
from wordladder import Model, Recipe, WordVectors, climb
from wordladder.data.examples import Examples
from wordladder.recipe import Encoder

calls = json.load(sys.stdin)
texts, labels = [f"film {n} is {['good', 'dull'][n % 2]}" for n in range(60)], ["yes", "no"] * 30
examples = Examples((texts,), labels)
model = Model({"shallow": {"kind": "fasttext", "epochs": 2, "max_n": 0}}).fit(texts, labels)
recipe, vectors = Recipe.load("tfidf"), WordVectors.load("words.safetensors")
found = []
for call in calls:
    try:
        eval(call)
        found.append("")
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
print(json.dumps(found))
"""
LACKING = re.compile(
    r"(error: )?.+ needs '\w+', which is not installed. Type: pip install \"wordladder\[\w+\]\""
)


def without_extras(code, given, folder):
    """What a process in that folder without the extras' modules prints as JSON."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    paths = os.pathsep.join([str(folder / "site"), str(Path(wordladder.__file__).parents[1])])
    given, environment = json.dumps(given), os.environ | {"PYTHONPATH": paths}
    process = [sys.executable, "-c", code]
    done = subprocess.run(process, input=given, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("\n")[-2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_model):
    """A folder with files, word vectors, and models that were made elsewhere."""
    place = tmp_path_factory.mktemp("base")
    rows = "".join(f'"{text}",{label}\n' for text, label in zip(*reviews(120)))
    (place / "rows.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    for name, labels in (("pairs", "yn"), ("scores", "12"), ("numbers", "12")):
        lines = [f"the film {n},good film {n % 7},{labels[n % 2]}" for n in range(60)]
        head = "text,note,score" if name == "numbers" else "text_a,text_b,score"
        (place / f"{name}.csv").write_text("\n".join([head, *lines]), encoding="utf-8")
    (place / "tags.conll").write_text("Ann B-PER\nmet O\nBo B-PER\n\nthe O\nfilm O\n\n" * 20, "utf-8")
    (place / "text.txt").write_text("the good film was dull\n" * 50, encoding="utf-8")
    (place / "evaluate_word_pairs.txt").write_text("the film 3\ngood dull 1\nwas film 2\n", encoding="utf-8")
    (place / "evaluate_word_analogies.txt").write_text(": some\nthe good film dull\n", encoding="utf-8")
    matrix = np.random.default_rng(1).normal(size=(5, 8)).astype("f4")
    WordVectors(["the", "good", "film", "dull", "was"], matrix).save(place / "words.safetensors")
    small_model.save(place / "bilstm")
    tiny_bert(place / "bert")
    return place


def commands(command, path=()):
    """Every command of the program, and its parameters."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command.params
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


# What arguments and required options are given, by their names, so that a new command is walked, too.
GIVEN = {
    "recipe": "fasttext", "train": "rows.csv", "file": "rows.csv", "corpus": "text.txt", "model": "trained",
    "encoder": "words.safetensors", "text": "the good film", "among": "text.txt", "word": "good",
    "words": "good", "a": "the", "b": "good", "c": "film", "other": "words.safetensors",
    "source": "words.safetensors", "target": "words.vec", "files": "text.txt", "index": "bert",
    "queries": "queries.tsv", "qrels": "qrels.tsv", "query": "good", "teacher": "trained",
    "first": "trained", "second": "trained", "folder": "climb",
}  # fmt: skip
OUTPUTS = {"train": "trained", "embed": "out.npy", "vectors train": "new.safetensors", "vectors map": "m.svg"}
MORE = {
    "climb": ["--rungs", "tfidf", "--seeds", "1", "--forecast", "500"],
    "pretrain": ["--steps", "1"],
    "distill": ["--set", "shallow.epochs=2", "--set", "shallow.max_n=0", "--made-up", "1"],
    "train": ["--set", "shallow.epochs=2", "--set", "shallow.max_n=0"],
    "vectors train": ["--dim", "8", "--min-count", "1"],
    "vectors neighbors": ["film"],
    "vectors doesnt-match": ["film", "dull"],
    "vectors evaluate": ["--pairs", "evaluate_word_pairs.txt"],
    "vectors map": ["the", "film"],
}


def typed(path, parameters):
    """A command as it is typed."""
    given = GIVEN | {"output": OUTPUTS.get(path, path)}
    given |= {"file": "words.safetensors"} if path.startswith("vectors") else {}
    given |= {"model": "bilstm"} if path == "generate" else {}
    words = path.split()
    for one in parameters:
        if one.param_type_name == "argument" and (one.required or one.name in given):
            words.append(given[one.name])
        elif one.required:
            words += [one.opts[0], given[one.name]]
    return words + MORE.get(path, [])


SHALLOW = {"tfidf", "fasttext", "crf", "tfidf-cosine", "tfidf-similarity", "ridge", "kneser-ney"}
WORKING = """
train tfidf-cosine --train pairs.csv -o cosine
train tfidf-similarity --train scores.csv -o near
train crf --train tags.conll -o crf --set shallow.tree=false
predict crf tags.conll
train kneser-ney --train rows.csv -o ngrams
predict ngrams text.txt
"""
LACKING_COMMANDS = (
    "demo",
    "export",
    "serve",
    "generate",
    "pretrain",
    "neighbors",
    "vectors map",
    "index build",
    "index evaluate",
    "index demo",
    "index upgrade",
    "search",
)
LACKING_LINES = """
train tfidf --train rows.csv -o none --set text.segmenter=jieba
train ridge --train numbers.csv -o none
climb rows.csv -o none --rungs bilstm
climb rows.csv -o none --task span_qa
evaluate bilstm rows.csv
predict bilstm text.txt
predict bert text.txt
embed bilstm text.txt -o none.npy
embed bert text.txt -o none.npy
"""


def lines(text):
    return [line.split() for line in text.strip().split("\n")]


def test_every_command(folder):
    walked = {"train": ()} | dict(commands(get_command(app)))  # first, for its model is used
    asked = {path: typed(path, parameters) for path, parameters in walked.items()}
    lacking = [asked.pop(path) for path in LACKING_COMMANDS]
    lacking += lines(LACKING_LINES)
    for task in rung_tasks():
        networks = [rung for rung in rung_names(task) if rung not in SHALLOW]
        lacking += [["train", rung, "--train", "rows.csv", "-o", "none"] for rung in networks]
    working = [*asked.values(), *lines(WORKING)]
    answers = without_extras(RUN, working + lacking, folder)
    for words, (code, told) in zip(working, answers):
        assert code == 0, (words, code, told)
    for words, (code, told) in zip(lacking, answers[len(working) :]):
        assert code == 2, (words, code, told)
        assert LACKING.fullmatch(told), (words, told)
    assert "wordladder[plot]" in (folder / "climb" / "report.html").read_text(encoding="utf-8")


# What the parameters of public calls are given, by their names, as expressions.
OF_MODEL = {"texts": "texts", "labels": "labels", "examples": "examples", "scores": "model.scores(texts)"}
OF_MODEL |= {"folder": "'saved'", "first": "texts[:2]", "engine": "model.engine_", "report": "{}"}
OF_RECIPE = {
    "source": "'tfidf'",
    "path": "Path('saved/recipe.toml')",
    "name": "'task'",
    "changes": "{}",
    "value": "{}",
    "files": "'text.txt'",
    "encoder": "Encoder('bert', 'bert')",
    "kind": "'static'",
}
HAS_NONE = (
    "has no [fusion]",
    "translates nothing",
    "writes nothing",
    "has no static",
    "has no transformer",
    "trains no word vectors",
)
OF_VECTORS = {"texts": "['the film']", "words": "['the', 'film', 'dull']", "positive": "['good']"}
OF_VECTORS |= {"first": "'the'", "second": "'film'", "word": "'good'", "a": "'the'", "b": "'film'"}
OF_VECTORS |= {"c": "'was'", "table": "vectors.table", "path": "'words.safetensors'"}
LACKING_CALLS = """
Recipe.load('bilstm')
Recipe.read(Path('bilstm/recipe.toml'))
Model('bilstm').fit(texts, labels)
Model('bilstm').get_params()
Model.load('bilstm')
Model.load('bert')
Model.load('all-MiniLM-L6-v2')
climb(examples, output='none', rungs=['bilstm'])
climb(examples, output='none', task='span_qa')
"""


def calls(instance, of, given):
    """Every public method of a class, with what it has to be given."""
    for name, method in getmembers(of, callable):
        if name.startswith("_"):
            continue
        values = given | {"path": f"'{name}.txt'"} if name.startswith("evaluate_") else given
        known = signature(method).parameters.values()
        named = [one.name for one in known if one.name in values or one.default is one.empty]
        written = [f"{one}={values[one]}" for one in named if one not in ("self", "params")]
        yield f"{instance}.{name}({', '.join(written)})"


def test_every_public_call(folder):
    working = [*calls("model", Model, OF_MODEL), *calls("recipe", Recipe, OF_RECIPE)]
    working.sort(key=lambda call: "saved" in call and ".save(" not in call)  # what is saved is loaded
    working += calls("vectors", WordVectors, OF_VECTORS)
    lacking = LACKING_CALLS.strip().split("\n")
    answers = without_extras(CALL, working + lacking, folder)
    for call, told in zip(working, answers):
        assert not told or any(part in told for part in HAS_NONE), (call, told)
    for call, told in zip(lacking, answers[len(working) :]):
        assert LACKING.fullmatch(told.removeprefix("MissingExtraError: ")), (call, told)
