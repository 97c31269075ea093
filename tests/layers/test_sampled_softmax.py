"""The sampled softmax against sums written out, and the chances of its sample against many samples."""

import math

import numpy as np
import pytest
import torch

from wordladder.layers.sampled_softmax import draw_candidates, found_among, log_expected, sampled_softmax


def test_candidates_are_different_and_counted():
    generator = np.random.default_rng(1)
    for classes, samples in [(10, 9), (50, 5), (100_000, 512)]:
        numbers, draws = draw_candidates(generator, classes, samples)
        assert len(set(numbers.tolist())) == len(numbers) == samples
        assert numbers.min() >= 0
        assert numbers.max() < classes
        assert draws >= samples


def test_chances_are_those_of_many_samples():
    generator, classes, seen, expected = np.random.default_rng(1), 20, np.zeros(20), np.zeros(20)
    every = torch.arange(classes)
    for _ in range(6000):
        numbers, draws = draw_candidates(generator, classes, 6)
        seen[numbers] += 1
        expected += log_expected(every, torch.tensor(draws), classes).exp().numpy()
    assert expected.sum() == pytest.approx(6 * 6000, rel=0.02)
    np.testing.assert_allclose(seen / 6000, expected / 6000, atol=0.025)


def test_one_draw_is_log_uniform():
    chances = log_expected(torch.arange(7), torch.tensor(1), 7).exp()
    np.testing.assert_allclose(
        chances, [math.log((k + 2) / (k + 1)) / math.log(8) for k in range(7)], rtol=1e-6
    )


def test_the_loss_is_the_sum_written_out():
    torch.manual_seed(1)
    vectors, weights, biases = torch.randn(3, 4), torch.randn(9, 4), torch.randn(9)
    targets, candidates = torch.tensor([2, 5, 8]), torch.tensor([5, 0, 7])
    hits = found_among(targets, candidates)
    assert hits.tolist() == [-1, 0, -1]
    others = weights[candidates], biases[candidates]
    losses = []
    for row, target in enumerate(targets.tolist()):
        classes = [target, *(c for c in candidates.tolist() if c != target)]
        shares = [math.exp(vectors[row] @ weights[c] + biases[c]) for c in classes]
        losses.append(-math.log(shares[0] / sum(shares)))
    found = sampled_softmax(vectors, (weights[targets], biases[targets]), others, hits)
    assert found.item() == pytest.approx(sum(losses) / 3, rel=1e-5)
    known = torch.tensor([True, False, True])
    found = sampled_softmax(vectors, (weights[targets], biases[targets]), others, hits, known)
    assert found.item() == pytest.approx((losses[0] + losses[2]) / 2, rel=1e-5)


def test_over_many_samples_the_gradient_is_near_the_full_one():
    torch.manual_seed(1)
    classes, generator = 60, np.random.default_rng(1)
    vectors, weights = torch.randn(8, 5), torch.randn(classes, 5)
    biases = -torch.arange(classes).add(1.0).log()
    targets = torch.arange(8) * 2
    vectors.requires_grad_()
    full = torch.autograd.grad(
        torch.nn.functional.cross_entropy(vectors @ weights.T + biases, targets), vectors
    )[0]
    total = torch.zeros_like(full)
    for _ in range(400):
        numbers, draws = draw_candidates(generator, classes, 30)
        candidates, count = torch.from_numpy(numbers), torch.tensor(draws)
        right = biases[targets] - log_expected(targets, count, classes)
        others = biases[candidates] - log_expected(candidates, count, classes)
        loss = sampled_softmax(
            vectors,
            (weights[targets], right),
            (weights[candidates], others),
            found_among(targets, candidates),
        )
        total += torch.autograd.grad(loss, vectors)[0] / 400
    similarity = torch.nn.functional.cosine_similarity(total.flatten(), full.flatten(), dim=0)
    assert similarity > 0.97
    assert (total - full).norm() < 0.3 * full.norm()


def test_in_bfloat16_it_is_one_pass_over_the_scores():
    """Loss and gradients are those of the chain of operations, to the precision of bfloat16."""
    torch.manual_seed(1)
    rows, dim, samples = 13, 24, 37
    vectors, right, bias = torch.randn(rows, dim), torch.randn(rows, dim), torch.randn(rows)
    others, other_bias = torch.randn(samples, dim), torch.randn(samples)
    hits = torch.where(torch.rand(rows) < 0.3, torch.randint(samples, (rows,)), -1)
    found = {}
    for precision in (torch.bfloat16, torch.float32):
        given = [one.clone().requires_grad_() for one in (vectors, right, bias, others, other_bias)]
        loss = sampled_softmax(
            given[0].to(precision),
            (given[1], given[2]),
            (given[3], given[4]),
            hits,
            torch.arange(rows) % 4 > 0,
        )
        loss.backward()
        found[precision] = [loss.detach(), *(one.grad for one in given)]
    for half, twin in zip(*found.values()):
        torch.testing.assert_close(half, twin, atol=0.02, rtol=0.02)
    assert not found[torch.bfloat16][1][0].any(), "a row that does not count"
