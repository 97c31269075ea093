"""Questions on SQuAD 1.1: both kinds of rung learn from a part of train and answer all of dev, one seed.

python benchmarks/questions.py             BiDAF over vectors trained on Wikipedia too, and MiniLM, tuned

What was tried, on 3,096 questions of train, F1 on 1,126 others (44 articles, none in both). MiniLM, two
epochs: the rung's rate for encoders of base shape, 4e-5, leaves it at 0.452; 1.5e-4 brings 0.587, 3e-4 with a
layer decay of 0.9 instead of 0.95 0.605; so it has a recipe of its own. BiDAF, without Wikipedia: 0.296 after
ten epochs of batches of 32 at 1e-3, and 0.286 after four of 16 at 2e-3 (of six; broken off).
"""

import tempfile
from pathlib import Path

from _common import keep, need
from contextual import minilm

RECIPES = Path(__file__).parent / "recipes"


def main() -> None:
    """The climb; its figures go to results/questions.json."""
    from wordladder import Model, climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar
    from wordladder.data.reading import read_examples

    dev = need("qa/squad_v1.1/dev-v1.1.json.gz")
    with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
        found = climb(
            need("qa/squad_v1.1/train-v1.1-part.json.gz"),
            test=dev,
            task="span_qa",
            rungs=["bidaf", str(RECIPES / "minilm-qa.toml")],
            corpus=need("corpora/enwiki_sample.txt.xz"),
            encoders=[minilm()],
            seeds=1,
            output=folder,
            progress=progress,
        )
        rows = [{key: one[key] for key in one if key != "recipe"} for one in found.to_json()["rungs"]]
        asked = read_examples(dev, "span_qa")
        for row in rows:
            model = Model.load(Path(folder) / "runs" / row["name"] / "seed-1" / "model")
            row["metrics"] = model.evaluate(asked).metrics
    print_climb(found)
    keep("questions", {"seconds": found.seconds, "rows": found.rows, "rungs": rows})


if __name__ == "__main__":
    main()
