"""Questions on SQuAD 1.1: both rungs learn from a part of train and answer all of dev, with one seed.

python benchmarks/questions.py             BiDAF over vectors trained on Wikipedia too, and MiniLM, tuned
"""

import tempfile

from _common import keep, need
from contextual import minilm


def main() -> None:
    """The climb; its figures go to results/questions.json."""
    from wordladder import climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar

    with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
        found = climb(
            need("qa/squad_v1.1/train-v1.1-part.json.gz"),
            test=need("qa/squad_v1.1/dev-v1.1.json.gz"),
            task="span_qa",
            corpus=need("corpora/enwiki_sample.txt.xz"),
            encoders=[minilm()],
            seeds=1,
            output=folder,
            progress=progress,
        )
    print_climb(found)
    rows = [{key: one[key] for key in one if key != "recipe"} for one in found.to_json()["rungs"]]
    keep("questions", {"seconds": found.seconds, "rows": found.rows, "rungs": rows})


if __name__ == "__main__":
    main()
