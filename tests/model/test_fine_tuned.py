"""Models that were fine-tuned with transformers answer here as they do there."""

import json

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    pipeline,
)

from tiny_transformers import SIZES, tiny_albert, tiny_bert, tiny_roberta
from wordladder import Model
from wordladder.errors import DataError, ModelError
from wordladder.interop.fine_tuned import FineTuned

TEXTS = ["The good film, a very bad one!", "", "unbelievable story", "the good story was bad, " * 30, "act"]
MAKERS = {"albert": tiny_albert, "bert": tiny_bert, "roberta": tiny_roberta}
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module", params=sorted(MAKERS))
def encoder(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp("encoders") / request.param)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


def tuned(encoder, folder, auto, labels=("neg", "neutral", "pos"), **facts):
    """A model with a head of random weights, and the tokenizer of an encoder."""
    names = dict(enumerate(labels))
    config = AutoConfig.from_pretrained(
        encoder, id2label=names, label2id={v: k for k, v in names.items()}, **facts
    )
    torch.manual_seed(3)
    model = auto.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)
    return folder


class Twin:
    """The model and the tokenizer of transformers, a text at a time."""

    def __init__(self, folder, auto):
        self.model = auto.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def __call__(self, *texts):
        given = self.tokenizer(
            *texts, return_tensors="pt", truncation=True, max_length=64, return_offsets_mapping=True
        )
        offsets = given.pop("offset_mapping")[0].tolist()
        return self.model(**given), offsets, given.sequence_ids(0)


@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification"])
def test_classes_are_those_of_transformers(encoder, tmp_path, problem):
    folder = tuned(encoder, tmp_path / "a", AutoModelForSequenceClassification, problem_type=problem)
    model, twin = Model.load(folder), Twin(folder, AutoModelForSequenceClassification)
    logits = torch.cat([twin(text)[0].logits for text in TEXTS])
    several = problem.startswith("multi")
    expected = logits.sigmoid() if several else logits.softmax(dim=1)
    assert model.classes_.tolist() == ["neg", "neutral", "pos"]
    np.testing.assert_allclose(model.predict_proba(TEXTS), expected, atol=1e-5)
    names = np.array(["neg", "neutral", "pos"])
    if several:
        assert model.predict(TEXTS) == [tuple(names[row >= 0.5]) for row in expected.numpy()]
    else:
        assert model.predict(TEXTS).tolist() == names[expected.argmax(dim=1)].tolist()
        assert model.score(TEXTS, model.predict(TEXTS)) == 1.0
    model.save(tmp_path / "b")
    for again in (Model.load(tmp_path / "b"), Model.load(folder, precision="bfloat16")):
        np.testing.assert_allclose(again.predict_proba(TEXTS), expected, atol=0.05)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "b").config.id2label[2] == "pos"


@pytest.mark.parametrize("family", ["distilbert", "electra", "deberta-v2", "gpt2"])
def test_classes_of_other_families(bert, tmp_path, family):
    sizes = {"gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}}.get(family, SIZES)
    tokenizer = AutoTokenizer.from_pretrained(bert)
    config = AutoConfig.for_model(family, vocab_size=len(tokenizer), num_labels=3, **sizes)
    torch.manual_seed(1)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    twin = Twin(tmp_path, AutoModelForSequenceClassification)
    expected = torch.cat([twin(text)[0].logits for text in TEXTS])
    np.testing.assert_allclose(Model.load(tmp_path).scores(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("auto", [AutoModelForSequenceClassification, AutoModelForQuestionAnswering])
def test_a_model_with_a_head_also_encodes(bert, tmp_path, auto):
    folder = tuned(bert, tmp_path, auto, ["one", "two"])
    model, twin = Model.load(folder, precision="float32"), Twin(folder, auto)
    found = [
        twin.model.bert(**twin.tokenizer(t, return_tensors="pt")).last_hidden_state[0] for t in TEXTS[:3]
    ]
    expected = torch.stack([states.mean(dim=0) for states in found]).detach()
    np.testing.assert_allclose(model.encode(TEXTS[:3]), expected, atol=1e-5)
    assert model.recipe_.tables["embedders"][0]["tune"]


def words_of(text, offsets, pieces):
    """For each of our words the rows of its pieces."""
    from wordladder.text.words import tokenize

    tokens = tokenize([text])
    return [
        [row for row, (a, b) in enumerate(offsets) if pieces[row] is not None and a < end and b > start]
        for start, end in zip(tokens.starts.tolist(), tokens.ends.tolist())
    ]


def test_tags_are_those_of_transformers(encoder, tmp_path):
    folder = tuned(encoder, tmp_path / "a", AutoModelForTokenClassification, TAGS)
    model, twin = Model.load(folder), Twin(folder, AutoModelForTokenClassification)
    texts = [text for text in TEXTS if len(text) < 100]
    found = model.scores(texts)
    assert model.task_.tag_set.names == TAGS
    expected, plain = [], []
    for text in texts:
        output, offsets, ids = twin(text)
        rows = [row[0] for row in words_of(text, offsets, ids)]
        expected.append(output.logits[0][rows])
        plain.append([TAGS[place] for place in expected[-1].argmax(dim=1)])
    expected = torch.cat(expected).numpy()
    # Where an inside begins an entity, its score and that of the begin have changed places.
    np.testing.assert_allclose(np.sort(found.values), np.sort(expected), atol=1e-5)
    kept = found.values.argmax(axis=1) == expected.argmax(axis=1)
    np.testing.assert_allclose(found.values[kept], expected[kept], atol=1e-5)
    tags = [TAGS[place] for place in found.values.argmax(axis=1)]
    assert model.task_.predicted(found).tolist() == found.values.argmax(axis=1).tolist(), (
        "all follow the scheme"
    )
    assert [tag[2:] for tag in tags] == [tag[2:] for row in plain for tag in row]
    model.save(tmp_path / "b")
    assert Model.load(tmp_path / "b").predict(TEXTS) == model.predict(TEXTS)


@pytest.mark.parametrize(
    "labels", [TAGS, ["O", "I-PER", "I-LOC", "B-LOC"], ["O", "B-PER", "I-PER", "I-LOC", "B-ORG"]]
)
def test_entities_are_those_of_the_pipeline(bert, tmp_path, labels):
    folder = tuned(bert, tmp_path, AutoModelForTokenClassification, labels)
    there = pipeline("token-classification", str(folder), aggregation_strategy="first", device="cpu")
    texts = ["the good film, a very bad story", "un able acts", "a good the bad film act . the story"]
    for text, spans in zip(texts, Model.load(folder).predict(texts)):
        expected = [(one["start"], one["end"], one["entity_group"]) for one in there(text)]
        assert [tuple(span) for span in spans] == expected


@pytest.mark.parametrize(
    ("labels", "scheme", "types"),
    [
        (["O", "PER", "LOC"], "bio", ["PER", "LOC"]),
        (["O", "B-X", "L-X", "I-X", "U-X"], "bioes", ["X"]),
        (["NOUN", "VERB", "ADJ"], "words", ["NOUN", "VERB", "ADJ"]),
    ],
)
def test_schemes_of_tags(bert, tmp_path, labels, scheme, types):
    model = Model.load(tuned(bert, tmp_path, AutoModelForTokenClassification, labels))
    assert (model.task_.tag_set.scheme, model.task_.labels) == (scheme, types)
    for text, spans in zip(TEXTS, model.predict(TEXTS)):
        assert all(0 <= span.start < span.end <= len(text) and span.type in types for span in spans)
    words = model.predict([["the", "film", "acts"]])
    assert len(words[0]) == 3


def test_a_file_of_tagged_words_keeps_its_words(bert, tmp_path):
    model = Model.load(tuned(bert, tmp_path / "a", AutoModelForTokenClassification, TAGS))
    (words,) = model.predict([["the", "un-able", "film"]])
    assert len(words) == 3


def test_answers_are_those_of_transformers(encoder, tmp_path):
    folder = tuned(encoder, tmp_path / "a", AutoModelForQuestionAnswering, ["start", "end"])
    model, twin = Model.load(folder), Twin(folder, AutoModelForQuestionAnswering)
    pairs = [
        ("the good film?", "a very bad story, an unbelievable act"),
        ("", "bad story"),
        ("act?", "the film"),
    ]
    found = model.scores(pairs)
    for row, (question, passage) in enumerate(pairs):
        output, offsets, ids = twin(question, passage)
        logits = torch.stack([output.start_logits[0], output.end_logits[0]], dim=1)
        inside = [0 if one == 1 else None for one in ids]
        expected = torch.stack(
            [logits[rows].max(dim=0).values for rows in words_of(passage, offsets, inside)]
        )
        _, high = found.tokens.example_offsets[row : row + 2]
        values = found.values[high - len(expected) : high]
        np.testing.assert_allclose(values, expected, atol=1e-5)
        pairs_of = [(i, j) for i in range(len(values)) for j in range(i, len(values))]
        best = max(pairs_of, key=lambda p: expected[p[0], 0] + expected[p[1], 1])
        words = found.tokens
        first = high - len(values)
        answer = passage[words.starts[first + best[0]] : words.ends[first + best[1]]]
        assert model.predict([(question, passage)]) == [answer]
    model.save(tmp_path / "b")
    assert Model.load(tmp_path / "b").predict(pairs) == model.predict(pairs)


def test_long_passages_are_read_in_windows(bert, tmp_path):
    folder = tuned(bert, tmp_path, AutoModelForQuestionAnswering, ["start", "end"])
    model = Model.load(folder)
    passage = "the bad story. " * 60 + "the good film."
    (answer,) = model.answers([("act?", passage)], top=3)
    assert passage[answer["answer"]["start"] : answer["answer"]["end"]] == answer["answer"]["text"]
    assert (model.scores([("act?", passage)]).values[2:] > -100).all(), "every word is read"


def test_what_a_head_cannot_do_is_refused(bert, tmp_path):
    folder = tuned(bert, tmp_path / "one", AutoModelForSequenceClassification, ["score"])
    with pytest.raises(ModelError, match="no head for a task"):
        Model.load(folder).predict(["a"])
    folder = tuned(bert, tmp_path / "classes", AutoModelForSequenceClassification)
    with pytest.raises(DataError, match=r"'positive' does not occur.*one of: neg, neutral, pos"):
        Model.load(folder).evaluate(["a"], ["positive"])
    weights = folder / "model.safetensors"
    from safetensors.torch import load_file, save_file

    without = {name: tensor for name, tensor in load_file(weights).items() if "classifier" not in name}
    save_file(without, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no weights for classifier\.bias"):
        Model.load(folder)
    for broken in (
        "{}",
        '{"architectures": ["XForQuestionAnswering"], "id2label": null}',
        '{"architectures": []}',
        '{"architectures": 3}',
        "[1]",
        "{",
    ):
        (tmp_path / "config.json").write_text(broken)
        with pytest.raises(ModelError):
            Model.load(tmp_path)
    assert isinstance(
        Model.load(tuned(bert, tmp_path / "c", AutoModelForQuestionAnswering, ["a", "b"])).engine_, FineTuned
    )
    assert json.loads((tmp_path / "c" / "config.json").read_text())["architectures"] == [
        "BertForQuestionAnswering"
    ]
