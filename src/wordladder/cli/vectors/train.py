"""Train word vectors on raw text."""

import time
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import SettingError, VectorsError, did_you_mean
from ..console import console, duration, print_json, progress_bar, tell
from ..options import RUN, Json, Seed, Threads
from ..signatures import LibraryParameter, command_options, library_option, library_options, read_parameters
from ._shared import load

if TYPE_CHECKING:
    from ...text.phrases import PhraseSettings

TRAINERS = {"word2vec": "Word2Vec", "fasttext": "FastText", "glove": "GloVe"}
NOT_METHOD = ("corpus", "start", "lowercase")  # parameters of the trainers about other things
READING = "Reading"
PHRASES = "Phrases"
# Where an option differs from the trainer's parameter.
CHANGES: dict[str, dict[str, Any]] = {
    "learning_rate": {
        "help": "Initial learning rate, which decreases to nearly zero.",
        "show_default": "0.025 skipgram, 0.06 cbow, 0.05 glove, 0.04 fasttext",
    },
    "max_vocabulary": {"show_default": False},
    "cbow_mean": {"flags": ["--cbow-mean/--cbow-sum"]},
    "symmetric": {"flags": ["--symmetric/--left-only"]},
    "distance_weighting": {"flags": ["--distance-weighting/--equal-weighting"]},
}


def _trainer_options() -> list[Parameter]:
    """An option for each parameter of the trainers, in a panel named after the kinds that have it. It is None
    if not given; the help shows the default of the first kind, and of others where it differs.
    """
    trainers = {kind: read_parameters(f"vectors/{kind}.py", name) for kind, name in TRAINERS.items()}
    names = dict.fromkeys(name for known in trainers.values() for name in known if name not in NOT_METHOD)
    owners = {name: [kind for kind in trainers if name in trainers[kind]] for name in names}
    options = []
    for name, kinds in sorted(owners.items(), key=lambda item: -len(item[1])):
        panel = "Method" if len(kinds) == len(trainers) else " and ".join(kinds)
        first = trainers[kinds[0]][name]
        usual = name.replace("_", "-") if first.default is True else str(first.default)
        others = {kind: trainers[kind][name].default for kind in kinds}
        shown = [usual, *(f"{kind} {value}" for kind, value in others.items() if value != first.default)]
        changes = {"show_default": ", ".join(shown)} | CHANGES.get(name, {})
        options.append(library_option(name, first, panel, default=None, **changes))
    return options


JOIN = LibraryParameter(bool, (), False, "Join words that occur together more often than by chance.")
PHRASE_OPTIONS = [
    library_option("phrases", JOIN, PHRASES),
    *library_options(
        "text/phrases.py",
        "PhraseSettings",
        {PHRASES: "min_count threshold scoring passes connectors"},
        prefix="phrase_",
        connectors={
            "default": "",
            "help": "Words, separated by spaces, that may occur inside a phrase but not at its ends; "
            "`english` stands for 15 such as of, the, and.",
        },
    ),
]


@command_options(
    _trainer_options(),
    PHRASE_OPTIONS,
    kind={"show_default": "word2vec"},
    continue_from={"metavar": "FILE"},
    lowercase={"flags": ["--lowercase"], "rich_help_panel": READING},
    segmenter={"show_default": "characters", "rich_help_panel": READING},
    field={"rich_help_panel": READING},
    device={"show_default": "cpu", "rich_help_panel": RUN},
)
def train(
    corpus: list[Path],
    *,
    output: Path,
    kind: str | None = None,
    continue_from: Path | None = None,
    vectors_only: bool = False,
    lowercase: bool | None = None,
    segmenter: str | None = None,
    field: str | None = None,
    seed: Seed = 1,
    device: str | None = None,
    threads: Threads = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Train word vectors on raw text: Word2Vec, GloVe or fastText.

    One thread and one seed give the same file on every run; several threads and an accelerator are faster,
    and their files differ a little from run to run.

    Example:  wordladder vectors train corpus.txt.gz --kind fasttext --lowercase --output words.safetensors

    Args:
        corpus: Raw text, one text a line, or JSONL; folders too; .gz .xz .zst .bz2 too.
        output: File to write: .safetensors .vec .txt .bin.
        kind: How vectors are trained: word2vec, glove or fasttext.
        continue_from: Vectors to train further, on more text and its new words, with their settings.
        vectors_only: Leave out what further training needs: half of a .safetensors file.
        lowercase: Lower-case the text first.
        segmenter: How words are found: characters, jieba or whitespace.
        field: Field of JSON lines that holds the text; if not given, found by the usual names.
        device: cpu, or cuda for an accelerator, which trains word2vec with skipgram and negative.
    """
    from ...formats import output_format, write_vectors
    from ...recipe import build
    from ...text.corpus import read_corpus
    from ...text.words import TextSettings

    started = time.perf_counter()
    output_format(output)  # report a wrong suffix before training
    before = None if continue_from is None else load(continue_from)
    old = {} if before is None else before.settings
    if before is not None and "kind" not in old:
        raise VectorsError(
            f"{continue_from} does not say how its vectors were trained; --continue-from takes a "
            ".safetensors file that `vectors train` wrote."
        )
    phrases = _phrase_settings({one.name: options.pop(one.name) for one in PHRASE_OPTIONS})
    settings = options | {"lowercase": lowercase}
    table = _table(kind, old, {name: value for name, value in settings.items() if value is not None})
    trainer = build("vectors", table)
    where = _device_argument(trainer, table["kind"], device)
    text = old.get("text", {}) | ({} if segmenter is None else {"segmenter": segmenter})
    reading: dict[str, Any] = {"text": TextSettings(**text), "field": field, "phrases": phrases}
    reading |= {name: getattr(trainer, name) for name in ("lowercase", "min_count", "max_vocabulary")}
    reading["known"] = () if before is None else before.index
    with progress_bar() as progress:
        watch = Watch(progress)
        with read_corpus(corpus, threads=threads, progress=watch, **reading) as read:
            _check_output(output, trainer, read.vocabulary.words)
            vectors = trainer.train(read, threads=threads, seed=seed, start=before, progress=watch, **where)
    if vectors_only:
        vectors.outputs = None
    tell(write_vectors(output, vectors.table).notes)
    figures = {
        "kind": table["kind"], "words": read.words, "vocabulary": len(vectors), "dim": vectors.dim,
        "epochs": trainer.epochs, "seconds": watch.seconds,
        "words_per_second": int(read.words) * trainer.epochs / max(watch.seconds, 1e-9),
        "seconds_total": time.perf_counter() - started, "compile_seconds": watch.compile_seconds,
        "loss": watch.facts.get("loss"), "threads": vectors.settings["threads"],
        "device": vectors.settings.get("device", "cpu"),
        "known_before": 0 if before is None else len(before), "phrases": read.phrases, "output": str(output),
    }  # fmt: skip
    print_json(figures) if json else _print(figures)


def _table(kind: str | None, old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The recipe table of a trainer: the options given, and the old settings of vectors to train further.

    Raises:
        SettingError: there is no such kind, or an option is of another one.
    """
    from ...recipe import component

    kind = kind or str(old.get("kind", "word2vec"))
    if kind not in TRAINERS:
        raise SettingError(f"--kind {kind}: raw text trains no such kind.{did_you_mean(kind, TRAINERS)}")
    if old and old["kind"] != kind:
        raise SettingError(f"--kind {kind}: the vectors to go on from were trained by {old['kind']}.")
    keys = signature(component("vectors", kind)).parameters
    for name in given.keys() - keys:
        raise SettingError(f"--{name.replace('_', '-')} is no option of --kind {kind}.")
    return {"kind": kind, **{name: old[name] for name in keys if old.get(name) is not None}, **given}


def _device_argument(trainer: Any, kind: str, device: str | None) -> dict[str, str]:
    """The argument `device` of `train`, if it is given; a wrong one is reported before the text is read.

    Raises:
        SettingError: trainers of this kind have no such argument, or this one cannot use the device.
    """
    if device is None:
        return {}
    if "device" not in signature(trainer.train).parameters:
        raise SettingError(f"--device is no option of --kind {kind}.")
    trainer.accelerator(device)
    return {"device": device}


def _check_output(output: Path, trainer: Any, words: list[str]) -> None:
    """Report what the output's format cannot hold before training."""
    from ...text.subwords import first_han

    binary = output.name.lower().endswith((".bin", ".bin.gz"))
    if binary and getattr(trainer, "han", False) and first_han(words) is not None:
        raise SettingError(
            f"{output}: fastText's .bin knows no Chinese characters as units of words. Write a .safetensors "
            "file, or train with --no-han."
        )


def _phrase_settings(options: dict[str, Any]) -> "PhraseSettings | None":
    """The settings in the options about phrases; None without `--phrases`."""
    from ...text.phrases import ENGLISH_CONNECTORS, PhraseSettings

    wanted = options.pop("phrases")
    values = {name.removeprefix("phrase_"): value for name, value in options.items()}
    words = values.pop("connectors")
    connectors = ENGLISH_CONNECTORS if words == "english" else tuple(words.split())
    settings = PhraseSettings(connectors=connectors, **values)
    if not wanted and settings != PhraseSettings():
        raise SettingError(
            "An option of phrases is given without --phrases; add it, or leave the option out."
        )
    return settings if wanted else None


class Watch:
    """Passes progress on, and remembers when training began and the last facts about it."""

    def __init__(self, progress: Any) -> None:
        self._progress, self._compiled = progress, time.perf_counter()
        self.facts: dict[str, Any] = {}
        self.seconds = self.compile_seconds = 0.0

    def __call__(self, stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage == "compiling":
            self._compiled = time.perf_counter()
            self.compile_seconds += float(facts.get("seconds", 0))
        elif stage.startswith("training"):
            self.seconds, self.facts = time.perf_counter() - self._compiled, facts
        self._progress(stage, done, total, **facts)


def _print(figures: dict[str, Any]) -> None:
    """What a training made, and how fast."""
    console.print(
        f"[bold]{figures['vocabulary']:,}[/bold] words of {figures['dim']} numbers from "
        f"{figures['words']:,} words of text, in [bold]{figures['output']}[/bold]"
    )
    if figures["known_before"]:
        console.print(f"{figures['known_before']:,} of the words were known before")
    if made := figures["phrases"]:
        console.print(f"{made['found']:,} phrases, joined at {made['joined']:,} places of the text")
    by = f"{figures['threads']} threads" if figures["device"] == "cpu" else figures["device"]
    speed = f"{figures['words_per_second'] or 0:,.0f} words/s, {by}"
    console.print(
        f"trained {figures['epochs']} epochs in {duration(figures['seconds'])} "
        f"({speed}, loss {figures['loss']:.4f}); "
        f"{duration(figures['seconds_total'])} with reading and writing"
    )
    if figures["compile_seconds"] > 1:
        console.print(
            f"[dim]compiling took {duration(figures['compile_seconds'])}, once on this machine[/dim]"
        )
    if figures["threads"] > 1 or figures["device"] != "cpu":
        console.print(f"[dim]{by}: another run gives slightly other vectors (--threads 1 does not)[/dim]")
