"""What Model's methods take: all that holds texts or labels in order, and a clear error for all else."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import reviews
from made_up_tasks import sentences
from wordladder import Model
from wordladder.data.examples import Examples
from wordladder.errors import DataError, WordladderError
from wordladder.model.inputs import examples_of, labelled_examples
from wordladder.tasks.span_qa import SpanQa
from wordladder.tasks.tagging import Tagging

TFIDF = {"shallow": {"kind": "tfidf"}}
THREE = ["a good film", "bad", ""]
PAIRS = [("who?", "Ann"), ("where?", "Oslo")]


@pytest.fixture(scope="module")
def tfidf():
    return Model(TFIDF).fit(*reviews(60))


@pytest.fixture(scope="module")
def tagger():
    recipe = {
        "embedders": [{"kind": "static", "dim": 4, "min_count": 1}],
        "task": {"kind": "tagging"},
        "training": {"epochs": 1},
    }
    return Model(recipe).fit(*sentences(20))


@pytest.mark.parametrize(
    "texts",
    [
        tuple(THREE),
        iter(THREE),
        np.array(THREE),
        np.array(THREE, object),
        np.array(THREE).reshape(-1, 1),
        pd.Series(THREE, index=[7, 8, 9]),
        pd.Series(THREE, dtype="string"),
        pd.Series(THREE, dtype="category"),
        pd.Index(THREE),
        pd.DataFrame({"text": THREE}),
        dict(enumerate(THREE)).values(),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_whatever_holds_texts_in_order(texts):
    assert examples_of(texts) == Examples((THREE,))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (pd.DataFrame({"id": [1, 2], "text": ["a", "b"]}), "one column expected, and 2 given"),
        ({"a": "good", "b": "bad"}, "not dict"),
        ({"good", "bad"}, "not set"),
        (b"good", "bytes object .* put it in a list"),
        (None, "not NoneType"),
        (3, "not int"),
        (np.array("good"), "0 dimensions"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        ([b"good"], "row 1: a text must be a string, not bytes"),
        (["a", None], "row 2: a text must be a string, not NoneType"),
        (pd.Series(["a", pd.NA], dtype="string"), "row 2: .* not NAType"),
        ([["a"], ["b"]], "row 1: .* not list"),
        (Examples((["a"], ["b"])), "has 1 texts a row, not 2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_no_texts(tfidf, texts, message):
    for call in (tfidf.predict, tfidf.predict_proba, tfidf.answers, tfidf.scores, tfidf.encode):
        with pytest.raises(DataError, match=message):
            call(texts)
    with pytest.raises(DataError, match=message):
        Model(TFIDF).fit(texts, ["x", "y"])


@pytest.mark.parametrize(
    "pairs", [PAIRS, map(list, PAIRS), np.array(PAIRS), pd.DataFrame(PAIRS)], ids=lambda p: type(p).__name__
)
def test_pairs_of_texts(pairs):
    assert examples_of(pairs, task=SpanQa).segments == (["who?", "where?"], ["Ann", "Oslo"])


@pytest.mark.parametrize("pairs", [pd.DataFrame({"a": ["x"]}), [{"q": "a", "p": "b"}], [{"a", "b"}], ["ab"]])
def test_what_holds_no_pairs(pairs):
    with pytest.raises(DataError, match=r"2 texts are expected|2 columns expected"):
        examples_of(pairs, task=SpanQa)


NAMES = ["pos", "neg"] * 10


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(NAMES).reshape(-1, 1), ["neg", "pos"]),
        (pd.DataFrame({"label": NAMES}), ["neg", "pos"]),
        (pd.Series(NAMES, dtype="category"), ["neg", "pos"]),
        (iter(NAMES), ["neg", "pos"]),
        (np.array([1, 0] * 10).reshape(-1, 1), [0, 1]),
        ([np.int64(1), 2.5] * 10, [1.0, 2.5]),
        ([1.0, 2.0] * 10, [1.0, 2.0]),
        (np.array([1, 2.5] * 10, np.float32), [1.0, 2.5]),
        ([True, np.bool_(False)] * 10, [False, True]),
        (["True", "1.0"] * 10, ["1.0", "True"]),
        (pd.Series([np.array(["a", "b"]), np.array(["b"])] * 10), ["a", "b"]),
        (pd.DataFrame({"x": [0, 1] * 10, "y": [True, False] * 10}), [0, 1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels_come_back_as_they_were_given(labels, classes):
    texts = reviews(20)[0]
    model = Model({**TFIDF, "training": {"dev_share": 0.0}}).fit(texts, labels)
    assert model.classes_.tolist() == classes
    assert [type(one) for one in model.classes_.tolist()] == [type(one) for one in classes]
    assert model.predict_proba(texts).shape == (20, 2)
    if not hasattr(labels, "__next__"):
        assert model.score(texts, labels) >= 0.5


@pytest.mark.parametrize("nothing", [None, float("nan"), np.nan, pd.NA, pd.NaT, "", " "])
@pytest.mark.parametrize("hold", [list, pd.Series, lambda labels: np.array(labels, object).reshape(-1, 1)])
def test_a_missing_label_is_refused_with_its_row(tfidf, nothing, hold):
    texts, labels = reviews(4)
    labels = hold([*labels[:2], nothing, labels[3]])
    for call in (Model(TFIDF).fit, tfidf.score, tfidf.evaluate):
        with pytest.raises(DataError, match="row 3: the label is missing"):
            call(texts, labels)
    with pytest.raises(DataError, match="row 3: the label is missing"):
        Model(TFIDF).fit(*reviews(), dev=(texts, labels))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"a": 1, "b": 2}, "labels: .* not dict"),
        ({"positive", "negative"}, "labels: .* not set"),
        ("ab", "one string was given where a list of labels"),
        ([{"a": 1}, "b"], "row 1: a label is text, a number"),
        ([b"a", b"b"], "row 1: a label is text, a number"),
        ([[["a"]], ["b"]], "row 1: a label is text, a number"),
        (np.array([[0.3, 0.7], [1, 0]]), "row 1: .* matrix of zeros and ones"),
        (pd.DataFrame({"a": ["x", "y"], "b": [0, 1]}), "row 1: .* matrix of zeros and ones"),
        (["positive"], "2 texts and 1 labels"),
        (None, "labels are needed, but there are none"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_no_labels(tfidf, labels, message):
    texts = ["good", "bad"]
    for call in (Model(TFIDF).fit, tfidf.score, tfidf.evaluate):
        with pytest.raises(DataError, match=message):
            call(texts, labels)
    with pytest.raises(DataError, match=message):
        Model(TFIDF).fit(*reviews(), dev=(texts, labels))


def test_missing_groups_are_refused():
    with pytest.raises(DataError, match="row 2: the group is missing"):
        Model(TFIDF).fit(*reviews(4), groups=["a", None, "b", "b"])


def test_words_and_tags_in_arrays(tagger):
    """As pandas reads columns of lists from Parquet."""
    words, tags = sentences(3, seed=1)
    arrays = pd.Series([np.array(row) for row in words]), pd.Series([np.array(row) for row in tags])
    assert labelled_examples(*arrays, Tagging) == labelled_examples(words, tags, Tagging)
    assert tagger.predict(arrays[0]) == tagger.predict(words)
    assert labelled_examples([["Ann"], ["Bo"]], np.array([["B-PER"], ["O"]]), Tagging).labels == [
        ((0, 3, "PER"),),
        (),
    ]
    for wrong in (None, 3, ""):
        with pytest.raises(DataError, match=r"row 2: tag 0 is .*, but it must be a text"):
            labelled_examples([["Ann"], ["Bo"]], [["O"], [wrong]], Tagging)


def test_answers_in_frames():
    answers = [{"text": np.array(["Ann"]), "answer_start": np.array([0])}, None]
    frame = pd.DataFrame({"answers": answers})
    assert labelled_examples(PAIRS, frame, SpanQa).labels == [(("Ann", 0),), ()]
    assert labelled_examples(PAIRS, pd.Series(["Ann", np.nan]), SpanQa).labels == [(("Ann", 0),), ()]


def test_similarity_of_vectors_and_texts(small_model):
    vectors = small_model.encode(THREE)
    expected = small_model.similarity(vectors)
    for given_ in (
        THREE,
        iter(THREE),
        pd.Series(THREE),
        pd.DataFrame({"text": THREE}),
        pd.DataFrame(vectors),
    ):
        np.testing.assert_allclose(small_model.similarity(given_), expected, atol=1e-6)
    assert small_model.similarity([], THREE).shape == (0, 3)
    with pytest.raises(DataError, match="vectors of 3 and of 16 numbers"):
        small_model.similarity(np.ones(3), vectors)


def test_one_text_gets_one_answer(tfidf, small_model, tagger):
    for model in (tfidf, small_model):
        assert model.predict("good") == model.predict(["good"])[0]
        assert model.predict_proba("good").shape == (2,)
        assert model.answers("good") == model.answers(["good"])[0]
    assert tagger.predict("Ann met Bo") == tagger.predict(["Ann met Bo"])[0]
    with pytest.raises(DataError, match="put it in a list"):
        small_model.score("good", "positive")


@pytest.fixture(scope="module")
def fasttext():
    return Model({"shallow": {"kind": "fasttext", "dim": 8, "buckets": 1000}}).fit(*reviews(40))


@pytest.fixture(scope="module")
def crf():
    return Model({"shallow": {"kind": "crf", "tree": False}, "task": {"kind": "tagging"}}).fit(*sentences(20))


@pytest.mark.parametrize("name", ["tfidf", "fasttext", "small_model", "tagger", "crf"])
def test_no_texts(name, request):
    model = request.getfixturevalue(name)
    for nothing in ([], (), np.array([]), pd.Series([], dtype=object), iter(())):
        assert len(model.predict(nothing)) == 0
    assert model.answers([]) == []
    if model.recipe_.task == "classification":
        assert model.predict([]).shape == (0,)
        assert model.predict_proba([]).shape == (0, 2)
        assert model.scores([]).shape == (0, 2)
    for call in (model.score, model.evaluate, Model(model.recipe).fit):
        with pytest.raises(DataError, match="there are no texts"):
            call([], [])


CELLS = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["positive", "\ud83d", pd.NA, np.datetime64("NaT"), np.float32(1.5), np.str_("good")]),
    st.none() | st.integers(-2, 300) | st.floats() | st.booleans() | st.binary(max_size=3),
)
NESTED = st.recursive(
    CELLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
ROWS = st.lists(NESTED, max_size=3)
ODD = st.one_of(
    NESTED,
    ROWS,
    st.lists(st.text(max_size=4), max_size=3),
    st.lists(st.lists(st.sampled_from(["Ann", "met", " "]), max_size=3), max_size=3),
    st.lists(st.text(max_size=4), max_size=3).map(np.array),
    ROWS.map(lambda rows: np.array([*rows, None], object)[:-1].reshape(-1, 1)),
    ROWS.map(lambda rows: pd.DataFrame({"a": pd.Series(rows, dtype=object)})),
    st.lists(CELLS, max_size=3).map(lambda rows: pd.DataFrame({"a": rows, "b": rows}, dtype=object)),
    st.sets(st.text(max_size=3), max_size=3),
    st.sampled_from([np.zeros((2, 2)), np.zeros((0, 2)), np.zeros(3), np.array(2.5), np.zeros((1, 1, 1))]),
    st.sampled_from([range(2), np.array(["a"], "S"), np.array([1j]), np.array(["2020"], "M8[D]"), ...]),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=ODD, labels=ODD)
def test_odd_inputs_are_answered_or_refused(tfidf, small_model, tagger, texts, labels):
    """As many answers as texts, or an error of ours."""
    warnings.simplefilter("ignore", RuntimeWarning)
    for model in (tfidf, small_model, tagger):
        for call in (model.predict, model.predict_proba, model.answers, model.scores, model.encode):
            try:
                found = call(texts)
            except WordladderError:
                continue
            assert isinstance(texts, str) or len(found) == len(texts)
        for call in (model.similarity, model.fusion_weights, model.score, model.evaluate):
            try:
                call(texts, labels) if call in (model.score, model.evaluate) else call(texts)
            except WordladderError:
                continue
    odd = ({"labels": labels}, {"groups": texts}, {"sample_weight": texts}, {"dev": (texts, labels)})
    for given_ in odd:
        try:
            Model(TFIDF).fit(**{"texts": THREE, "labels": ["a", "b", "a"], **given_})
        except WordladderError:
            continue
