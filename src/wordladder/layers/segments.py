"""Examples of several texts: one Sequence with the words of all, or one Sequence a text."""

from collections.abc import Sequence as Seq

import torch
from torch import Tensor

from .sequence import Sequence


def apart(sequence: Sequence, widths: Seq[int]) -> tuple[Sequence, ...]:
    """One Sequence a segment; the summary is dropped.

    Args:
        sequence: The words of all segments, those of the first one first.
        widths: Words of the longest text of each segment. The sequence would tell them too, but on a device
            other than the processor they would be waited for.
    """
    segments = sequence.segments
    if segments is None:
        segments = torch.zeros_like(sequence.mask, dtype=torch.long)
    parts, first = [], torch.zeros_like(sequence.lengths)
    for number, width in enumerate(widths):
        lengths = ((segments == number) & sequence.mask).sum(dim=1)
        parts.append(_cut(sequence.vectors, first, lengths, width))
        first = first + lengths
    return tuple(parts)


def _cut(vectors: Tensor, first: Tensor, lengths: Tensor, width: int) -> Sequence:
    """Of each row `lengths` words from the word `first` on, `width` of them at most."""
    step = torch.arange(width, device=vectors.device)
    mask = step < lengths[:, None]
    place = (first[:, None] + step).clamp(max=max(vectors.shape[1] - 1, 0))
    rows = torch.arange(len(vectors), device=vectors.device)[:, None]
    return Sequence(vectors[rows, place] * mask[..., None], mask)


def together(parts: tuple[Sequence, ...], width: int) -> Sequence:
    """The words of all segments in one Sequence again, `width` words wide, with their segments' numbers."""
    lengths = torch.stack([part.lengths for part in parts])  # (segments, batch)
    ends = lengths.cumsum(dim=0)
    total = ends[-1]
    step = torch.arange(width, device=total.device)
    mask = step < total[:, None]
    segments = (step >= ends[:-1, :, None]).sum(dim=0)  # (batch, time)
    place = step - (ends - lengths).T.gather(1, segments)
    for number, part in enumerate(parts[:-1]):
        place = place + (segments > number) * part.mask.shape[1]
    vectors = torch.cat([part.vectors for part in parts], dim=1)
    rows = torch.arange(len(total), device=total.device)[:, None]
    place = place.clamp(max=max(vectors.shape[1] - 1, 0))
    return Sequence(vectors[rows, place] * mask[..., None], mask, None, segments * mask)
