"""Vocabulary: counting, numbering, saving."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.errors import DataError, OutputError, SettingError
from wordladder.text.vocabulary import Vocabulary


@given(st.lists(st.sampled_from("abcdefg")), st.integers(1, 3), st.none() | st.integers(0, 4))
def test_count_orders_by_frequency_then_first_appearance(surfaces, min_count, max_size) -> None:
    counts = Counter(surfaces)
    order = sorted(counts, key=lambda word: (-counts[word], surfaces.index(word)))
    order = [word for word in order if counts[word] >= min_count][:max_size]
    vocabulary = Vocabulary.count(iter(surfaces), min_count, max_size)
    assert vocabulary.words == order
    assert vocabulary.counts.tolist() == [counts[word] for word in order]
    assert len(vocabulary) == len(order)


def test_ids() -> None:
    vocabulary = Vocabulary(["the", "猫", "'s"])
    ids = vocabulary.ids(["猫", "dog", "the"], missing=7)
    assert ids.tolist() == [1, 7, 0]
    assert ids.dtype == np.int64
    assert vocabulary.ids([]).tolist() == []
    assert "猫" in vocabulary
    assert "dog" not in vocabulary
    assert vocabulary.index == {"the": 0, "猫": 1, "'s": 2}


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n")),
        st.none() | st.integers(0, 10**12),
    )
)
@settings(max_examples=50, deadline=None)
def test_save_and_load(tmp_path_factory, entries) -> None:
    path = tmp_path_factory.mktemp("vocabulary") / "words.txt"
    words = list(entries)
    counted = np.array([entries[word] or 0 for word in words], dtype=np.int64)
    Vocabulary(words, counted).save(path)
    again = Vocabulary.load(path)
    assert again.words == words
    assert again.counts.tolist() == counted.tolist()


def test_words_alone(tmp_path) -> None:
    Vocabulary(["a", "\u2028", "b"]).save(tmp_path / "v.txt")
    again = Vocabulary.load(tmp_path / "v.txt")
    assert again.words == ["a", "\u2028", "b"]
    assert again.counts is None
    assert [path.name for path in tmp_path.iterdir()] == ["v.txt"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a\t1\nb\n", "line 2: 'b'"),
        (b"a\t1\nb\tx\n", "line 2"),
        (b"a\t1\t2\n", "line 1"),
        (b"a\t1\n\xff\t2\n", "line 2: not UTF-8"),
        (b"a\t1\na\t2\n", "'a' twice"),
    ],
)
def test_load_names_what_is_wrong(tmp_path, content, says) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        Vocabulary.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("word", ["a\tb", "a\nb", "\ud800"])
def test_words_that_no_file_can_hold(tmp_path, word) -> None:
    with pytest.raises(DataError, match="cannot be saved"):
        Vocabulary(["ok", word], np.array([2, 1])).save(tmp_path / "v.txt")
    assert not list(tmp_path.iterdir())


def test_mistakes(tmp_path) -> None:
    with pytest.raises(SettingError, match="'a' twice"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(SettingError, match="2 words"):
        Vocabulary(["a", "b"], np.array([1]))
    with pytest.raises(DataError, match="no such file"):
        Vocabulary.load(tmp_path / "missing")
    with pytest.raises(OutputError, match="cannot be written"):
        Vocabulary(["a"]).save(tmp_path / "missing" / "v.txt")
