"""Training on long texts in segments: the state goes on from one segment of a text to the next, gradients do
not (truncated backpropagation through time, Williams & Peng 1990).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.batches import positions_within
from ..processes import process_count
from ..tasks._word_scores import WordTargets
from ..text.words import Tokens, offsets_of

Rows = NDArray[np.int64]


def segmented_job(job: Any, batches_of: Any, tokens: Tokens, targets: WordTargets, longest: int) -> Any:
    """The job of a language model with its texts in segments; the same job if no text is longer than one.

    Args:
        job: The job of whole texts.
        batches_of: Puts rows of some lengths into batches, as `NetworkEngine._batches`.
        tokens: Their words.
        targets: Those and the end of each text.
        longest: The most words of a segment.
    """
    lengths = tokens.lengths
    if lengths.max(initial=0) <= longest:
        return job
    counts = lengths // longest + 1  # the end, too, is in a segment
    texts, firsts = np.repeat(np.arange(len(lengths)), counts), np.cumsum(counts) - counts
    left = lengths[texts] - positions_within(counts) * longest
    segments = replace(
        tokens,
        texts=tuple(tokens.texts[text] for text in texts.tolist()),
        offsets=offsets_of(np.minimum(left, longest)),
        lost=np.zeros(len(texts), np.int64),
    )
    goals = WordTargets(targets.values, offsets_of(np.minimum(left + 1, longest)))
    grouped = batches_of(lengths, longest=longest)
    for part in (*job.network.encoders, job.network.task):
        part.remember(job.settings.batch_rows)

    def batches(epoch: int) -> list[Rows]:
        groups = grouped(epoch)
        # Every process keeps the states of its own texts: its batches are those of its own groups.
        lanes = [groups[lane :: process_count()] for lane in range(process_count())]
        in_order = ([batch for group in lane for batch in _in_turn(group)] for lane in lanes)
        return [batch for turn in zip(*in_order) for batch in turn]

    def _in_turn(group: Rows) -> list[Rows]:
        """The first segments of a group of texts, their second ones, and so on: for each its number, and the
        row in the batch before from which it goes on, or -1.
        """
        found, rows = [], np.full(len(group), -1)
        for number in range(counts[group].max()):
            more = counts[group] > number
            group, rows = group[more], rows[more]
            found.append(np.stack([firsts[group] + number, rows], axis=1))
            rows = np.arange(len(group))
        return found

    def prepare(rows: Rows) -> Any:
        batch = job.network.prepare(segments.take(rows[:, 0]), goals[rows[:, 0]])
        return batch._replace(goes_on=torch.from_numpy(rows[:, 1].copy()))

    return replace(job, batches=batches, prepare=prepare)
