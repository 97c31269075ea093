"""The network beside that of transformers: the same loss, the same gradients, the same attention."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import (
    AlbertConfig,
    AlbertForPreTraining,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    RobertaConfig,
    RobertaForMaskedLM,
)

from wordladder.errors import ModelError
from wordladder.layers.half_precision_attention import attention
from wordladder.pretraining.objective import MaskedLanguageModel
from wordladder.pretraining.segments import Batch

SIZE = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZE |= {"intermediate_size": 24, "max_position_embeddings": 20}
PLAIN = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def model(kind):
    torch.manual_seed(0)
    if kind == "albert":
        return AlbertForPreTraining(
            AlbertConfig(**SIZE, **PLAIN, embedding_size=8, classifier_dropout_prob=0)
        )
    network = BertForPreTraining if kind == "bert" else BertForMaskedLM
    return network(BertConfig(**SIZE, **PLAIN))


def batch(order=True, padded=True):
    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 60, (6, 12), generator=chance)
    types = (torch.arange(12) > 6).long().expand(6, 12).contiguous()
    mask = torch.arange(12) < torch.tensor([[12], [12], [9], [7], [12], [10]]) if padded else None
    places = torch.tensor([1, 4, 14, 25, 38, 40, 50, 61])
    labels = torch.randint(5, 60, (8,), generator=chance)
    return Batch(ids, types, mask, places, labels, torch.tensor([0, 1, 1, -100, 0, 1]) if order else None)


@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_loss_and_gradients_are_those_of_transformers(kind):
    one, two, given = model(kind), model(kind), batch()
    loss, facts = MaskedLanguageModel(one)(given)
    labels = torch.full((6 * 12,), -100)
    labels[given.places] = given.labels
    name = "next_sentence_label" if kind == "bert" else "sentence_order_label"
    output = two(
        input_ids=given.ids,
        attention_mask=given.mask.long(),
        token_type_ids=given.types,
        labels=labels.view(6, 12),
        **{name: given.order},
    )
    assert loss.item() == pytest.approx(output.loss.item(), rel=1e-5)
    answers = output.prediction_logits.flatten(0, 1)[given.places].argmax(-1)
    assert facts["masked_accuracy"].item() == pytest.approx((answers == given.labels).float().mean().item())
    loss.backward()
    output.loss.backward()
    for (name, a), (_, b) in zip(one.named_parameters(), two.named_parameters()):
        assert (a.grad is None) == (b.grad is None), name
        if a.grad is not None:
            assert torch.allclose(a.grad, b.grad, atol=1e-6), name


def test_without_a_second_objective():
    given = batch(order=False, padded=False)
    loss, facts = MaskedLanguageModel(model("masked"))(given)
    labels = torch.full((6 * 12,), -100)
    labels[given.places] = given.labels
    expected = model("masked")(
        input_ids=given.ids, token_type_ids=given.types, labels=labels.view(6, 12)
    ).loss
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert facts.keys() == {"masked_loss", "masked_accuracy"}


@pytest.mark.parametrize("padded", [True, False])
def test_attention_in_half_precision(padded):
    """Beside float32, forwards and backwards, with rounding of eight bits."""
    chance = torch.Generator().manual_seed(2)
    parts = [torch.randn(3, 4, 10, 6, generator=chance).bfloat16() for _ in range(3)]
    half = [part.clone().requires_grad_() for part in parts]
    exact = [part.float().requires_grad_() for part in parts]
    mask = None
    if padded:
        inside = torch.arange(10) < torch.tensor([[10], [7], [4]])
        mask = inside[:, None, None].expand(3, 1, 10, 10)
    out, _ = attention(None, *half, mask)
    expected = scaled_dot_product_attention(*exact, attn_mask=mask).transpose(1, 2)
    assert out.shape == (3, 10, 4, 6)
    assert torch.allclose(out.float(), expected, atol=0.03)
    grad = torch.randn(3, 10, 4, 6, generator=chance)
    out.backward(grad.bfloat16())
    expected.backward(grad)
    for a, b in zip(half, exact):
        assert torch.allclose(a.grad.float(), b.grad, atol=0.06)
    if padded:
        assert half[1].grad[2, :, 4:].abs().max() == 0, "nothing of the padding"


def test_half_precision_is_near():
    given = batch()
    exact, _ = MaskedLanguageModel(model("albert"))(given)
    with torch.autocast("cpu", torch.bfloat16):
        near, _ = MaskedLanguageModel(model("albert"))(given)
    assert near.dtype == torch.float32
    assert near.item() == pytest.approx(exact.item(), rel=0.01)


def test_another_kind_of_model():
    other = RobertaForMaskedLM(RobertaConfig(**SIZE))
    with pytest.raises(ModelError, match="roberta"):
        MaskedLanguageModel(other)
