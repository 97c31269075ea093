"""Lengths → batches of rows of similar length. It knows rows and lengths only, neither texts nor tensors."""

import numpy as np

from ..errors import SettingError

_POOL = 64  # batches of the largest size that are sorted together
_JITTER = 0.1  # by which a length is off, at most, when it is sorted


def length_batches(
    lengths: np.ndarray,
    *,
    max_words: int,
    max_rows: int,
    seed: int | None = None,
    epoch: int = 0,
    together: np.ndarray | None = None,
    longest: int | None = None,
) -> list[np.ndarray]:
    """Put rows into batches; every row is in exactly one.

    With a seed the rows are shuffled into pools, each pool is sorted by length, not quite exactly, and cut
    into batches, and the batches are shuffled: a pure function of lengths, sizes, seed and epoch. How many
    there are differs a little between epochs. Without a seed the rows are sorted by length, shortest first:
    for prediction.

    Args:
        lengths: Words of each row (rows,).
        max_words: Rows times the longest of them in a batch, at most; a longer row is a batch of its own.
        max_rows: Rows of a batch, at most.
        seed: Shuffles; None: sort.
        epoch: Which pass over the rows this is, from 0.
        together: A number for each row; those with the same one are in one batch, and count as one row.
        longest: The most words of a row that are read at once, and count.

    Returns:
        Row numbers, int64, one array a batch.

    Raises:
        SettingError: a size is below 1, or seed or epoch below 0.
    """
    if max_words < 1 or max_rows < 1:
        raise SettingError(f"max_words={max_words} and max_rows={max_rows} must be 1 or more.")
    lengths = np.asarray(lengths, dtype=np.int64)
    if together is not None:
        numbers = np.unique(together, return_inverse=True)[1]
        order, ends = np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))
        sizes, rows_of = np.bincount(numbers, lengths), np.split(order, ends[:-1])
        sizes = sizes.astype(np.int64)
        batches = length_batches(sizes, max_words=max_words, max_rows=max_rows, seed=seed, epoch=epoch)
        return [np.concatenate([rows_of[number] for number in batch]) for batch in batches]
    if seed is None:
        return _cut(np.argsort(lengths, kind="stable"), lengths, max_words, max_rows)
    if seed < 0 or epoch < 0:
        raise SettingError(f"seed={seed} and epoch={epoch} must be 0 or more.")
    # Raw bits and stable sorts: NumPy promises the same for both in every version, on every platform.
    bits = np.random.PCG64(np.random.SeedSequence([seed, epoch]))
    shuffled = np.argsort(bits.random_raw(len(lengths)), kind="stable")
    off = (bits.random_raw(len(lengths)) >> np.uint64(11)) * 2.0**-53
    noisy = lengths * (1 + _JITTER * off) + off
    read = lengths if longest is None else np.minimum(lengths, longest)
    batches = []
    for start in range(0, len(shuffled), _POOL * max_rows):
        pool = shuffled[start : start + _POOL * max_rows]
        pool = pool[np.argsort(noisy[pool], kind="stable")]
        batches += _cut(pool, read, max_words, max_rows)
    order = np.argsort(bits.random_raw(len(batches)), kind="stable")
    return [batches[index] for index in order]


def _cut(rows: np.ndarray, lengths: np.ndarray, max_words: int, max_rows: int) -> list[np.ndarray]:
    """Consecutive batches of `rows`, each as large as it may be."""
    batches = []
    start = 0
    counts = np.arange(1, max_rows + 1)
    while start < len(rows):
        window = rows[start : start + max_rows]
        padded = counts[: len(window)] * np.maximum.accumulate(lengths[window])
        size = max(1, int(np.searchsorted(padded, max_words, side="right")))
        batches.append(window[:size])
        start += size
    return batches


def positions_within(lengths: np.ndarray) -> np.ndarray:
    """0, 1, 2, … up to each length, one row after another: (sum of lengths,)."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
