"""The CRF layer: the kernel against the recursion in torch, pytorch-crf and all paths; what a scheme
allows.
"""

from itertools import chain, pairwise, product

import numpy as np
import pytest
import torch

from wordladder.errors import SettingError
from wordladder.layers.crf import CRF, _by_recursion
from wordladder.layers.tag_chain import Allowed, allowed_transitions, continuations

BIOES = ["O", *(f"{letter}-{name}" for name in ("PER", "LOC") for letter in "BIES")]
BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
LENGTHS = torch.tensor([7, 0, 1, 12, 3])


def layer(tags=BIOES, scheme="bioes", seed=1):
    torch.manual_seed(seed)
    crf = CRF(allowed_transitions(tags, scheme))
    for weight in crf.parameters():
        torch.nn.init.normal_(weight)
    return crf


def batch(crf, lengths=LENGTHS, seed=2):
    """Scores, and tags that the layer would decode, so that they are allowed."""
    torch.manual_seed(seed)
    scores = torch.randn(len(lengths), int(lengths.max()), crf.tags)
    is_word = torch.arange(scores.shape[1]) < lengths[:, None]
    targets = torch.full(is_word.shape, -100)
    others = torch.randn(int(is_word.sum()), crf.tags).numpy()
    targets[is_word] = torch.from_numpy(crf.chain.decode(others, offsets_of(lengths)))
    return scores.requires_grad_(), targets, is_word


def offsets_of(lengths):
    return np.append(0, np.cumsum(lengths.numpy()))


def gradients(loss, crf, scores):
    return torch.autograd.grad(loss, [scores, *crf.parameters()])


@pytest.mark.parametrize(("tags", "scheme"), [(BIOES, "bioes"), (BIO, "bio"), (["A", "B", "C"], "words")])
def test_loss_and_gradients_are_those_of_the_recursion(tags, scheme):
    crf = layer(tags, scheme)
    scores, targets, is_word = batch(crf)
    loss = crf.loss(scores, targets)
    each = _by_recursion(scores, targets, is_word.sum(dim=1), crf._weights(-1e30))
    count = 4  # of the sentences, one has no words
    torch.testing.assert_close(loss, each.sum() / count)
    for mine, theirs in zip(gradients(loss, crf, scores), gradients(each.sum() / count, crf, scores)):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_losses_and_answers_are_those_of_pytorch_crf():
    torchcrf = pytest.importorskip("torchcrf")
    lengths = torch.tensor([7, 2, 1, 12, 3])
    crf = layer(["A", "B", "C", "D"], "words")
    scores, targets, is_word = batch(crf, lengths)
    theirs = torchcrf.CRF(4, batch_first=True)
    for name, weight in (("transitions", crf.transitions), ("start_transitions", crf.starts)):
        getattr(theirs, name).data.copy_(weight.data)
    theirs.end_transitions.data.copy_(crf.ends.data)
    expected = -theirs(scores, targets.clamp(min=0), mask=is_word, reduction="mean")
    loss = crf.loss(scores, targets)
    torch.testing.assert_close(loss, expected)
    mine = gradients(loss, crf, scores)[:2]
    wanted = torch.autograd.grad(expected, [scores, theirs.transitions])
    for one, other in zip(mine, wanted):
        torch.testing.assert_close(one, other)
    decoded = crf.chain.decode(scores.detach()[is_word].numpy(), offsets_of(lengths))
    assert decoded.tolist() == list(chain(*theirs.decode(scores, mask=is_word)))


def test_what_is_forbidden_is_never_answered_and_gets_no_gradient():
    crf = layer()
    scores, targets, _ = batch(crf)
    crf.loss(scores, targets).backward()
    for name, weight in crf.named_parameters():
        allowed = getattr(crf, f"allowed_{name}")
        assert not weight.grad[~allowed].any()
        assert weight.grad[allowed].any()
        weight.data[~allowed] = 1e4  # whatever is written there
    lengths = torch.randint(0, 9, (200,))
    emissions = 5 * torch.randn(int(lengths.sum()), crf.tags).numpy()
    offsets = offsets_of(lengths)
    several, probabilities = crf.chain.nbest(emissions, offsets, 3)
    np.testing.assert_array_equal(several[0], crf.chain.decode(emissions, offsets))
    for rank, tags in enumerate(several):
        for number, (begin, end) in enumerate(pairwise(offsets)):
            path = tags[begin:end]
            if begin == end or probabilities[number, rank] == 0:
                continue
            assert crf.allowed_starts[path[0]]
            assert crf.allowed_ends[path[-1]]
            assert crf.allowed_transitions[path[:-1], path[1:]].all()


def test_a_forbidden_path_has_an_infinite_loss_and_no_nan():
    crf = layer()
    scores = torch.randn(2, 3, crf.tags, requires_grad=True)
    targets = torch.tensor([[1, 0, 0], [0, 0, 0]])  # B-PER O O
    for loss in (
        crf.loss(scores, targets),
        _by_recursion(scores, targets, torch.tensor([3, 3]), crf._weights(-1e30)).sum(),
    ):
        assert loss == torch.inf
        assert torch.isfinite(torch.autograd.grad(loss, scores)[0]).all()


@pytest.mark.parametrize("by_kernel", [True, False])
def test_padding_may_hold_anything(by_kernel):
    crf = layer()
    scores, targets, is_word = batch(crf)

    def loss(given):
        if by_kernel:
            return crf.loss(given, targets)
        return _by_recursion(given, targets, is_word.sum(dim=1), crf._weights(-1e30)).sum()

    noise = torch.where(is_word[..., None], scores.detach(), torch.nan).requires_grad_()
    assert loss(noise) == loss(scores)
    gradient = torch.autograd.grad(loss(noise), noise)[0]
    torch.testing.assert_close(gradient, torch.autograd.grad(loss(scores), scores)[0])
    assert not gradient[~is_word].any()


def test_sentences_without_words_cost_nothing():
    crf = layer()
    nothing = torch.full((2, 1), -100)
    loss = crf.loss(torch.randn(2, 1, crf.tags, requires_grad=True), nothing)
    assert loss == 0
    loss.backward()
    assert not any(weight.grad.any() for weight in crf.parameters())
    assert crf.loss(torch.randn(2, 0, crf.tags), nothing[:, :0]) == 0
    assert crf.chain.decode(np.zeros((0, crf.tags), np.float32), np.zeros(3, np.int64)).shape == (0,)


def test_it_counts_in_float32_under_autocast():
    crf = layer()
    scores, targets, _ = batch(crf)
    half = scores.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = crf.loss(half, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, crf.loss(half.detach().float(), targets))
    loss.backward()
    assert half.grad.dtype == torch.bfloat16


def test_several_torch_threads_give_the_same_bits():
    crf = layer()
    scores, targets, _ = batch(crf, torch.randint(30, 60, (100,)))
    assert scores.shape[0] * scores.shape[1] * crf.tags**2 > 1 << 18, "too few for threads"
    found, threads = [], torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            loss = crf.loss(scores, targets)
            found.append([loss, *gradients(loss, crf, scores)])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, two) for one, two in zip(*found))


def all_paths(crf, emissions):
    """The paths of one sentence and their probabilities, by the weights as they count."""
    weights = crf.chain.weights
    paths = np.array(list(product(range(crf.tags), repeat=len(emissions))))
    scores = weights.starts[paths[:, 0]].astype(np.float64) + weights.ends[paths[:, -1]]
    scores += emissions[np.arange(len(emissions)), paths].sum(axis=1)
    scores += weights.transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    shares = np.exp(scores - scores.max())
    return paths, shares / shares.sum()


def test_probabilities_of_paths_tags_and_entities():
    crf = layer(BIO, "bio")
    lengths = torch.tensor([5, 0, 1, 4])
    emissions, offsets = 2 * torch.randn(10, crf.tags).numpy(), offsets_of(lengths)
    ways, probabilities = crf.chain.nbest(emissions, offsets, 4)
    marginals = crf.chain.marginals(emissions, offsets)
    tags = np.array([0, 1, 2, 0, 3, 1, 1, 0, 3, 4])
    firsts, ends = np.array([8, 1, 5, 4, 6]), np.array([10, 3, 6, 5, 7])
    loose = crf.chain.segment_probabilities(emissions, offsets, tags, firsts, ends)
    strict = crf.chain.segment_probabilities(emissions, offsets, tags, firsts, ends, continuations(BIO))
    assert probabilities[1].tolist() == [1, 0, 0, 0], "the path of no words is certain"
    for number, (begin, end) in enumerate(pairwise(offsets)):
        if begin == end:
            continue
        paths, shares = all_paths(crf, emissions[begin:end])
        order = np.argsort(-shares)[:4]
        order = order[shares[order] > 0]
        np.testing.assert_allclose(probabilities[number, : len(order)], shares[order], rtol=1e-5)
        np.testing.assert_array_equal(ways[: len(order), begin:end], paths[order])
        expected = [[shares[paths[:, t] == tag].sum() for tag in range(crf.tags)] for t in range(end - begin)]
        np.testing.assert_allclose(marginals[begin:end], expected, atol=1e-6)
        for segment in np.flatnonzero((firsts >= begin) & (firsts < end)):
            first, last = firsts[segment] - begin, ends[segment] - begin
            through = (paths[:, first:last] == tags[firsts[segment] : ends[segment]]).all(axis=1)
            assert loose[segment] == pytest.approx(shares[through].sum(), rel=1e-5)
            if last < end - begin:
                through &= paths[:, last] != (2 if tags[ends[segment] - 1] in (1, 2) else 4)
            assert strict[segment] == pytest.approx(shares[through].sum(), rel=1e-4, abs=1e-9)


def allowed_by_hand(tags, before, after):
    """The rules of BIOES spelled out, with None for the sentence's edge."""
    letter, kind = (tags[before][0], tags[before][2:]) if before is not None else ("O", "")
    following, other = (tags[after][0], tags[after][2:]) if after is not None else ("O", "")
    if letter in "BI":
        return following in "IE" and kind == other
    return following in "OBS"


def test_what_bioes_allows():
    allowed, count = allowed_transitions(BIOES, "bioes"), range(len(BIOES))
    assert allowed.to.tolist() == [[allowed_by_hand(BIOES, i, j) for j in count] for i in count]
    assert allowed.start.tolist() == [allowed_by_hand(BIOES, None, j) for j in count]
    assert allowed.end.tolist() == [allowed_by_hand(BIOES, i, None) for i in count]


def test_what_bio_allows():
    allowed = allowed_transitions(BIO, "bio")
    forbidden = {(a, b) for a in range(5) for b in range(5) if not allowed.to[a, b]}
    assert forbidden == {(0, 2), (3, 2), (4, 2), (0, 4), (1, 4), (2, 4)}
    assert allowed.start.tolist() == [True, True, False, True, False]
    assert allowed.end.all()
    assert allowed_transitions(["NN", "VB"], "words").to.all()
    assert continuations(BIO).tolist() == [-1, 2, 2, 4, 4]


def test_what_does_not_fit_is_refused():
    with pytest.raises(SettingError, match="Did you mean 'bioes'"):
        allowed_transitions(BIOES, "bioe")
    with pytest.raises(SettingError, match="'E-PER' is not one of BIO: O, B-X, I-X"):
        allowed_transitions(BIOES, "bio")
    with pytest.raises(SettingError, match="transitions"):
        CRF(Allowed(np.ones(3), np.ones((2, 3)), np.ones(3)))
    crf = layer(BIO, "bio")
    with pytest.raises(SettingError, match=r"\(batch, time, 5\)"):
        crf.loss(torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.int64))
    for targets in ([[0, -100, 0]], [[0, 5, 0]], [[-1, 0, 0]]):
        with pytest.raises(SettingError, match="from 0 to 4"):
            crf.loss(torch.zeros(1, 3, 5), torch.tensor(targets))
    with pytest.raises(SettingError, match="a row a word"):
        crf.chain.decode(np.zeros((3, 5), np.float32), np.array([0, 2]))
    with pytest.raises(SettingError, match="n is 0"):
        crf.chain.nbest(np.zeros((3, 5), np.float32), np.array([0, 3]), 0)
    given = np.zeros((3, 5), np.float32), np.array([0, 2, 3]), np.zeros(3, np.int64)
    for first, end in ((1, 3), (1, 1), (3, 4), (-1, 1)):
        with pytest.raises(SettingError, match="one sentence"):
            crf.chain.segment_probabilities(*given, np.array([first]), np.array([end]))
