"""Train word vectors on raw text."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._warnings import tell
from ..console import print_json, progress_bar
from ..options import RUN, Json, Threads, option
from ._shared import load
from ._told import Watch, print_training

if TYPE_CHECKING:
    from ...text.phrases import PhraseSettings

METHOD = "Method"
PREDICTING = "word2vec and fasttext"
FASTTEXT = "fasttext"
GLOVE = "glove"
READING = "Reading"
PHRASES = "Phrases"


def train(
    corpus: Annotated[
        list[Path],
        typer.Argument(
            metavar="CORPUS", help="Raw text, one text a line, or JSONL; folders too; .gz .xz .zst .bz2 too."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .safetensors .vec .txt .bin.")
    ],
    kind: Annotated[
        str | None,
        typer.Option(help="How vectors are trained: word2vec, glove or fasttext.", show_default="word2vec"),
    ] = None,
    continue_from: Annotated[
        Path | None,
        typer.Option(
            "--continue-from",
            metavar="FILE",
            help="Vectors to train on, with more text and its new words; settings are those of then.",
        ),
    ] = None,
    vectors_only: Annotated[
        bool,
        typer.Option("--vectors-only", help="Leave out what training on needs: half of a .safetensors file."),
    ] = False,
    dim: Annotated[int | None, option("Numbers in a vector.", METHOD, show_default="100")] = None,
    window: Annotated[
        int | None,
        option("Words to each side that count as neighbours, at most.", METHOD, show_default="5, glove 10"),
    ] = None,
    min_count: Annotated[
        int | None, option("Words that occur less often have no vector.", METHOD, show_default="5")
    ] = None,
    epochs: Annotated[
        int | None, option("Times the corpus is gone through.", METHOD, show_default="5, glove 15")
    ] = None,
    learning_rate: Annotated[
        float | None,
        option(
            "Step at the start; it falls to nearly nothing.",
            METHOD,
            show_default="0.025 skipgram, 0.06 cbow, 0.05 glove, 0.04 fasttext",
        ),
    ] = None,
    max_vocabulary: Annotated[
        int | None, option("Words that get a vector at most, the most frequent first.", METHOD)
    ] = None,
    model: Annotated[
        str | None,
        option(
            "`skipgram` learns from each pair of neighbours and is better on rare words; "
            "`cbow` learns from the neighbours together and is faster.",
            PREDICTING,
            show_default="skipgram",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        option(
            "`negative` tells each word from a few random ones; `hierarchical` finds it in a tree.",
            PREDICTING,
            show_default="negative",
        ),
    ] = None,
    negative: Annotated[
        int | None, option("Random words that each word is told from.", PREDICTING, show_default="5")
    ] = None,
    sample: Annotated[
        float | None,
        option(
            "Words more frequent than this share of the text are thinned out; 0 keeps all.",
            PREDICTING,
            show_default="1e-3, fasttext 1e-4",
        ),
    ] = None,
    cbow_mean: Annotated[
        bool | None,
        option(
            "Whether cbow takes the mean of the neighbours, or their sum.",
            PREDICTING,
            "--cbow-mean/--cbow-sum",
            show_default="mean",
        ),
    ] = None,
    min_n: Annotated[
        int | None, option("Characters of the shortest n-gram.", FASTTEXT, show_default="3")
    ] = None,
    max_n: Annotated[
        int | None, option("Characters of the longest n-gram; 0: none.", FASTTEXT, show_default="6")
    ] = None,
    buckets: Annotated[
        int | None, option("Buckets that n-grams are hashed into.", FASTTEXT, show_default="2000000")
    ] = None,
    han: Annotated[
        bool | None,
        option(
            "Whether each Chinese character is a unit of its word. fastText's .bin knows no such units.",
            FASTTEXT,
            "--han/--no-han",
            show_default="han",
        ),
    ] = None,
    x_max: Annotated[
        float | None, option("Count from which a pair has the full weight.", GLOVE, show_default="10")
    ] = None,
    alpha: Annotated[
        float | None,
        option(
            "Power of the count, relative to --x-max, that weighs rarer pairs.", GLOVE, show_default="0.75"
        ),
    ] = None,
    symmetric: Annotated[
        bool | None,
        option(
            "Whether words to the right count as neighbours, or only those to the left.",
            GLOVE,
            "--symmetric/--left-only",
            show_default="symmetric",
        ),
    ] = None,
    distance_weighting: Annotated[
        bool | None,
        option(
            "Whether a neighbour counts one over its distance.",
            GLOVE,
            "--distance-weighting/--equal-weighting",
            show_default="distance-weighting",
        ),
    ] = None,
    combine: Annotated[
        str | None,
        option(
            "`sum` adds a word's vector and its vector as a neighbour; `word` takes the first alone.",
            GLOVE,
            show_default="sum",
        ),
    ] = None,
    lowercase: Annotated[bool | None, option("Lower-case the text first.", READING, "--lowercase")] = None,
    segmenter: Annotated[
        str | None,
        option("How words are found: characters, jieba or whitespace.", READING, show_default="characters"),
    ] = None,
    field: Annotated[
        str | None,
        option("Field of a JSON line that holds the text; left out, found by usual names.", READING),
    ] = None,
    phrases: Annotated[
        bool,
        option(
            "Whether words that stand side by side more often than by chance become one word, as in "
            "New_York.",
            PHRASES,
            "--phrases",
        ),
    ] = False,
    phrase_min_count: Annotated[int, option("Pairs that occur less often are no phrases.", PHRASES)] = 5,
    phrase_threshold: Annotated[
        float,
        option(
            "Score that a pair must exceed: the higher, the fewer phrases; for npmi between -1 and 1.",
            PHRASES,
        ),
    ] = 10.0,
    phrase_scoring: Annotated[
        str, option("How pairs are scored: default (Mikolov et al. 2013) or npmi.", PHRASES)
    ] = "default",
    phrase_passes: Annotated[
        int, option("Times that pairs are joined, so that phrases grow longer.", PHRASES)
    ] = 1,
    phrase_connectors: Annotated[
        str,
        option(
            "Words, with blanks between, that may stand inside a phrase but neither begin nor end one; "
            "`english` stands for 15 such as of, the, and.",
            PHRASES,
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Start of everything random.")] = 1,
    device: Annotated[
        str | None,
        option(
            '"cpu", or "cuda" for an accelerator, which trains word2vec with skipgram and negative.',
            RUN,
            show_default="cpu",
        ),
    ] = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Train word vectors on raw text: Word2Vec, GloVe or fastText.

    One thread and one seed give the same file on every run; several threads and an accelerator are faster,
    and their files differ a little from run to run.

    Example:  wordladder vectors train corpus.txt.gz --kind fasttext --lowercase --output words.safetensors
    """
    from ...formats import output_format, write_vectors
    from ...recipe import build
    from ...text.corpus import read_corpus

    started = time.perf_counter()
    output_format(output)  # a wrong suffix is told now, not after the training
    before = _earlier(continue_from)
    given = {
        "dim": dim, "window": window, "min_count": min_count, "epochs": epochs,
        "learning_rate": learning_rate, "max_vocabulary": max_vocabulary, "lowercase": lowercase,
        "model": model, "loss": loss, "negative": negative, "sample": sample, "cbow_mean": cbow_mean,
        "min_n": min_n, "max_n": max_n, "buckets": buckets, "han": han,
        "x_max": x_max, "alpha": alpha, "symmetric": symmetric, "distance_weighting": distance_weighting,
        "combine": combine,
    }  # fmt: skip
    table = _table(kind, before, {name: value for name, value in given.items() if value is not None})
    trainer = build("vectors", table)
    where = _where(trainer, table["kind"], device)
    chosen = _phrase_settings(
        phrases, phrase_min_count, phrase_threshold, phrase_scoring, phrase_passes, phrase_connectors
    )
    reading: dict[str, Any] = {
        "field": field,
        "phrases": chosen,
        "known": () if before is None else before.index,
    }
    reading |= {name: getattr(trainer, name) for name in ("lowercase", "min_count", "max_vocabulary")}
    text = _text_settings(segmenter, before)
    with progress_bar() as progress:
        watch = Watch(progress)
        with read_corpus(corpus, text=text, threads=threads, progress=watch, **reading) as read:
            _check_output(output, trainer, read.vocabulary.words)
            vectors = trainer.train(read, threads=threads, seed=seed, start=before, progress=watch, **where)
    if vectors_only:
        vectors.outputs = None
    tell(write_vectors(output, vectors.table).notes)
    words, seconds = int(read.words) * trainer.epochs, watch.seconds
    found = {
        "kind": table["kind"], "words": read.words, "vocabulary": len(vectors), "dim": vectors.dim,
        "epochs": trainer.epochs, "seconds": seconds, "words_per_second": words / max(seconds, 1e-9),
        "seconds_total": time.perf_counter() - started, "compile_seconds": watch.compile_seconds,
        "loss": watch.facts.get("loss"), "threads": vectors.settings["threads"],
        "device": vectors.settings.get("device", "cpu"),
        "known_before": 0 if before is None else len(before), "phrases": read.phrases, "output": str(output),
    }  # fmt: skip
    print_json(found) if json else print_training(found)


def _earlier(file: Path | None) -> Any:
    """The vectors to go on from.

    Raises:
        VectorsError: the file cannot be read, or does not say how its vectors were trained.
    """
    if file is None:
        return None
    from ...errors import VectorsError

    vectors = load(file)
    if "kind" not in vectors.settings:
        raise VectorsError(
            f"{file} does not say how its vectors were trained; --continue-from takes a .safetensors file "
            "that `vectors train` wrote."
        )
    return vectors


def _table(kind: str | None, before: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The recipe table of a training: what is given, and what it goes on from.

    Raises:
        SettingError: there is no such kind, or an option is of another one.
    """
    from inspect import signature

    from ...errors import SettingError, did_you_mean
    from ...recipe import component, kinds

    known, old = kinds("vectors"), {} if before is None else before.settings
    kind = kind or str(old.get("kind", "word2vec"))
    if kind not in known:
        raise SettingError(f"--kind {kind}: there is no such kind of vectors.{did_you_mean(kind, known)}")
    if old and old["kind"] != kind:
        raise SettingError(f"--kind {kind}: the vectors to go on from were trained by {old['kind']}.")
    keys = signature(component("vectors", kind)).parameters
    for name in given.keys() - keys:
        raise SettingError(f"--{name.replace('_', '-')} is no option of --kind {kind}.")
    return {"kind": kind, **{name: old[name] for name in keys if old.get(name) is not None}, **given}


def _where(trainer: Any, kind: str, device: str | None) -> dict[str, str]:
    """What a trainer is told of the device; a wrong one is refused now, not after the reading.

    Raises:
        SettingError: trainers of this kind have no choice, or this one cannot use the device.
    """
    from inspect import signature

    from ...errors import SettingError

    if device is None:
        return {}
    if "device" not in signature(trainer.train).parameters:
        raise SettingError(f"--device is no option of --kind {kind}.")
    trainer.place(device)
    return {"device": device}


def _text_settings(segmenter: str | None, before: Any) -> Any:
    from ...text.words import TextSettings

    old = {} if before is None else before.settings.get("text", {})
    return TextSettings(**{**old, **({} if segmenter is None else {"segmenter": segmenter})})


def _check_output(output: Path, trainer: Any, words: list[str]) -> None:
    """What the output's format cannot hold is told now, not after the training."""
    from ...errors import SettingError
    from ...text.subwords import first_han

    binary = output.name.lower().endswith((".bin", ".bin.gz"))
    if binary and getattr(trainer, "han", False) and first_han(words) is not None:
        raise SettingError(
            f"{output}: fastText's .bin knows no Chinese characters as units of words. Write a .safetensors "
            "file, or train with --no-han."
        )


def _phrase_settings(
    wanted: bool, min_count: int, threshold: float, scoring: str, passes: int, connectors: str
) -> "PhraseSettings | None":
    from ...errors import SettingError
    from ...text.phrases import ENGLISH_CONNECTORS, PhraseSettings

    words = ENGLISH_CONNECTORS if connectors == "english" else tuple(connectors.split())
    settings = PhraseSettings(
        min_count=min_count,
        threshold=threshold,
        scoring=scoring,  # type: ignore[arg-type]
        passes=passes,
        connectors=words,
    )
    if not wanted and settings != PhraseSettings():
        raise SettingError(
            "An option of phrases is given without --phrases; add it, or leave the option out."
        )
    return settings if wanted else None
