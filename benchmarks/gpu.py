"""Tests everything that runs on a GPU: is it correct, how fast is it, what does it bring.

    python benchmarks/gpu.py --output FOLDER --table TABLE --tags TAGS --questions SQUAD --text TEXT \\
        --encoder FOLDER [--pairs WORDSIM] [--analogies QUESTIONS] [--prepared FOLDER...]
        [--minutes 8] [--parts smoke,speed,word2vec,albert]

Needs the package from `src/` and the files named, no network. Each part prints as it goes and writes its
results to OUTPUT/gpu.json before the next one begins; a part that fails is reported and the next one runs.

- smoke: a BiLSTM, a CRF tagger, a fine-tuned BERT, ALBERT + BiLSTM and span questions are trained on the GPU,
  saved, and loaded on GPU and CPU: scores within 1e-3 in float32, equal labels. One run is interrupted and
  resumed.
- speed: pieces/s of fine-tuning ENCODER and of pretraining a small and a base-size ALBERT, alternating with
  the usual transformers loop on the same GPU (its own models, bfloat16 autocast, fused AdamW), and the
  fraction of the GPU's measured matrix-product throughput that both reach.
- word2vec: skip-gram on TEXT, on the GPU and with the CPU kernel: words/s, and quality on PAIRS and
  ANALOGIES; one seed after another for a quarter of the minutes.
- albert: a starter encoder from each folder written by `wordladder pretrain --prepare`, with ENCODER as its
  teacher if the vocabulary is a subset of its own, for the remaining minutes; saved in half precision.
"""

import argparse
import json
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np
import torch

from _gpu_albert import albert_part
from _gpu_word2vec import word2vec_part
from pretraining import both, sample, timed

TOLERANCE = 1e-3
FLOAT32 = {"training.precision": "float32"}


def say(part: str, **facts: Any) -> None:
    """Print figures on one line."""
    told = "  ".join(f"{name} {_shown(value)}" for name, value in facts.items())
    print(f"[{time.strftime('%H:%M:%S')}] {part:9} {told}", flush=True)


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        return f"{value:,}" if type(value) is int else str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


# ── smoke ──────────────────────────────────────────────────────────────────────────────────────────────────


def smoke(given: argparse.Namespace) -> dict[str, Any]:
    """Train on the device; run the same model there and on the CPU."""
    torch.backends.cudnn.allow_tf32 = False  # otherwise recurrent layers use 10-bit mantissas
    found = {}
    with TemporaryDirectory() as folder:
        for name, recipe, examples in cases(given, Path(folder)):
            found[name] = compared(recipe, examples, Path(folder) / name, given.device)
            say("smoke", case=name, **found[name])
        found["resume"] = resumed(given, Path(folder))
        say("smoke", case="resume", **found["resume"])
    torch.backends.cudnn.allow_tf32 = True
    return found


def cases(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Recipes and their training data."""
    from wordladder import Recipe

    rows = 64 if given.tiny else 2000
    table, tags, questions = (
        examples(path, task, rows)
        for path, task in (
            (given.table, "classification"),
            (given.tags, "tagging"),
            (given.questions, "span_qa"),
        )
    )
    albert = small_albert(given, folder / "albert")
    pieces = {"embedders.0.max_pieces": 64 if given.tiny else 128}
    once = FLOAT32 | {"training.epochs": 1}
    tuned = once | pieces | {"embedders.0.precision": "float32"}
    bert, mixed = (tuned | {"embedders.0.source": str(source)} for source in (given.encoder, albert))
    yield "bilstm", Recipe.load("bilstm").with_settings(once | {"vectors.start": "none"}), table
    yield "bilstm-crf", Recipe.load("bilstm-crf").with_settings(once), tags
    yield "bert", Recipe.load("bert").with_settings(bert), table
    yield "frozen", Recipe.load("bert-frozen-bilstm").with_settings(bert), table
    yield "albert-bilstm", Recipe.load("albert-bilstm").with_settings(mixed), table
    yield "albert-bilstm-crf", Recipe.load("albert-bilstm-crf").with_settings(mixed), tags
    asked = Recipe.load("bert-qa").with_settings(bert | {"embedders.0.overlap": 16})
    yield "bert-qa", asked, questions.take(np.arange(rows // 4))


def examples(path: Path, task: str, rows: int) -> Any:
    """The first rows of a file."""
    from wordladder.data.reading import read_examples

    read = read_examples(path, task)
    return read.take(np.arange(min(rows, len(read))))


def small_albert(given: argparse.Namespace, output: Path) -> Path:
    """An ALBERT pretrained for a few steps on the device."""
    from wordladder.pretraining.pretrain import pretrain
    from wordladder.pretraining.settings import PretrainingSettings

    sizes: dict[str, Any] = {"max_pieces": 64, "batch_pieces": 256, "vocabulary_size": 500}
    sizes = sizes if given.tiny else {"vocabulary_size": 8000, "batch_pieces": 16_384}
    steps = 3 if given.tiny else 100
    settings = PretrainingSettings(kind="albert", size="tiny", steps=steps, device=given.device, **sizes)
    report = pretrain([sample(output.parent, given.text)], output, settings)
    say("smoke", case="pretrain", **{n: report[n] for n in ("steps", "tokens_per_second", "seconds")})
    return output


def compared(recipe: Any, examples: Any, folder: Path, device: str) -> dict[str, Any]:
    """Differences between the scores on the device and on the CPU, and the labels that differ."""
    from wordladder import Model

    started = time.perf_counter()
    Model(recipe, device=device).fit(examples, output=folder)
    seconds = time.perf_counter() - started
    there, here = (Model.load(folder, device=where) for where in (device, "cpu"))
    far = float(np.abs(values(there, examples) - values(here, examples)).max())
    labels = [one.predict(examples) for one in (there, here)]
    different = sum(one != other for one, other in zip(*map(list, labels)))
    right = far <= TOLERANCE and not different
    return {"right": right, "farthest": far, "labels_differ": different, "fit_seconds": seconds}


def values(model: Any, examples: Any) -> np.ndarray:
    """The scores of a model as one array."""
    scores = model.scores(examples)
    return np.nan_to_num(np.asarray(getattr(scores, "values", scores), np.float64))  # −∞ for impossible ones


def resumed(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """An interrupted and resumed run against an uninterrupted one: equal except for the order of sums."""
    from wordladder import Model, Recipe

    rows = examples(given.table, "classification", 64 if given.tiny else 1000)
    settings = FLOAT32 | {"training.epochs": 2, "training.checkpoint_steps": 2}
    settings |= {"embedders.0.source": "random"}  # several threads never train the same word vectors twice
    recipe = Recipe.load("bilstm").with_settings(settings | {"training.batch_rows": 8})
    whole = Model(recipe, device=given.device).fit(rows, output=folder / "whole")

    def stop(stage: str, done: float, total: float | None, **facts: Any) -> None:
        if stage == "training" and done >= 5:
            raise KeyboardInterrupt

    broken = folder / "broken"
    with suppress(KeyboardInterrupt):
        Model(recipe, device=given.device).fit(rows, output=broken, progress=stop)
    again = Model(recipe, device=given.device).fit(rows, output=broken, resume=True)
    far = float(np.abs(values(whole, rows) - values(again, rows)).max())
    agree = float(np.mean(np.array(whole.predict(rows)) == np.array(again.predict(rows))))
    return {"right": far <= 0.05, "farthest": far, "labels_agree": agree}


# ── speed ──────────────────────────────────────────────────────────────────────────────────────────────────


def speed(given: argparse.Namespace) -> dict[str, Any]:
    """Pieces per second against the usual loops, alternating."""
    device = torch.device(given.device)
    found: dict[str, Any] = {"tflops_of_products": products(device, 256 if given.tiny else 8192)}
    say("speed", tflops_of_products=found["tflops_of_products"])
    rounds, steps, rows = (2, 1, 4) if given.tiny else (6, 20, 512)
    for size in ("tiny",) if given.tiny else ("small", "base"):
        with TemporaryDirectory() as folder:
            usual, ours, _ = both("albert", size, Path(folder), given.text, device, rows)
            told = in_turn(usual.step, ours.step, rounds, steps)
            operations = count(ours.step)
        found[f"pretrain albert {size}"] = with_share(told, operations, found["tflops_of_products"])
        say("speed", what=f"pretrain albert {size}", **found[f"pretrain albert {size}"])
    usual_step, our_step = tuning(given, device, 4 if given.tiny else 64)
    told = in_turn(usual_step, our_step, rounds, steps)
    found["tune encoder"] = with_share(told, count(our_step), found["tflops_of_products"])
    say("speed", what="tune encoder", **found["tune encoder"])
    return found


def products(device: torch.device, size: int) -> float:
    """Throughput of large bfloat16 matrix products, in TFLOP/s."""
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ other
    wait(device)
    started = time.perf_counter()
    for _ in range(10):
        one @ other
    wait(device)
    return 10 * 2 * size**3 / (time.perf_counter() - started) / 1e12


def wait(device: torch.device) -> None:
    """Synchronise with the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_turn(usual: Callable[[], Any], ours: Callable[[], Any], rounds: int, steps: int) -> dict[str, float]:
    """Pieces per second of both variants: the median of alternating rounds after a warm-up."""
    speeds: dict[str, list[float]] = {"usual": [], "ours": []}
    for _ in range(rounds):
        for name, step in (("usual", usual), ("ours", ours)):
            one = timed(step, steps)
            speeds[name].append(one["pieces"] / one["seconds"])
    usual_speed, our_speed = (float(np.median(speeds[name][1:])) for name in ("usual", "ours"))
    return {"usual": usual_speed, "ours": our_speed, "ratio": our_speed / usual_speed}


def count(step: Callable[[], Any]) -> float:
    """Floating-point operations per piece in one step."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        pieces, _ = step()
    return counter.get_total_flops() / pieces


def with_share(told: dict[str, float], operations: float, peak: float) -> dict[str, float]:
    """Our speed as a fraction of the GPU's matrix-product throughput."""
    return told | {"gflop_a_piece": operations / 1e9, "share": told["ours"] * operations / 1e12 / peak}


def tuning(
    given: argparse.Namespace, device: torch.device, rows: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A fine-tuning step for classification, the usual way and ours."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    read = examples(given.table, "classification", 64 if given.tiny else 20_000)
    names = sorted(set(read.labels))
    tokenizer = AutoTokenizer.from_pretrained(given.encoder)
    model = AutoModelForSequenceClassification.from_pretrained(given.encoder, num_labels=len(names))
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)
    chance = np.random.default_rng(1)

    def usual() -> tuple[int, torch.Tensor]:
        chosen = chance.choice(len(read), rows, replace=False).tolist()
        texts, labels = [read.texts[row] for row in chosen], [names.index(read.labels[row]) for row in chosen]
        batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        pieces = int(batch["attention_mask"].sum())
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16):
            loss = model(**batch.to(device), labels=torch.tensor(labels, device=device)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return pieces, loss.detach()

    return usual, ours_tuning(given, read, device, rows)


def ours_tuning(given: argparse.Namespace, read: Any, device: torch.device, rows: int) -> Callable[[], Any]:
    """The step of the rung `bert`, as in the training loop."""
    from itertools import chain
    from itertools import count as numbers

    from wordladder import Recipe
    from wordladder.data.batches import length_batches
    from wordladder.embedders._training_text import TrainingText
    from wordladder.engines.network import Network
    from wordladder.layers.devices import batches_on_device
    from wordladder.recipe import build
    from wordladder.text.words import tokenize
    from wordladder.training.optimizer import autocast, build_optimizers, clip_gradients
    from wordladder.training.settings import TrainingSettings

    recipe = Recipe.load("bert").with_settings({"embedders.0.source": str(given.encoder)})
    pieces = {"embedders.0.max_pieces": 64 if given.tiny else 256, "embedders.0.hidden_dropout": 0.1}
    recipe = recipe.with_settings(pieces)
    task = build("tasks", recipe.tables["task"])
    task.initialise(read)
    tokens = tokenize(read.texts, recipe.text)
    network = Network(recipe, task).initialise(TrainingText(tokens, None, recipe.folder)).to(device).train()
    settings = TrainingSettings(**recipe.table("training"))
    optimizers, targets = build_optimizers(network, settings), task.targets(read, tokens)
    sizes = {"max_words": 16_384, "max_rows": rows, "seed": 1}
    lengths = np.diff(tokens.example_offsets)
    endless = chain.from_iterable(length_batches(lengths, **sizes, epoch=epoch) for epoch in numbers())

    def made(chosen: np.ndarray) -> tuple[Any, int]:
        batch = network.prepare(tokens.take(chosen), targets[chosen])
        return batch, sum(int(group.mask.sum()) for group in batch.inputs[0].groups)

    batches = batches_on_device(made, endless, device)

    def ours() -> tuple[int, torch.Tensor]:
        batch, pieces = next(batches)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        with autocast(settings, device):
            loss = network(batch)
        loss.backward()
        clip_gradients(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        return pieces, loss.detach()

    return ours


# ── word vectors, starter encoders ─────────────────────────────────────────────────────────────────────────


def word2vec(given: argparse.Namespace) -> dict[str, Any]:
    """Train word vectors on GPU and CPU."""
    device, seconds = torch.device(given.device), 0.0 if given.tiny else 15 * given.minutes
    return word2vec_part(given.text, device, seconds, given.pairs, given.analogies)


def albert(given: argparse.Namespace) -> dict[str, Any]:
    """Pretrain for the remaining minutes, divided equally between the texts."""
    from wordladder.embedders._pretrained import save_pretrained
    from wordladder.pretraining.initial_models import open_initial_model
    from wordladder.pretraining.pretrain import MARK, prepare
    from wordladder.pretraining.settings import PretrainingSettings

    folders, chosen = {folder.name: folder for folder in given.prepared}, {"device": given.device}
    if given.tiny:
        chosen |= {"size": "tiny", "steps": 3, "max_pieces": 64, "batch_pieces": 256}
        folders = {"own": given.output / "prepared", "taught": given.output / "prepared-taught"}
        for name, folder in folders.items():
            teacher = str(given.encoder) if name == "taught" else None
            run = PretrainingSettings(kind="albert", teacher=teacher, vocabulary_size=500, **chosen)
            prepare([given.text], folder, run)
    if not folders:
        return {"skipped": "no --prepared folder is given"}
    taught = {name for name, folder in folders.items() if _of(given.encoder, folder)}
    teachers = {name: str(given.encoder) for name in taught}
    left = None if given.tiny else max(0.1, (given.ends - time.monotonic()) / 60 / len(folders))
    with TemporaryDirectory() as work:
        found = albert_part(folders, left, Path(work), teachers=teachers, **chosen)
        for name in folders:
            model, tokenizer, _ = open_initial_model(
                Path(work) / name, PretrainingSettings(kind="albert", steps=1)
            )
            save_pretrained(model, tokenizer, given.output / name, half=True)
            for kept in (MARK, "log.jsonl"):
                shutil.copy(Path(work) / name / kept, given.output / name / kept)
    return found


def _of(encoder: Path, prepared: Path) -> bool:
    """Whether the encoder's vocabulary contains all pieces of a prepared text."""
    from transformers import AutoTokenizer

    own, theirs = (
        AutoTokenizer.from_pretrained(folder).get_vocab() for folder in (prepared / "tokenizer", encoder)
    )
    return own.keys() <= theirs.keys()


# ── all ────────────────────────────────────────────────────────────────────────────────────────────────────


def machine(device: str) -> dict[str, Any]:
    """The machine it runs on."""
    from wordladder.cli.doctor import examine

    found = examine()
    return {"device": device, **found["machine"], **found["arithmetic"]}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run the parts and save the results of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("output", "table", "tags", "questions", "text", "encoder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--analogies", type=Path)
    parser.add_argument("--prepared", type=Path, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a few steps of everything, on the processor too")
    given = parser.parse_args(arguments)
    if given.tiny:  # smaller than any useful encoder
        from wordladder.pretraining import settings

        settings.SIZES["tiny"] = settings.Shape(2, 48, 96, 2, 16, 500)
    given.ends = time.monotonic() + 60 * given.minutes
    given.output.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"machine": machine(given.device)}
    say("machine", **found["machine"])
    for part in given.parts.split(","):
        started = time.monotonic()
        try:
            found[part] = PARTS[part](given)
        except Exception:  # noqa: BLE001
            found[part] = {"error": traceback.format_exc()}
            print(found[part]["error"], flush=True)
        found[part]["seconds"] = time.monotonic() - started
        (given.output / "gpu.json").write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")
    return found


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "smoke": smoke,
    "speed": speed,
    "word2vec": word2vec,
    "albert": albert,
}

if __name__ == "__main__":
    main()
