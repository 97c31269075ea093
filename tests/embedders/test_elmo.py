"""The ELMo embedder against a plain NumPy twin that reads the published layout by itself."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from tiny_elmo import published_options, published_weights, save_published, tiny_elmo
from wordladder import Model, Recipe
from wordladder.embedders._elmo_network import part_lengths, spell_words
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.elmo import Elmo
from wordladder.errors import MissingExtraError, ModelError, RecipeError
from wordladder.text.words import TextSettings, tokenize

pytest.importorskip("h5py")

LONG_WORD = "donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
TEXTS = [
    "The good film, a very bad one! Was it the actor's best?",
    "",
    "我喜欢 the good 电影。",
    f"naïve {LONG_WORD} 😀👍🏽 2",
    "good",
]


class Twin:
    """The published model, one text at a time, in float64 and in plain loops."""

    def __init__(self, options, weights):
        self.lstm, self.characters = options["lstm"], options["char_cnn"]
        self.weights = {name: array.astype(np.float64) for name, array in weights.items()}

    def spell(self, word):
        """Numbers of characters, 50 of them; `word` is text, or the number of a special character."""
        inner = [word] if isinstance(word, int) else list(word.encode()[:48])
        return [258, *inner, 259, *[260] * (50 - 2 - len(inner))]

    def word(self, word):
        w, rows = self.weights, self.weights["char_embed"][self.spell(word)]
        found = []
        for i, (width, _) in enumerate(self.characters["filters"]):
            kernel, bias = w[f"CNN/W_cnn_{i}"][0], w[f"CNN/b_cnn_{i}"]
            windows = [rows[start : start + width] for start in range(50 - width + 1)]
            found.append(np.max([np.einsum("wd,wdn->n", window, kernel) + bias for window in windows], 0))
        bend = np.tanh if self.characters["activation"] == "tanh" else lambda x: np.maximum(x, 0)
        x = bend(np.concatenate(found))
        for i in range(self.characters["n_highway"]):
            high = f"CNN_high_{i}"
            gate = sigmoid(x @ w[f"{high}/W_carry"] + w[f"{high}/b_carry"])
            x = gate * np.maximum(x @ w[f"{high}/W_transform"] + w[f"{high}/b_transform"], 0) + (1 - gate) * x
        return x @ w["CNN_proj/W_proj"] + w["CNN_proj/b_proj"]

    def direction(self, number, words):
        """The layers' outputs over `words`, in reading order."""
        layers, units = [], self.lstm["dim"]
        for layer in range(self.lstm["n_layers"]):
            cell = f"RNN_{number}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            memory, hidden, outputs = np.zeros(units), np.zeros(self.lstm["projection_dim"]), []
            for word in words:
                gates = np.concatenate([word, hidden]) @ self.weights[f"{cell}/W_0"]
                i, j, f, o = np.split(gates + self.weights[f"{cell}/B"], 4)
                memory = sigmoid(f + 1) * memory + sigmoid(i) * np.tanh(j)
                memory = clipped(memory, self.lstm["cell_clip"])
                hidden = sigmoid(o) * np.tanh(memory)
                if f"{cell}/W_P_0" in self.weights:
                    hidden = clipped(hidden @ self.weights[f"{cell}/W_P_0"], self.lstm["proj_clip"])
                outputs.append(hidden + word if layer else hidden)
            layers.append(np.array(outputs))
            words = outputs
        return layers

    def __call__(self, words):
        """`(words, layers, 2 dim)`."""
        inputs = [self.word(word) for word in [256, *words, 257]]
        ahead = [np.array(inputs), *self.direction(0, inputs)]
        back = [np.array(inputs[::-1]), *self.direction(1, inputs[::-1])]
        both = [np.concatenate([a, b[::-1]], axis=1)[1:-1] for a, b in zip(ahead, back)]
        return np.stack(both, axis=1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def clipped(x, limit):
    return x if limit is None else np.clip(x, -limit, limit)


def made(folder, seed=1, **settings):
    torch.manual_seed(seed)
    embedder = Elmo(source=str(folder), **settings)
    embedder.initialise(TrainingText(tokenize(TEXTS)))
    return embedder.eval()


def features(embedder, texts, segments=1):
    return embedder.features(embedder.prepare(tokenize(texts, segments=segments))).layers


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    options = published_options()
    folder = save_published(tmp_path_factory.mktemp("published"), options, published_weights(options))
    return folder, options


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"clip": None, "activation": "tanh", "highways": 1},
        {"clip": 0.05, "layers": 1},
        {"units": 5, "layers": 3, "clip": 0.4},
        {"filters": ((2, 4), (7, 6)), "highways": 0},
    ],
)
def test_every_layer_is_the_twins(shape, tmp_path):
    options = published_options(**shape)
    weights = published_weights(options)
    embedder, twin = made(save_published(tmp_path, options, weights)), Twin(options, weights)
    found = features(embedder, TEXTS)
    assert found.shape == (len(TEXTS), 15, options["lstm"]["n_layers"] + 1, embedder.dim)
    for row, text in enumerate(TEXTS):
        words = tokenize([text]).words_of(0)
        if words:
            np.testing.assert_allclose(found[row, : len(words)], twin(words), atol=1e-5)
        assert not found[row, len(words) :].any()


def test_with_gradients_it_is_the_same(published):
    frozen, tuned = made(published[0]), made(published[0], tune=True)
    torch.testing.assert_close(features(tuned, TEXTS), features(frozen, TEXTS))
    assert features(tuned, TEXTS).requires_grad
    assert not features(frozen, TEXTS).requires_grad


def test_the_clip_is_part_of_the_model(tmp_path):
    answers = []
    for clip in (None, 0.05):
        folder = tmp_path / str(clip)
        folder.mkdir()
        options = published_options(clip=clip)
        answers.append(features(made(save_published(folder, options, published_weights(options))), TEXTS))
    torch.testing.assert_close(answers[0][:, :, 0], answers[1][:, :, 0])
    assert not torch.allclose(answers[0][:, :, 1], answers[1][:, :, 1], atol=1e-2)
    assert answers[1][:, :, 1].abs().max() <= 0.05


def test_one_word_in_two_contexts(published):
    found = features(made(published[0]), ["a good film", "no good", "good"])
    first, second, third = found[0, 1], found[1, 1], found[2, 0]
    torch.testing.assert_close(first[0], second[0])
    assert not torch.allclose(first[1], second[1], atol=1e-3)
    assert not torch.allclose(second[2], third[2], atol=1e-3)


def test_each_half_knows_one_side_only(published):
    short, longer = features(made(published[0]), ["a good film", "a good idea"])[:, 1]
    dim = short.shape[1] // 2
    torch.testing.assert_close(short[:, :dim], longer[:, :dim])
    assert not torch.allclose(short[1:, dim:], longer[1:, dim:], atol=1e-3)


@pytest.mark.parametrize(("layers", "same"), [(0, 0), (1, 1), (2, 2), (-1, 2), (-3, 0)])
def test_a_single_layer(published, layers, same):
    one, every = made(published[0], layers=layers), features(made(published[0]), TEXTS)
    torch.testing.assert_close(features(one, TEXTS)[:, :, 0], every[:, :, same])
    tuned = made(published[0], layers=layers, tune=True).train()
    tuned(tuned.prepare(tokenize(TEXTS))).vectors.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in tuned.parameters() if p.requires_grad)
    assert any(p.requires_grad for p in tuned.parameters())


def test_a_frozen_model_learns_its_mix_alone(published):
    embedder = made(published[0]).train()
    prepared = embedder.prepare(tokenize(TEXTS))
    target = features(embedder, TEXTS)[:, :, 1]
    optimizer = torch.optim.Adam(embedder.parameters(), lr=0.2)
    losses = []
    for _ in range(60):
        loss = (embedder(prepared).vectors - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]
    assert embedder.mix.weights.argmax() == 1
    assert {name for name, p in embedder.named_parameters() if p.grad is not None} == {
        "mix.scalars",
        "mix.gamma",
    }


def test_forward_is_the_mix_of_the_features(published):
    embedder = made(published[0])
    with torch.no_grad():
        embedder.mix.scalars.copy_(torch.tensor([0.1, -0.4, 0.9]))
        embedder.mix.gamma.fill_(0.7)
    layers, weights = features(embedder, TEXTS), torch.tensor([0.1, -0.4, 0.9]).softmax(0) * 0.7
    expected = torch.einsum("btld,l->btd", layers, weights)
    torch.testing.assert_close(embedder(embedder.prepare(tokenize(TEXTS))).vectors, expected)


def test_long_texts_are_read_in_parts(published):
    text = TEXTS[0]
    words, embedder = tokenize([text]).words_of(0), made(published[0], window=6)
    found, whole = features(embedder, [text])[0], made(published[0])
    assert len(words) == 15
    for part in (words[:5], words[5:10], words[10:]):
        alone = features(whole, [" ".join(part)])[0]
        start = words.index(part[0])
        torch.testing.assert_close(found[start : start + 5], alone)
    assert embedder.facts(tokenize(TEXTS))["texts_in_parts"] == 0.4
    assert whole.facts(tokenize(TEXTS))["texts_in_parts"] == 0.0


def test_parts_are_few_and_even():
    assert part_lengths(np.array([7, 0, 3, 12]), 5).tolist() == [4, 3, 3, 4, 4, 4]
    assert part_lengths(np.array([7, 0, 3]), None).tolist() == [7, 3]


def test_the_options_tell_the_window(tmp_path):
    folder = tiny_elmo(tmp_path, window=6)
    torch.testing.assert_close(features(made(folder), TEXTS), features(made(folder, window=6), TEXTS))
    wider = features(made(folder, window=100), TEXTS)
    assert not torch.allclose(features(made(folder), TEXTS), wider, atol=1e-3)


def test_segments_are_read_apart(published):
    embedder = made(published[0])
    pair = embedder(embedder.prepare(tokenize(["a good film", "so bad"], segments=2)))
    apart = embedder(embedder.prepare(tokenize(["a good film", "so bad"])))
    assert pair.segments.tolist() == [[0, 0, 0, 1, 1]]
    torch.testing.assert_close(pair.vectors[0, :3], apart.vectors[0])
    torch.testing.assert_close(pair.vectors[0, 3:], apart.vectors[1, :2])


def test_words_are_spelled_as_published():
    table = spell_words(["ab", "é", LONG_WORD], 50, 7)
    twin = Twin(published_options(), {})
    assert table.shape == (5, 50)
    for row, word in zip(table.tolist(), [256, 257, "ab", "é", LONG_WORD]):
        assert row == [number + 1 for number in twin.spell(word)]
    assert spell_words(["ab"], 50, 3).tolist()[2] == [259, 98, 99, 260, 261, 261, 261]


def test_facts_tell_what_is_cut(published):
    facts = made(published[0]).facts(tokenize(["short", f"{LONG_WORD} a b"]))
    assert facts["words_cut_short"] == 0.25


def test_an_empty_batch(published):
    embedder = made(published[0], tune=True).train()
    out = embedder(embedder.prepare(tokenize(["", ""])))
    assert out.vectors.shape == (2, 1, embedder.dim)
    assert not out.vectors.any()


def test_a_published_model_is_kept_in_our_layout(published, tmp_path):
    embedder = made(published[0])
    embedder.keep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "options.json"]
    again = Elmo(source="a folder that is gone")
    again.restore(tmp_path)
    torch.testing.assert_close(features(again, TEXTS), features(embedder, TEXTS))
    before, after = embedder.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def recipe_text(source):
    return f"""
        format = 1
        [[embedders]]
        kind = "elmo"
        source = {json.dumps(str(source))}
        [[encoders]]
        kind = "recurrent"
        hidden = 8
        [task]
        kind = "classification"
        [training]
        epochs = 2
    """


def test_a_model_is_saved_and_opens_without_its_source(tmp_path):
    source = tiny_elmo(new(tmp_path / "elmo"))
    texts, labels = ["good film", "very good", "bad film", "so bad"] * 6, ["yes", "yes", "no", "no"] * 6
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text(source), encoding="utf-8")
    model = Model(Recipe.load(recipe)).fit(texts, labels)
    model.save(tmp_path / "model")
    shutil.rmtree(source)
    again = Model.load(tmp_path / "model")
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=1e-6)
    assert (tmp_path / "model" / "embedders" / "0" / "model.safetensors").is_file()


def new(folder):
    folder.mkdir()
    return folder


class TestBrokenFiles:
    def broken(self, folder, options=None, weights=None):
        options = options or published_options()
        save_published(
            folder, options, published_weights(published_options()) if weights is None else weights
        )
        with pytest.raises(RecipeError) as caught:
            made(folder)
        return str(caught.value)

    def test_no_folder(self, tmp_path):
        with pytest.raises(RecipeError, match="no such folder"):
            made(tmp_path / "none")

    def test_nothing_in_it(self, tmp_path):
        with pytest.raises(RecipeError, match=r"no \*options.json"):
            made(tmp_path)
        (tmp_path / "options.json").write_text(json.dumps(published_options()))
        with pytest.raises(RecipeError, match=r"model.safetensors.*\*.hdf5"):
            made(tmp_path)

    def test_two_weights(self, tmp_path):
        folder = save_published(tmp_path, published_options(), published_weights(published_options()))
        shutil.copy(folder / "elmo_tiny_weights.hdf5", folder / "b.hdf5")
        with pytest.raises(RecipeError, match=r"b\.hdf5, elmo_tiny_weights\.hdf5"):
            made(folder)

    def test_no_json(self, tmp_path):
        (tmp_path / "options.json").write_text("{")
        with pytest.raises(RecipeError, match=r"options\.json.*cannot be read"):
            made(tmp_path)

    @pytest.mark.parametrize(
        ("table", "key", "value", "told"),
        [
            ("lstm", "dim", None, "lstm.dim"),
            ("lstm", "dim", "9", "lstm.dim is '9'"),
            ("lstm", "projection_dim", 10, "at most lstm.dim"),
            ("lstm", "cell_clip", -1, "lstm.cell_clip is -1"),
            ("lstm", "use_skip_connections", 1, "use_skip_connections is 1"),
            ("char_cnn", "activation", "gelu", "char_cnn.activation is 'gelu'"),
            ("char_cnn", "n_characters", 300, "n_characters is 300"),
            ("char_cnn", "filters", [[3]], "char_cnn.filters"),
            ("char_cnn", "filters", [[51, 3]], "widths up to"),
            ("char_cnn", "n_highway", 3, "CNN_high_2/W_carry are missing"),
            ("char_cnn", "n_highway", 1, "does not describe the weights CNN_high_1"),
            ("lstm", "n_layers", 1, "does not describe the weights RNN_0/RNN/MultiRNNCell/Cell1"),
            ("lstm", "dim", 8, r"LSTMCell/W_0 are \(10, 36\); by options.json they are \(10, 32\)"),
        ],
    )
    def test_options(self, tmp_path, table, key, value, told):
        options = published_options()
        options[table][key] = value
        assert re.search(told, self.broken(tmp_path, options))

    def test_a_missing_dataset_and_a_wrong_shape(self, tmp_path):
        weights = published_weights(published_options())
        del weights["CNN_proj/b_proj"]
        assert "CNN_proj/b_proj are missing" in self.broken(new(tmp_path / "a"), weights=weights)
        weights["CNN_proj/b_proj"] = np.zeros(3)
        assert "b_proj are (3,)" in self.broken(new(tmp_path / "b"), weights=weights)

    def test_no_hdf5(self, tmp_path):
        save_published(tmp_path, published_options(), {})
        (tmp_path / "elmo_tiny_weights.hdf5").write_bytes(b"no such thing")
        with pytest.raises(RecipeError, match="cannot be read as HDF5"):
            made(tmp_path)

    def test_our_own_layout(self, tmp_path):
        folder = tiny_elmo(tmp_path)
        options = json.loads((folder / "options.json").read_text())
        options["lstm"]["dim"] = 10
        (folder / "options.json").write_text(json.dumps(options))
        with pytest.raises(RecipeError, match=r"weight_ih_l0 are \(36, 5\)"):
            made(folder)
        (folder / "model.safetensors").write_bytes(b"short")
        with pytest.raises(ModelError, match=r"model\.safetensors: these weights cannot be read"):
            Elmo(source="x").restore(folder)

    def test_settings(self, published):
        with pytest.raises(RecipeError, match="window is 0"):
            Elmo(source="x", window=0)
        with pytest.raises(RecipeError, match=r"layers 0 .* to 2, and not layers = 3"):
            made(published[0], layers=3)

    def test_without_h5py(self, published, monkeypatch):
        def refuse(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        monkeypatch.setattr("wordladder.extras.import_module", refuse)
        with pytest.raises(MissingExtraError, match=r"wordladder\[elmo\]"):
            made(published[0])


def test_a_text_setting_reaches_it(published):
    embedder = made(published[0])
    tokens = tokenize(["don't stop-it"], TextSettings(segmenter="whitespace"))
    assert embedder(embedder.prepare(tokens)).mask.sum() == 2
