"""The character embedder against plain torch, form by form, without padding; casing classes; what is read of
a word.
"""

import numpy as np
import pytest
import torch
from torch import nn

from conftest import reviews
from wordladder import Model
from wordladder.embedders._spelled_words import CASINGS, PADDING, SPECIAL, UNKNOWN, Spelling, casing
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.characters import Characters
from wordladder.errors import RecipeError
from wordladder.text.vocabulary import Vocabulary
from wordladder.text.words import TextSettings, tokenize

TEXTS = [
    "The good film, unquestionably goodly!",
    "",
    "我喜欢 the 2nd film",
    "a internationalisation b2b NASA iPhone",
]


def started(texts=TEXTS, seed=0, **settings):
    torch.manual_seed(seed)
    embedder = Characters(**{"min_count": 1, **settings})
    embedder.initialise(TrainingText(tokenize(texts)))
    with torch.no_grad():  # so that unknown characters are seen too
        embedder.table.weight[UNKNOWN] = torch.randn(embedder.table.embedding_dim)
    return embedder.eval()


def vectors_of(embedder, texts):
    with torch.no_grad():
        return embedder(embedder.prepare(tokenize(texts)))


def characters_of(embedder, word):
    known = embedder._spelling.vocabulary.index
    numbers = [known.get(letter, UNKNOWN - SPECIAL) + SPECIAL for letter in word]
    return embedder.table.weight[numbers]


def cnn_twin(embedder, word):
    """Each convolution over the word alone, as torch has it: the greatest answer of all places."""
    spelt, parts = characters_of(embedder, word), []
    for layer in embedder.convolutions:
        width = layer.in_features // spelt.shape[1]
        weight = layer.weight.view(len(layer.weight), width, spelt.shape[1]).transpose(1, 2)
        around = nn.functional.pad(spelt.T, ((width - 1) // 2, width // 2))
        parts.append(nn.functional.conv1d(around[None], weight, layer.bias)[0].max(dim=1).values)
    return torch.cat(parts)


def lstm_twin(embedder, word):
    """torch's own two directions over the word alone: the last hidden vector of each."""
    first, second = embedder.cells
    whole = nn.LSTM(first.input_size, first.hidden_size, bidirectional=True, batch_first=True)
    own = {
        name + end: w
        for cell, end in ((first, ""), (second, "_reverse"))
        for name, w in cell.named_parameters()
    }
    _, (last, _) = torch.func.functional_call(whole, own, (characters_of(embedder, word)[None],))
    return last[:, 0].flatten()


FORMS = [
    (cnn_twin, {"widths": [1, 2, 3, 5], "filters": 7}),
    (cnn_twin, {}),
    (lstm_twin, {"form": "lstm", "hidden": 6}),
]


@pytest.mark.parametrize(("twin", "settings"), FORMS, ids=["cnn of four widths", "cnn", "lstm"])
class TestForms:
    def test_the_twin(self, twin, settings):
        embedder, tokens = started(**settings), tokenize([*TEXTS, "žluťoučký 😀 Ω"])
        out = vectors_of(embedder, list(tokens.texts))
        assert out.vectors.shape[2] == embedder.dim
        for row in range(len(tokens)):
            for place, word in enumerate(tokens.words_of(row)):
                torch.testing.assert_close(
                    out.vectors[row, place], twin(embedder, word), rtol=1e-5, atol=1e-6
                )
            assert not out.vectors[row, tokens.lengths[row] :].any()

    def test_gradients_are_those_of_the_twin(self, twin, settings):
        embedder, tokens = started(**settings), tokenize(TEXTS)
        out = embedder(embedder.prepare(tokens)).vectors
        weights = torch.linspace(-1, 1, embedder.dim)
        ours = torch.autograd.grad((out * weights).sum(), list(embedder.parameters()))
        total = sum((twin(embedder, word) * weights).sum() for word in tokens.surfaces())
        theirs = torch.autograd.grad(total, list(embedder.parameters()))
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)

    def test_a_word_is_the_same_beside_longer_ones(self, twin, settings):
        """All weights negative: were padding a place, it would be the strongest."""
        embedder = started(**settings)
        with torch.no_grad():
            for parameter in embedder.parameters():
                parameter.copy_(-parameter.abs())
            embedder.table.weight[2:] *= -1
        alone = vectors_of(embedder, ["cat"]).vectors[0, 0]
        beside = vectors_of(embedder, ["cat of internationalisations"]).vectors[0, 0]
        torch.testing.assert_close(alone, beside)
        torch.testing.assert_close(alone, twin(embedder, "cat"))

    def test_each_form_is_read_once(self, twin, settings):
        embedder = started(**settings)
        prepared = embedder.prepare(tokenize(["the film the film", "film The the", ""]))
        assert sum(len(group) for group in prepared.forms) == 3
        assert prepared.places.tolist() == [[1, 3, 1, 3], [3, 2, 1, 0], [0, 0, 0, 0]]

    def test_it_learns_an_ending(self, twin, settings):
        """Words that end in s against others: what no table of words could tell of new ones."""
        torch.manual_seed(0)
        chance = np.random.default_rng(0)
        stems = ["".join(chance.choice(list("abcde"), chance.integers(2, 7))) for _ in range(240)]
        words = [stem + "s" * (number % 2) for number, stem in enumerate(stems)]
        words = [words[i] if i % 4 else "s" + words[i] for i in range(len(words))]  # s alone is no sign
        labels = torch.tensor([float(word.endswith("s")) for word in words])
        embedder = started(words[:200], **settings)
        head = nn.Linear(embedder.dim, 1)
        optimizer = torch.optim.Adam([*embedder.parameters(), *head.parameters()], lr=0.03)
        for _ in range(60):
            scores = head(embedder(embedder.prepare(tokenize(words[:200]))).vectors[:, 0])[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(scores, labels[:200])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            scores = head(vectors_of(embedder, words[200:]).vectors[:, 0])[:, 0]
        right = ((scores > 0) == labels[200:].bool()).float().mean()
        assert right > 0.9, float(right)

    def test_many_forms_are_read_in_groups(self, twin, settings):
        chance = np.random.default_rng(3)
        words = ["".join(chance.choice(list("abcdefgh"), n)) for n in chance.integers(1, 20, 700)]
        embedder = started(words, **settings)
        prepared = embedder.prepare(tokenize([" ".join(words), "", " ".join(words[::-1])]))
        assert len(prepared.forms) > 2
        assert all(len(group) >= 64 for group in prepared.forms)
        assert sum(map(len, prepared.forms)) == len(set(words))
        assert [word for group in prepared.forms for word in (group > 0).sum(dim=1).tolist()] == sorted(
            map(len, set(words))
        )
        with torch.no_grad():
            out = embedder(prepared).vectors
            assert torch.equal(out[0], out[2].flip(0))
            for place in range(0, 700, 35):
                torch.testing.assert_close(out[0, place], twin(embedder, words[place]), rtol=1e-5, atol=1e-6)


class TestSpelling:
    def test_characters_are_counted(self):
        spelling = Spelling.count(["Aab", "ba", "我", "x\ud800"], 2, 32, lowercase=False)
        assert spelling.vocabulary.words == ["a", "b"]
        assert spelling.vocabulary.counts.tolist() == [2, 2]
        assert Spelling.count(["Aab", "ba"], 3, 32, lowercase=True).vocabulary.words == ["a"]

    def test_numbers(self):
        spelling = Spelling(Vocabulary(["a", "我", "😀"]), 32, lowercase=True)
        numbers, offsets = spelling.spell(["a我A", "😀", "z\ud800"])
        assert numbers.tolist() == [2, 3, 2, 4, UNKNOWN, UNKNOWN]
        assert offsets.tolist() == [0, 3, 4, 6]
        assert len(spelling) == 5

    @pytest.mark.parametrize(("longest", "read"), [(4, "abgh"), (5, "abcgh"), (1, "a"), (8, "abcdefgh")])
    def test_of_a_long_word_head_and_tail_are_read(self, longest, read):
        spelling = Spelling(Vocabulary(list("abcdefgh")), longest, lowercase=False)
        numbers = spelling.spell(["abcdefgh", "abcdefgh"])[0].tolist()
        assert numbers == spelling.spell([read, read])[0].tolist()
        assert len(numbers) == 2 * len(read)

    def test_the_longest_word_decides_no_shape(self):
        embedder = started(max_characters=6)
        long, short = vectors_of(embedder, ["film" * 1000]), vectors_of(embedder, ["fililm"])
        assert torch.equal(long.vectors, short.vectors)
        assert embedder.facts(tokenize(["film" * 1000, "film"]))["cut_words"] == 0.5

    def test_lower_case(self):
        embedder = started(lowercase=True)
        out = vectors_of(embedder, ["FILM film"]).vectors[0]
        assert torch.equal(out[0], out[1])
        assert len(embedder.prepare(tokenize(["FILM film"])).forms[0]) == 1

    def test_rare_and_new_characters_share_a_vector(self):
        embedder = started(["aa bb c"], min_count=2)
        out = vectors_of(embedder, ["c d 我 a"]).vectors[0]
        assert torch.equal(out[0], out[1])
        assert torch.equal(out[0], out[2])
        assert not torch.equal(out[0], out[3])
        facts = embedder.facts(tokenize(["c d 我 ab"]))
        assert facts == {"unknown_characters": 0.6, "cut_words": 0.0, "characters": 2}


class TestCasing:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("lower", "film don't b2b žluť straße"),
            ("upper", "NASA I Ω B2B DON'T"),
            ("initial", "Film McDonald Žluť Film2"),
            ("mixed", "iPhone eBay"),
            ("digits", "7 1999 ٣٤"),
            ("mostly digits", "199th 300km A320"),
            ("contains digit", "iPhone5 我2我"),
            ("other", "我 ! 😀 ..."),
        ],
    )
    def test_classes(self, name, words):
        assert {word: CASINGS[casing(word)] for word in words.split()} == dict.fromkeys(words.split(), name)

    def test_every_class_has_a_vector_of_its_own_at_first(self):
        words = "film NASA Film iPhone 7 19th iPhone5 !"
        embedder = started(casing=True, lowercase=True)
        out = vectors_of(embedder, [words, "a"])
        assert torch.equal(out.vectors[0, :8, -8:], torch.eye(8)[[casing(word) for word in words.split()]])
        assert not out.vectors[1, 1:].any()
        assert embedder.dim == 30 + 8

    def test_it_is_of_the_word_as_written(self):
        embedder = started(casing=True, lowercase=True)
        out = vectors_of(embedder, ["film Film"]).vectors[0]
        assert torch.equal(out[0, :-8], out[1, :-8])
        assert not torch.equal(out[0], out[1])

    def test_it_is_learned(self):
        embedder = started(casing=True).train()
        embedder(embedder.prepare(tokenize(["film NASA"]))).vectors.square().sum().backward()
        met = embedder.casings.weight.grad.any(dim=1).nonzero()[:, 0].tolist()
        assert met == [1 + casing("film"), 1 + casing("NASA")]


class TestFrame:
    def test_two_texts_an_example(self):
        embedder = started()
        tokens = tokenize(["the film", "good", "", "a film"], segments=2)
        out = embedder(embedder.prepare(tokens))
        assert out.segments.tolist() == [[0, 0, 1], [1, 1, 0]]
        assert out.mask.tolist() == [[True, True, True], [True, True, False]]

    def test_no_words_at_all(self):
        out = vectors_of(started(casing=True), ["", ""])
        assert out.vectors.shape == (2, 1, 38)
        assert not out.vectors.any()

    def test_chinese_words_of_one_character_and_of_several(self):
        embedder = started(["我喜欢电影"])
        for segmenter in ("characters", "whitespace"):
            tokens = tokenize(["我喜欢 电影"], TextSettings(segmenter=segmenter))
            out = embedder(embedder.prepare(tokens)).vectors[0]
            for place, word in enumerate(tokens.words_of(0)):
                torch.testing.assert_close(out[place], cnn_twin(embedder, word))

    def test_the_vector_of_padding_stays_zero(self):
        embedder = started(casing=True).train()
        optimizer = torch.optim.AdamW(embedder.parameters(), lr=0.1, weight_decay=0.0)
        for _ in range(2):
            (embedder(embedder.prepare(tokenize(TEXTS))).vectors - 1).square().sum().backward()
            optimizer.step()
        assert not embedder.table.weight[PADDING].any()
        assert not vectors_of(embedder, ["a b", ""]).vectors[1].any()

    def test_dropout_while_training(self):
        embedder = started(dropout=0.5)
        assert torch.equal(vectors_of(embedder, TEXTS).vectors, vectors_of(embedder, TEXTS).vectors)
        embedder.train()
        assert not torch.equal(vectors_of(embedder, TEXTS).vectors, vectors_of(embedder, TEXTS).vectors)

    @pytest.mark.parametrize("form", ["cnn", "lstm"])
    def test_a_whole_model(self, form, tmp_path):
        recipe = {
            "embedders": [
                {"kind": "static", "source": "random", "dim": 8},
                {"kind": "characters", "form": form, "casing": True},
            ],
            "training": {"epochs": 1},
        }
        texts, labels = reviews(80)
        model = Model(recipe).fit(texts, labels)
        model.save(tmp_path / "model")
        loaded = Model.load(tmp_path / "model")
        asked = [*texts[:5], "Filmmakers 我 goodly", ""]
        np.testing.assert_array_equal(model.predict_proba(asked), loaded.predict_proba(asked))
        assert "unknown_characters" in model.report_["text"]["train"]


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"dim": 0}, "dim = 0: it must be at least 1"),
            ({"filters": 0}, "filters = 0"),
            ({"max_characters": 0}, "max_characters = 0"),
            ({"form": "lstm", "hidden": -1}, "hidden = -1"),
            ({"widths": []}, r"widths = \[\]: one or more numbers"),
            ({"widths": [3, 0]}, r"widths = \[3, 0\]"),
            ({"dropout": 1.0}, "dropout = 1.0: it is a share"),
        ],
    )
    def test_wrong_numbers(self, settings, message):
        with pytest.raises(RecipeError, match=message):
            Characters(**settings)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"hidden": 9}, "hidden belongs to form = 'lstm'"),
            ({"form": "lstm", "filters": 9}, "filters belongs to form = 'cnn'"),
            ({"form": "lstm", "widths": [2]}, "widths belongs to form = 'cnn'"),
        ],
    )
    def test_settings_of_the_other_form_are_told(self, settings, message):
        with pytest.warns(UserWarning, match=message):
            Characters(**settings)
