"""Explanations: whether the word that decides is found, whether removing the words that count most changes
the answer, and what they cost.

    python benchmarks/explaining.py planted [--rungs tfidf,bilstm,…] [--encoder MINILM]
    python benchmarks/explaining.py faithful [--sets sst2 chnsenticorp] [--rungs …] [--encoder MINILM]
    python benchmarks/explaining.py speed [--rungs …] [--encoder MINILM]

Planted: 4,000 sentences of SST-2 get a random label, and at a random place one of two made-up words that
tells it; of --texts more the share in which that word has the largest weight for the label. Faithful: of 300
test texts the words are removed, those first that count most; the figure is the mean probability of the
answer while a tenth to a half of them are gone (deletion: lower is better), and while only those are there
(insertion: higher is better), beside a random order. Speed: one text of 200 words of IMDB, the best of five.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from _common import RESULTS, keep
from _sets import NAMES, load

PLANTED = ("blip", "zork")
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)


def trained(rung: str, texts: list[str], labels: list[str], encoder: Path | None) -> Any:
    """A rung as it comes."""
    from wordladder import Model, Recipe
    from wordladder.cli.console import progress_bar
    from wordladder.interop.encoders import read_encoder

    recipe = Recipe.load(rung, "classification")
    if encoder is not None and rung in ("bert", "albert-bilstm"):
        recipe = recipe.with_encoder(read_encoder(encoder))
    with progress_bar() as progress:
        return Model(recipe).fit(texts, labels, progress=progress)


def methods_of(model: Any) -> list[str]:
    """The methods that fit a model."""
    from wordladder.explanation.explain import fitting

    return fitting(model.engine_)


def planted(given: Any) -> dict[str, Any]:
    """The share of texts in which the word that decides has the largest weight."""
    texts = list(dict.fromkeys(load("sst2")[0].texts))
    random, made, labels = np.random.default_rng(1), list[str](), list[str]()
    for text in random.permutation(np.array([one for one in texts if one.count(" ") > 5], object))[
        : 4000 + given.texts
    ]:
        words, label = text.split(), int(random.integers(2))
        words.insert(int(random.integers(len(words) + 1)), PLANTED[label])
        made.append(" ".join(words))
        labels.append(str(label))
    found = {}
    for rung in given.rungs:
        model = trained(rung, made[:4000], labels[:4000], given.encoder)
        for method in methods_of(model):
            right = []
            for text, label, one in zip(
                made[4000:], labels[4000:], model.explain(made[4000:], method=method)
            ):
                best = max(one.words, key=lambda word: word.weight)
                right.append(one.target == label and text[best.start : best.end] == PLANTED[int(label)])
            found[f"{rung} {method}"] = {"share": float(np.mean(right)), "texts": len(right)}
            print(rung, method, found[f"{rung} {method}"], flush=True)
    return found


def faithful(given: Any) -> dict[str, Any]:
    """The mean probability of the answers while words are removed, and while only some are there."""
    found: dict[str, Any] = {}
    for name in given.sets:
        train, test = load(name)
        texts = [text for text in test.texts if len(text) > 20][:300]
        for rung in given.rungs:
            model = trained(rung, train.texts, train.labels, given.encoder)
            for method in [*methods_of(model), "random"]:
                every = model.explain(texts, method="occlusion" if method == "random" else method)
                found.setdefault(name, {})[f"{rung} {method}"] = figures = curves(model, every, method)
                print(name, rung, method, figures, flush=True)
    return found


def curves(model: Any, every: list[Any], method: str) -> dict[str, float]:
    """Both figures."""
    random, labels = np.random.default_rng(1), list(model.classes_)
    left: dict[str, list[str]] = {"deletion": [], "insertion": []}
    for one in every:
        weights = np.array([word.weight for word in one.words])
        order = (
            random.permutation(len(weights)) if method == "random" else np.argsort(-weights, kind="stable")
        )
        for share in SHARES:
            top = set(order[: max(1, round(share * len(order)))].tolist())
            for name, wanted in (("deletion", False), ("insertion", True)):
                left[name].append(without(one, {i for i in range(len(order)) if (i in top) != wanted}))
    columns = np.repeat([labels.index(one.target) for one in every], len(SHARES))
    return {
        name: float(model.predict_proba(texts)[np.arange(len(columns)), columns].mean())
        for name, texts in left.items()
    }


def without(one: Any, removed: set[int]) -> str:
    """The text without some of its words."""
    parts, at = [], 0
    for number, word in enumerate(one.words):
        parts += [
            one.texts[0][at : word.start],
            " " if number in removed else one.texts[0][word.start : word.end],
        ]
        at = word.end
    return "".join([*parts, one.texts[0][at:]])


def speed(given: Any) -> dict[str, Any]:
    """Seconds of one explanation."""
    train = load("sst2")[0].first(3000)
    text = " ".join(next(text for text in load("imdb")[1].texts if text.count(" ") > 200).split()[:200])
    found = {}
    for rung in given.rungs:
        model = trained(rung, train.texts, train.labels, given.encoder)
        for method in methods_of(model):
            times = []
            for _ in range(5):
                started = time.perf_counter()
                model.explain(text, method=method)
                times.append(time.perf_counter() - started)
            found[f"{rung} {method}"] = min(times)
            print(rung, method, f"{min(times):.3f} s", flush=True)
    return found


def main() -> None:
    """Run one part, and keep its figures beside those that were kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["planted", "faithful", "speed"])
    parser.add_argument(
        "--rungs", type=lambda value: value.split(","), default=["tfidf", "fasttext", "bilstm"]
    )
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=["sst2"])
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--encoder", type=Path)
    given = parser.parse_args()
    found = {"planted": planted, "faithful": faithful, "speed": speed}[given.part](given)
    kept = RESULTS / "explaining.json"
    parts = json.loads(kept.read_text(encoding="utf-8"))["parts"] if kept.exists() else {}
    for name, figures in found.items():
        old = parts.setdefault(given.part, {})
        old[name] = {**old.get(name, {}), **figures} if isinstance(figures, dict) else figures
    keep("explaining", {"parts": parts})


if __name__ == "__main__":
    main()
