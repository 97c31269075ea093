"""Examples of several texts: one Sequence with the words of all, or one Sequence a text."""

import torch
from torch import Tensor

from ..sequence import Sequence

__all__ = ["apart", "together"]


def apart(sequence: Sequence, count: int) -> tuple[Sequence, ...]:
    """One Sequence a segment, each as wide as its longest text; the summary is dropped.

    Args:
        sequence: The words of all segments, those of the first one first.
        count: The number of segments.
    """
    segments = sequence.segments
    if segments is None:
        segments = torch.zeros_like(sequence.mask, dtype=torch.long)
    parts, first = [], torch.zeros_like(sequence.lengths)
    for number in range(count):
        lengths = ((segments == number) & sequence.mask).sum(dim=1)
        parts.append(_cut(sequence.vectors, first, lengths))
        first = first + lengths
    return tuple(parts)


def _cut(vectors: Tensor, first: Tensor, lengths: Tensor) -> Sequence:
    """Of each row `lengths` words from the word `first` on."""
    step = torch.arange(int(lengths.max()) if len(lengths) else 0, device=vectors.device)
    mask = step < lengths[:, None]
    place = (first[:, None] + step).clamp(max=max(vectors.shape[1] - 1, 0))
    rows = torch.arange(len(vectors), device=vectors.device)[:, None]
    return Sequence(vectors[rows, place] * mask[..., None], mask)


def together(parts: tuple[Sequence, ...]) -> Sequence:
    """The words of all segments in one Sequence again, with their segments' numbers."""
    lengths = torch.stack([part.lengths for part in parts])  # (segments, batch)
    ends = lengths.cumsum(dim=0)
    total = ends[-1]
    step = torch.arange(int(total.max()) if total.numel() else 0, device=total.device)
    mask = step < total[:, None]
    segments = (step >= ends[:-1, :, None]).sum(dim=0)  # (batch, time)
    widths = torch.tensor([0, *(part.mask.shape[1] for part in parts[:-1])], device=total.device).cumsum(0)
    firsts = ends - lengths
    place = step - firsts.T.gather(1, segments) + widths[segments]
    vectors = torch.cat([part.vectors for part in parts], dim=1)
    rows = torch.arange(len(total), device=total.device)[:, None]
    place = place.clamp(max=max(vectors.shape[1] - 1, 0))
    return Sequence(vectors[rows, place] * mask[..., None], mask, None, segments * mask)
