"""Tagging through Model: words or texts in, tags or spans out, on networks and on the shallow CRF."""

import json

import numpy as np
import pytest

from made_up_tasks import sentences
from tiny_transformers import tiny_bert
from wordladder import Model
from wordladder.data.examples import Examples, Span
from wordladder.data.tagged import tagged_words
from wordladder.errors import DataError, ModelError

TRAINING = {"epochs": 6, "batch_rows": 8, "learning_rate": 0.03}
STATIC = {"kind": "static", "dim": 12, "min_count": 1}
LSTM = {"kind": "recurrent", "cell": "lstm", "hidden": 12, "bidirectional": True}
CHARACTERS = {"kind": "characters", "form": "cnn", "dim": 6, "filters": 8, "casing": True}


def recipe(*embedders, encoders=(LSTM,), training=(), **task):
    return {
        "embedders": list(embedders),
        "encoders": list(encoders),
        "task": {"kind": "tagging", "dropout": 0.0, **task},
        "training": {**TRAINING, **dict(training)},
    }


@pytest.fixture(scope="module")
def model():
    """A BiLSTM-CRF trained on lists of words."""
    return Model(recipe(STATIC)).fit(*sentences(), dev=sentences(20, seed=1))


def test_it_learns_words_and_tags(model):
    words, tags = sentences(30, seed=2)
    assert model.score(words, tags) > 0.95
    found = model.predict(words)
    assert sum(map(np.array_equal, found, tags)) > 25
    assert [len(row) for row in found] == [len(row) for row in words]
    assert model.predict(iter(words)) == found
    assert model.classes_.tolist() == ["LOC", "PER"]


def test_texts_are_answered_with_spans(model):
    text = "  the cat met Ann   Bo in\tOslo ."
    ((person, place),) = model.predict([text])
    assert person == Span(14, 22, "PER")
    assert place == (26, 30, "LOC")
    (answer,) = model.answers([text], 3)
    assert [entity["text"] for entity in answer["entities"]] == ["Ann   Bo", "Oslo"]
    assert len(answer["alternatives"]) == 3
    json.dumps(answer)
    assert model.predict([]) == []
    assert model.answers([""]) == [{"entities": []}]


def test_a_text_alone_gets_the_answer_it_gets_in_a_batch(model):
    words, _ = sentences(30, seed=3)
    texts = [*map(" ".join, words), "", "met"]
    together = model.answers(texts)
    for text, answer in zip(texts, together):
        (alone,) = model.answers([text])
        for one, other in zip(alone["entities"], answer["entities"], strict=True):
            assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-5)
            assert {**one, "confidence": 0} == {**other, "confidence": 0}


def test_evaluate(model):
    found = model.evaluate(*sentences(30, seed=4))
    assert (found.task, found.metric, found.rows) == ("tagging", "f1", 30)
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.metrics["labels"].keys() == {"LOC", "PER"}
    json.dumps(found.to_dict())


def test_save_and_load(model, tmp_path):
    words, _ = sentences(20, seed=5)
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.answers(list(map(" ".join, words)), 2) == model.answers(list(map(" ".join, words)), 2)
    assert again.predict(words) == model.predict(words)
    assert again.evaluation_ == model.evaluation_
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "A tagging model" in card
    assert "f1 on 20 dev rows" in card


def test_encode_gives_a_vector_a_text_and_there_are_no_classes_of_texts(model):
    assert model.encode(["Ann met Bo", ""]).shape == (2, 24)
    with pytest.raises(ModelError, match="no classes of texts"):
        model.predict_proba(["Ann"])


def spans_of(rows, seed=0):
    examples = tagged_words(*sentences(rows, seed))
    return examples.texts, [[tuple(span) for span in row] for row in examples.labels]


@pytest.mark.parametrize("task", [{"crf": False, "scheme": "bio"}, {"crf": True, "scheme": "bio"}])
def test_labels_as_start_end_and_type(task):
    texts, labels = spans_of(80)
    made = Model(recipe(STATIC, **task)).fit(texts, labels)
    assert made.report_["rows"] == {"train": 72, "dev": 8}
    texts, labels = spans_of(30, seed=2)
    assert made.score(texts, labels) > 0.9
    keyed = [[dict(zip(("start", "end", "label"), span)) for span in row] for row in labels]
    assert made.score(texts, keyed) == made.score(texts, labels)


def test_static_vectors_and_characters_side_by_side():
    made = Model(recipe(STATIC, CHARACTERS)).fit(*sentences())
    assert made.recipe_.table("fusion") == {"kind": "concatenate"}
    assert made.score(*sentences(30, seed=2)) > 0.95


def test_a_crf_on_a_tuned_transformer(tmp_path):
    source = str(tiny_bert(tmp_path / "bert"))
    bert = {"kind": "transformer", "source": source, "tune": True, "precision": "float32", "overlap": 8}
    given = recipe(bert, encoders=(), training={"epochs": 8, "learning_rate": 5e-3})
    made = Model(given).fit(*sentences(), dev=sentences(10, seed=1))
    test = sentences(20, seed=2)
    assert made.score(*test) > 0.8
    made.save(tmp_path / "model")
    assert Model.load(tmp_path / "model").predict(test[0]) == made.predict(test[0])


def test_parts_of_speech():
    words, tags = sentences()
    kinds = [
        [tag[2:] if tag != "O" else ("PUNCT" if word in ",." else "X") for word, tag in zip(*row)]
        for row in zip(words, tags)
    ]
    made = Model(recipe(STATIC)).fit(words, kinds)
    assert made.report_["metric"] == "accuracy"
    assert made.score(words, kinds) > 0.95
    assert made.predict(words[:3]) == kinds[:3]


@pytest.fixture(scope="module")
def shallow():
    return Model({"shallow": {"kind": "crf"}, "task": {"kind": "tagging"}}).fit(*sentences())


class TestShallow:
    def test_it_learns(self, shallow):
        words, tags = sentences(30, seed=2)
        assert shallow.score(words, tags) > 0.95
        assert shallow.predict(words[:5]) == tags[:5]
        assert shallow.report_["text"]["dev"]["spans"] == 16

    def test_save_and_load(self, shallow, tmp_path):
        texts = list(map(" ".join, sentences(20, seed=3)[0]))
        shallow.save(tmp_path / "model")
        assert Model.load(tmp_path / "model").answers(texts, 3) == shallow.answers(texts, 3)


def test_what_was_done_to_the_spans_is_told():
    texts, labels = spans_of(40)
    texts = [*texts, "Ann-like"]
    labels = [*labels, [(0, 2, "PER")]]
    given = recipe(STATIC, training={"epochs": 1}) | {"text": {"max_words": 6}}
    made = Model(given).fit(texts, labels, dev=(texts, labels))
    notes = " ".join(made.report_["warnings"])
    assert "1 of the 81 entities of the train texts begin or end inside a word" in notes
    behind = made.report_["text"]["train"]["spans_lost"]
    assert 0 < behind < 81
    assert f"{behind} of the 81 entities of the dev texts end after text.max_words" in notes


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["Ann"], [[(0, 9, "PER")]], "row 1.*3 characters"),
        (["Ann"], [[(-1, 2, "PER")]], "row 1.*within its text"),
        (["Ann"], [[(2, 2, "PER")]], "row 1.*within its text"),
        (["Ann"], [[(0, 2)]], r"a span is written \(start, end, type\)"),
        (["Ann"], [[{"start": 0, "type": "PER"}]], "a span is written"),
        (["Ann"], [["PER"]], "a span is written"),
        (["Ann"], ["PER"], "a label is a list of"),
        (["Ann"], [None], "a label is a list of"),
        (["Ann", "Bo"], [[]], "2 texts and 1 labels"),
        ([["Ann", "met"]], [["O"]], "2 words, but 1 tags"),
    ],
)
def test_labels_that_are_wrong(texts, labels, message):
    with pytest.raises(DataError, match=message):
        Model(recipe(STATIC)).fit(texts, labels)


def test_labels_of_another_number_than_the_examples():
    with pytest.raises(DataError, match="2 texts and 1 labels"):
        Model(recipe(STATIC)).fit(Examples((["a", "b"],)), [[]])
