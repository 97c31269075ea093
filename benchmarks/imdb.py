"""Quality of the rungs on public data, and a climb of seven rungs.

    python benchmarks/imdb.py            IMDB: the climb of seven rungs, with Word2Vec trained on the
                                         unlabelled reviews
    python benchmarks/imdb.py --chinese  ChnSentiCorp: the BiLSTM on the published split

Each prints what the command line prints and saves the figures in results/.
"""

import sys
import tempfile
import time
from pathlib import Path

from _common import RESULTS, keep, need, without_paths

RUNGS = ("tfidf", "fasttext", "vectors-mean", "cnn", "gru", "lstm", "bilstm")


def imdb(folder: Path) -> None:
    """Climb seven rungs with one seed on the official halves; word vectors are also trained on the
    unlabelled reviews.
    """
    from wordladder import climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar

    train, test = need("classification/imdb_train.csv.gz"), need("classification/imdb_test.csv.gz")
    started = time.perf_counter()
    with progress_bar() as progress:
        found = climb(
            train,
            test=test,
            rungs=RUNGS,
            seeds=1,
            corpus=need("corpora/imdb_unsup.txt.xz"),
            output=folder / "climb",
            progress=progress,
        )
    print_climb(found)
    keep("imdb", {"minutes": (time.perf_counter() - started) / 60, **_without_recipes(found.to_json())})
    page = (folder / "climb" / "report.html").read_text(encoding="utf-8")
    (RESULTS / "imdb.html").write_text(without_paths(page), encoding="utf-8")


def _without_recipes(figures: dict) -> dict:
    return figures | {
        "rungs": [{k: v for k, v in rung.items() if k != "recipe"} for rung in figures["rungs"]]
    }


def chinese(folder: Path) -> None:
    """The BiLSTM on ChnSentiCorp's train, dev and test; Word2Vec on the characters of the Chinese Wikipedia
    sample.
    """
    from wordladder import Model, Recipe
    from wordladder.data.tables import read_table

    parts = {p: read_table(need(f"classification/chnsenticorp/{p}.tsv.gz")) for p in ("train", "dev", "test")}
    corpus = need("corpora/zhwiki_sample.txt.xz")
    figures = {}
    for name, changes in (
        ("bilstm", {}),
        ("bilstm, vectors also of Chinese Wikipedia", {"vectors.corpus": str(corpus), "vectors.epochs": 2}),
        ("tfidf", None),
    ):
        recipe = Recipe.load(name.split(",")[0])
        model = Model(recipe.with_settings(changes or {})).fit(parts["train"], dev=parts["dev"])
        found = model.evaluate(parts["test"])
        figures[name] = {
            "accuracy": found.value,
            "interval": found.interval,
            **{"seconds": model.report_["train_seconds"]},
        }
        print(f"{name:<45} {found.value:.4f}  ({found.interval[0]:.3f} – {found.interval[1]:.3f})")
    keep("chnsenticorp", {"rows": {p: len(part) for p, part in parts.items()}, "models": figures})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        (chinese if "--chinese" in sys.argv else imdb)(Path(temporary))
