"""A fine-tuned encoder teaches cheaper rungs: what each is worth alone, taught, and how fast it is.

    python benchmarks/distill.py ENCODER [sst2] [imdb] [conll] [sentences] [--students bilstm,tfidf]
                                 [--rows N] [--made-up 10] [--objective logits] [--hard 0.1]
                                 [--set KEY=JSON]…

ENCODER is the folder of MiniLM or another English encoder. SST-2 (phrases; its dev set is test), IMDB and
CoNLL-2003 (testa is test). The teacher, the rung `bert` or `bert-crf`, is trained once on all rows and kept
in the temporary folder. With --rows the students have so many labels, and the other rows without. Sentences:
ENCODER itself teaches its vectors of 100,000 sentences of the English Wikipedia, or of so many --rows; the
test are the pairs of STS-B, none of which is trained on. One seed. Speeds are those of all test rows, in
turn, the best of three. Figures of earlier calls with other students or settings are kept.
"""

import argparse
import json
import lzma
import random
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from _common import RESULTS, keep, need

FOLDER = Path(tempfile.gettempdir()) / "wordladder-teachers"
SETS = {  # task, teacher, train, test, usual students
    "sst2": (
        "classification",
        "bert",
        "classification/sst2/train.tsv.gz",
        "classification/sst2/dev.tsv.gz",
        "bilstm,vectors-mean,tfidf",
    ),
    "imdb": (
        "classification",
        "bert",
        "classification/imdb_train.csv.gz",
        "classification/imdb_test.csv.gz",
        "bilstm",
    ),
    "conll": (
        "tagging",
        "bert-crf",
        "ner/conll2003/eng.train.gz",
        "ner/conll2003/eng.testa.gz",
        "bilstm-crf",
    ),
}


def rates(models: dict[str, Any], texts: list[str], verb: str = "predict") -> dict[str, float]:
    """Texts a second of each."""
    best = dict.fromkeys(models, 0.0)
    for _ in range(3):
        for name, model in models.items():
            started = time.perf_counter()
            getattr(model, verb)(texts)
            best[name] = max(best[name], len(texts) / (time.perf_counter() - started))
    return best


def sentences(count: int) -> list[str]:
    """Sentences of 6 to 41 words of the English Wikipedia."""
    found: list[str] = []
    with lzma.open(need("corpora/enwiki_sample.txt.xz"), "rt", encoding="utf-8") as file:
        for line in file:
            parts = re.split(r"(?<=[.!?]) (?=[A-Z])", line.strip())
            found += [one for one in parts if 5 <= one.count(" ") <= 40]
            if len(found) >= 3 * count:
                break
    random.Random(1).shuffle(found)
    return found[:count]


def vectors(given: Any, settings: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Teach students the encoder's vectors; each with its figures."""
    from wordladder import Recipe, distill
    from wordladder.cli.console import progress_bar
    from wordladder.data.split_columns import group_or_time
    from wordladder.interop.encoders import read_encoder
    from wordladder.ladder.split import read_parts

    columns = {"split_columns": group_or_time(None, None)}  # the file's column `split` says
    pairs = need("pairs/stsb_en/stsbenchmark.tsv.gz")
    test = read_parts(pairs, None, None, task="similarity", columns=columns).test
    texts = sentences(given.rows or 100_000)
    for student in (given.students or "static-distilled,bilstm-towers").split(","):
        recipe = Recipe.load(student, "similarity")
        if recipe.tables.get("vectors", {}).get("kind") == "distilled":
            recipe = recipe.with_encoder(read_encoder(given.encoder))
        recipe = recipe.with_settings({key: json.loads(value) for key, value in settings.items()})
        with progress_bar() as progress:
            found = distill(
                given.encoder,
                recipe,
                texts,
                objective="vectors",
                test=test,
                cache=FOLDER / "cache",
                progress=progress,
            )
        models = {"teacher": found.teachers[0], "student": found.model}
        yield (
            student,
            {
                "rows": found.rows,
                **{one: getattr(found, one).to_dict() for one in ("teacher", "taught")},
                "texts_per_second": rates(models, test.flat(), "encode"),
                "seconds": found.model.report_["train_seconds"],
            },
        )


def main() -> None:
    """Train the teacher if it is not there, then each student."""
    from wordladder import Model, Recipe, distill
    from wordladder.cli.console import progress_bar
    from wordladder.data.reading import read_examples
    from wordladder.interop.encoders import read_encoder

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--students")
    parser.add_argument("--rows", type=int, help="labelled rows")
    parser.add_argument("--made-up", type=int, default=10)
    parser.add_argument("--objective", default="logits")
    parser.add_argument("--hard", type=float, default=0.1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON")
    given = parser.parse_args()
    settings = dict(one.split("=") for one in given.set)
    kept = RESULTS / "distill.json"
    found = json.loads(kept.read_text(encoding="utf-8"))["sets"] if kept.exists() else {}
    for name in given.sets:
        if name == "sentences":
            for student, facts in vectors(given, settings):
                print(name, student, facts, flush=True)
                found.setdefault(name, {})[f"{student} {facts['rows']['given']} {settings}"] = facts
                keep("distill", {"sets": found})
            continue
        task, rung, train_file, test_file, usual = SETS[name]
        train, test = (read_examples(need(file), task) for file in (train_file, test_file))
        order = np.random.default_rng(7).permutation(len(train))
        labelled, rest = (train.take(part) for part in np.split(order, [given.rows or len(train)]))
        folder = FOLDER / name
        with progress_bar() as progress:
            if not folder.exists():
                recipe = Recipe.load(rung, task).with_encoder(read_encoder(given.encoder))
                Model(recipe).fit(train, output=folder, progress=progress)
            for student in (given.students or usual).split(","):
                recipe = Recipe.load(student, task).with_settings(
                    {key: json.loads(value) for key, value in settings.items()}
                )
                result = distill(
                    folder,
                    recipe,
                    labelled,
                    unlabelled=rest if len(rest) else None,
                    test=test,
                    made_up=given.made_up,
                    objective=given.objective,
                    hard=given.hard,
                    cache=folder.parent / "cache",
                    progress=progress,
                )
                models = {"teacher": result.teachers[0], "student": result.model}
                facts = {
                    "rows": result.rows,
                    **{one: getattr(result, one).to_dict() for one in ("teacher", "untaught", "taught")},
                    "gain": vars(result.gain),
                    "texts_per_second": rates(models, test.texts),
                    "seconds": result.model.report_["train_seconds"],
                }
                print(name, student, facts, flush=True)
                more = {
                    "made_up": given.made_up,
                    "objective": given.objective,
                    "hard": given.hard,
                    **settings,
                }
                found.setdefault(name, {})[f"{student} {len(labelled)} {more}"] = facts
                keep("distill", {"sets": found})


if __name__ == "__main__":
    main()
