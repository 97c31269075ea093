"""Climbs public data sets; each table goes to docs/ladders/, its figures to results/.

    python benchmarks/ladders.py [imdb] [sst2] [20news] [thucnews] [chnsenticorp] [shopping_sentiment]
                                 [conll] [cluener] [squad] [--encoder MINILM] [--rungs NAMES] [--minutes N]

One seed. Classification has the training and test rows of `_sets.py`, at most 5,000 of the latter; CoNLL,
CLUENER (dev is test) and the part of SQuAD (dev is test) their own. A climb that is interrupted goes on when
it is called again. Rungs with a pretrained encoder take MINILM for English.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from _common import ROOT, keep, need, without_paths
from _sets import load

CLASSIFICATION = ("imdb", "sst2", "20news", "thucnews", "chnsenticorp", "shopping_sentiment")
FILES = {
    "conll": ("tagging", "ner/conll2003/eng.train.gz", "ner/conll2003/eng.testb.gz"),
    "cluener": ("tagging", "ner/cluener/train.json.gz", "ner/cluener/dev.json.gz"),
    "squad": ("span_qa", "qa/squad_v1.1/train-v1.1-part.json.gz", "qa/squad_v1.1/dev-v1.1.json.gz"),
}
ENGLISH = ("imdb", "sst2", "20news", "conll", "squad")
RUNGS = {
    "classification": "tfidf,fasttext,vectors-mean,cnn,gru,lstm,bilstm",
    "tagging": "crf,bilstm-crf,vectors+characters-bilstm-crf",
    "span_qa": "bidaf",
}
WITH_ENCODER = {"classification": "bert-frozen-bilstm,bert", "tagging": "bert-crf", "span_qa": "bert-qa"}
FOLDER = Path(tempfile.gettempdir()) / "wordladder-ladders"


def climb_set(name: str, given: Any) -> Any:
    """Climb one set, and go on where it was interrupted."""
    from wordladder import climb
    from wordladder.cli.console import progress_bar
    from wordladder.data.examples import Examples

    task = FILES[name][0] if name in FILES else "classification"
    train: Any
    test: Any
    if name in FILES:
        train, test = (need(path) for path in FILES[name][1:])
    else:
        train, test = (Examples((part.texts,), part.labels, source=name) for part in load(name))
    encoder = given.encoder if name in ENGLISH else None
    rungs = given.rungs or RUNGS[task] + (f",{WITH_ENCODER[task]}" if encoder else "")
    output = FOLDER / name
    with progress_bar() as progress:
        return climb(
            train,
            test=test,
            task=task,
            rungs=rungs.split(","),
            encoders=[encoder] if encoder else None,
            seeds=1,
            max_minutes=given.minutes,
            output=output,
            resume=output.exists(),
            progress=progress,
        )


def main() -> None:
    """Climb, and write the tables."""
    from wordladder.cli.climb import print_climb

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*CLASSIFICATION, *FILES])
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--rungs")
    parser.add_argument("--minutes", type=float, help="to train one rung")
    given = parser.parse_args()
    docs = ROOT / "docs" / "ladders"
    docs.mkdir(exist_ok=True)
    for name in given.sets:
        found = climb_set(name, given)
        print_climb(found)
        table = (found.folder / "climb.md").read_text(encoding="utf-8")
        (docs / f"{name}.md").write_text(without_paths(f"# {name}\n\n{table}"), encoding="utf-8")
        facts = found.to_json()
        facts["rungs"] = [{k: v for k, v in rung.items() if k != "recipe"} for rung in facts["rungs"]]
        keep(f"ladder_{name}", {key: facts[key] for key in ("task", "metric", "rows", "reason", "rungs")})


if __name__ == "__main__":
    main()
