"""The tree over word vectors: what stands under one branch, and what a tagger has of it."""

import numpy as np

from wordladder.layers.tag_chain import Allowed
from wordladder.shallow._word_clusters import DEPTHS, WordTree, cluster_paths
from wordladder.shallow.crf import FeatureCRF
from wordladder.text.vocabulary import Vocabulary
from wordladder.text.words import TextSettings, tokenize

ANY = Allowed(*(np.ones(shape, bool) for shape in (2, (2, 2), 2)))


def test_each_split_parts_what_differs_most():
    random = np.random.default_rng(3)
    centres = np.array(
        [[9, 0, 0, 3], [9, 0, 0, -3], [-9, 2, 0, 0], [-9, -2, 0, 0]]
    )  # two pairs of near groups
    group = random.integers(0, 4, 200)
    paths = cluster_paths((centres[group] + random.normal(scale=0.2, size=(200, 4))).astype(np.float32), 2)
    assert len(set(paths)) == 4
    for one in range(4):
        assert len(set(paths[group == one])) == 1  # a group under one branch
    first = paths >> 1
    assert len(set(first[group < 2])) == len(set(first[group >= 2])) == 1
    assert first[group < 2][0] != first[group >= 2][0]


def test_rows_that_are_the_same_stay_together():
    assert len(set(cluster_paths(np.ones((50, 3), np.float32), 4))) == 1
    assert len(cluster_paths(np.zeros((0, 3), np.float32), 4)) == 0


def test_a_branch_is_the_beginning_of_the_path():
    path = 0b10110011010
    tree = WordTree(Vocabulary(["a", "b"]), np.array([path, 0], np.uint16))
    assert DEPTHS == (5, 8, 11)
    assert tree.branches(["a", "none", "b"], 5) == [str(0b10110), None, "0"]
    assert tree.branches(["a"], 11) == [str(path)]
    assert WordTree.for_text(Vocabulary(["qqq", "zzz"], np.array([5, 5]))).branches(["qqq"], 5) == [None]


def test_the_tree_tags_words_that_training_did_not_see(tmp_path):
    seen, new = ["paris", "london", "berlin", "madrid"], ["vienna", "rome", "moscow", "athens"]
    others, more = ["good", "quickly", "eat", "seven"], ["bad", "slowly", "drink", "nine"]
    tokens = tokenize([f"{one} {two}" for one in seen for two in others], TextSettings())
    tags = np.tile([1, 0], len(seen) * len(others))
    model = FeatureCRF(TextSettings(), window=0, affixes=0).fit(tokens, tags, ANY)
    unseen = tokenize([f"{one} {two}" for one in new for two in more], TextSettings())
    scores = model.scores(unseen)
    right = scores.argmax(axis=1) == np.tile([1, 0], len(new) * len(more))
    assert right.mean() >= 0.75
    blind = FeatureCRF(TextSettings(), window=0, affixes=0, tree=False).fit(tokens, tags, ANY)
    assert len(set(map(tuple, blind.scores(unseen).round(4).tolist()))) < 4  # of shapes alone
    model.keep(tmp_path)
    again = FeatureCRF(TextSettings(), window=0, affixes=0)
    again.restore(tmp_path)
    assert np.array_equal(again.scores(unseen), scores)
