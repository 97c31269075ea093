"""Which pieces are hidden: shares, whole words, runs, against plain counting."""

from collections import Counter

import numpy as np
import pytest

from wordladder.pretraining.masking import Masking, choose_pieces

MASK = 4


def rows_of_words(rows=400, seed=0):
    """Rows of random words of one to four pieces: pieces, openings, rows."""
    chance = np.random.Generator(np.random.PCG64(seed))
    sizes = [chance.integers(1, 5, size=int(n)) for n in chance.integers(5, 60, size=rows)]
    opens = np.concatenate([np.concatenate([[True], np.zeros(s - 1, bool)]) for row in sizes for s in row])
    row = np.repeat(np.arange(rows), [int(s.sum()) for s in sizes])
    return chance.integers(10, 1000, size=len(row)), opens, row


def chance(seed=1):
    return np.random.Generator(np.random.PCG64(seed))


def words_of(places, opens):
    """The words that places belong to, and for each word whether all its pieces are among them."""
    word = np.cumsum(opens) - 1
    chosen = np.zeros(len(opens), bool)
    chosen[places] = True
    return [
        (number, bool(chosen[word == number].all()), bool(chosen[word == number].any()))
        for number in range(word[-1] + 1)
    ]


@pytest.mark.parametrize("longest", [1, 3])
def test_whole_words_and_the_share(longest):
    _, opens, row = rows_of_words(100)
    places = choose_pieces(opens, row, 0.15, longest, chance())
    assert all(whole == some for _, whole, some in words_of(places, opens))
    assert np.all(np.diff(places) > 0)
    assert set(row[places]) == set(range(100)), "every row has something to learn"
    sizes, hidden = np.bincount(row), np.bincount(row[places], minlength=100)
    longest_run = 4 * longest
    assert np.all(np.abs(hidden - 0.15 * sizes) <= longest_run)


@pytest.mark.parametrize("longest", [1, 3])
def test_the_share_is_met_in_the_mean(longest):
    opens, row = np.ones(200 * 128, bool), np.repeat(np.arange(200), 128)
    hidden = [len(choose_pieces(opens, row, 0.15, longest, chance(seed))) for seed in range(20)]
    assert np.mean(hidden) / len(row) == pytest.approx(0.15, abs=0.003)


def test_runs_are_as_likely_as_one_over_their_length():
    """Of runs far apart, so that neighbours hardly ever merge: p(n) = (1/n) / (1 + 1/2 + 1/3)."""
    rows, time = 200, 4000
    opens, row = np.ones(rows * time, bool), np.repeat(np.arange(rows), time)
    places = choose_pieces(opens, row, 0.01, 3, chance())
    runs = Counter()
    breaks = (np.diff(places) != 1) | (np.diff(row[places]) != 0)
    for run in np.split(places, np.flatnonzero(breaks) + 1):
        runs[len(run)] += 1
    total = sum(runs[n] for n in (1, 2, 3))
    assert total > 2000
    expected = np.array([1, 1 / 2, 1 / 3]) / (1 + 1 / 2 + 1 / 3)
    assert np.allclose([runs[n] / total for n in (1, 2, 3)], expected, atol=0.03)


def test_what_stands_in_their_place():
    ids, opens, row = rows_of_words(1500)
    ordinary = np.arange(10, 1000)
    pieces, places, labels = Masking(MASK, ordinary).mask_pieces(ids, opens, row, chance())
    assert np.array_equal(labels, ids[places])
    untouched = np.setdiff1d(np.arange(len(ids)), places)
    assert np.array_equal(pieces[untouched], ids[untouched])
    now = pieces[places]
    masked, same = (now == MASK).mean(), (now == labels).mean()
    assert masked == pytest.approx(0.8, abs=0.02)
    assert same == pytest.approx(0.1, abs=0.015)
    assert np.isin(now[now != MASK], ordinary).all()


def test_pure_in_its_chance():
    ids, opens, row = rows_of_words(50)
    masking = Masking(MASK, np.arange(10, 1000), longest=3)
    one, two, three = (masking.mask_pieces(ids, opens, row, chance(seed))[0] for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)


def test_nothing_to_hide():
    nothing = np.zeros(0, int)
    assert len(choose_pieces(nothing.astype(bool), nothing, 0.15, 1, chance())) == 0
