"""`wordladder vectors`: the shapes that programs read, and what people see."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.word_vectors import WordVectors


def run(*args):
    """Standard output of a command; an error of the user is raised as it is."""
    done = CliRunner().invoke(app, ["vectors", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    chance = np.random.default_rng(0)
    kinds = [["Cat", "dog", "cow"], ["one", "two", "three"]]
    lines = [" ".join(chance.choice(kinds[row % 2], 10)) for row in range(600)]
    (folder / "corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "pairs.txt").write_text("cat\tdog\t9\ncat\ttwo\t1\none\tthree\t8\nx\ty\t1\n", encoding="utf-8")
    (folder / "analogies.txt").write_text(": first\ncat dog one two\n: second\nx y z v\n", encoding="utf-8")
    settings = ("--dim", 8, "--epochs", 2, "--sample", 0, "--threads", 1, "--lowercase", "--json")
    found = json.loads(
        run("train", folder / "corpus.txt", "--output", folder / "words.safetensors", *settings)
    )
    assert found["words"] == 6000
    assert (found["vocabulary"], found["dim"], found["epochs"]) == (6, 8, 2)
    assert found["words_per_second"] > 0
    assert 0 < found["seconds"] < found["seconds_total"]
    return folder


def test_training_says_what_it_did(folder):
    out = run(
        "train",
        folder / "corpus.txt",
        "-o",
        folder / "cbow.vec",
        "--model",
        "cbow",
        "--dim",
        4,
        "--epochs",
        1,
    )
    assert "6 words of 4 numbers from 6,000 words" in " ".join(out.split())
    assert WordVectors.load(folder / "cbow.vec").dim == 4


def test_neighbors(folder):
    found = json.loads(run("neighbors", folder / "words.safetensors", "CAT", "two", "--topn", 2, "--json"))
    assert {one["word"] for one in found["CAT"]} == {"dog", "cow"}
    assert {one["word"] for one in found["two"]} == {"one", "three"}
    assert "dog" in run("neighbors", folder / "words.safetensors", "cat")


def test_analogy(folder):
    found = json.loads(
        run("analogy", folder / "words.safetensors", "cat", "dog", "one", "--topn", 3, "--json")
    )
    assert len(found["answers"]) == 3
    assert not {one["word"] for one in found["answers"]} & {"cat", "dog", "one"}
    assert "cat : dog = one : ?" in run("analogy", folder / "words.safetensors", "cat", "dog", "one")


def test_evaluate(folder):
    tests = ("--pairs", folder / "pairs.txt", "--analogies", folder / "analogies.txt")
    found = json.loads(run("evaluate", folder / "words.safetensors", *tests, "--json"))
    pairs = found["pairs"][str(folder / "pairs.txt")]
    assert (pairs["used"], pairs["total"]) == (3, 4)
    assert pairs["spearman"] > 0
    analogies = found["analogies"][str(folder / "analogies.txt")]
    assert (analogies["used"], analogies["total"]) == (1, 2)
    assert analogies["sections"]["second"] == {"accuracy": None, "correct": 0, "used": 0, "total": 1}
    assert "Spearman" in run("evaluate", folder / "words.safetensors", *tests)


def test_convert(folder):
    run("convert", folder / "words.safetensors", folder / "words.bin")
    assert (
        json.loads(run("convert", folder / "words.bin", folder / "again.vec.gz", "--json"))["format"]
        == "text"
    )
    np.testing.assert_array_equal(
        WordVectors.load(folder / "again.vec.gz").vectors,
        WordVectors.load(folder / "words.safetensors").vectors,
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("train", "corpus.txt", "-o", "new.vec", "--kind", "glvoe"), "no such kind"),
        (("train", "corpus.txt", "-o", "new.xyz"), "suffix"),
        (("train", "corpus.txt", "-o", "new.vec", "--dim", "0"), "dim is 0"),
        (("train", "missing.txt", "-o", "new.vec"), "missing.txt"),
        (("evaluate", "words.safetensors"), "needs a test"),
        (("neighbors", "words.safetensors", "catt"), "Did you mean 'cat'"),
        (("convert", "words.safetensors", "words.xyz"), "suffix"),
    ],
)
def test_mistakes_are_told(folder, args, message, monkeypatch):
    from wordladder.errors import UserError

    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=message):
        run(*args)
    assert not list(folder.glob("new.*"))


@pytest.mark.parametrize("kind", ["word2vec", "glove", "fasttext"])
def test_every_kind_trains_and_goes_on(folder, kind):
    first, second, text = (folder / name for name in (f"{kind}.safetensors", f"{kind}-2.vec", "more.txt"))
    common = ("--dim", 8, "--epochs", 2, "--threads", 1)
    made = json.loads(run("train", folder / "corpus.txt", "--kind", kind, *common, "-o", first, "--json"))
    assert made["kind"] == kind
    assert {"words", "vocabulary", "dim", "epochs", "seconds", "words_per_second", "seconds_total"} <= set(
        made
    )
    text.write_text("brandnew words here\n" * 20, encoding="utf-8")
    again = json.loads(run("train", text, "--continue-from", first, "-o", second, "--json"))
    assert again["known_before"] == made["vocabulary"]
    assert again["dim"] == 8
    assert {"brandnew", *WordVectors.load(first).words} <= set(WordVectors.load(second).words)


def test_vectors_only_leaves_out_the_other_matrix(folder):
    small = folder / "small.safetensors"
    run("train", folder / "corpus.txt", "--dim", 8, "--vectors-only", "-o", small)
    assert WordVectors.load(small).outputs is None


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--kind", "glove", "--negative", 3), "--negative is no option of --kind glove"),
        (("--kind", "word2vex"), "Did you mean 'word2vec'"),
        (("--kind", "glove", "--device", "cuda"), "--device is no option of --kind glove"),
        (("--model", "cbow", "--device", "cuda"), "an accelerator trains model 'skipgram'"),
        (("--device", "gpu"), "device is 'gpu'"),
        (("--kind", "glove", "--continue-from", "FIRST"), "were trained by word2vec"),
        (("--dim", 9, "--continue-from", "FIRST"), "dim is 9"),
    ],
)
def test_options_that_do_not_fit_are_told(folder, args, message):
    first = folder / "first.safetensors"
    if not first.exists():
        run("train", folder / "corpus.txt", "--dim", 8, "-o", first)
    args = [str(first) if one == "FIRST" else str(one) for one in args]
    result = CliRunner().invoke(
        app, ["vectors", "train", str(folder / "corpus.txt"), "-o", str(folder / "x.vec"), *args]
    )
    assert message in str(result.exception)


def test_chinese_units_and_fasttexts_file_are_told_before_training(folder):
    text = folder / "chinese.txt"
    text.write_text("北京 大学 很 大\n" * 20, encoding="utf-8")
    args = ["vectors", "train", str(text), "--kind", "fasttext", "-o", str(folder / "x.bin")]
    assert "--no-han" in str(CliRunner().invoke(app, args).exception)
    assert CliRunner().invoke(app, [*args, "--no-han", "--buckets", "100"]).exit_code == 0
