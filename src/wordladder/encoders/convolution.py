"""The convolution encoder: filters over windows of a few neighbouring words, all windows at once."""

import torch
from torch import nn

from ..errors import RecipeError
from ..layers.sequence import Sequence, VariationalDropout

__all__ = ["Convolution"]

WIDTHS = (3, 4, 5)


class Convolution(nn.Module):
    """Filters over windows of neighbouring words, as in the text CNN of Kim (2014), section 2.

    A filter of width `h` gives each word the number `ReLU(w · [x₁; …; x_h] + b)`, where `x₁` to `x_h` are the
    words of the window around it; the output concatenates the filters of all widths. A window of odd width is
    centred on its word; one of even width has one word more after it than before. Beyond the ends of a text
    are zeros, so a text may be shorter than a window. The paper then takes the maximum over the words, which
    is the pooling `"max"` of a classifier.

    Weights start as in Glorot & Bengio (2010), biases at zero.

    Args:
        widths: Words in a window, one number for each group of filters; left out, `[3, 4, 5]`.
        filters: Filters of each width.
        dropout: Share of the output set to zero in training, the same numbers for every word of a text.

    Raises:
        RecipeError: a number is too small, or `dropout` is not a share.
    """

    reads = "segment"

    def __init__(
        self, dim: int, *, widths: list[int] | None = None, filters: int = 100, dropout: float = 0.0
    ) -> None:
        super().__init__()
        widths = list(WIDTHS) if widths is None else widths
        if not widths or min(widths) < 1:
            raise RecipeError(
                f"[[encoders]]: widths = {widths}: one or more numbers of at least 1, such as [3, 4, 5]"
            )
        if filters < 1:
            raise RecipeError(f"[[encoders]]: filters = {filters}: it must be at least 1")
        if not 0.0 <= dropout < 1.0:
            raise RecipeError(f"[[encoders]]: dropout = {dropout}: it is a share, at least 0 and below 1")
        self.dim = len(widths) * filters
        # An even width gives one window more than there are words; `forward` drops the first.
        self.convolutions = nn.ModuleList(
            nn.Conv1d(dim, filters, width, padding=width // 2) for width in widths
        )
        for weights in self.convolutions.parameters():
            (nn.init.zeros_ if weights.ndim == 1 else nn.init.xavier_uniform_)(weights)
        self.dropout = VariationalDropout(dropout)

    def forward(self, sequence: Sequence) -> Sequence:
        """Vectors `(batch, time, dim)`, zero after each text's end; the summary is dropped."""
        vectors, padding = sequence.vectors, ~sequence.mask[..., None]
        rows, time, _ = vectors.shape
        if not rows * time:
            return sequence._replace(vectors=vectors.new_zeros(rows, time, self.dim), summary=None)
        words = vectors.masked_fill(padding, 0.0).transpose(1, 2)
        found = (
            torch.cat([layer(words)[..., -time:] for layer in self.convolutions], dim=1)
            .transpose(1, 2)
            .relu()
        )
        return sequence._replace(vectors=self.dropout(found).masked_fill(padding, 0.0), summary=None)
