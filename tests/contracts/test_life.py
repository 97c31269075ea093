"""The contract of every kind that lives in a network: one file in a kind folder, and these tests run over
it.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from wordladder.embedders._training_text import TrainingText
from wordladder.layers.sequence import Sequence
from wordladder.recipe import build, kinds
from wordladder.text.words import tokenize

TEXTS = ["the good film", "a bad film, a very bad one!", "", "我喜欢 the good 电影", "good"]
LABELS = ["yes", "no", "no", "yes", "yes"]


@cache
def small_transformer():
    """The folder of a tiny BERT, one for all tests; it goes when they end."""
    from tiny_transformers import tiny_bert

    folder = TemporaryDirectory()
    tiny_bert(Path(folder.name))
    return folder


@cache
def small_elmo():
    """The folder of a tiny ELMo, likewise."""
    from tiny_elmo import tiny_elmo

    folder = TemporaryDirectory()
    tiny_elmo(Path(folder.name))
    return folder


# A kind that cannot be built from an empty table has its one table here.
TABLES: dict[tuple[str, str], Callable[[], dict]] = {
    ("embedders", "transformer"): lambda: {
        "source": small_transformer().name,
        "layers": "mix",
        "pooling": "mean",
        "summary": "mean",
        "tune": True,
        "overlap": 8,
    },
    ("embedders", "elmo"): lambda: {"source": small_elmo().name, "tune": True, "window": 4},
}


def table(folder, kind):
    return {"kind": kind, **TABLES.get((folder, kind), dict)()}


def sequence(lengths=(3, 7, 0, 5, 1), dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(len(lengths), max(*lengths, 1), dim, generator=generator)
    mask = torch.arange(vectors.shape[1]) < torch.tensor(lengths)[:, None]
    return Sequence(vectors * mask[..., None], mask)


def new_embedder(kind, seed=1):
    torch.manual_seed(seed)
    embedder = build("embedders", table("embedders", kind))
    embedder.initialise(TrainingText(tokenize(TEXTS)))
    return embedder.eval()


def new_encoder(kind, seed=1):
    torch.manual_seed(seed)
    return build("encoders", table("encoders", kind), 6).eval()


def new_fusion(kind, seed=1, dims=(6, 4)):
    torch.manual_seed(seed)
    return build("fusion", table("fusion", kind), list(dims), [0] * len(dims)).eval()


def fusion_parts(dims=(6, 4)):
    return [sequence(dim=dim, seed=seed) for seed, dim in enumerate(dims)]


def texts_for(encoder):
    """What the encoder reads: the texts of a batch of examples, one or two an example."""
    lengths = [(3, 7, 0, 5, 1), (4, 0, 2, 6, 1)][: 2 if encoder.reads == "example" else 1]
    return [sequence(some, seed=seed) for seed, some in enumerate(lengths)]


def encoded(encoder, texts):
    return encoder(tuple(texts)) if encoder.reads == "example" else tuple(map(encoder, texts))


def wider(given):
    """With more padding, and numbers where there are no words."""
    noise = torch.where(given.mask[..., None], given.vectors, torch.full_like(given.vectors, 9.0))
    pad = torch.nn.functional.pad
    return Sequence(pad(noise, (0, 0, 0, 4)), pad(given.mask, (0, 4)))


def only(given, row):
    """One row, as wide as its words."""
    n = max(int(given.mask[row].sum()), 1)
    return Sequence(given.vectors[row : row + 1, :n], given.mask[row : row + 1, :n])


def same(a: Sequence, b: Sequence):
    torch.testing.assert_close(a.vectors, b.vectors)
    assert torch.equal(a.mask, b.mask)


@pytest.mark.parametrize("kind", kinds("embedders"))
class TestEmbedders:
    def test_shapes(self, kind):
        embedder, tokens = new_embedder(kind), tokenize(TEXTS)
        out = embedder(embedder.prepare(tokens))
        assert out.vectors.shape == (len(TEXTS), max(tokens.lengths), embedder.dim)
        assert out.mask.sum(1).tolist() == tokens.lengths.tolist()
        assert (out.summary is not None) == bool(embedder.summary_dim)

    def test_a_row_does_not_depend_on_its_batch(self, kind):
        embedder, tokens = new_embedder(kind), tokenize(TEXTS)
        whole = embedder(embedder.prepare(tokens))
        for row in range(len(TEXTS)):
            alone, n = embedder(embedder.prepare(tokens.take([row]))), int(tokens.lengths[row])
            torch.testing.assert_close(alone.vectors[0, :n], whole.vectors[row, :n])
            assert not whole.vectors[row, n:].any(), "padding is the zero vector"

    def test_keep_and_restore(self, kind, tmp_path):
        embedder, tokens = new_embedder(kind), tokenize(TEXTS)
        embedder.keep(tmp_path)
        again = build("embedders", table("embedders", kind))
        again.restore(tmp_path)
        again.load_state_dict(embedder.state_dict())
        again.eval()
        assert again.dim == embedder.dim
        same(embedder(embedder.prepare(tokens)), again(again.prepare(tokens)))

    def test_same_seed_same_weights(self, kind):
        first, second = new_embedder(kind, 3).state_dict(), new_embedder(kind, 3).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_gradients_reach_every_tunable_parameter(self, kind):
        embedder = new_embedder(kind).train()
        embedder(embedder.prepare(tokenize(TEXTS))).vectors.square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in embedder.parameters() if p.requires_grad)

    def test_facts_are_figures(self, kind):
        facts = new_embedder(kind).facts(tokenize(TEXTS))
        assert all(isinstance(value, int | float) for value in facts.values())


@pytest.mark.parametrize("kind", kinds("encoders"))
class TestEncoders:
    """An encoder that reads whole examples gets two texts an example, any other one text."""

    def test_shapes(self, kind):
        encoder = new_encoder(kind)
        assert encoder.reads in ("segment", "example")
        for out, given in zip(encoded(encoder, texts_for(encoder)), texts_for(encoder), strict=True):
            assert out.vectors.shape == (*given.vectors.shape[:2], encoder.dim)
            assert torch.equal(out.mask, given.mask)
            assert out.summary is None
            assert not out.vectors[~out.mask].any(), "padding is the zero vector"

    def test_padding_never_changes_an_answer(self, kind):
        encoder = new_encoder(kind)
        texts = texts_for(encoder)
        for plain, padded in zip(encoded(encoder, texts), encoded(encoder, [wider(t) for t in texts])):
            torch.testing.assert_close(plain.vectors, padded.vectors[:, : plain.vectors.shape[1]])
            assert torch.isfinite(padded.vectors).all()

    def test_a_batch_of_one_equals_its_row(self, kind):
        encoder = new_encoder(kind)
        texts = texts_for(encoder)
        whole = encoded(encoder, texts)
        for row in range(len(texts[0].mask)):
            for out, alone in zip(whole, encoded(encoder, [only(t, row) for t in texts])):
                n = int(out.mask[row].sum())
                torch.testing.assert_close(alone.vectors[0, :n], out.vectors[row, :n])

    def test_weights_are_all_there_is(self, kind):
        encoder, again = new_encoder(kind), new_encoder(kind, 9)
        again.load_state_dict(encoder.state_dict())
        for one, other in zip(encoded(encoder, texts_for(encoder)), encoded(again, texts_for(again))):
            same(one, other)

    def test_same_seed_same_weights(self, kind):
        first, second = new_encoder(kind, 3).state_dict(), new_encoder(kind, 3).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_gradients_reach_every_parameter_and_the_input(self, kind):
        encoder = new_encoder(kind).train()
        texts = texts_for(encoder)
        for given in texts:
            given.vectors.requires_grad_()
        sum(out.vectors.square().sum() for out in encoded(encoder, texts)).backward()
        assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())
        for given in texts:
            assert given.vectors.grad[given.mask].any(-1).all()
            assert not given.vectors.grad[~given.mask].any()


@pytest.mark.parametrize("kind", kinds("fusion"))
class TestFusion:
    def test_shapes(self, kind):
        fusion, parts = new_fusion(kind), fusion_parts()
        out = fusion(parts)
        assert out.vectors.shape == (*parts[0].vectors.shape[:2], fusion.dim)
        assert torch.equal(out.mask, parts[0].mask)
        assert out.summary is None
        assert fusion.summary_dim == 0
        assert not out.vectors[~out.mask].any(), "padding is the zero vector"

    def test_one_embedder_and_three(self, kind):
        for dims in ([6], [6, 4, 5]):
            fusion = new_fusion(kind, dims=dims)
            assert fusion(fusion_parts(dims)).vectors.shape[2] == fusion.dim

    def test_summaries_are_side_by_side(self, kind):
        fusion = build("fusion", table("fusion", kind), [6, 4], [2, 3])
        parts = [part._replace(summary=torch.randn(5, size)) for part, size in zip(fusion_parts(), (2, 3))]
        assert fusion.summary_dim == 5
        assert torch.equal(fusion(parts).summary, torch.cat([part.summary for part in parts], dim=1))

    def test_padding_never_changes_an_answer(self, kind):
        fusion, parts = new_fusion(kind), fusion_parts()
        wider = [
            Sequence(
                torch.nn.functional.pad(part.vectors, (0, 0, 0, 4)),
                torch.nn.functional.pad(part.mask, (0, 4)),
            )
            for part in parts
        ]
        plain, padded = fusion(parts), fusion(wider)
        torch.testing.assert_close(plain.vectors, padded.vectors[:, : plain.vectors.shape[1]])
        assert not padded.vectors[~padded.mask].any()

    def test_a_batch_of_one_equals_its_row(self, kind):
        fusion, parts = new_fusion(kind), fusion_parts()
        whole = fusion(parts)
        for row, n in enumerate(parts[0].mask.sum(1).tolist()):
            end = max(n, 1)
            alone = [
                Sequence(part.vectors[row : row + 1, :end], part.mask[row : row + 1, :end]) for part in parts
            ]
            torch.testing.assert_close(fusion(alone).vectors[0, :n], whole.vectors[row, :n])

    def test_gradients_reach_every_parameter_and_the_input(self, kind):
        fusion, parts = new_fusion(kind).train(), fusion_parts()
        for part in parts:
            part.vectors.requires_grad_()
        fusion(parts).vectors.square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in fusion.parameters())
        assert all(part.vectors.grad[part.mask].any(-1).all() for part in parts)
        assert not any(part.vectors.grad[~part.mask].any() for part in parts)

    def test_weights_are_a_share_an_embedder(self, kind):
        fusion, parts = new_fusion(kind), fusion_parts()
        if not hasattr(fusion, "weights"):
            return
        weights = fusion.weights(parts)
        assert weights.shape == (*parts[0].mask.shape, len(parts))
        torch.testing.assert_close(weights.sum(-1), parts[0].mask.float())

    def test_weights_are_all_there_is(self, kind):
        fusion, again, parts = new_fusion(kind), new_fusion(kind, 9), fusion_parts()
        again.load_state_dict(fusion.state_dict())
        same(fusion(parts), again(parts))

    def test_same_seed_same_weights(self, kind):
        first, second = new_fusion(kind, 3).state_dict(), new_fusion(kind, 3).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)
