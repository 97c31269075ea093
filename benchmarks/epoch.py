"""One epoch of the BiLSTM (100 to 128, two directions) on IMDB's 25,000 reviews, up to 400 words each.

The time includes the whole epoch: batching, embedding lookup, forward, backward, optimizer. The vectors are
random, since their values do not affect the time.
"""

import time

from _common import keep, need


def main() -> None:
    """Train one epoch and print its seconds."""
    from wordladder import Model, Recipe
    from wordladder.data.tables import read_table

    train = read_table(need("classification/imdb_train.csv.gz"))
    recipe = Recipe.load("bilstm")
    tables = {k: v for k, v in recipe.tables.items() if k != "vectors"}
    recipe = Recipe(tables, "bilstm").with_settings(
        {
            "embedders.0.source": "random",
            "embedders.0.dim": 100,
            "training.epochs": 1,
            "training.dev_share": 0.0,
        }
    )
    started = time.perf_counter()
    model = Model(recipe).fit(train)
    whole = time.perf_counter() - started
    words, seconds = model.report_["text"]["train"]["words"], model.report_["history"][-1]["seconds"]
    print(
        f"{len(train):,} reviews, {words:,} words: {seconds:.1f} s an epoch, "
        f"{words / seconds / 1e3:.0f} k words/s"
    )
    print(f"(with reading words and vocabulary: {whole:.1f} s)")
    keep(
        "epoch", {"rows": len(train), "words": words, "seconds": seconds, "words_per_second": words / seconds}
    )


if __name__ == "__main__":
    main()
