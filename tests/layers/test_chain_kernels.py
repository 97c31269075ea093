"""The kernels of the chain against all paths one by one, and where scores are hardest on the arithmetic."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from wordladder.kernels.crf import Chain, Sentences, likelihood, marginals, segments
from wordladder.kernels.viterbi import best, nbest

SIZES = np.array([4, 0, 1, 3, 5, 2])


def begins_of(sizes):
    return np.cumsum(sizes) - sizes


BEGINS = begins_of(SIZES)


def made_up(tags=3, scale=1.0, forbidden=0.0, seed=1, sizes=SIZES):
    """Emissions, a chain with some weights of −∞, and tags that are allowed where any are."""
    random = np.random.default_rng(seed)
    emissions = (scale * random.normal(size=(int(sizes.sum()), tags))).astype(np.float32)
    shapes = ((tags, tags), (tags,), (tags,))
    weights = [(scale * random.normal(size=shape)).astype(np.float32) for shape in shapes]
    for weight in weights:
        weight[random.random(weight.shape) < forbidden] = -np.inf
    weights[0][0, 0] = weights[1][0] = weights[2][0] = 0.5  # one path is always there
    tags_given = np.zeros(len(emissions), np.int64) if forbidden else random.integers(0, tags, len(emissions))
    return emissions, Chain(*weights), tags_given


def paths_of(emissions, chain):
    """All tag paths of one sentence and their scores, float64."""
    words, tags = emissions.shape
    paths = np.array(list(product(range(tags), repeat=words)))
    scores = chain.starts[paths[:, 0]].astype(np.float64) + chain.ends[paths[:, -1]]
    scores += emissions.astype(np.float64)[np.arange(words), paths].sum(axis=1)
    scores += chain.transitions.astype(np.float64)[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    return paths, scores


def log_sum(scores):
    top = scores.max()
    return top + np.log(np.exp(scores - top).sum())


def sentences(emissions, begins, sizes):
    """The number and the words of each sentence that has any."""
    for number, (begin, size) in enumerate(zip(begins.tolist(), sizes.tolist())):
        if size:
            yield number, slice(begin, begin + size), emissions[begin : begin + size]


CASES = {
    "plain": {},
    "some forbidden": {"forbidden": 0.3},
    "one tag": {"tags": 1},
    "steep, in logarithms": {"scale": 60.0},
    "steep and some forbidden": {"scale": 60.0, "forbidden": 0.4},
    "far beyond float64": {"scale": 3000.0},
    "two registers": {"tags": 9, "sizes": SIZES // 2},
}


@pytest.fixture(params=CASES)
def case(request):
    """Emissions, where sentences begin and how long they are; the chain; tags."""
    given = {"sizes": SIZES, **CASES[request.param]}
    emissions, chain, tags = made_up(**given)
    return Sentences(emissions, begins_of(given["sizes"]), given["sizes"]), chain, tags


def test_losses_are_those_of_all_paths(case):
    given, chain, tags = case
    losses = likelihood(given, tags, chain)[0]
    expected = np.zeros(len(given[2]))
    for number, words, mine in sentences(*given):
        paths, scores = paths_of(mine, chain)
        expected[number] = log_sum(scores) - scores[(paths == tags[words]).all(axis=1)][0]
    np.testing.assert_allclose(losses, expected, rtol=1e-9, atol=1e-7)


def test_marginals_are_those_of_all_paths(case):
    given, chain, _ = case
    found = marginals(given, chain)
    for _, words, mine in sentences(*given):
        paths, scores = paths_of(mine, chain)
        shares = np.exp(scores - log_sum(scores))
        expected = np.stack([((paths == tag) * shares[:, None]).sum(axis=0) for tag in range(mine.shape[1])])
        np.testing.assert_allclose(found[words], expected.T, atol=1e-6)


def test_the_best_path_and_the_next_best(case):
    given, chain, _ = case
    tags, scores = best(given, chain)
    several, several_scores = nbest(given, chain, 5)
    assert scores[given[2] == 0].tolist() == [0.0] * int((given[2] == 0).sum())
    for number, words, mine in sentences(*given):
        paths, every = paths_of(mine, chain)
        order = np.argsort(-every, kind="stable")[:5]
        order = order[every[order] > -np.inf]
        np.testing.assert_allclose(scores[number], every[order[0]], rtol=1e-9)
        np.testing.assert_array_equal(tags[words], paths[order[0]])
        np.testing.assert_allclose(several_scores[number, : len(order)], every[order], rtol=1e-9)
        np.testing.assert_array_equal(several[: len(order), words], paths[order])
        assert (several_scores[number, len(order) :] == -np.inf).all()
        assert (several[len(order) :, words] == -1).all()


def test_segments_are_those_of_all_paths(case):
    given, chain, _ = case
    random, asked = np.random.default_rng(5), []
    for number, _, mine in sentences(*given):
        for _ in range(4):
            first = int(random.integers(0, len(mine)))
            length = int(random.integers(1, len(mine) - first + 1))
            asked.append((number, first, random.integers(0, mine.shape[1], length), mine))
    asked = [asked[place] for place in random.permutation(len(asked))]
    offsets = np.append(0, np.cumsum([len(path) for _, _, path, _ in asked]))
    path = np.concatenate([path for _, _, path, _ in asked])
    owners, firsts = (np.array([one[k] for one in asked]) for k in (0, 1))
    found = segments(given, chain, owners, firsts, offsets, path)
    for value, (_, first, wanted, mine) in zip(found, asked):
        paths, scores = paths_of(mine, chain)
        through = (paths[:, first : first + len(wanted)] == wanted).all(axis=1)
        expected = np.exp(scores[through] - log_sum(scores)).sum()
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("forbidden", [0.0, 0.3])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_gradients_are_finite_differences(scale, forbidden):
    emissions, chain, tags = made_up(scale=scale, forbidden=forbidden)
    _, d_emissions, d_chain = likelihood(Sentences(emissions, BEGINS, SIZES), tags, chain)
    step = np.float32(1 / 512)

    def loss():
        return likelihood(Sentences(emissions, BEGINS, SIZES), tags, chain)[0].sum()

    for weight, gradient in zip((emissions, *chain), (d_emissions, *d_chain)):
        flat, found = weight.reshape(-1), gradient.reshape(-1)
        for place in range(len(flat)):
            was = flat[place]
            if was == -np.inf:
                assert found[place] == 0
                continue
            flat[place] = was + step
            above, up = loss(), np.float64(flat[place])
            flat[place] = was - step
            below, down = loss(), np.float64(flat[place])
            flat[place] = was
            assert found[place] == pytest.approx((above - below) / (up - down), abs=2e-4 * max(1.0, scale))


def test_a_path_that_fades_and_comes_back_is_not_lost():
    """Tag 1 falls to e^−2000 of tag 0, but only tag 1 may end the sentence."""
    emissions = np.zeros((40, 2), np.float32)
    emissions[:, 1] = -50.0
    chain = Chain(
        np.array([[0, -np.inf], [-np.inf, 0]], np.float32),
        np.zeros(2, np.float32),
        np.array([-np.inf, 0], np.float32),
    )
    given = Sentences(emissions, np.array([0]), np.array([40]))
    losses, d_emissions, _ = likelihood(given, np.ones(40, np.int64), chain)
    assert losses[0] == 0
    assert not d_emissions.any()
    np.testing.assert_array_equal(marginals(given, chain), np.tile([0.0, 1.0], (40, 1)))


def test_an_unreachable_tag_gives_no_nan():
    """What follows tag 1 is ever better, but nothing leads to it."""
    emissions = np.zeros((600, 2), np.float32)
    emissions[:, 1] = 80.0
    chain = Chain(
        np.array([[0, -np.inf], [0, 0]], np.float32),
        np.array([0, -np.inf], np.float32),
        np.zeros(2, np.float32),
    )
    losses, d_emissions, d_chain = likelihood(
        Sentences(emissions, np.array([0]), np.array([600])), np.zeros(600, np.int64), chain
    )
    assert losses[0] == pytest.approx(0.0, abs=1e-9)
    assert all(np.isfinite(part).all() for part in (d_emissions, *d_chain))


def test_a_sentence_without_an_allowed_path():
    emissions, chain, tags = made_up()
    chain.starts[:] = -np.inf
    losses, d_emissions, d_chain = likelihood(Sentences(emissions, BEGINS, SIZES), tags, chain)
    assert (losses == np.where(SIZES > 0, np.inf, 0)).all()
    assert not any(part.any() for part in (d_emissions, *d_chain))
    assert not marginals(Sentences(emissions, BEGINS, SIZES), chain).any()
    assert (best(Sentences(emissions, BEGINS, SIZES), chain)[1][SIZES > 0] == -np.inf).all()


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_thousands_of_words_stay_exact(scale):
    """Twin: the forward pass in logarithms, in the widest float that NumPy has."""
    size = 5000
    emissions, chain, tags = made_up(tags=7, scale=scale, sizes=np.array([size]))
    loss = likelihood(Sentences(emissions, np.array([0]), np.array([size])), tags, chain)[0][0]
    wide = emissions.astype(np.longdouble)
    alpha, score = chain.starts + wide[0], np.longdouble(0)
    for t in range(1, size):
        onward = alpha[:, None] + chain.transitions
        top = onward.max(axis=0)
        alpha = top + np.log(np.exp(onward - top).sum(axis=0)) + wide[t]
    score = chain.starts[tags[0]] + wide[np.arange(size), tags].sum() + chain.ends[tags[-1]]
    score += chain.transitions.astype(np.longdouble)[tags[:-1], tags[1:]].sum()
    assert loss == pytest.approx(float(log_sum(alpha + chain.ends) - score), rel=1e-12)


def test_any_number_of_threads_gives_the_same_bits():
    sizes = np.random.default_rng(3).integers(0, 30, 300)
    emissions, chain, tags = made_up(tags=5, sizes=sizes)
    begins = begins_of(sizes)
    alone = likelihood(Sentences(emissions, begins, sizes), tags, chain)
    with ThreadPoolExecutor(2) as pool:

        def spread(jobs):
            assert len(jobs) > 2
            list(pool.map(lambda job: job(), reversed(jobs)))

        shared = likelihood(Sentences(emissions, begins, sizes), tags, chain, spread)
    for one, two in zip((*alone[:2], *alone[2]), (*shared[:2], *shared[2])):
        assert one.tobytes() == two.tobytes()
