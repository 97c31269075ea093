"""SQuAD 1.1: both kinds of rung are trained on a part of train and answer all of dev, one seed.

    python benchmarks/questions.py      BiDAF with vectors also trained on Wikipedia, and fine-tuned MiniLM

What was tried, with 3,096 questions of train, F1 on 1,126 others (44 articles, none in both). MiniLM, two
epochs: 0.452 with 4e-5, the rung's rate for base-size encoders; 0.587 with 1.5e-4; 0.605 with 3e-4 and a
layer decay of 0.9 instead of 0.95. So it has its own recipe. BiDAF without Wikipedia: 0.296 after ten epochs
with batches of 32 at 1e-3, and 0.286 after four with 16 at 2e-3 (of six; stopped early).
"""

import tempfile
from pathlib import Path

from _common import keep, need
from contextual import minilm

RECIPES = Path(__file__).parent / "recipes"


def main() -> None:
    """Run the climb; figures go to results/questions.json."""
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
