"""Search: quality of each rung, and an index of a million passages.

    python benchmarks/search.py quality [cranfield] [squad] [cmrc] [drcd] [--encoder MINILM] [--rerank MODEL]
    python benchmarks/search.py reranker --encoder MINILM
    python benchmarks/search.py million --encoder MINILM [--rows 1000000]

Quality: Cranfield (1,400 abstracts, 225 queries; the gain of a judgement is 5 - its grade), and the
paragraphs of SQuAD 1.1 dev, CMRC 2018 dev and DRCD dev with a random 900 of their questions, to each of
which its own paragraph is relevant. Climbs each set by the rungs of search as they come: a third of the
queries is dev. The sets in Chinese are climbed without the encoder, which is English. Reported are nDCG@10,
MRR@10 and recall.

Reranker: Cranfield's queries in thirds. Towers over MINILM learn in two epochs which title belongs to which
abstract, which takes no queries; then in three epochs two thirds of the queries, with the documents that are
relevant to them. The last third is answered with and without them. The share of their score beside the
hybrid's is the mean of two, for which towers are trained on one half of the two thirds and the share is
fitted on the other.

Million: passages of 24 words of the English corpora, as benchmarks/stores.py prepares them; the encoder is
distilled from MINILM first. Building and searching are processes of their own: the seconds and the peak
memory of the first; of the second the time of 500 queries of eight words, one at a time. With
--step build, the building alone, in a memory cgroup for example.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

from _common import RESULTS, keep, need

SETS = {
    "cranfield": ("retrieval/cranfield/cran.all.1400.gz", "retrieval/cranfield/cran.qry.gz"),
    "squad": ("qa/squad_v1.1/dev-v1.1.json.gz", "qa/squad_v1.1/dev-v1.1.json.gz"),
    "cmrc": ("qa/cmrc2018/cmrc2018_dev.json.gz", "qa/cmrc2018/cmrc2018_dev.json.gz"),
    "drcd": ("qa/drcd/DRCD_dev.json.gz", "qa/drcd/DRCD_dev.json.gz"),
}
ENGLISH = ("cranfield", "squad")
MOST_QUERIES = 900
THIRDS, EPOCHS, TITLE_EPOCHS, PIECES = 3, 3, 2, 160
JUDGED = 200  # queries whose hits are compared with exact search
FOLDER = Path(tempfile.gettempdir()) / "wordladder-million"
PASSAGES = Path(tempfile.gettempdir()) / "wordladder-stores" / "texts.txt"


def quality(given: Any) -> None:
    """Climb each set, and keep all measures of each rung."""
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar
    from wordladder.search.climb import climb_search
    from wordladder.search.documents import read_documents
    from wordladder.search.judgements import read_judgements, read_queries

    kept = RESULTS / "search.json"
    found = json.loads(kept.read_text(encoding="utf-8"))["sets"] if kept.exists() else {}
    for name in given.sets:
        documents, queries = (need(path) for path in SETS[name])
        cranfield = name == "cranfield"
        asked = read_queries(queries, numbering="order" if cranfield else "ids")
        qrels = need("retrieval/cranfield/cranqrel.gz") if cranfield else queries
        judged = read_judgements(qrels, lowest_is_best=cranfield)
        if len(asked) > MOST_QUERIES:
            asked = dict(random.Random(1).sample(sorted(asked.items()), MOST_QUERIES))
        with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
            climb = climb_search(
                read_documents([documents]),
                asked,
                judged,
                output=folder,
                encoder=given.encoder if name in ENGLISH else None,
                reranker=given.rerank if name in ENGLISH else None,
                progress=progress,
            )
            print(f"\n{name}")
            print_climb(climb)
            measures = {
                path.parent.name: json.loads(path.read_text())
                for path in Path(folder).glob("runs/*/measures.json")
            }
        found[name] = {
            "rows": climb.rows,
            "rungs": {
                rung.name: {
                    "interval": rung.interval,
                    "against_best": rung.difference and vars(rung.difference),
                    "p50": rung.price.latency_p50,
                    "p95": rung.price.latency_p95,
                    "size_mb": rung.price.size_mb,
                    "seconds": rung.price.train_seconds,
                    **measures[rung.name],
                }
                for rung in climb.rungs
                if rung.price is not None
            },
        }
        keep("search", {"sets": found})


def cranfield() -> tuple[Any, dict[str, str], dict[str, dict[str, float]]]:
    """The documents, queries and judgements."""
    from wordladder.search.documents import read_documents
    from wordladder.search.judgements import read_judgements, read_queries

    documents, queries = (need(path) for path in SETS["cranfield"])
    judged = read_judgements(need("retrieval/cranfield/cranqrel.gz"), lowest_is_best=True)
    return read_documents([documents]), read_queries(queries, numbering="order"), judged


def title_and_abstract(document: Any) -> list[str]:
    """Both, where there is an abstract; the files have the title once more before it."""
    title, text = (" ".join(one.split()) for one in (document.fields.get("title", ""), document.text))
    while title and text.startswith(title):
        text = text[len(title) :].lstrip()
    return [title, text] if title and text else []


def reranker(given: Any) -> None:
    """Train rerankers on thirds of the queries, and compare the hybrid with and without."""
    import numpy as np

    from wordladder import Model, Recipe
    from wordladder.evaluation.intervals import paired_difference
    from wordladder.interop.encoders import read_encoder
    from wordladder.search.building import build_index
    from wordladder.search.evaluation import draws, evaluate, fit_reranker, fit_words, judged_queries
    from wordladder.search.index import Index
    from wordladder.search.mining import mined_pairs

    documents, queries, judged = cranfield()
    names = list(judged_queries(queries, judged)[0])
    random.Random(1).shuffle(names)
    scores: dict[str, list[Any]] = {"hybrid": [], "with the reranker": []}
    shares = []
    documents = list(documents)

    def recipe(encoder: Path, **training: int) -> Any:
        settings = {"embedders.0.max_pieces": PIECES} | {
            f"training.{key}": one for key, one in training.items()
        }
        return Recipe.load("sbert", "similarity").with_encoder(read_encoder(encoder)).with_settings(settings)

    def some(names: list[str]) -> dict[str, str]:
        return {name: queries[name] for name in names}

    def towers(index: Any, names: list[str]) -> Any:
        positives = [[one for one, grade in judged[name].items() if grade > 0] for name in names]
        mined = mined_pairs(index, [queries[name] for name in names], positives)
        pairs = [pair for *pair, label in zip(*mined.segments, mined.labels) if label == "relevant"]
        return Model(recipe(adapted / "embedders" / "0", epochs=EPOCHS)).fit(pairs)

    with tempfile.TemporaryDirectory() as folder:
        adapted = Path(folder) / "adapted"
        titles = [pair for one in documents if len(pair := title_and_abstract(one)) == 2]
        Model(recipe(given.encoder, epochs=TITLE_EPOCHS, batch_rows=64)).fit(titles, output=adapted)
        build_index(documents, Path(folder) / "index", encoder=given.encoder)
        with Index.open(Path(folder) / "index") as index:
            for third in range(THIRDS):
                test = names[third::THIRDS]
                rest = [name for name in names if name not in test]
                fit_words(index, some(rest), judged)
                halves = []
                for half in (0, 1):
                    model = towers(index, rest[half::2])
                    halves.append(fit_reranker(index, some(rest[1 - half :: 2]), judged, model).share)
                shares.append(sum(halves) / 2)
                index.set_shares(reranker_share=shares[-1])
                model = towers(index, rest)
                for name, rerank in (("hybrid", None), ("with the reranker", model)):
                    found = evaluate(index, some(test), judged, depth=50, rerank=rerank)
                    scores[name].append(found.scores[:, 0])
                    print(third, name, f"{found.measures['nDCG@10'].value:.4f}", shares[-1], flush=True)
    rows = {name: np.concatenate(several) for name, several in scores.items()}
    means = {name: float(row.mean()) for name, row in rows.items()}
    better, worse = rows["with the reranker"], rows["hybrid"]
    difference = paired_difference(means["with the reranker"], draws(better), means["hybrid"], draws(worse))
    print(means, difference)
    keep("search_reranker", {"nDCG@10": means, "difference": vars(difference), "shares": shares})


def watch(own: list[float]) -> None:
    """Note the memory that is the process's own, in MB, every two seconds; on Linux."""
    while True:
        for line in Path("/proc/self/status").read_text(encoding="ascii").split("\n"):
            if line.startswith("RssAnon:"):
                own.append(int(line.split()[1]) * 1024 / 1e6)
        time.sleep(2)


def memory_limit_mb() -> float | None:
    """What the system lets this process have, page cache included, in MB; None: no limit. On Linux."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, kinds, place = line.split(":", 2)
        if kinds in ("", "memory"):
            group = Path("/sys/fs/cgroup", kinds, place.lstrip("/"))
            for name in ("memory.max", "memory.limit_in_bytes"):
                if (group / name).exists() and (text := (group / name).read_text().strip()).isdecimal():
                    return int(text) / 1e6 if int(text) < 1 << 50 else None
    return None


def build(given: Any) -> dict[str, Any]:
    """Add the passages; the seconds, the peak memory in MB, its limit if there is one, and the size."""
    from wordladder.files.folders import size_mb
    from wordladder.ladder.cost import peak_memory_mb
    from wordladder.search.index import Index
    from wordladder.search.passages import Document

    own = [0.0]
    threading.Thread(target=watch, args=[own], daemon=True).start()
    started = time.perf_counter()
    with Index.create(FOLDER / "index", FOLDER / "encoder") as index, PASSAGES.open(encoding="utf-8") as file:
        index.add(Document(str(row), line.rstrip("\n")) for row, line in enumerate(islice(file, given.rows)))
        index.settle()
        seconds = time.perf_counter() - started
        passages = index.count_passages()
    facts = {"seconds": seconds, "peak_memory_mb": peak_memory_mb(), "passages": passages}
    facts["own_memory_mb"] = max(own)  # without mapped files, which the system can take back
    facts["memory_limit_mb"] = memory_limit_mb()
    return facts | {"disk_mb": size_mb(FOLDER / "index")}


def search(given: Any) -> dict[str, Any]:
    """Milliseconds of hybrid queries and of both ways alone, and the peak memory in MB."""
    import numpy as np

    from wordladder.ladder.cost import peak_memory_mb
    from wordladder.search.index import Index

    with PASSAGES.open(encoding="utf-8") as file:
        texts = [" ".join(line.split()[:8]) for line in islice(file, given.rows, given.rows + 1000)]
    if len(texts) < 550:
        texts = [" ".join(line.split()[8:16]) for line in islice(PASSAGES.open(encoding="utf-8"), 600)]
    found: dict[str, Any] = {}
    with Index.open(FOLDER / "index") as index:
        for by in ("hybrid", "vectors", "words"):
            for text in texts[500:550]:
                index.search(text, by=by)
            times = []
            for text in texts[:500]:
                started = time.perf_counter()
                index.search(text, by=by)
                times.append(1e3 * (time.perf_counter() - started))
            found[by] = {"p50_ms": float(np.median(times)), "p95_ms": float(np.quantile(times, 0.95))}
        found["peak_memory_mb"] = peak_memory_mb()
        hits = index.search_all(texts[:JUDGED], 10, by="vectors", join=False)
    return found | {"recall": recall(given.rows, texts[:JUDGED], hits)}


def recall(rows: int, texts: list[str], hits: list[list[Any]]) -> float:
    """The share of the ten nearest passages, by exact search, that are among the hits."""
    import numpy as np

    from wordladder import load
    from wordladder.search.nearest import nearest

    encoder = load(FOLDER / "encoder")
    with PASSAGES.open(encoding="utf-8") as file:
        lines = (line.rstrip("\n") for line in islice(file, rows))
        blocks = iter(lambda: list(islice(lines, 20_000)), [])
        vectors = np.concatenate([encoder.encode(block, normalize_embeddings=True) for block in blocks])
    truth = nearest(vectors, encoder.encode(texts, normalize_embeddings=True), 10).ids
    return float(
        np.mean([len({hit.id for hit in one} & set(map(str, ids))) / 10 for one, ids in zip(hits, truth)])
    )


def million(given: Any) -> None:
    """Distill the encoder, build, search."""
    from wordladder import Model, Recipe
    from wordladder.interop.encoders import read_encoder

    if not given.search_only:
        subprocess.run(["rm", "-rf", str(FOLDER)], check=True)
        FOLDER.mkdir()
        with PASSAGES.open(encoding="utf-8") as file:
            texts = [line.rstrip("\n") for line in islice(file, 20_000)]
        recipe = Recipe.load("static-distilled", "similarity").with_encoder(read_encoder(given.encoder))
        recipe = recipe.with_settings({"embedders.0.tune": False})
        Model(recipe).fit(list(zip(texts, texts)), output=FOLDER / "encoder")
    for step in ("build", "search")[given.search_only :]:
        subprocess.run(
            [sys.executable, __file__, "million", "--step", step, "--rows", str(given.rows)], check=True
        )


def one_step(given: Any) -> None:
    """Build or search, and keep its figures beside those of the other."""
    kept = RESULTS / "search_million.json"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    found = {key: known[key] for key in ("build", "search") if key in known}
    found[given.step] = (build if given.step == "build" else search)(given)
    print(given.step, found[given.step], flush=True)
    keep("search_million", found)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["quality", "reranker", "million"])
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--rerank", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--search-only", action="store_true", help="search the index of an earlier call")
    parser.add_argument("--step", choices=["build", "search"])
    given = parser.parse_args()
    if given.step:
        one_step(given)
    else:
        {"quality": quality, "reranker": reranker, "million": million}[given.part](given)


if __name__ == "__main__":
    main()
