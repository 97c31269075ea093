"""Triplets, lists of positives and negatives, pairs without scores and single texts, read for similarity."""

import json

import numpy as np
import pytest

from wordladder.data.batches import length_batches
from wordladder.data.examples import Examples
from wordladder.data.partners import STRANGERS, with_strangers
from wordladder.data.reading import read_examples
from wordladder.data.splits import hold_out
from wordladder.errors import DataError
from wordladder.training.mining import with_mined_negatives


def pairs_of(path):
    found = read_examples(path, "similarity")
    return list(zip(*found.segments, found.labels)), found


def test_triplets_are_pairs_in_groups(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "anchor,positive,negative_1,negative_2\na cat,a kitten,a dog,\nx,y,z,w\n", encoding="utf-8"
    )
    pairs, found = pairs_of(path)
    assert pairs == [
        ("a cat", "a kitten", 1.0),
        ("a cat", "a dog", 0.0),
        ("x", "y", 1.0),
        ("x", "z", 0.0),
        ("x", "w", 0.0),
    ]
    assert found.groups == ["a cat", "a cat", "x", "x", "x"]
    assert found.lines.tolist() == [2, 2, 3, 3, 3]
    assert "2 rows of texts and partners: 5 pairs." in found.notes


@pytest.mark.parametrize(
    "keys", [("query", "pos", "neg"), ("query", "positive_passages", "negative_passages")]
)
def test_lists_of_positives_and_negatives(tmp_path, keys):
    query, near, far = keys
    rows = [
        {query: "rice", near: ["boil it", "steam it"], far: [{"text": "ride"}], "id": 3},
        {query: "Paris", near: "city", far: []},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert pairs_of(path)[0] == [
        ("rice", "boil it", 1.0),
        ("rice", "steam it", 1.0),
        ("rice", "ride", 0.0),
        ("Paris", "city", 1.0),
    ]
    rows[1][near] = [7, {"title": "no text"}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError, match=rf"line 2: column '{near}' has no text"):
        read_examples(path, "similarity")


def test_positives_need_the_text_they_belong_to(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("first,positive,negative\na,b,c\n", encoding="utf-8")
    with pytest.raises(DataError, match="column 'positive' holds texts that belong to another"):
        read_examples(path, "similarity")


def test_pairs_without_scores_belong_together(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("text_a\ttext_b\none\tuno\ntwo\tdue\n", encoding="utf-8")
    pairs, found = pairs_of(path)
    assert pairs == [("one", "uno", 1.0), ("two", "due", 1.0)]
    assert found.notes[-1] == "There are no scores: the texts of a pair belong together."
    assert read_examples(path, "similarity", labelled=False).labels is None


def test_single_texts_are_their_own_partners(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("one text\nanother\n", encoding="utf-8")
    pairs, found = pairs_of(path)
    assert pairs == [("one text", "one text", 1.0), ("another", "another", 1.0)]
    with pytest.raises(DataError, match="each text is its own partner"):
        with_strangers(found)


def test_entailment_is_a_score(tmp_path):
    path = tmp_path / "t.csv"
    rows = "premise,hypothesis,gold_label\na,b,entailment\na,c,contradiction\na,d,neutral\na,e,-\n"
    path.write_text(rows, encoding="utf-8")
    assert [score for *_, score in pairs_of(path)[0]] == [1.0, 0.0, 0.5]


def test_strangers_are_partners_of_others():
    texts = [f"text {row}" for row in range(30)]
    partners = [f"partner {row // 2}" for row in range(30)]
    found = with_strangers(Examples((texts, partners), [1.0] * 30))
    rows = list(zip(*found.segments, found.labels, found.groups))
    assert rows[:30] == [(text, partner, 1.0, text) for text, partner in zip(texts, partners)]
    right = set(zip(texts, partners))
    assert len(rows) > 30 * STRANGERS / 2
    assert all(
        score == 0 and (first, second) not in right and group == first
        for first, second, score, group in rows[30:]
    )
    assert with_strangers(found) is found


def test_rows_of_one_number_are_in_one_batch():
    numbers = np.array([7, 1, 7, 2, 1, 7, 3, 4])
    lengths = np.arange(1, 9)
    batches = length_batches(lengths, max_words=1000, max_rows=2, seed=1, together=numbers)
    assert sorted(np.concatenate(batches).tolist()) == list(range(8))
    batch_of = {row: number for number, batch in enumerate(batches) for row in batch.tolist()}
    assert len({(numbers[row], batch) for row, batch in batch_of.items()}) == 5
    assert all(len(set(numbers[batch])) <= 2 for batch in batches)


def test_mined_negatives_are_the_nearest_partners_of_others():
    chance = np.random.default_rng(3)
    rows, texts = 40, 60
    numbers = np.column_stack([chance.integers(0, 25, rows), chance.integers(20, texts, rows)])
    names = [f"text {number}" for number in range(texts)]
    vectors = chance.normal(size=(texts, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = chance.random(rows) < 0.7
    examples = Examples(
        tuple([names[n] for n in side] for side in numbers.T), np.where(near, 5.0, 2.0).tolist()
    )
    found = with_mined_negatives(examples, near, vectors, numbers, 3, 2.0)
    expected = []
    for row in np.flatnonzero(near):
        first, own = numbers[row]
        partners = {int(b) for a, b in numbers[near] if a == first}
        cosines = {
            int(n): float(vectors[first] @ vectors[n])
            for n in np.unique(numbers[near, 1])
            if n != first and n not in partners
        }
        limit = 0.95 * float(vectors[first] @ vectors[own])
        best = sorted((n for n, c in cosines.items() if c < limit), key=lambda n: -cosines[n])[:3]
        expected += [(names[first], names[n], 2.0) for n in best]
    mined = list(zip(*found.segments, found.labels))
    assert mined[:rows] == list(zip(*examples.segments, examples.labels))
    assert mined[rows:] == expected
    assert expected


def test_a_group_is_not_divided(tmp_path):
    path = tmp_path / "t.csv"
    lines = [f"text {row},near {row},far {row}" for row in range(30)]
    path.write_text("\n".join(["anchor,positive,negative", *lines]), encoding="utf-8")
    rest, held_out = hold_out(read_examples(path, "similarity"), 0.2, 1)
    assert set(rest.texts).isdisjoint(held_out.texts)
    assert len(held_out) == 12
