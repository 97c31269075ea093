"""Translation: quality of each rung, and speed against joeynmt.

    python benchmarks/translation.py quality [de-en] [fr-en] [en-de] [en-zh] [--rungs RUNG,…] [--rows N]
        [--encoder MINILM [--untrained]]
    python benchmarks/translation.py speed --peer PYTHON [--threads 2]

Quality: Multi30k (29,000 captions; dev and test as they come, test 2016), and English to Chinese of Tatoeba,
of which a tenth of the different English sentences is test and a tenth of the others dev. Rungs train as they
come. With --untrained, the encoder is one of the same shape from random numbers.

Speed: PYTHON has joeynmt 2.3. The same pieces, batches and sizes: a bidirectional GRU of 256 reads, a GRU of
512 with Luong's attention writes, vectors of 256, 8,000 pieces on each side, batches of 64, label smoothing
0.1. joeynmt has input feeding, computes step by step with and without, and decodes in float32 alone. Training
is target pieces a second of forward, backward and Adam's step; decoding is sentences a second, untrained, so
that all get their full 20 pieces, after one batch to warm up. In turn, the best of the repetitions, each in a
process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BATCH, BATCHES, WARM, PIECES, SENTENCES, STEPS = 64, 40, 5, 8000, 320, 20
RUNGS = "gru-attention,bilstm-attention,transformer-small"
FILES = {"de-en": ("de", "en"), "fr-en": ("fr", "en"), "en-de": ("en", "de")}


def parts(pair: str) -> dict[str, Any]:
    """Train, dev and test of a pair of languages."""
    from _common import need
    from wordladder.data.reading import read_examples
    from wordladder.data.splits import hold_out

    if pair == "en-zh":
        rest, test = hold_out(
            read_examples(need("translation/tatoeba_cmn_eng/cmn.txt.gz"), "translation"), 0.1
        )
        train, dev = hold_out(rest, 0.1)
        return {"train": train, "dev": dev, "test": test}
    names = {"train": "train", "dev": "val", "test": "test_2016_flickr"}
    files = {
        part: ",".join(str(need(f"translation/multi30k/{name}.{side}.gz")) for side in FILES[pair])
        for part, name in names.items()
    }
    return {part: read_examples(path, "translation") for part, path in files.items()}


def untrained(encoder: Path, folder: str) -> Path:
    """A copy of an encoder whose numbers are random."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    torch.manual_seed(1)
    AutoModel.from_config(AutoConfig.from_pretrained(encoder)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)
    return Path(folder)


def quality(given: Any) -> None:
    """Train and test; what is kept is merged into what was."""
    with tempfile.TemporaryDirectory() as folder:
        encoder = untrained(given.encoder, folder) if given.untrained else given.encoder
        train_and_test(given, encoder)


def train_and_test(given: Any, encoder: Path | None) -> None:
    """Each rung on each pair of languages."""
    import torch

    from _common import RESULTS, keep
    from wordladder import Model, Recipe
    from wordladder.cli.console import progress_bar
    from wordladder.interop.encoders import read_encoder

    torch.set_num_threads(given.threads)
    kept = RESULTS / "translation.json"
    found = json.loads(kept.read_text(encoding="utf-8"))["sets"] if kept.exists() else {}
    for pair in given.pairs:
        data = parts(pair)
        for rung in given.rungs.split(","):
            settings = dict(one.split("=") for one in given.set)
            recipe = Recipe.load(rung, "translation").with_settings(
                {k: json.loads(v) for k, v in settings.items()}
            )
            if encoder:
                recipe = recipe.with_encoder(read_encoder(encoder))
            train = data["train"].take(range(given.rows or len(data["train"])))
            with progress_bar() as progress:
                model = Model(recipe, threads=given.threads).fit(train, dev=data["dev"], progress=progress)
            started = time.perf_counter()
            tested = model.evaluate(data["test"])
            facts = {
                "rows": len(train),
                "minutes": model.report_["train_seconds"] / 60,
                "epochs": len(model.report_["history"]),
                "dev": model.report_["dev_value"],
                "interval": list(tested.interval),
                **tested.metrics,
                "sentences_per_second": len(data["test"]) / (time.perf_counter() - started),
                "settings": settings,
            }
            print(pair, rung, facts, flush=True)
            start = given.encoder and ("an untrained encoder" if given.untrained else "a trained encoder")
            name = " ".join(map(str, filter(None, (rung, given.rows, settings, start))))
            found.setdefault(pair, {})[name] = facts
            keep("translation", {"sets": found})


def ours(job: dict[str, Any]) -> dict[str, float]:
    """Our training and decoding."""
    import torch

    from wordladder.embedders._training_text import TrainingText
    from wordladder.engines.network import Network
    from wordladder.engines.network_engine import NetworkEngine
    from wordladder.recipe import Recipe
    from wordladder.training.optimizer import autocast, build_optimizers, computes_in_half

    torch.set_num_threads(job["threads"])
    data = parts("de-en")["train"]
    recipe = Recipe.load("gru-attention", "translation").with_settings(job["settings"])
    engine = NetworkEngine(recipe)
    engine.task.initialise(data)
    engine.words.learn_pieces(data.flat(), recipe.folder)
    tokens, targets = engine.words.tokens(data), engine.task.targets(data, None)
    network = Network(recipe, engine.task).initialise(TrainingText(tokens, None, recipe.folder)).train()
    optimizers = build_optimizers(network, engine.settings)
    pieces = 0
    for number, rows in enumerate(job["batches"]):
        if number == WARM:
            started, pieces = time.perf_counter(), 0
        batch = network.prepare(tokens.take(rows), targets[rows])
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        with autocast(engine.settings, torch.device("cpu")):
            loss = network(batch)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        pieces += int((batch.targets >= 0).sum())
    found = {"pieces_per_second": pieces / (time.perf_counter() - started)}
    half = computes_in_half(engine.settings, torch.device("cpu"))
    network.eval()
    for beams, rows in ((1, 64), (5, 64)):
        engine.task.beams = beams
        network.task.bias.data[3] = -1e4  # no text ends early
        for turn, first in enumerate((0, *range(0, SENTENCES, rows))):  # the first turn warms up
            started = time.perf_counter() if turn == 1 else started
            with torch.inference_mode():
                with autocast(engine.settings, torch.device("cpu")):
                    memory = network(network.prepare(tokens.take(range(first, first + rows))))
                network.task.write(memory, torch.full((rows,), STEPS), half=half)
        found[f"beam_{beams}"] = SENTENCES / (time.perf_counter() - started)
    return found


def theirs(job: dict[str, Any]) -> dict[str, float]:
    """The same in joeynmt."""
    from types import SimpleNamespace

    import torch
    from joeynmt.batch import Batch
    from joeynmt.model import build_model
    from joeynmt.search import search
    from joeynmt.vocabulary import Vocabulary

    torch.set_num_threads(job["threads"])
    special = {
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": None,
    }
    cfg = SimpleNamespace(**special, unk_id=0, pad_id=1, bos_id=2, eos_id=3, sep_id=None, lang_tags=[])
    vocabulary = Vocabulary([str(number) for number in range(PIECES - 4)], cfg)
    common = {"rnn_type": "gru", "dropout": 0.2, "num_layers": 1, "type": "recurrent"}
    sizes = {"embeddings": {"embedding_dim": 256, "dropout": 0.2}}
    model = build_model(
        {
            "encoder": {**common, **sizes, "hidden_size": 256, "bidirectional": True},
            "decoder": {
                **common, **sizes, "hidden_size": 512, "attention": "luong", "init_hidden": "bridge",
                "hidden_dropout": 0.2, "input_feeding": job["feeding"],
            },
            "tied_softmax": False,
        },
        vocabulary,
        vocabulary,
    )  # fmt: skip
    model.loss_function = ("crossentropy", 0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def batch(rows: list[int], targets: bool) -> Any:
        sides = []
        for side in ("sources", "targets"):
            texts = [[1 - one if one < 2 else one for one in job[side][row]] for row in rows]
            texts = [[*text, 3] if side == "sources" else [2, *text] for text in texts]
            longest = max(map(len, texts))
            sides.append(torch.tensor([text + [1] * (longest - len(text)) for text in texts]))
        lengths = (sides[0] != 1).sum(1)
        made = Batch(
            sides[0], lengths, None, sides[1] if targets else None, None, torch.arange(len(rows)),
            torch.device("cpu"), 1, 3, is_train=targets,
        )  # fmt: skip
        made.sort_by_src_length()
        return made

    model.train()
    pieces = 0
    for number, rows in enumerate(job["batches"]):
        if number == WARM:
            started, pieces = time.perf_counter(), 0
        made = batch(rows, True)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=job["half"]):
            loss, *_ = model(return_type="loss", **vars(made))
        made.normalize(loss, "tokens").backward()
        optimizer.step()
        pieces += made.ntokens
    found = {"pieces_per_second": pieces / (time.perf_counter() - started)}
    model.eval()
    model.decoder.output_layer.bias = torch.nn.Parameter(
        torch.zeros(PIECES).index_fill_(0, torch.tensor([3]), -1e4)
    )
    for beams in (1, 5):
        for turn, first in enumerate((0, *range(0, SENTENCES, 64))):
            started = time.perf_counter() if turn == 1 else started
            search(model, batch(list(range(first, first + 64)), False), STEPS, beams, 1.0)
        found[f"beam_{beams}"] = SENTENCES / (time.perf_counter() - started)
    return found


def speed(given: Any) -> None:
    """Both in turn."""
    import numpy as np

    from _common import keep
    from wordladder.tasks.translation import Translation
    from wordladder.text.pieces import END, PieceVocabulary

    data = parts("de-en")["train"]
    task = Translation(pieces=PIECES)
    task.initialise(data)
    source = PieceVocabulary.learn(data.flat(), PIECES)
    texts = [one[0] for one in task.gold(data)]
    random = np.random.default_rng(1)
    lengths = np.array([text.count(" ") for text in texts])
    order = np.argsort(lengths + random.random(len(lengths)))
    batches = [order[at : at + BATCH].tolist() for at in range(0, len(order) - BATCH, BATCH)]
    job = {
        "batches": [batches[one] for one in random.permutation(len(batches))[:BATCHES]],
        "sources": source.numbers(data.texts),
        "targets": [[*one, END] for one in task.vocabulary.numbers(texts)],
        "threads": given.threads,
        "settings": {"training.precision": "float32"},
    }
    ways = {
        "joeynmt": (given.peer, {"feeding": True, "half": False}),
        "joeynmt, bfloat16": (given.peer, {"feeding": True, "half": True}),
        "wordladder": (sys.executable, {"settings": {}}),
        "wordladder, float32": (sys.executable, {}),
        "wordladder, input feeding": (sys.executable, {"settings": {"task.feeding": True}}),
    }
    found: dict[str, dict[str, float]] = {name: {} for name in ways}
    threads = {name: str(given.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    for _ in range(given.repeat):
        for name, (python, more) in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "job.json").write_text(json.dumps(job | more), encoding="utf-8")
                command = [python, __file__, "step", name.split(",")[0], f"{folder}/job.json"]
                printed = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | threads
                ).stdout
            one = json.loads(printed.splitlines()[-1])
            found[name] = {key: max(value, found[name].get(key, 0.0)) for key, value in one.items()}
            print(name, one, flush=True)
    keep("translation_speed", {"threads": given.threads, "repeat": given.repeat, "best": found})


def main() -> None:
    """Run one part."""
    if sys.argv[1:2] == ["step"]:
        job = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
        print(json.dumps((ours if sys.argv[2] == "wordladder" else theirs)(job)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["quality", "speed"])
    parser.add_argument("pairs", nargs="*", default=["de-en", "fr-en", "en-zh"])
    parser.add_argument("--rungs", default=RUNGS)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON")
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--untrained", action="store_true", help="the encoder's shape, from random numbers")
    parser.add_argument("--peer")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    (quality if given.part == "quality" else speed)(given)


if __name__ == "__main__":
    main()
