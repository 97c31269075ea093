"""Translation: what is learned, saved and answered; BLEU against sacreBLEU; files of translations."""

import json

import numpy as np
import pytest
import sacrebleu

from wordladder import Model
from wordladder.data.examples import Answer, Examples
from wordladder.data.reading import read_examples
from wordladder.errors import DataError, ModelError, RecipeError, SettingError
from wordladder.metrics.translations import bleu, bleu_counts, chrf, exact_matches, tokenizer_for
from wordladder.recipe import Recipe
from wordladder.text.cutting import cut_to_pieces
from wordladder.text.pieces import OPENS, PieceVocabulary
from wordladder.text.words import TextSettings

WORDS = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "fünf": "five", "sechs": "six"}


def numbers(rows=400, seed=0):
    """German numbers and the English ones in reverse order."""
    random = np.random.default_rng(seed)
    names = list(WORDS)
    drawn = [[names[i] for i in random.integers(len(names), size=random.integers(1, 5))] for _ in range(rows)]
    return [" ".join(row) for row in drawn], [
        " ".join(WORDS[word] for word in reversed(row)) for row in drawn
    ]


def recipe(**task):
    """A small network."""
    return {
        "text": {"pieces": 60},
        "embedders": [{"kind": "static", "dim": 24, "lowercase": False, "min_count": 1}],
        "encoders": [{"kind": "recurrent", "cell": "gru", "hidden": 24}],
        "task": {"kind": "translation", "pieces": 60, "dim": 24, "hidden": 32, "dropout": 0.0, **task},
        "training": {"epochs": 20, "batch_rows": 16, "learning_rate": 0.01, "precision": "float32"},
    }


FORMS = {
    "luong": {},
    "gnmt": {"attention": "gnmt", "layers": 2, "decoder": "lstm"},
    "bahdanau": {"attention": "bahdanau", "feeding": True},
    "transformer": {"decoder": "transformer", "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation") / "model"
    return Model(recipe(), threads=1).fit(*numbers(), output=folder)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_learns_to_turn_numbers_round(form):
    fitted = Model(recipe(**FORMS[form]), threads=1).fit(*numbers())
    sources, targets = numbers(40, seed=1)
    assert fitted.evaluate(sources, targets).metrics["exact_match"] > 0.8


def test_a_text_is_translated_alike_alone_and_among_others(model):
    sources = [*numbers(30, seed=2)[0], ""]
    assert [model.predict(one) for one in sources] == model.predict(sources)


def test_a_loaded_model_gives_the_same_answers(model, tmp_path):
    sources, _ = numbers(10, seed=3)
    again = Model.load(model.save(tmp_path / "model"))
    assert again.predict(sources) == model.predict(sources)
    one, other = (each.answers(sources, 3) for each in (model, again))
    for mine, theirs in zip(one, other):
        assert [c["text"] for c in mine["candidates"]] == [c["text"] for c in theirs["candidates"]]
        scores = [candidate["score"] for candidate in mine["candidates"]]
        assert scores == sorted(scores, reverse=True)
        assert mine["text"] == mine["candidates"][0]["text"]


def test_attention_falls_on_the_word_that_is_translated(model):
    (one,) = model.alignments(["eins fünf drei"])
    assert one.weights.shape == (len(one.pieces), len(one.words))
    np.testing.assert_allclose(one.weights.sum(1), 1, atol=1e-5)
    with pytest.raises(ModelError, match="translates nothing"):
        Model("tfidf").fit(["a b", "c d"] * 4, ["x", "y"] * 4).alignments(["a"])


def test_what_is_drawn_repeats_with_the_seed(model):
    sources = numbers(20, seed=4)[0]
    model.task_.sample, model.task_.temperature = True, 2.0
    try:
        first, again = model.predict(sources), model.predict(sources)
        model.task_.seed = 2
        other = model.predict(sources)
    finally:
        model.task_.sample, model.task_.temperature, model.task_.seed = False, 1.0, 1
    assert first == again != other


def test_shared_pieces_are_learned_from_both_sides():
    tables = recipe(pieces="shared") | {"text": {"pieces": 200}, "training": {"epochs": 1, "batch_rows": 64}}
    fitted = Model(tables).fit(*numbers(80))
    assert fitted.task_.vocabulary is fitted.engine_.words.pieces
    assert {OPENS + "fünf", OPENS + "three"} <= set(fitted.task_.vocabulary.pieces)
    with pytest.raises(RecipeError, match="pieces"):
        Model(tables | {"text": {}}).fit(*numbers(80))


def test_the_word_that_attention_falls_on_stands_for_an_unknown_piece(model):
    from wordladder.tasks.translation import Translations

    sources, targets = numbers(80)
    fitted = Model(recipe(copy_unknown=True) | {"training": {"epochs": 1}}).fit(sources, targets)
    scores = fitted.scores(["eins Ж zwei"])
    (best, *_), words = scores.found[0], len(scores.tokens.starts)
    weights = np.zeros((2, words), np.float32)
    weights[0, 1] = 1
    made = Translations([[best._replace(numbers=[1], weights=weights)]], scores.tokens)
    assert fitted.task_.predictions(made) == ["Ж"]
    fitted.task_.copy_unknown = False
    assert fitted.task_.predictions(made) == [""]


CAT, OTHER_CAT = "the cat sat on a mat", "a cat was on the mat"
WRITTEN = ["the cat sat on the mat", "a dog", "", "It's 3.5 o'clock, isn't it?"]
GOLD = [[CAT, OTHER_CAT], ["a dog"], ["nothing"], ["It's 3.5 o'clock, is it?"]]


class TestMetrics:
    def test_bleu_and_chrf_are_sacrebleus(self):
        single = [one[:1] for one in GOLD]
        streams = [[one[0] for one in GOLD]]
        expected = sacrebleu.corpus_bleu(WRITTEN, streams).score / 100
        assert bleu(bleu_counts(WRITTEN, single, "13a")) == pytest.approx(expected)
        assert chrf(WRITTEN, single) == pytest.approx(sacrebleu.corpus_chrf(WRITTEN, streams).score / 100)
        several = [*zip(*([*one, *one][:2] for one in GOLD))]
        expected = sacrebleu.corpus_bleu(WRITTEN, [list(one) for one in several]).score / 100
        assert bleu(bleu_counts(WRITTEN, GOLD, "13a")) == pytest.approx(expected)

    def test_chinese_is_counted_in_characters(self):
        texts, gold = ["我喜欢猫。", "他走了"], [["我很喜欢猫。"], ["他走了"]]
        assert tokenizer_for(texts) == "zh"
        assert tokenizer_for(WRITTEN) == "13a"
        expected = sacrebleu.corpus_bleu(texts, [[one[0] for one in gold]], tokenize="zh").score / 100
        assert bleu(bleu_counts(texts, gold, "zh")) == pytest.approx(expected)

    def test_exact_matches(self):
        assert exact_matches(["a  b ", "c", "d"], [["a b"], ["x", "c"], ["D"]]).tolist() == [1, 1, 0]


class TestFiles:
    def test_two_files_line_by_line(self, tmp_path):
        (tmp_path / "train.de").write_text("eins\nzwei\n", encoding="utf-8")
        (tmp_path / "train.en").write_text("one\ntwo\n", encoding="utf-8")
        found = read_examples(f"{tmp_path}/train.de,{tmp_path}/train.en", "translation")
        assert found.texts == ["eins", "zwei"]
        assert found.labels == [(Answer("one"),), (Answer("two"),)]
        (tmp_path / "train.en").write_text("one\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"train.de has 2 lines, .*train.en 1"):
            read_examples(f"{tmp_path}/train.de,{tmp_path}/train.en", "translation")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("tatoeba.txt", "Hi.\t嗨。\tCC-BY 2.0\nRun.\t跑。\tCC-BY 2.0\n"),
            ("pairs.tsv", "target\tsource\n嗨。\tHi.\n跑。\tRun.\n"),
            ("pairs.jsonl", '{"source": "Hi.", "target": "嗨。"}\n{"source": "Run.", "target": "跑。"}\n'),
        ],
    )
    def test_tables(self, tmp_path, name, content):
        (tmp_path / name).write_text(content, encoding="utf-8")
        found = read_examples(tmp_path / name, "translation")
        assert found.texts == ["Hi.", "Run."]
        assert found.labels == [(Answer("嗨。"),), (Answer("跑。"),)]

    def test_columns_that_are_named(self, tmp_path):
        (tmp_path / "t.csv").write_text("en,zh\nHi.,嗨。\n", encoding="utf-8")
        found = read_examples(tmp_path / "t.csv", "translation", text="en", label="zh")
        assert (found.texts, found.labels) == (["Hi."], [(Answer("嗨。"),)])
        with pytest.raises(DataError, match="which column holds the texts"):
            read_examples(tmp_path / "t.csv", "translation")

    def test_the_answers_of_labels(self):
        with pytest.raises(DataError, match="a text is expected, not 3"):
            Model(recipe()).fit(["a"], [3])
        with pytest.raises(DataError, match="all targets are empty"):
            Model(recipe()).fit(["a", "b"], ["", " "])


MIXED = ["Zwei junge  Männer, sind im Freien!", "我喜欢 the „good“ film.", "  Zwei Männer"] * 3


class TestPieces:
    @pytest.mark.parametrize("kind", ["bpe", "unigram", "characters"])
    def test_texts_come_back(self, kind, tmp_path):
        pieces = PieceVocabulary.learn(MIXED, 100, kind)
        assert [pieces.text(one) for one in pieces.numbers(MIXED)] == [
            " ".join(text.split()) for text in MIXED
        ]
        pieces.save(tmp_path / "pieces.json")
        again = PieceVocabulary.load(tmp_path / "pieces.json")
        assert again.numbers(MIXED) == pieces.numbers(MIXED)
        lengths, starts, ends = pieces.spans(MIXED)
        at = 0
        for text, length in zip(MIXED, lengths):
            words = [text[start:end] for start, end in zip(starts[at : at + length], ends[at : at + length])]
            assert "".join(words) == "".join(text.split())
            at += length

    def test_what_cannot_be_learned(self, tmp_path):
        with pytest.raises(DataError, match="no text to learn pieces from"):
            PieceVocabulary.learn(["", " "], 100)
        with pytest.raises(SettingError, match="pieces"):
            PieceVocabulary.learn(["a a"], 100, "words")
        (tmp_path / "pieces.json").write_text("{", encoding="utf-8")
        with pytest.raises(ModelError, match="cannot be read"):
            PieceVocabulary.load(tmp_path / "pieces.json")

    def test_other_tasks_read_pieces_too(self, tmp_path):
        tables = {
            "text": {"pieces": 40},
            "embedders": [{"kind": "static", "dim": 8, "min_count": 1}],
            "training": {"epochs": 3},
        }
        texts, labels = ["a good film", "a bad film", "bad", "goodish"] * 10, ["yes", "no", "no", "yes"] * 10
        fitted = Model(tables).fit(texts, labels, output=tmp_path / "model")
        vocabulary = fitted.engine_.network.embedders[0].vocabulary
        assert OPENS + "good" in vocabulary
        again = Model.load(tmp_path / "model")
        np.testing.assert_allclose(again.predict_proba(texts), fitted.predict_proba(texts), atol=1e-6)
        saved = json.loads((tmp_path / "model" / "pieces.json").read_text(encoding="utf-8"))
        assert saved["model"]["type"] == "BPE"


def test_recipes_that_cannot_be():
    for tables, message in (
        ({"shallow": {"kind": "tfidf"}, "text": {"pieces": 50}}, "pieces"),
        ({**recipe(), "vectors": {"kind": "word2vec"}}, "pieces"),
        (recipe(label_smoothing=1.0), "label_smoothing"),
        (recipe(beams=0), "beams"),
        (recipe(attention="gnmt"), "needs layers = 2"),
    ):
        with pytest.raises((RecipeError, SettingError), match=message):
            Model(Recipe.load(tables)).fit(*numbers(20))


def test_examples_with_several_right_texts():
    sources = ["eins zwei"] * 2
    examples = Examples((sources,), [(Answer("one two"), Answer("two one"))] * 2)
    fitted = Model(recipe() | {"training": {"epochs": 1}}).fit(*numbers(40))
    assert fitted.evaluate(examples).rows == 2


@pytest.mark.parametrize("kind", ["bpe", "unigram", "characters"])
def test_each_word_is_cut_once(kind):
    """The pieces of texts are those that the tokenizer finds in whole texts, white space of all kinds too."""
    random = np.random.default_rng(3)
    parts = ["the", "cats", "12.5", "(mat)", "没有", "好的。", "e\u0301t\u00e9", "x\U0001f600y", "\ufffd"]
    blanks = [" ", "  ", "\n", "\t", "\u00a0", "\u3000", "\u2028", "\x85", "\x1c", "\x0b", "\u200b", " \n "]
    made = ["".join(random.choice([*parts, *blanks], size=random.integers(0, 30))) for _ in range(400)]
    vocabulary = PieceVocabulary.learn(made, 60, kind)
    tokens = cut_to_pieces(made, vocabulary, TextSettings())
    lengths, starts, ends = vocabulary.spans(made)
    # In whole texts, a word after white space at the very beginning opens none for the tokenizer.
    same = [row for row, text in enumerate(made) if "\x1c" not in text and text == text.lstrip()]
    assert len(same) > 100
    for row in same:
        here = slice(*np.concatenate([[0], np.cumsum(lengths)])[row : row + 2])
        own = slice(*tokens.offsets[row : row + 2])
        assert tokens.starts[own].tolist() == starts[here].tolist(), made[row]
        assert tokens.ends[own].tolist() == ends[here].tolist()
