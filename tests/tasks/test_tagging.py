"""Tagging: answers in the original text, and probabilities and figures against brute force and seqeval."""

import itertools
import random

import numpy as np
import pytest
import torch

from wordladder.data.examples import Examples, Span
from wordladder.data.tagged import tagged_words, tags_of_words
from wordladder.errors import DataError
from wordladder.heads.tagging import TaggingHead
from wordladder.layers.sequence import Sequence
from wordladder.layers.tag_chain import allowed_transitions
from wordladder.tasks._word_scores import IGNORED, WordScores
from wordladder.tasks.tagging import Tagging
from wordladder.text.words import TextSettings, tokenize

TEXTS = ["  Ann   Lee\tmet 👍🏽 Bo .", "", "王小明去了北京 。", "O'Neil's café — U.S."]
LABELS = [
    (Span(2, 11, "PER"), Span(19, 21, "PER")),
    (),
    (Span(0, 3, "PER"), Span(5, 7, "LOC")),
    (Span(16, 20, "LOC"),),
]


def made(examples=None, **settings):
    """A task that has learned its labels."""
    task = Tagging(**settings)
    task.initialise(examples or Examples((TEXTS,), LABELS))
    return task


def head_of(task, seed=1):
    """A head with a random chain."""
    torch.manual_seed(seed)
    head = TaggingHead(task, 4, 0).eval()
    for weight in head.chain.parameters() if task.crf else ():
        torch.nn.init.normal_(weight)
    return head


def scores_of(task, values, tokens):
    return WordScores(values.astype(np.float32), tokens, head_of(task).chain.chain)


def random_scores(task, texts, seed=0, scale=2.0):
    tokens = tokenize(texts)
    values = np.random.default_rng(seed).normal(0, scale, (len(tokens.starts), task.width))
    return scores_of(task, values, tokens)


def sure_scores(task, examples, **settings):
    """Scores that speak for the right tags alone."""
    tokens = tokenize(examples.texts, TextSettings(**settings))
    tags = task.targets(examples, tokens).values
    return scores_of(task, 30 * np.eye(task.width)[tags], tokens)


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("crf", [False, True])
def test_the_right_tags_answer_with_the_spans_as_they_stand(scheme, crf):
    examples = Examples((TEXTS,), LABELS)
    task = made(examples, scheme=scheme, crf=crf)
    scores = sure_scores(task, examples)
    assert task.predictions(scores) == [list(row) for row in LABELS]
    for answer, text, spans in zip(task.answers(scores), TEXTS, LABELS):
        found = answer["entities"]
        assert [(e["start"], e["end"], e["type"]) for e in found] == list(spans)
        assert [e["text"] for e in found] == [text[span.start : span.end] for span in spans]
        assert all(e["confidence"] > 0.99 for e in found)
    metrics = task.metrics(scores, examples)
    assert metrics["f1"] == metrics["precision"] == metrics["recall"] == 1.0
    assert metrics["labels"]["PER"]["support"] == 3


def paths(task, scores):
    """Every path of tags that is allowed, and its probability."""
    emissions, chain, tags = scores.values, scores.chain.weights, range(task.width)
    weighed = {}
    for path in itertools.product(tags, repeat=len(emissions)):
        score = chain.starts[path[0]] + chain.ends[path[-1]]
        score += sum(emissions[word, tag] for word, tag in enumerate(path))
        score += sum(chain.transitions[a, b] for a, b in itertools.pairwise(path))
        if np.isfinite(score):
            weighed[path] = float(np.exp(np.float64(score)))
    total = sum(weighed.values())
    return {path: weight / total for path, weight in weighed.items()}


def spans_in(task, tokens, path):
    tags = np.array(path)
    return task._spans(tokens, tags)[0]


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("crf", [False, True])
def test_confidences_and_alternatives_are_sums_over_all_paths(scheme, crf):
    task = made(scheme=scheme, crf=crf)
    scores = random_scores(task, ["a b c d"], scale=1.0)
    probable = paths(task, scores)
    ways = {path: spans_in(task, scores.tokens, path) for path in probable}
    best = max(probable, key=probable.get)
    (answer,) = task.answers(scores, 4)
    assert [(e["start"], e["end"], e["type"]) for e in answer["entities"]] == ways[best]
    for entity in answer["entities"]:
        span = Span(entity["start"], entity["end"], entity["type"])
        total = sum(share for path, share in probable.items() if span in ways[path])
        assert entity["confidence"] == pytest.approx(total, abs=1e-5)
    expected = sorted(probable.values(), reverse=True)[:4]
    found = [way["probability"] for way in answer["alternatives"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert answer["alternatives"][0]["entities"] == answer["entities"]


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_what_the_scheme_forbids_is_never_answered(crf, scheme):
    task = made(crf=crf, scheme=scheme)
    start, to, end = allowed_transitions(task.tag_set.names, scheme)
    for seed in range(5):
        scores = random_scores(task, TEXTS * 5, seed)
        tags, offsets = task.predicted(scores), scores.tokens.example_offsets
        for low, high in itertools.pairwise(offsets):
            here = tags[low:high]
            assert to[here[:-1], here[1:]].all()
            assert low == high or (start[here[0]] and end[here[-1]])


def test_without_a_chain_every_word_is_learned_alone():
    task = made(crf=False)
    head = head_of(task)
    scores = torch.randn(2, 3, task.width, requires_grad=True)
    targets = torch.tensor([[0, 3, 1], [2, IGNORED, IGNORED]])
    loss = head.loss(scores, targets)
    chances = torch.log_softmax(scores, -1)
    expected = -(chances[0, 0, 0] + chances[0, 1, 3] + chances[0, 2, 1] + chances[1, 0, 2]) / 4
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert not scores.grad[1, 1:].any()
    assert all(weight.grad is None for weight in head.chain.parameters())
    assert head.loss(scores, torch.full((2, 3), IGNORED)).item() == 0.0


def test_alternatives_go_down_and_end_where_there_are_no_more():
    task = made()
    answers = task.answers(random_scores(task, ["a b c", "", "a", "我 b"]), 1000)
    for answer in answers:
        shares = [way["probability"] for way in answer["alternatives"]]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1.0, abs=1e-4)
        assert answer["alternatives"][0]["entities"] == answer["entities"]
    assert [len(answer["alternatives"]) for answer in answers][1:3] == [1, 3]  # O, S-LOC, S-PER
    assert "alternatives" not in task.answers(random_scores(task, ["a b"]), 1)[0]


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_seqeval(seed):
    seqeval = pytest.importorskip("seqeval.metrics")
    rng = random.Random(seed)
    names = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    words = [["w"] * rng.randint(1, 8) for _ in range(12)]
    gold = tagged_words(words, [[rng.choice(names) for _ in row] for row in words])
    task = made(gold)
    scores = random_scores(task, gold.texts, seed)
    found = tags_of_words(words, task.predictions(scores))
    right = tags_of_words(words, gold.labels)
    metrics = task.metrics(scores, gold)
    for name in ("f1", "precision", "recall"):
        assert metrics[name] == pytest.approx(getattr(seqeval, f"{name}_score")(right, found))
    assert task.primary(task.outcomes(scores, gold)) == metrics["f1"]
    each = seqeval.classification_report(right, found, output_dict=True, zero_division=0)
    for kind, row in metrics["labels"].items():
        expected = [each[kind][name] for name in ("precision", "recall", "f1-score", "support")]
        assert [row[name] for name in ("precision", "recall", "f1", "support")] == pytest.approx(expected)


WORDS = [["The", "U.S.", "won", "!"], ["I", "can't"]]
TAGS = [["DET", "NOUN", "VERB", "PUNCT"], ["PRON", "VERB"]]


def test_a_tag_for_every_word_of_the_data():
    examples = tagged_words(WORDS, TAGS)
    task = made(examples)
    assert task.metric == "accuracy"
    scores = sure_scores(task, examples)
    assert len(scores.tokens.starts) > sum(map(len, WORDS))  # U.S. is several words here
    assert task.metrics(scores, examples)["accuracy"] == 1.0
    assert tags_of_words(WORDS, task.predictions(scores), "words") == TAGS
    assert task.outcomes(scores, examples).tolist() == [[4, 4], [2, 2]]
    told = task.answers(scores)[1]["words"]
    assert [word["type"] for word in told] == ["PRON", "VERB"]


def test_of_a_word_of_the_data_its_first_word_counts():
    examples = tagged_words(WORDS, TAGS)
    task = made(examples)
    tokens, place = tokenize(examples.texts), task.tag_set.index
    tags = task.targets(examples, tokens).values
    us = tokens.words_of(0).index("U")
    for wrong, hits in ((us, 3), (us + 1, 4)):
        changed = tags.copy()
        changed[wrong] = place["VERB"]
        scores = scores_of(task, 30 * np.eye(task.width)[changed], tokens)
        assert task.outcomes(scores, examples).tolist() == [[hits, 4], [2, 2]]
        assert task.metrics(scores, examples)["accuracy"] == pytest.approx((hits + 2) / 6)
        noun = task.metrics(scores, examples)["labels"]["NOUN"]
        assert noun["recall"] == (hits == 4)


def test_a_type_that_training_has_not_seen_is_missed():
    task = made(Examples((["a b"],), [(Span(0, 1, "PER"),)]))
    test = Examples((["a b", "c d"],), [(Span(0, 1, "PER"),), (Span(0, 3, "ORG"),)])
    task.check(test)
    metrics = task.metrics(sure_scores(task, test), test)
    assert metrics["precision"] == 1.0
    assert metrics["recall"] == 0.5
    assert metrics["labels"]["ORG"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    words = made(tagged_words(WORDS, TAGS))
    unseen = tagged_words([["I", "won"]], [["PRON", "AUX"]])
    assert words.metrics(sure_scores_of(words, unseen), unseen)["accuracy"] == 0.5


def sure_scores_of(task, examples):
    """Every word is said to be a pronoun."""
    tokens = tokenize(examples.texts)
    row = 30 * np.eye(task.width)[task.tag_set.index["PRON"]]
    return scores_of(task, np.tile(row, (len(tokens.starts), 1)), tokens)


def test_what_is_behind_max_words_is_missed_and_told():
    examples = Examples(
        (["Ann Lee met Bo in Rome"],), [(Span(0, 7, "PER"), Span(12, 14, "PER"), Span(18, 22, "LOC"))]
    )
    task = made(examples)
    scores = sure_scores(task, examples, max_words=4)
    assert task.metrics(scores, examples)["recall"] == pytest.approx(2 / 3)
    assert task.facts(examples, scores.tokens) == {"spans": 3, "spans_within_words": 0, "spans_lost": 1}
    cut = tokenize(examples.texts, TextSettings(max_words=1))
    assert task.facts(examples, cut) == {"spans": 3, "spans_within_words": 0, "spans_lost": 3}
    inner = Examples((["Paris-based"],), [(Span(1, 5, "LOC"),)])
    assert task.facts(inner, tokenize(inner.texts))["spans_within_words"] == 1


def test_padding_has_no_target_and_no_score():
    examples = Examples((TEXTS,), LABELS)
    task = made(examples)
    targets = task.targets(examples, tokenize(TEXTS))
    rows = targets[np.array([2, 1, 0])]
    lengths = tokenize(TEXTS).lengths[[2, 1, 0]].tolist()
    assert (rows != IGNORED).sum(axis=1).tolist() == lengths
    assert rows.shape == (3, max(lengths))
    vectors = torch.randn(1, 3, 4)
    found = head_of(task)(Sequence(vectors, torch.ones(1, 3, dtype=torch.bool)))
    assert found.shape == (1, 3, task.width)
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (Examples((["a"],)), "no tags"),
        (Examples((["a"],), ["PER"], source="x.csv"), "row 1.*list of .start, end, type."),
        (Examples((["a", "b"],), [(), ()]), "nothing to learn: no entities"),
        (tagged_words([["a", "b"]], [["X", "X"]]), "the same tag everywhere"),
    ],
)
def test_labels_that_cannot_be_learned(examples, message):
    with pytest.raises(DataError, match=message):
        Tagging().initialise(examples)


def test_entities_are_not_measured_on_parts_of_speech():
    with pytest.raises(DataError, match="a tag for every word, the training data had entities"):
        made().check(tagged_words(WORDS, TAGS))
