"""Make a starter encoder that comes with wordladder: `src/wordladder/starters/albert-en/` or `albert-zh/`.

An ALBERT (12 layers of 384 that share their weights) is pretrained on raw text, for English with a teacher,
and goes into the package in half precision if a network over it beats one over the starter vectors.

    python tools/starter_encoder.py en enwiki_sample.txt.xz --teacher MINILM --output FOLDER --prepare
    python tools/starter_encoder.py en --teacher MINILM --output FOLDER --minutes 8
    python tools/starter_encoder.py zh zhwiki_sample.txt.xz --output FOLDER --minutes 6 --learning-rate 4e-4

`--prepare` takes the text apart and ends, so that an accelerator need not wait for it: the second command
goes on from `FOLDER/prepared`, on the same machine or another, and from where a broken run was.
English is judged on IMDB (2,000 rows), Chinese on CLUENER, which lie in WORDLADDER_DATA.
"""

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

from wordladder import climb
from wordladder.cli.console import progress_bar
from wordladder.data.examples import Examples
from wordladder.data.reading import read_examples
from wordladder.embedders._encoder_sources import FOLDER
from wordladder.embedders._pretrained import save_pretrained
from wordladder.files.folders import size_mb
from wordladder.files.streams import atomic_write
from wordladder.pretraining.initial_models import open_initial_model
from wordladder.pretraining.pretrain import MARK, PREPARED, prepare, pretrain
from wordladder.pretraining.raw_text import RawText
from wordladder.pretraining.settings import PretrainingSettings

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("WORDLADDER_DATA", ROOT.parent / "shared" / "data"))
LONG = 40  # characters of a paragraph that comes only once
MOST_MB, TEST_ROWS = 15.0, 5000
# How text is taken apart. A character of Chinese is one piece of WordPiece, two of SentencePiece.
READ: dict[str, dict[str, Any]] = {"en": {}, "zh": {"tokenizer": "wordpiece", "segmenter": "jieba"}}
# What is learned from, and what is judged: the task, files, rows, and the two rungs.
JUDGED: dict[str, tuple[Any, ...]] = {
    "en": (
        "classification",
        ("classification/imdb_train.csv.gz", "classification/imdb_test.csv.gz"),
        2000,
        ("bilstm", "albert-bilstm"),
    ),
    "zh": (
        "tagging",
        ("ner/cluener/train.json.gz", "ner/cluener/dev.json.gz"),
        None,
        (str(ROOT / "benchmarks" / "recipes" / "chinese-bilstm-crf.toml"), "albert-bilstm-crf"),
    ),
}


def main(arguments: list[str] | None = None) -> None:
    """Prepare, pretrain, judge, ship: each where it has not been done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("language", choices=sorted(JUDGED))
    parser.add_argument("corpus", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--teacher")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device")
    parser.add_argument("--max-pieces", type=int, default=384)
    parser.add_argument("--batch-pieces", type=int, default=32_768)
    parser.add_argument("--learning-rate", type=float, default=1.2e-3)
    given = parser.parse_args(arguments)
    names = ("teacher", "minutes", "steps", "device", "max_pieces", "batch_pieces", "learning_rate")
    settings: dict[str, Any] = {name: getattr(given, name) for name in names}
    settings |= {"kind": "albert", "size": "starter"}
    prepared, encoder = given.output / "prepared", given.output / "encoder"
    with progress_bar() as progress:
        if not (prepared / PREPARED).is_file():
            text = unique(given.corpus, given.output / "text.txt")
            prepare(
                [text], prepared, PretrainingSettings(**settings, **READ[given.language]), progress=progress
            )
        if given.prepare:
            return
        if not (encoder / MARK).is_file():
            run = PretrainingSettings(**settings)
            pretrain([prepared], encoder, run, resume=True, progress=progress)
        figures = judged(given.language, encoder, given.output / "climb", given.device, progress)
    vectors, context = figures.values()
    print(json.dumps(figures))
    if context > vectors:
        print(f"shipped: {shipped(given.language, encoder, figures)}")
    else:
        print("not shipped: it does not beat the starter vectors")


def unique(corpus: list[Path], target: Path) -> Path:
    """Write the text, a paragraph a line and a blank line before each document; long paragraphs that come
    again are left out.
    """
    seen: set[int] = set()
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as file:
        for block in RawText(corpus).blocks("reading"):
            for paragraph, opens in block:
                file.write(b"\n" if opens else b"")
                for part in paragraph.split("<br />"):
                    if len(part) >= LONG and hash(part) in seen:
                        continue
                    seen.add(hash(part))
                    file.write(f"{part.strip()}\n".encode() if part.strip() else b"")
    return target


def judged(language: str, encoder: Path, output: Path, device: str | None, progress: Any) -> dict[str, float]:
    """What a network reaches over the starter vectors, and over the encoder, on the test rows."""
    task, files, rows, rungs = JUDGED[language]
    train, test = (read_examples(DATA / file, task) for file in files)
    found = climb(
        first(train, rows),
        test=first(test, TEST_ROWS),
        task=task,
        rungs=rungs,
        encoders=[encoder],
        seeds=1,
        device=device,
        output=output,
        resume=True,
        progress=progress,
    )
    reached = {rung.name: rung.value for rung in found.rungs}
    if None in reached.values():
        raise SystemExit(f"a rung did not finish: {[rung.error for rung in found.rungs]}")
    return {name: float(value) for name, value in reached.items() if value is not None}


def first(rows: Examples, count: int | None) -> Examples:
    """The first rows, or all."""
    return rows.take(range(len(rows) if count is None else min(count, len(rows))))


def shipped(language: str, encoder: Path, figures: dict[str, float]) -> Path:
    """Write model and tokenizer in half precision into the package, with a card of what they are made of."""
    report = json.loads((encoder / MARK).read_text(encoding="utf-8"))
    settings = PretrainingSettings(kind="albert", size="starter")
    model, tokenizer, _ = open_initial_model(encoder, settings)
    target = FOLDER / f"albert-{language}"
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    save_pretrained(model, tokenizer, fresh, half=True)
    teacher = report["settings"]["teacher"]
    lines = [f"# The starter encoder `{target.name}`", ""]
    lines += [f"Made by `tools/starter_encoder.py` from {report['text']['words']:,} words of raw text"]
    lines += [f"and what {Path(teacher).name} says of them." if teacher else "alone."]
    lines += ["", "| | |", "|---|---|", f"| parameters | {report['parameters']:,} |"]
    lines += [f"| steps | {report['steps']:,} |", f"| pieces read | {report['tokens']:,} |"]
    lines += [f"| held-out {name.replace('_', ' ')} | {v:.4g} |" for name, v in report["held_out"].items()]
    lines += [f"| judged: {name} | {value:.4f} |" for name, value in figures.items()]
    (fresh / "README.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    if (size := size_mb(fresh)) > MOST_MB:
        raise SystemExit(f"{fresh}: {size:.1f} MB, more than {MOST_MB:.0f}")
    shutil.rmtree(target, ignore_errors=True)
    return fresh.rename(target)


if __name__ == "__main__":
    main()
