"""Questions through Model: BiDAF, and a transformer that reads question and passage together, in windows."""

import json

import numpy as np
import pytest

from made_up_tasks import questions
from tiny_transformers import tiny_bert
from wordladder import Model, Recipe
from wordladder.data.examples import Answer, Examples
from wordladder.data.splits import hold_out, overlap
from wordladder.errors import DataError, RecipeError

NO_DROPOUT = ("embedders.0", "embedders.1", "encoders.1", "encoders.2", "task")
SMALL = {
    "vectors.dim": 12,
    "vectors.epochs": 1,
    "embedders.0.tune": True,
    "embedders.1.filters": 6,
    "encoders.0.hidden": 12,
    "encoders.2.hidden": 12,
    "encoders.2.layers": 1,
    "training.epochs": 7,
    "training.batch_rows": 8,
    "training.learning_rate": 0.02,
    **{f"{part}.dropout": 0.0 for part in NO_DROPOUT},
}


@pytest.fixture(scope="module")
def bidaf():
    """The rung BiDAF, made small, trained on questions of which some have no answer."""
    recipe = Recipe.load("bidaf").with_settings(SMALL)
    return Model(recipe).fit(*questions(60, none=0.3), dev=questions(20, seed=1, none=0.3))


def test_bidaf_learns(bidaf):
    pairs, answers = questions(30, seed=2, none=0.3)
    found = bidaf.evaluate(pairs, answers)
    assert (found.task, found.metric, found.rows) == ("span_qa", "f1", 60)
    assert found.value > 0.8
    assert found.metrics.keys() >= {"exact_match", "f1", "f1_answerable", "f1_unanswerable"}
    assert "no_answer_threshold" in bidaf.report_["decoding"]
    json.dumps(found.to_dict())


def test_answers_stand_in_the_passage(bidaf):
    pairs, _ = questions(20, seed=3, none=0.3)
    told = bidaf.answers(pairs, 3)
    for (_, passage), one in zip(pairs, told):
        for answer in [one["answer"], *one["candidates"]]:
            assert answer["text"] == (
                "" if answer["start"] is None else passage[answer["start"] : answer["end"]]
            )
            assert 0 <= answer["score"] <= 1
        shares = [candidate["score"] for candidate in one["candidates"]]
        assert shares == sorted(shares, reverse=True)
    assert bidaf.predict(pairs) == [one["answer"]["text"] for one in told]
    json.dumps(told)


def test_a_question_alone_gets_the_answer_it_gets_in_a_batch(bidaf):
    pairs, _ = questions(10, seed=4, none=0.3)
    pairs += [("what ?", ""), ("", "the car is red ."), ("", "")]
    together = [one["answer"] for one in bidaf.answers(pairs)]
    for pair, answer in zip(pairs, together):
        (alone,) = bidaf.answers([pair])
        assert alone["answer"]["text"] == answer["text"]
        assert alone["answer"]["score"] == pytest.approx(answer["score"], abs=1e-5)
    assert together[-3]["text"] == together[-1]["text"] == ""


def test_save_and_load(bidaf, tmp_path):
    pairs, _ = questions(10, seed=5, none=0.3)
    bidaf.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.answers(pairs, 2) == bidaf.answers(pairs, 2)
    assert again.task_.threshold == bidaf.task_.threshold
    assert '("question", "passage")' in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A tuned transformer that reads few pieces at once, so that passages come in windows."""
    source = str(tiny_bert(tmp_path_factory.mktemp("encoder") / "bert"))
    bert = {"kind": "transformer", "source": source, "tune": True, "precision": "float32", "layer_decay": 1.0}
    bert |= {"max_pieces": 48, "overlap": 8, "attention_dropout": 0.0, "hidden_dropout": 0.0}
    recipe = {
        "embedders": [bert],
        "task": {"kind": "span_qa", "dropout": 0.0},
        "training": {"epochs": 5, "batch_rows": 8, "learning_rate": 0.01},
    }
    return Model(recipe).fit(*marked(120, seed=1), dev=marked(20, seed=4))


def marked(rows, seed, before=3):
    """A passage of films and acts in which the one other word is asked for; a question for what is bad has no
    answer.
    """
    chance = np.random.default_rng(seed)
    pairs, answers = [], []
    for row in range(rows):
        first, then = (
            chance.choice(["film", "act", "story"], count + int(chance.integers(4))).tolist()
            for count in (before, 2)
        )
        word = str(chance.choice(["kilo", "lima", "mike"]))
        pairs.append(("the bad ?" if row % 4 == 0 else "the good ?", " ".join([*first, word, *then])))
        answers.append([] if row % 4 == 0 else [(word, len(" ".join(first)) + 1)])
    return pairs, answers


def test_a_transformer_reads_question_and_passage_together(reader):
    assert reader.score(*marked(30, seed=2)) > 0.8


def test_an_answer_in_a_late_window(reader):
    pairs, answers = marked(8, seed=3, before=80)
    tokens = reader.engine_.words.tokens(Examples(tuple(map(list, zip(*pairs)))))
    laid = reader.engine_.network.embedders[0].prepare(tokens)
    assert sum(len(group.ids) for group in laid.groups) >= 16  # at least two windows each
    assert reader.score(pairs, answers) > 0.6
    starts = [one["answer"]["start"] for one in reader.answers(pairs)]
    assert all(start is None or start > 200 for start in starts)


def test_questions_about_one_passage_stay_together():
    pairs, answers = questions(30)
    examples = Examples(
        tuple(map(list, zip(*pairs))), [tuple(Answer(*one) for one in row) for row in answers]
    )
    rest, held = hold_out(examples, 0.2, seed=1)
    assert len(held) == 12
    assert not set(rest.segments[1]) & set(held.segments[1])
    assert overlap(rest, held) == 0
    assert overlap(examples, held) == 12
    without = Examples(held.segments, [()] * len(held))
    assert overlap(examples, without) == 12, "the passage decides, though these have no answers"


def test_what_cannot_be_learned_is_told():
    pairs, answers = questions(20)
    answers = [*answers[:-2], "nowhere", None]
    recipe = Recipe.load("bidaf").with_settings(SMALL | {"training.epochs": 1, "text.max_words": 6})
    made = Model(recipe).fit(pairs, answers, dev=(pairs, answers))
    lost = made.report_["text"]["train"]["answers_lost"]
    assert 1 < lost < 39
    assert f"{lost} of the 39 answers of the train questions are not in the part of the passage" in " ".join(
        made.report_["warnings"]
    )


@pytest.mark.parametrize(
    "answer",
    [
        "red",
        ["red"],
        ("red", 11),
        [("red", 11)],
        [Answer("red", 11)],
        [("red", 2)],  # a wrong place is looked up
        {"text": "red", "start": 11},
        [{"text": "red", "answer_start": 11}],
        {"text": ["red"], "answer_start": [11]},
    ],
)
def test_how_answers_may_be_written(bidaf, answer):
    from wordladder.model.inputs import examples_of

    found = examples_of([("what ?", "the car is red .")], [answer], bidaf.task_)
    assert found.labels == [(Answer("red", 11),)]
    for nothing in (None, "", [], {"text": [], "answer_start": []}, {"text": "", "start": None}):
        assert examples_of([("what ?", "the car")], [nothing], bidaf.task_).labels == [()]


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["one text"], ["a"], "row 1: 2 texts are expected, such as a question and a passage"),
        ([("q", "p")], [3], "row 1.*an answer or a list of answers"),
        ([("q", "p")], [[3]], "row 1: an object with the key 'text' is expected, found 3"),
        ([("q", "p")], [{"start": 3}], "row 1.*'text'"),
        ([("q", "p")], [("a", "b", 3)], "row 1: an object with the key 'text' is expected, found 3"),
        ([("q", 3)], ["a"], "row 1: a text must be a string"),
        ([("q", "p")] * 2, ["p"], "2 texts and 1 labels"),
        ([("q", "p")] * 2, ["x", "y"], "no question has an answer that is in its passage"),
    ],
)
def test_what_is_wrong_is_named(texts, labels, message):
    recipe = Recipe.load("bidaf").with_settings(SMALL | {"training.dev_share": 0.0})
    with pytest.raises(DataError, match=message):
        Model(recipe).fit(texts, labels)


def test_an_alignment_needs_two_texts():
    tables = {
        "embedders": [{"kind": "static"}],
        "encoders": [{"kind": "alignment"}],
        "task": {"kind": "tagging"},
    }
    with pytest.raises(RecipeError, match="compares the texts of an example"):
        Model(tables).fit(["a b", "c"], [[(0, 1, "X")], []])
