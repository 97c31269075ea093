"""Students learn what their teachers say, of every task, in every way."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional
from typer.testing import CliRunner

from tiny_transformers import tiny_bert
from wordladder import Model, Recipe, climb, distill, load
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.distillation.made_up import made_up
from wordladder.distillation.teachers import Teachers
from wordladder.distillation.vectors import plain_texts, vector_lesson
from wordladder.errors import DataError, SettingError
from wordladder.text.words import tokenize
from wordladder.training.lesson import Lesson
from wordladder.training.taught import Taught, taught_loss, vector_loss

GOOD, BAD, OTHER = (
    ["good", "fine", "great", "nice", "lovely"],
    ["bad", "poor", "awful", "dull", "sad"],
    ["the", "film", "is", "a"],
)


def texts(rows, seed=0):
    """Texts with one word that decides, and their labels."""
    random = np.random.default_rng(seed)
    labels = [("bad", "good")[one] for one in random.integers(2, size=rows)]
    words = [random.choice(GOOD if label == "good" else BAD) for label in labels]
    return [" ".join([*random.permutation(OTHER), word]) for word in words], labels


def network(**more):
    """A small network."""
    return {
        "embedders": [{"kind": "static", "dim": 16, "min_count": 1}],
        "training": {"epochs": 20, "learning_rate": 0.01, "batch_rows": 8, "precision": "float32"},
        **more,
    }


class Oracle:
    """A loss that only says how often it was asked."""

    def __call__(self, scores, labels, *weights):
        return functional.cross_entropy(scores, labels)


@pytest.mark.parametrize("hard", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("objective", ["logits", "probabilities"])
def test_the_loss_is_what_its_equations_say(objective, several, hard):
    random = np.random.default_rng(1)
    own, given = (random.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
    mask = np.array([1, 1, 0, 1, 1], np.float32)
    labels = torch.from_numpy(random.integers(3, size=5))
    lesson = Lesson([], None, objective, 3.0, hard)
    targets = Taught(labels, torch.from_numpy(given), torch.from_numpy(mask))
    found = taught_loss(Oracle(), lesson, torch.from_numpy(own), targets, several=several)
    rows = []
    for mine, theirs in zip(own.astype(float), given.astype(float)):
        if objective == "logits":
            rows.append(np.mean((mine - theirs) ** 2))
        elif several:
            p, q = (1 / (1 + np.exp(-one / 3)) for one in (theirs, mine))
            rows.append(9 * np.mean(-p * np.log(q) - (1 - p) * np.log(1 - q)))
        else:
            p, q = (np.exp(one / 3) / np.exp(one / 3).sum() for one in (theirs, mine))
            rows.append(9 * np.sum(p * np.log(p / q)))
    plain = functional.cross_entropy(torch.from_numpy(own), labels).item()
    expected = (1 - hard) * np.average(rows, weights=mask) + hard * plain
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "model"
    Model("tfidf").fit(*texts(300), output=folder)
    return folder


class TestClassification:
    @pytest.mark.parametrize("objective", ["logits", "probabilities"])
    def test_a_network_learns_what_its_teacher_knows(self, teacher, objective, tmp_path):
        train, unlabelled, test = texts(12, 1), texts(200, 2)[0], texts(100, 3)
        found = distill(
            teacher, network(), *train, unlabelled=unlabelled, dev=texts(20, 4), test=test,
            objective=objective, output=tmp_path / "student",
        )  # fmt: skip
        assert found.teacher.value == 1
        assert found.taught.value > 0.97
        assert found.gain.value == pytest.approx(found.taught.value - found.untaught.value)
        assert found.rows == {"labelled": 12, "unlabelled": 200}
        assert (
            Model.load(tmp_path / "student").predict(test[0]).tolist()
            == found.model.predict(test[0]).tolist()
        )
        assert "loss" not in vars(found.model.engine_.network.task)

    @pytest.mark.parametrize("rung", ["tfidf", "fasttext"])
    def test_so_does_a_shallow_student(self, teacher, rung):
        found = distill(teacher, rung, *texts(12, 1), unlabelled=texts(200, 2)[0], test=texts(100, 3))
        assert found.taught.value > 0.97
        assert found.taught.value >= found.untaught.value

    def test_several_teachers_are_averaged(self, teacher):
        train, test = texts(12, 1), texts(50, 3)
        unsure = Model("tfidf").fit(*texts(8, 7))
        teachers = Teachers([Model.load(teacher), unsure])
        asked = teachers.ask(Examples((test[0],)))
        mean = np.stack(teachers.scores(asked, ["good", "bad"]))
        shares = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
        expected = sum(np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for one in asked)[:, ::-1] / 2
        np.testing.assert_allclose(shares, expected, rtol=1e-4)
        found = distill([teacher, unsure], network(), *train, test=test, compare=False, made_up=5)
        assert found.alone is None
        assert found.untaught is None
        assert found.rows["made_up"] > 20
        assert found.teacher.rows == 50

    def test_several_labels_a_text(self):
        rows, labels = texts(150)
        several = [(label, "film") if len(row) % 2 else (label,) for row, label in zip(rows, labels)]
        teacher = Model("tfidf").fit(rows, several)
        for recipe in (network(), "tfidf"):
            found = distill(teacher, recipe, rows[:30], several[:30], unlabelled=rows[30:])
            assert found.model.task_.multi_label

    def test_what_the_teacher_said_is_kept(self, teacher, tmp_path, monkeypatch):
        given = {"unlabelled": texts(50, 2)[0], "compare": False, "cache": tmp_path / "cache"}
        first = distill(teacher, network(), *texts(12, 1), **given)
        (kept,) = (tmp_path / "cache").glob("teacher-*.npy")
        np.save(kept, -np.load(kept))
        wrong = distill(teacher, network(), *texts(12, 1), **given)
        test = texts(50, 3)
        assert first.model.score(*test) > 0.9
        assert wrong.model.score(*test) < 0.1

    def test_what_does_not_fit(self, teacher):
        train = texts(12, 1)
        with pytest.raises(SettingError, match="the teacher is for classification"):
            distill(teacher, "bilstm-crf", *train)
        with pytest.raises(DataError, match="does not know the label 'new'"):
            distill(teacher, network(), train[0], ["new", *train[1][1:]])
        with pytest.raises(SettingError, match="there is no teacher"):
            distill([], network(), *train)
        with pytest.raises(SettingError, match="different tasks or labels"):
            distill([teacher, Model("tfidf").fit(train[0], [*train[1][1:], "new"])], network(), *train)
        for wrong in ({"hard": 2}, {"temperature": 0}, {"objective": "none"}, {"made_up": -1}):
            with pytest.raises(SettingError, match=next(iter(wrong))):
                distill(teacher, network(), *train, **wrong)
        with pytest.raises(SettingError, match="for networks"):
            Model("tfidf").fit(*train, lesson=Lesson([np.zeros(2)] * 12))


def test_an_interrupted_student_goes_on_with_the_same_teacher(teacher, tmp_path):
    train, dev, stop = texts(40, 1), texts(20, 4), RuntimeError("stop")

    def taught(teacher, resume=False, stop_at=None):
        def progress(stage, done, total, **facts):
            if stop_at is not None and stage == "training" and facts.get("epoch", 0) > stop_at:
                raise stop

        recipe = network()
        recipe["training"]["epochs"] = 200
        return distill(
            teacher, recipe, *train, dev=dev, compare=False, output=tmp_path / "student", resume=resume,
            progress=progress,
        )  # fmt: skip

    with pytest.raises(RuntimeError, match="stop"):
        taught(teacher, stop_at=5)
    other = Model("tfidf").fit(*texts(16, 9))
    with pytest.raises(SettingError, match="other data or another recipe"):
        taught(other, resume=True)
    assert taught(teacher, resume=True).model.score(*dev) > 0.9


NAMES, PLACES = ["Ann", "Bob", "Cleo", "Dan"], ["Rome", "Oslo", "Paris", "Bern"]


def tagged(rows, seed=0):
    """Sentences with a person and a place."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        name, place = random.choice(NAMES), random.choice(PLACES)
        text = f"Yesterday {name} went to {place}."
        start = text.index(place)
        found.append((text, ((10, 10 + len(name), "PER"), (start, start + len(place), "LOC"))))
    return tuple(list(part) for part in zip(*found))


@pytest.mark.parametrize("crf", [True, False])
def test_a_tagger_learns_tags_of_words(crf):
    teacher = Model("crf").fit(*tagged(60))
    recipe = network(task={"kind": "tagging", "crf": crf})
    found = distill(
        teacher, recipe, *tagged(6, 1), unlabelled=tagged(60, 2)[0], test=tagged(30, 3), made_up=2
    )
    assert found.taught.value > 0.95


def test_words_that_a_teacher_does_not_have_are_left_out():
    from wordladder.training.taught import _of_words, _padded

    tokens = tokenize(["one two three", "four"])
    lesson = Lesson([np.float32([[1, 2], [3, 4]]), np.float32([[5, 6]])], [np.int32([0, 8]), np.int32([0])])
    rows = [_of_words(lesson, tokens, row) for row in (0, 1)]
    scores, mask = _padded(rows)
    assert mask.tolist() == [[1, 0, 1], [1, 0, 0]]
    assert scores.tolist() == [[[1, 2], [0, 0], [3, 4]], [[5, 6], [0, 0], [0, 0]]]


def test_numbers_and_pairs():
    rows, labels = texts(120)
    values = [float(label == "good") for label in labels]
    regression = Model("ridge").fit(rows, values)
    found = distill(regression, network(task={"kind": "regression"}), rows[:20], values[:20], unlabelled=rows)
    assert np.corrcoef(found.model.predict(rows), values)[0, 1] > 0.9
    pairs = list(pairwise(rows))
    same = ["same" if one == other else "other" for one, other in pairwise(labels)]
    teacher = Model("tfidf-cosine").fit(pairs, same)
    found = distill(teacher, network(task={"kind": "pairs"}), pairs, same, test=(pairs, same), made_up=1)
    assert found.taught.value > 0.5


def test_texts_are_made_up():
    examples = Examples((["The film is really good and I like the actors.", "A sad book."],), ["a", "b"])
    found = made_up(examples, 20, seed=3)
    assert found.labels is None
    assert 25 < len(found) <= 40
    assert len(set(found.texts)) == len(found)
    assert not set(found.texts) & set(examples.texts)
    assert found.texts == made_up(examples, 20, seed=3).texts
    assert found.texts != made_up(examples, 20, seed=4).texts
    own = set(" ".join(examples.texts).lower().replace(".", " .").split())
    words = [word for text in found.texts for word in text.lower().replace(".", " .").split()]
    assert 0 < sum(word not in own for word in words) < 0.3 * len(words)
    pairs = Examples((["a b c d"] * 3, ["e f g h"] * 3))
    changed = [
        sum(one != other for one, other in zip(row, ("a b c d", "e f g h")))
        for row in zip(*made_up(pairs, 4).segments)
    ]
    assert set(changed) == {1}


def test_a_climb_with_a_teacher(teacher, tmp_path):
    (train, labels), test = texts(40, 1), texts(60, 3)
    found = climb(
        Examples((train,), labels), output=tmp_path / "climb", rungs=["tfidf", "fasttext"], seeds=1,
        distill=teacher, made_up=2, test=Examples((test[0],), test[1]),
    )  # fmt: skip
    assert [rung.name for rung in found.rungs] == [
        "model",
        "tfidf",
        "fasttext",
        "tfidf@model",
        "fasttext@model",
    ]
    assert not any(rung.error for rung in found.rungs)
    assert found.rungs[0].fixed
    assert "taught by" in found.rungs[3].recipe
    assert Model.load(tmp_path / "climb/runs/tfidf@model/seed-1/model").recipe_.name
    tiny_bert(tmp_path / "bert")
    with pytest.raises(SettingError, match="there is none to teach"):
        climb(
            Examples((train,), labels),
            output=tmp_path / "two",
            rungs=["bert"],
            distill=teacher,
            encoders=[tmp_path / "bert"],
        )


def test_the_command(teacher, tmp_path):
    for name, rows, seed in (("train", 20, 1), ("test", 30, 3)):
        lines = [f"{label}\t{text}" for text, label in zip(*texts(rows, seed))]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["label\ttext", *lines]), encoding="utf-8")
    (tmp_path / "more.txt").write_text("\n".join(texts(80, 2)[0]), encoding="utf-8")
    command = [
        "distill", str(teacher), "tfidf", "--train", str(tmp_path / "train.tsv"),
        "--test", str(tmp_path / "test.tsv"),
        "--unlabelled", str(tmp_path / "more.txt"), "--made-up", "2", "-o", str(tmp_path / "student"),
    ]  # fmt: skip
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "taught student" in done.output
    assert "teaching brings" in done.output
    done = CliRunner().invoke(app, [*command, "--json", "--no-compare"])
    printed = json.loads(done.output)
    assert [row["model"] for row in printed["models"]] == ["teacher", "taught student"]
    assert printed["gain"] is None
    assert printed["rows"]["unlabelled"] == 80


def towers(**task):
    """A small network of similarity."""
    training = {"epochs": 60, "learning_rate": 0.02, "batch_rows": 8}
    return network(task={"kind": "similarity", **task}, training=training)


def test_the_loss_of_vectors_is_the_mean_cosine_over_lengths():
    random = np.random.default_rng(2)
    own, given = random.normal(size=(6, 4)), random.normal(size=(3, 2, 4))

    def apart(length):
        u, v = own[:, :length], given.reshape(6, 4)[:, :length]
        return 1 - np.mean((u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1))

    found = vector_loss([2, 4], torch.tensor(own), Taught(torch.zeros(3), torch.tensor(given), torch.ones(3)))
    assert found.item() == pytest.approx((apart(2) + apart(4)) / 2, rel=1e-5)


def vectors_of(encoder, given):
    return encoder.encode(given, normalize_embeddings=True)


@pytest.fixture(scope="module")
def placing():
    """A model of similarity that places texts by their last word."""
    given, labels = texts(80)
    rows, same = (
        list(zip(given[::2], given[1::2])),
        [float(a == b) for a, b in zip(labels[::2], labels[1::2])],
    )
    return Model(towers(objective="cosine")).fit(rows, same)


def test_a_student_places_texts_where_the_encoder_does(placing, tmp_path):
    given = texts(150)[0]
    rows = list(zip(given[::2], given[1::2]))
    gold = placing.predict(rows)
    how = {"objective": "vectors", "test": (rows, gold), "cache": tmp_path / "cache"}
    found = distill(placing, towers(), given[:100], unlabelled=given[100:], output=tmp_path / "s", **how)
    assert found.teacher.value == pytest.approx(1)
    assert found.taught.value > 0.9
    assert found.alone is found.gain is None
    assert found.rows == {"given": 100, "unlabelled": 50}
    own, theirs = (vectors_of(model, given) for model in (load(tmp_path / "s"), placing))
    assert np.einsum("td,td->t", own, theirs).mean() > 0.95, "both lie in the same directions"


def test_shorter_vectors_keep_the_directions_in_which_texts_differ_most(placing):
    given = texts(60)[0]
    recipe = Recipe.load(towers(dim=5))
    lesson = vector_lesson([placing] * 2, recipe, [plain_texts(given)], given, seed=1, cache=None)

    def expected(pairs):
        own = vectors_of(placing, pairs.flat())
        return np.hstack([own, own]) / np.sqrt(2) @ right[:5].T

    distinct = list(dict.fromkeys(given))
    right = np.linalg.svd(vectors_of(placing, [*distinct, *given]), full_matrices=False)[2]
    right = np.hstack([right, right]) / np.sqrt(2)
    for pairs, targets in ((lesson.pairs, lesson.lesson.scores), (lesson.dev, lesson.lesson.dev)):
        assert np.abs(np.concatenate(targets)) == pytest.approx(np.abs(expected(pairs)), abs=1e-4)
        first, second = vectors_of(placing, pairs.flat()).reshape(len(pairs), 2, -1).swapaxes(0, 1)
        assert pairs.labels == pytest.approx((first * second).sum(1).tolist(), abs=1e-5)
    assert len(lesson.pairs) == (len(distinct) + 1) // 2
    assert len(lesson.dev) == len(given) // 2


def test_the_command_that_teaches_vectors(placing, tmp_path):
    placing.save(tmp_path / "teacher")
    given = texts(60)[0]
    (tmp_path / "texts.txt").write_text("\n".join(given), encoding="utf-8")
    rows = [f"{one}\t{two}\t{n % 5}" for n, (one, two) in enumerate(pairwise(given))]
    (tmp_path / "test.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *rows]), encoding="utf-8")
    (tmp_path / "student.toml").write_text(
        'format = 1\n[[embedders]]\nkind = "static"\nmin_count = 1\n[task]\nkind = "similarity"\n'
    )
    command = ["distill", tmp_path / "teacher", tmp_path / "student.toml", "--train", tmp_path / "texts.txt"]
    command += ["--objective", "vectors", "--test", tmp_path / "test.tsv", "--output", tmp_path / "out"]
    done = CliRunner().invoke(app, [*map(str, command), "--unlabelled", str(tmp_path / "texts.txt")])
    assert done.exit_code == 0, done.output
    assert "60 given, 60 unlabelled texts" in " ".join(done.output.split())
    assert "spearman" in done.output
    assert load(tmp_path / "out").encode("good").shape == placing.encode("good").shape


def test_what_cannot_learn_vectors(tmp_path):
    for recipe in ("tfidf-similarity", "bilstm"):
        with pytest.raises(SettingError, match='"vectors" is for networks of similarity'):
            distill(tiny_bert(tmp_path / recipe), recipe, texts(10)[0], objective="vectors")
    with pytest.raises(DataError, match="two different texts"):
        distill(tmp_path / "bilstm", towers(), ["one", "one"], objective="vectors")
    with pytest.raises(SettingError, match="has no task"):
        distill(tmp_path / "bilstm", network(), *texts(10))
