"""The recurrent encoder: several layers, first weights, dropout. Its layers are tested in tests/layers."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from wordladder.encoders.recurrent import Recurrent
from wordladder.layers.sequence import Sequence

LENGTHS = torch.tensor([9, 30, 1, 17, 30])


def sequence(dim=6, dtype=torch.float32):
    vectors = torch.randn(5, 30, dim, generator=torch.Generator().manual_seed(0), dtype=dtype)
    mask = torch.arange(30) < LENGTHS[:, None]
    return Sequence(vectors * mask[..., None], mask, summary=torch.ones(5, 2))


def packed(encoder, given):
    """The slow twin: torch's layers with the same weights, on a packed batch."""
    first = encoder.layers[0][0]
    whole = type(first)(
        given.vectors.shape[2],
        first.hidden_size,
        len(encoder.layers),
        batch_first=True,
        bidirectional=len(encoder.layers[0]) == 2,
    ).to(given.vectors.dtype)
    own = {
        name.replace("_l0", f"_l{number}") + end: weights
        for number, cells in enumerate(encoder.layers)
        for end, cell in zip(("", "_reverse"), cells)
        for name, weights in cell.named_parameters()
    }
    words = pack_padded_sequence(given.vectors, LENGTHS, batch_first=True, enforce_sorted=False)
    out, _ = torch.func.functional_call(whole, own, (words,))
    return pad_packed_sequence(out, batch_first=True)[0]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_the_answers_of_a_packed_batch(cell, layers, bidirectional, dtype, tolerance):
    """The gradients too; several layers of an RNN multiply float32's own error."""
    torch.manual_seed(0)
    encoder = Recurrent(6, cell=cell, hidden=12, layers=layers, bidirectional=bidirectional).to(dtype)
    given = sequence(dtype=dtype)
    found = []
    for run in (lambda: encoder(given).vectors, lambda: packed(encoder, given)):
        out = run()
        found.append([out.detach(), *torch.autograd.grad(out.square().sum(), list(encoder.parameters()))])
    for place, (ours, theirs) in enumerate(zip(*found, strict=True)):
        scale = max(1.0, float(theirs.abs().max())) * layers if place else 1.0
        assert (ours - theirs).abs().max() <= tolerance * scale


def test_what_it_gives():
    encoder, given = Recurrent(6, hidden=5), sequence()
    out = encoder(given)
    assert encoder.dim == 10
    assert out.vectors.shape == (5, 30, 10)
    assert out.mask is given.mask
    assert out.summary is None
    assert Recurrent(6, hidden=5, bidirectional=False).dim == 5


def test_its_weights_have_the_names_of_torch():
    names = set(Recurrent(6, hidden=5, layers=2).state_dict())
    ends = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert names == {f"layers.{n}.{direction}.{end}" for n in (0, 1) for direction in (0, 1) for end in ends}


def test_first_weights():
    (cells,) = Recurrent(6, cell="lstm", hidden=5).layers
    for cell in cells:
        for block in cell.weight_hh_l0.detach().split(5):
            torch.testing.assert_close(block @ block.T, torch.eye(5))
        assert cell.bias_ih_l0.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
        assert not cell.bias_hh_l0.any()
    assert not torch.equal(cells[0].weight_ih_l0, cells[1].weight_ih_l0)


def test_dropout_acts_between_layers_while_training():
    torch.manual_seed(0)
    encoder = Recurrent(6, hidden=8, layers=2, dropout=0.5)
    with torch.no_grad():
        assert not torch.equal(encoder(sequence()).vectors, encoder(sequence()).vectors)
        encoder.eval()
        assert torch.equal(encoder(sequence()).vectors, encoder(sequence()).vectors)


def test_dropout_without_a_place_is_told():
    with pytest.warns(UserWarning, match="layers = 1"):
        Recurrent(6, dropout=0.3)


def test_it_learns():
    """The label is the first word's sign: what has to be carried to the other end."""
    torch.manual_seed(0)
    encoder, head = Recurrent(3, cell="gru", hidden=8, bidirectional=False), nn.Linear(8, 1)
    vectors = torch.randn(64, 12, 3)
    given, labels = Sequence(vectors, torch.ones(64, 12, dtype=torch.bool)), (vectors[:, 0, :1] > 0).float()
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.02)
    for _ in range(120):
        loss = nn.functional.binary_cross_entropy_with_logits(head(encoder(given).vectors[:, -1]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
