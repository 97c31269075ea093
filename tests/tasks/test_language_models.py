"""Language models: n-grams against a brute force, networks, what they write, and what starts from them."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from wordladder import Model
from wordladder.cli import app
from wordladder.data.examples import Examples
from wordladder.data.reading import read_examples
from wordladder.errors import ModelError, RecipeError, SettingError
from wordladder.layers.recurrence import new_cell, run_on
from wordladder.recipe import Recipe, rung_names
from wordladder.shallow.kneser_ney import KneserNey
from wordladder.text.cutting import cut_to_pieces
from wordladder.text.pieces import PieceVocabulary
from wordladder.text.words import TextSettings, text_of, tokenize, words_alone
from wordladder.training import segments
from wordladder.training.loop import Job
from wordladder.training.segments import segmented_job

LINES = ["The cat sat.", "A dog ran.", "The dog sat on the mat.", "A cat ran to the dog.", "Birds sing!"]


def texts(rows=200, seed=0):
    """Texts of one to three of the sentences."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(LINES, size=random.integers(1, 4))) for _ in range(rows)]


def recipe(cell="lstm", pieces=60, **training):
    """A small network."""
    encoder = {"kind": "recurrent", "cell": cell, "hidden": 32, "bidirectional": False}
    return {
        "text": {} if pieces is None else {"pieces": pieces},
        "embedders": [{"kind": "static", "dim": 24, "lowercase": False, "min_count": 1}],
        "encoders": [encoder],
        "task": {"kind": "language_model", "dropout": 0.0, "min_count": 1},
        "training": {
            "epochs": 6,
            "batch_rows": 16,
            "learning_rate": 0.01,
            "precision": "float32",
            **training,
        },
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language_model") / "model"
    return Model(recipe(), threads=1).fit(texts(), output=folder)


def brute_force(texts, words, order):
    """The probability of a word after others, by Chen & Goodman's equations, and dictionaries."""
    grams = [Counter() for _ in range(order + 1)]
    for text in texts:
        row = ["start"] * (order - 1) + text
        for at in range(order - 1, len(row)):
            for size in range(1, order + 1):
                grams[size][tuple(row[at - size + 1 : at + 1])] += 1
    counts = {order: grams[order]}
    for size in range(order - 1, 0, -1):
        counts[size] = Counter(gram[1:] for gram in grams[size + 1])
    discounts, follows = {}, {size: defaultdict(list) for size in counts}
    for size, found in counts.items():
        seen = [sum(count == n for count in found.values()) for n in range(1, 5)]
        share = seen[0] / (seen[0] + 2 * seen[1]) if all(seen) else None
        discounts[size] = [0.0] + [
            0.75 if share is None else min(max(n + 1 - (n + 2) * share * seen[n + 1] / seen[n], 0), n + 1)
            for n in range(3)
        ]
        for gram, count in found.items():
            follows[size][gram[:-1]].append(count)

    def chance(word, before, size):
        if size == 0:
            return 1 / words
        before = tuple(before[len(before) - size + 1 :]) if size > 1 else ()
        lower, several = chance(word, before, size - 1), follows[size].get(before)
        if not several:
            return lower
        taken = [discounts[size][min(count, 3)] for count in several]
        count = counts[size].get((*before, word), 0)
        return (count - discounts[size][min(count, 3)] + sum(taken) * lower) / sum(several)

    return lambda text: sum(
        np.log(chance(word, (["start"] * (order - 1) + text)[at : at + order - 1], order))
        for at, word in enumerate(text)
    )


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [3, 60])
def test_kneser_ney_is_what_its_equations_say(order, rows, tmp_path):
    random, words = np.random.default_rng(order), 7
    made = [
        [[*random.integers(1, words, size=random.integers(0, 8)).tolist(), 0] for _ in range(count)]
        for count in (rows, 20)
    ]
    flat = [(np.concatenate(one), np.cumsum([0, *map(len, one)])) for one in made]
    shallow = KneserNey(None, order=order)
    shallow.fit(*flat[0], words)
    expected = brute_force(made[0], words, order)
    np.testing.assert_allclose(shallow.log_probabilities(*flat[1]), list(map(expected, made[1])))
    shallow.keep(tmp_path)
    again = KneserNey(None, order=order)
    again.restore(tmp_path)
    assert (again.log_probabilities(*flat[1]) == shallow.log_probabilities(*flat[1])).all()


@pytest.mark.parametrize("pieces", [None, 60])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_networks_learn_and_are_saved(cell, pieces, tmp_path):
    fitted = Model(recipe(cell, pieces), threads=1).fit(texts(), output=tmp_path / "model")
    test = texts(30, seed=1)
    found = fitted.evaluate(test)
    assert found.metric == "perplexity"
    assert found.value < 3
    assert found.interval[0] <= found.value <= found.interval[1]
    words = sum(len(text.replace(".", " .").replace("!", " !").split()) + 1 for text in test)
    total = sum(answer["log_probability"] for answer in fitted.answers(test))
    assert found.value == pytest.approx(np.exp(-total / words), rel=1e-4)
    size = sum(len(text) + 1 for text in test)
    assert found.metrics["bits_per_byte"] == pytest.approx(-total / np.log(2) / size, rel=1e-4)
    again = Model.load(tmp_path / "model", threads=1)
    np.testing.assert_allclose(again.predict(test), fitted.predict(test), rtol=1e-4)
    assert again.generate("The", length=8, count=3) == fitted.generate("The", length=8, count=3)


@pytest.mark.parametrize("tied", [True, False])
def test_a_sample_of_the_words_is_enough_to_learn(tied):
    task = recipe()["task"] | {"samples": 8, "dim": None if tied else 24}
    fitted = Model(recipe() | {"task": task}, threads=1).fit(texts())
    assert len(fitted.task_.vocabulary) > 8
    assert fitted.evaluate(texts(30, seed=1)).value < 3
    task["samples"] = 1000  # more than there are: all
    whole = [Model(recipe() | {"task": one}).fit(texts(40)) for one in (task, task | {"samples": None})]
    np.testing.assert_array_equal(*(one.predict(LINES) for one in whole))


def test_a_text_does_not_depend_on_its_batch(model):
    test = [*texts(20, seed=2), ""]
    alone = [model.predict([text])[0] for text in test]
    np.testing.assert_allclose(model.predict(test), alone, rtol=1e-4)


def test_words_are_scored_by_the_vectors_that_they_are_read_by(model):
    network = model.engine_.network
    assert network.task.table.num_embeddings == 2
    weights, table = network.task._weights(), network.embedders[0].table.weight
    words, read = network.task.settings.vocabulary.words, network.embedders[0].vocabulary
    for row, word in enumerate(words[2:], start=2):
        assert torch.equal(weights[row], table[2 + read.index[word]])


class TestGenerate:
    def test_it_repeats_with_the_seed_and_begins_with_the_prompt(self, model):
        first, again = (model.generate("The cat", length=20, count=4, seed=3) for _ in range(2))
        assert first == again
        assert first != model.generate("The cat", length=20, count=4, seed=4)
        assert all(text.startswith("The cat") for text in first)

    def test_the_first_word_is_drawn_as_often_as_its_probability_says(self, model):
        drawn = model.generate("", length=1, count=2000)
        first = Counter(text.split()[0] for text in drawn if text)
        scores = model.engine_.network.task.scores(
            model.engine_.network.task.scorer(model.engine_.network.task.start[None, None])[0]
        )
        chances = dict(zip(model.task_.vocabulary.words, scores[0].softmax(0).tolist()))
        assert first["The"] / 2000 == pytest.approx(chances["▁The"], abs=0.04)

    def test_beams_find_the_likeliest(self, model):
        (best, *_) = model.generate("", length=30, beams=8)
        assert best in LINES
        drawn = model.generate("", length=30, temperature=0.05)[0]
        assert drawn.split()[0] in {line.split()[0] for line in LINES}

    def test_what_cannot_be_written(self, model):
        with pytest.raises(SettingError, match="length is 0"):
            model.generate("a", length=0)
        with pytest.raises(ModelError, match="writes nothing"):
            Model("tfidf").fit(["a b", "c d"] * 4, ["x", "y"] * 4).generate("a")

    def test_words_become_text(self):
        assert text_of(["Hello", ",", "world", "(", "yes", ")", "!"]) == "Hello, world (yes)!"
        assert text_of(["我", "爱", "BERT", "。"]) == "我爱BERT。"
        assert text_of(["▁the", "▁cat", "s", "."], pieces=True) == "the cats."


def test_another_recipe_starts_from_it(model, tmp_path):
    folder = model.save(tmp_path / "lm")
    tables = {
        "text": {"pieces": str(folder)},
        "embedders": [{"kind": "static", "source": str(folder), "standardise": False}],
        "encoders": [recipe()["encoders"][0] | {"source": str(folder)}],
        "training": {"epochs": 1, "learning_rate": 1e-9},
    }
    labels = ["cat" if "cat" in text else "none" for text in texts()]
    fitted = Model(tables).fit(texts(), labels, output=tmp_path / "model")
    mine, theirs = fitted.engine_.network, model.engine_.network
    for name, tensor in theirs.encoders[0].state_dict().items():
        torch.testing.assert_close(mine.encoders[0].state_dict()[name], tensor)
    word = mine.embedders[0].vocabulary.index["▁cat"], theirs.embedders[0].vocabulary.index["▁cat"]
    torch.testing.assert_close(
        mine.embedders[0].table.weight[2 + word[0]], theirs.embedders[0].table.weight[2 + word[1]]
    )
    (tmp_path / "lm" / "weights.safetensors").unlink()
    assert Model.load(tmp_path / "model").predict(texts(5)).tolist() == fitted.predict(texts(5)).tolist()
    other = tables | {"encoders": [tables["encoders"][0] | {"hidden": 16}]}
    model.save(tmp_path / "lm")
    with pytest.raises(RecipeError, match="have other sizes"):
        Model(other).fit(texts(), labels)
    with pytest.raises(RecipeError, match="is not the folder of a saved network"):
        Model(tables | {"encoders": [tables["encoders"][0] | {"source": "none"}]}).fit(texts(), labels)


def test_dropped_weights_are_back_after_a_step():
    tables = recipe()
    tables["encoders"][0]["weight_dropout"] = 0.5
    encoder = Model(tables | {"training": {"epochs": 1}}).fit(texts(40)).engine_.network.encoders[0]
    names = [name for name, _ in encoder.named_parameters()]
    assert "layers.0.0.weight_hh_l0" in names
    from wordladder.layers.sequence import Sequence

    given = Sequence(torch.randn(3, 5, 24), torch.ones(3, 5, dtype=torch.bool))
    encoder.train()
    one, other = encoder(given).vectors, encoder(given).vectors
    assert not torch.equal(one, other)
    one.sum().backward()
    assert encoder.layers[0][0].weight_hh_l0.grad.count_nonzero()
    encoder.eval()
    assert torch.equal(encoder(given).vectors, encoder(given).vectors)
    assert [name for name, _ in encoder.named_parameters()] == names


@pytest.mark.parametrize(
    "part", [{"encoders": [{"kind": "recurrent"}]}, {"encoders": [{"kind": "self_attention", "hidden": 8}]}]
)
def test_nothing_may_see_what_comes_later(part):
    with pytest.raises(RecipeError, match="reads from left to right"):
        Model(recipe() | part).fit(texts(20))


def test_files_and_commands(tmp_path):
    path, run = tmp_path / "text.txt", CliRunner()
    path.write_text("\n\n".join(texts(60)) + "\n" + "One more sentence here. " * 200 + "\n", encoding="utf-8")
    found = read_examples(path, "language_model")
    assert found.texts[:60] == texts(60)
    assert len(found) > 62
    assert max(map(len, found.texts)) <= 2000
    assert "".join(found.texts[60:]) == "One more sentence here. " * 200
    for rung in ("kneser-ney", "gru-lm"):
        small = ["encoders.0.hidden=16", "training.epochs=1", "text.pieces=60"] if rung == "gru-lm" else []
        more = [part for one in small for part in ("--set", one)]
        done = run.invoke(app, ["train", rung, "--train", str(path), "-o", str(tmp_path / rung), *more])
        assert done.exit_code == 0, done.output
        assert "perplexity" in done.output
        done = run.invoke(app, ["predict", str(tmp_path / rung), str(path)])
        assert done.output.count("\n") == len(path.read_text(encoding="utf-8").split("\n")) - 1
    done = run.invoke(app, ["generate", str(tmp_path / "gru-lm"), "--prompt", "The", "--length", "5"])
    assert done.output.startswith("The")
    done = run.invoke(
        app,
        ["climb", str(path), "--task", "language_model", "--rungs", "kneser-ney", "-o", str(tmp_path / "c")],
    )
    assert done.exit_code == 0, done.output


class TestRunningText:
    def test_lines_that_fit_are_one_text(self, tmp_path):
        path = tmp_path / "book.txt"
        lines = ["A line.", "", "Another one.", "x" * 9990, "y" * 10500, "The end."]
        path.write_text("\n".join(lines), encoding="utf-8")
        found = read_examples(path, "language_model", format="running")
        assert found.texts[:2] == ["A line.\n\nAnother one.\n", "x" * 9990 + "\n"]
        assert "".join(found.texts) == path.read_text(encoding="utf-8") + "\n"
        assert max(map(len, found.texts)) <= 10_000
        assert found.lines[:3].tolist() == [1, 4, 5]

    @pytest.mark.parametrize("pieces", [None, 60])
    def test_line_ends_are_words(self, pieces):
        settings = TextSettings(pieces=pieces, line_ends=True)
        given = ["The cat\n\n sat.\n", "", "\n", "one line"]
        tokens = tokenize(given, settings) if pieces is None else None
        if tokens is None:
            tokens = cut_to_pieces(given, PieceVocabulary.learn(given * 3, 60), settings)
        rows = np.split(np.array(tokens.surfaces(), object), tokens.offsets[1:-1])
        whole = [text_of(row.tolist(), pieces=tokens.pieces) for row in rows]
        assert whole == ["The cat\n\nsat.", "", "", "one line"]
        assert [row.tolist().count("↵") for row in rows] == [3, 0, 1, 0]
        assert tokens.take([3, 0]).surfaces()[-1] == "↵"
        alone = words_alone(tokens.surfaces(), pieces=tokens.pieces)
        assert alone.surfaces() == tokens.surfaces()

    @pytest.mark.parametrize("rung", ["kneser-ney", "network"])
    def test_a_model_goes_on_with_the_next_line(self, rung, tmp_path):
        verses = ["Roses are red,\nviolets are blue,\n", "One, two,\nthree, four.\n"]
        given = ["".join(np.random.default_rng(row).choice(verses, size=6)) for row in range(80)]
        tables = recipe(epochs=30) if rung == "network" else {"shallow": {"kind": "kneser_ney"}, **recipe()}
        tables = {
            name: table
            for name, table in tables.items()
            if rung == "network" or name not in ("embedders", "encoders", "training")
        }
        tables["text"] |= {"line_ends": True}
        fitted = Model(tables).fit(given, output=tmp_path / "model")
        fitted = Model.load(tmp_path / "model")
        test = given[:5]
        assert fitted.evaluate(test).value < (4 if rung == "kneser-ney" else 1.6)
        words = sum(len(text.replace(",", " ,").replace(".", " .").split()) + 12 + 1 for text in test)
        total = sum(answer["log_probability"] for answer in fitted.answers(test))
        assert fitted.evaluate(test).value == pytest.approx(np.exp(-total / words), rel=1e-4)
        if rung == "network":
            (written, *_) = fitted.generate("Roses are red,\nviolets", length=6, beams=4)
            assert written.startswith("Roses are red,\nviolets are blue,")


def test_the_rungs_are_recipes_of_the_task():
    for name in rung_names("language_model"):
        assert Recipe.load(name, "language_model").task == "language_model"


class TestSegments:
    """Training on long texts in segments, whose state goes on."""

    @staticmethod
    def fitted(cell, **training):
        tables = recipe(epochs=2)
        tables["encoders"] = [
            {"kind": "recurrent", "cell": cell, "hidden": 12, "layers": 2, "bidirectional": False}
        ]
        tables["task"] |= {"segment": 3, "dropout": 0.0}
        tables["training"] |= {"precision": "float32", "batch_rows": 4, "batch_words": 12, **training}
        return Model(tables, device="cpu", threads=1)

    @pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
    def test_segment_after_segment_is_the_whole_text(self, cell):
        engine = self.fitted(cell).fit(texts(20)).engine_
        given = Examples(([*texts(7), "", "One."],))
        tokens = engine.words.tokens(given)
        targets = engine.task.targets(given, tokens)
        assert tokens.lengths.max() > 6
        job = Job(engine.network, None, None, None, engine.settings)
        job = segmented_job(job, engine._batches, tokens, targets, 3)
        counts, total = tokens.lengths // 3 + 1, np.zeros(len(tokens))
        of = np.repeat(np.arange(len(counts)), counts)
        seen = []
        with torch.no_grad():
            for rows in job.batches(0):
                batch = job.prepare(rows)
                total[of[rows[:, 0]]] += engine._log_probabilities(batch)[:, 0].numpy()
                seen += rows[:, 0].tolist()
        assert sorted(seen) == list(range(counts.sum())), "each segment once"
        assert total == pytest.approx(engine.scores(given)[:, 0], rel=1e-5)

    @pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
    @pytest.mark.parametrize("precision", [torch.float32, torch.float64])  # the kernels, and torch
    def test_a_layer_goes_on_from_a_state(self, kind, precision):
        cell = new_cell(kind, 5, 7).to(precision)
        words, state = torch.randn(3, 4, 5, dtype=precision), torch.randn(2, 3, 7, dtype=precision)
        lengths = torch.tensor([4, 0, 2])
        found, after = run_on(cell, words, torch.arange(4) < lengths[:, None], state)
        for row in (0, 2):
            before = state[:, None, row : row + 1]
            twin, end = cell(
                words[row : row + 1, : lengths[row]], (before[0], before[1]) if kind == "lstm" else before[0]
            )
            torch.testing.assert_close(found[row : row + 1, : lengths[row]], twin)
            assert not found[row, lengths[row] :].any()
            ended = torch.stack([part[0, 0] for part in end]) if kind == "lstm" else end[0]
            torch.testing.assert_close(after[: len(ended), row], ended, check_dtype=False)
        torch.testing.assert_close(after[:, 1], state[:, 1], check_dtype=False)
        assert not after.requires_grad
        (gradient,) = torch.autograd.grad(found[2].square().sum(), cell.weight_hh_l0)
        (right,) = torch.autograd.grad(twin.square().sum(), cell.weight_hh_l0)
        torch.testing.assert_close(gradient, right, atol=1e-5, rtol=1e-4)

    def test_batches_of_two_processes(self, monkeypatch):
        """Each goes on only from its own last batch."""
        monkeypatch.setattr(segments, "process_count", lambda: 2)
        engine = self.fitted("gru").fit(texts(5)).engine_
        tokens = engine.words.tokens(Examples((texts(40),)))
        job = Job(engine.network, None, None, None, engine.settings)
        batches = segmented_job(job, engine._batches, tokens, engine.task.targets(None, tokens), 3).batches(0)
        for lane in (batches[::2], batches[1::2]):
            assert any((rows[:, 1] >= 0).any() for rows in lane)
            for before, rows in pairwise(lane):
                goes_on = rows[:, 1] >= 0
                assert (before[rows[goes_on, 1], 0] == rows[goes_on, 0] - 1).all()

    def test_an_interrupted_run_goes_on_within_a_text(self, tmp_path):
        whole = self.fitted("lstm", checkpoint_steps=1).fit(texts(20), output=tmp_path / "whole")

        def stop(stage, done, total, **facts):
            if stage == "training" and done == 8:
                raise KeyboardInterrupt

        broken = self.fitted("lstm", checkpoint_steps=1)
        with pytest.raises(KeyboardInterrupt):
            broken.fit(texts(20), output=tmp_path / "broken", progress=stop)
        broken.fit(texts(20), output=tmp_path / "broken", resume=True)
        one, other = (model.engine_.network.state_dict() for model in (whole, broken))
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert not any("state" in name or "last" in name for name in one)
