"""Speed of pretraining against the usual masked-LM step of transformers, on real text, alternating.

The usual step: lines as they are, truncated at 128 pieces and padded to the longest of the batch, scores over
the whole vocabulary at every position, float32 (bfloat16 autocast on an accelerator), torch's fused AdamW.
Ours: full rows, the head only at masked positions, bfloat16 if the CPU supports it, a fused optimizer. Model,
vocabulary, objective (single pieces, 15 %, 80/10/10), learning rate, pieces per step and initial weights are
the same. What each has learned is measured with transformers' own model in float32 on the same held-out rows.

    python benchmarks/pretraining.py [bert|albert] [tiny|mini|small]
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from _common import keep, need

ROUNDS, STEPS, ROWS, TIME = 8, 10, 32, 128
SAMPLE = 12_000_000  # characters
RATE = 1e-3


def sample(folder: Path, source: Path) -> Path:
    """The beginning of a text file."""
    from wordladder.files.streams import ByteReader

    path = folder / "text.txt"
    with ByteReader(source) as reader:
        text = reader.read(SAMPLE)
    path.write_bytes(text.rpartition(b"\n\n")[0] or text)
    return path


def lines(path: Path, tokenizer: Any, held_out: int, rows: int = ROWS) -> Iterator[dict[str, torch.Tensor]]:
    """Endless batches of lines as the usual step reads them: shuffled, truncated, padded, masked by
    transformers.
    """
    from transformers import DataCollatorForLanguageModeling

    texts = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()][:-held_out]
    chance = torch.Generator().manual_seed(1)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    while True:
        order = torch.randperm(len(texts), generator=chance).tolist()
        for start in range(0, len(order) - rows + 1, rows):
            chosen = [texts[row] for row in order[start : start + rows]]
            encoded = tokenizer(chosen, truncation=True, max_length=TIME)
            yield collate([{"input_ids": ids} for ids in encoded["input_ids"]])


class Usual:
    """The usual step."""

    def __init__(self, model: Any, batches: Iterator[Any], device: torch.device) -> None:
        self.model, self.batches, self.device = model.to(device).train(), batches, device
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)

    def step(self) -> tuple[int, torch.Tensor]:
        """One step; the pieces of text in it, and the loss."""
        batch = next(self.batches)
        pieces = int(batch["attention_mask"].sum())
        self.optimizer.zero_grad()
        half = torch.autocast(self.device.type, torch.bfloat16)
        with nullcontext() if self.device.type == "cpu" else half:
            loss = self.model(**batch.to(self.device)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return pieces, loss.detach()


class Ours:
    """The step of `wordladder pretrain`, as in its loop."""

    def __init__(self, objective: Any, device: torch.device) -> None:
        from itertools import count

        from wordladder.layers.devices import batches_on_device
        from wordladder.training.optimizer import autocast, build_optimizers, clip_gradients
        from wordladder.training.settings import TrainingSettings

        self.clip, self.autocast, self.device = clip_gradients, autocast, device
        self.network = objective.network.to(device).train()
        self.settings = TrainingSettings(learning_rate=RATE, weight_decay=0.01)
        self.optimizers = build_optimizers(objective.network, self.settings)

        def made(number: int) -> tuple[Any, int]:
            batch = objective.batch(number, 0)
            return batch, objective.tokens(batch)

        self.batches = batches_on_device(made, count(), device)

    def step(self) -> tuple[int, torch.Tensor]:
        """One step; the pieces of text in it, and the loss."""
        batch, pieces = next(self.batches)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        with self.autocast(self.settings, self.device):
            loss, _ = self.network(batch)
        loss.backward()
        self.clip(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        return pieces, loss.detach()


def timed(step: Callable[[], tuple[int, torch.Tensor]], steps: int = STEPS) -> dict[str, Any]:
    """Run several steps: pieces per second, and the losses."""
    started = time.perf_counter()
    found = [step() for _ in range(steps)]
    losses = torch.stack([loss for _, loss in found]).tolist()
    seconds = time.perf_counter() - started
    return {"pieces": sum(pieces for pieces, _ in found), "seconds": seconds, "losses": losses}


@torch.no_grad()
def measured(model: Any, batches: list[Any]) -> float:
    """Masked loss on held-out rows, with transformers' model in float32."""
    model.eval()
    total, count = 0.0, 0
    for batch in batches:
        labels = torch.full((batch.ids.numel(),), -100)
        labels[batch.places] = batch.labels
        mask = None if batch.mask is None else batch.mask.long()
        output = model(
            input_ids=batch.ids,
            attention_mask=mask,
            token_type_ids=batch.types,
            labels=labels.view(batch.ids.shape),
        )
        total, count = total + output.loss.item() * len(batch.labels), count + len(batch.labels)
    model.train()
    return total / count


def both(
    kind: str, size: str, folder: Path, source: Path, device: torch.device, rows: int = ROWS
) -> tuple[Usual, Ours, list[Any]]:
    """Both variants before their first step, and held-out batches."""
    from wordladder.pretraining.documents import hold_out, open_documents, write_documents
    from wordladder.pretraining.initial_models import new_model
    from wordladder.pretraining.objective import MaskedObjective
    from wordladder.pretraining.raw_text import RawText
    from wordladder.pretraining.settings import PretrainingSettings
    from wordladder.pretraining.vocabulary import train_vocabulary

    settings = PretrainingSettings(
        kind=kind,  # type: ignore[arg-type]
        size=size,  # type: ignore[arg-type]
        objectives="mlm",
        tokenizer="wordpiece",
        whole_words=False,
        longest_run=1,
        max_pieces=TIME,
        batch_pieces=rows * TIME,
        steps=ROUNDS * STEPS,
    )
    path = sample(folder, source)
    tokenizer = train_vocabulary(RawText([path]), "wordpiece", settings.shape.vocabulary, lowercase=True)
    write_documents(folder, RawText([path]), tokenizer, longest=62)
    documents, _ = open_documents(folder, tokenizer)
    train, held_out = hold_out(documents, 0.005, 1)
    ours_model, usual_model = (new_model(settings, tokenizer) for _ in range(2))
    usual_model.set_attn_implementation("sdpa")
    objective = MaskedObjective(ours_model, tokenizer, train, held_out, settings)
    usual = Usual(usual_model, lines(path, tokenizer, 500, rows), device)
    return usual, Ours(objective, device), objective._held_out[:8]


def main(kind: str = "bert", size: str = "mini") -> None:
    """Measure both alternately, print and save."""
    with TemporaryDirectory() as folder:
        source = need("corpora/enwiki_sample.txt.xz")
        usual, ours, rows = both(kind, size, Path(folder), source, torch.device("cpu"))
        runs: dict[str, list[dict[str, Any]]] = {"usual": [], "ours": []}
        for _ in range(ROUNDS):
            runs["usual"].append(timed(usual.step))
            runs["ours"].append(timed(ours.step))
        model = ours.network.model
        model.set_attn_implementation("sdpa")
        learned = {"usual": measured(usual.model, rows), "ours": measured(model, rows)}
    report(kind, size, runs, learned)


def report(kind: str, size: str, runs: dict[str, list[dict[str, Any]]], learned: dict[str, float]) -> None:
    """Print and save the figures."""
    found: dict[str, Any] = {"kind": kind, "size": size, "threads": torch.get_num_threads()}
    for name, rounds in runs.items():
        speeds = sorted(one["pieces"] / one["seconds"] for one in rounds[1:])
        found[name] = {
            "pieces_per_second": speeds[len(speeds) // 2],
            "lowest": speeds[0],
            "highest": speeds[-1],
            "pieces": sum(one["pieces"] for one in rounds),
            "losses": [sum(one["losses"]) / STEPS for one in rounds],
            "held_out_loss": learned[name],
        }
        print(
            f"{name:>6}: {found[name]['pieces_per_second']:,.0f} pieces/s "
            f"({speeds[0]:,.0f} to {speeds[-1]:,.0f}), held-out loss {learned[name]:.3f} after "
            f"{ROUNDS * STEPS} steps, {found[name]['pieces']:,} pieces"
        )
        print("        losses: " + " ".join(f"{loss:.2f}" for loss in found[name]["losses"]))
    found["ratio"] = found["ours"]["pieces_per_second"] / found["usual"]["pieces_per_second"]
    print(f"ratio: {found['ratio']:.2f}")
    keep(f"pretraining-{kind}-{size}", json.loads(json.dumps(found)))


if __name__ == "__main__":
    main(*sys.argv[1:])
