"""Pretraining from raw text to a folder: vocabulary, documents, model, loop, and what is kept of them.

While it lasts, all stands in `OUTPUT.training`, from where an interrupted run goes on; the output appears
when it is whole.

    OUTPUT/                 Hugging Face's layout: config.json, model.safetensors, tokenizer.json, …
      pretraining.json      what was done, and the figures
      log.jsonl             the log, a JSON object a line
      README.md             the same for people
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from .. import __version__
from ..errors import SettingError
from ..extras import require
from ..files.folders import atomic_folder
from ..files.streams import disk_errors
from ..formats import UnicodeErrors, read_vectors
from ..layers.devices import chosen
from ..model.checkpoint_folder import close_work, open_work, sole
from ..progress import Progress, quiet
from ..word_vectors import WordVectors
from .documents import Documents, Facts, hold_out, open_documents, write_documents
from .elmo import SOFTMAX, ElmoSettings, elmo_objective
from .initial_models import check_continued, open_started, open_tokenizer
from .loop import LoopSettings, Objective, Outcome, pretrain_network
from .model_card import pretraining_card
from .objective import MaskedObjective, new_model
from .raw_text import RawText
from .settings import SIZES, PretrainingSettings
from .teacher import open_teacher
from .vocabulary import cut_vocabulary, piece_count, train_vocabulary
from .word_vectors import start_from_vectors

MARK, PREPARED = "pretraining.json", "text/facts.json"
_COUNTED = 1 << 22  # pieces counted at a time


class Sources(NamedTuple):
    """What a run starts from: a model's folder, or a file of word vectors and how their length is bridged;
    and text that has been taken apart already.
    """

    continue_from: str | Path | None = None
    vectors: str | Path | None = None
    unicode_errors: UnicodeErrors = "strict"
    bridge: Literal["pca", "projection"] = "pca"
    prepared: Path | None = None


def pretrain(
    corpus: Sequence[str | Path],
    output: str | Path,
    settings: PretrainingSettings,
    *,
    field: str | None = None,
    resume: bool = False,
    continue_from: str | Path | None = None,
    vectors: str | Path | None = None,
    unicode_errors: UnicodeErrors = "strict",
    bridge: Literal["pca", "projection"] = "pca",
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Pretrain an encoder from raw text, and save it.

    Args:
        corpus: Files or folders of raw text or JSON lines, compressed or not. A blank line ends a document;
            in a file without any, and in JSON lines, each line is a document. Or the folder that `prepare`
            wrote.
        output: The folder to write.
        settings: What is pretrained, how and how long.
        field: The field of JSON lines that holds the text.
        resume: Go on where an interrupted run stopped.
        continue_from: A folder with a BERT or ALBERT, or an ELMo, to go on from.
        vectors: A file of word vectors that the embedding layer starts from.
        unicode_errors: What becomes of its words that are not UTF-8; see `read_vectors`.
        bridge: How vectors of another length than the embeddings become these; see `start_from_vectors`.
        progress: Told how far it is.

    Returns:
        What `pretraining.json` holds: `settings`, `objectives`, `parameters`, `text`, `vocabulary`,
        `vectors`, `continue_from`, `notes` (on the model to go on from), `steps`, `tokens`, `passes`,
        `seconds`, `tokens_per_second`, `held_out` and `curve`.

    Raises:
        DataError: the text cannot be read.
        SettingError: a setting cannot be used, or the interrupted run had others.
        ModelError: the model to go on from cannot be opened.
        OutputError: the output cannot be written.
        TrainingError: the loss is not a number.
        KeyboardInterrupt: the user asked to stop; `resume=True` goes on.
    """
    require("transformers", "train", "pretraining")
    chosen(settings.device)  # one that is not there is told before anything is read
    output = Path(output)
    prepared = Path(corpus[0]) if len(corpus) == 1 and (Path(corpus[0]) / PREPARED).is_file() else None
    sources = Sources(continue_from, vectors, unicode_errors, bridge, prepared)
    _check_sources(settings, sources)
    text = RawText(corpus, field)
    with sole(output), disk_errors(output):
        return _pretrained(text, output, settings, sources, resume, progress)


def prepare(
    corpus: Sequence[str | Path],
    output: str | Path,
    settings: PretrainingSettings,
    *,
    field: str | None = None,
    progress: Progress = quiet,
) -> Facts:
    """Make the vocabulary and take the text apart, as `pretrain` begins; it takes the output as its corpus,
    also on another machine.

    Args:
        corpus: What `pretrain` takes.
        output: The folder to write: `tokenizer/` and `text/`.
        settings: What will be pretrained.
        field: The field of JSON lines that holds the text.
        progress: Told how far it is.

    Raises:
        DataError: the text cannot be read.
        SettingError: a setting cannot be used.
        ModelError: the teacher's tokenizer cannot be opened.
        OutputError: the output cannot be written.
    """
    require("transformers", "train", "pretraining")
    if settings.kind == "elmo":
        raise SettingError("only BERT's and ALBERT's text is prepared; ELMo reads it as it is")
    _check_sources(settings, Sources())
    text, output = RawText(corpus, field), Path(output)
    with sole(output), disk_errors(output), atomic_folder(output, PREPARED) as folder:
        tokenizer = _tokenizer(text, settings, folder, None, progress)
        return _taken_apart(text, settings, folder, tokenizer, progress)


def _pretrained(
    text: RawText,
    output: Path,
    settings: PretrainingSettings,
    sources: Sources,
    resume: bool,
    progress: Progress,
) -> dict[str, Any]:
    loop = _loop_settings(settings)
    work = open_work(output, _given(text, settings, sources), [], resume, MARK)
    build = _elmo if settings.kind == "elmo" else _encoder
    objective, facts = build(text, settings, work, sources, progress)
    facts["continue_from"] = None if sources.continue_from is None else str(sources.continue_from)
    if sources.continue_from is not None:
        loop = replace(loop, learning_rate=_continued_rate(settings, objective))
    report = {"wordladder": __version__, "settings": asdict(settings), "objectives": settings.aims, **facts}
    learned = getattr(objective.network, "model", objective.network)  # without what a teacher adds
    report["parameters"] = sum(p.numel() for p in learned.parameters())
    try:
        outcome = pretrain_network(objective, loop, folder=work, progress=progress)
        report |= _figures(outcome, facts)
        with atomic_folder(output, MARK) as folder:
            objective.keep(folder)
            shutil.copy(work / "log.jsonl", folder / "log.jsonl")
            (folder / MARK).write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
            (folder / "README.md").write_text(pretraining_card(report), encoding="utf-8")
    finally:
        if hasattr(objective, "close"):
            objective.close()
    close_work(output)
    return report


def _check_sources(settings: PretrainingSettings, sources: Sources) -> None:
    """Refuse what would go unused beside what the run starts from."""
    given, tokenizer = sources.continue_from, settings.tokenizer
    if settings.kind == "elmo" and sources.vectors is not None:
        raise SettingError("vectors start BERT's and ALBERT's embedding layer; ELMo has none to start")
    if settings.kind == "elmo" and sources.prepared is not None:
        raise SettingError(f"{sources.prepared}: a prepared text has pieces, and ELMo reads characters")
    if given is not None and sources.vectors is not None:
        raise SettingError("either continue from a model or start from vectors: a trained model has its own")
    names, owners = ("tokenizer", "vocabulary_size", "lowercase"), dict[str, tuple[str, ...]]()
    a_folder = tokenizer is not None and Path(tokenizer).is_dir()
    if given is not None and (settings.kind != "elmo" or (Path(given) / SOFTMAX).is_file()):
        owners["a model to go on from"] = names
    elif a_folder:
        owners[f"the tokenizer in {tokenizer}"] = names[1:]
    if sources.prepared is not None:
        owners[f"the prepared text in {sources.prepared}"] = (*names, "segmenter")
    elif settings.teacher is not None and not a_folder:
        owners["the teacher"] = (names[0], names[2])
    for owner, name in ((owner, name) for owner, decided in owners.items() for name in decided):
        if (value := getattr(settings, name)) is not None:
            raise SettingError(f"{name} is {value!r}, but {owner} has its own; leave it out")


def _loop_settings(settings: PretrainingSettings) -> LoopSettings:
    return LoopSettings(
        steps=settings.steps,
        minutes=settings.minutes,
        learning_rate=settings.rate,
        warmup=settings.warmup,
        parts=settings.parts,
        precision=settings.precision,
        log_steps=settings.log_steps,
        evaluations=settings.evaluations,
        seed=settings.seed,
        threads=settings.threads,
        device=settings.device,
    )


def _continued_rate(settings: PretrainingSettings, objective: Any) -> float:
    """The highest learning rate of a model to go on from: what it measures counts, not `settings.size`."""
    if settings.kind == "elmo":
        large = objective.network.bilm.options.dim >= 512
    else:
        large = objective.network.model.config.hidden_size >= SIZES["base"].hidden
    return (replace(settings, size="base") if large else settings).rate


def _given(text: RawText, settings: PretrainingSettings, sources: Sources) -> dict[str, Any]:
    """All that decides what a run does: an interrupted one goes on only with the same."""
    files = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in text.files]
    paths = (sources.continue_from, sources.vectors, settings.teacher)
    named = [None if path is None else str(Path(path).resolve()) for path in paths]
    named = [sources.unicode_errors, sources.bridge, *named]
    return {"files": files, "settings": asdict(settings), "field": text.field, "sources": named}


def _figures(outcome: Outcome, facts: dict[str, Any]) -> dict[str, Any]:
    size = facts["text"]["pieces"] if facts["text"] else 0
    speeds = [line["tokens_per_second"] for line in outcome.curve]
    return {
        "steps": outcome.steps,
        "tokens": outcome.tokens,
        "passes": outcome.tokens / size if size else 0.0,
        "seconds": outcome.seconds,
        "tokens_per_second": sum(speeds) / max(1, len(speeds)),
        "held_out": outcome.held_out,
        "curve": outcome.curve,
    }


def _encoder(
    text: RawText, settings: PretrainingSettings, work: Path, sources: Sources, progress: Progress
) -> tuple[Objective, dict[str, Any]]:
    """The objective of a BERT or an ALBERT, and what is to be told of it."""
    given = sources.continue_from
    started = None if given is None else open_started(Path(given), settings)
    place = sources.prepared or work
    tokenizer = _tokenizer(text, settings, place, None if started is None else started.tokenizer, progress)
    model = new_model(settings, tokenizer) if started is None else started.model
    check_continued(model, settings)
    teacher = open_teacher(settings, tokenizer, model.config.hidden_size)
    if not (place / PREPARED).is_file():
        _taken_apart(text, settings, place, tokenizer, progress)
    documents, facts = open_documents(place / "text", tokenizer)
    if (longest := int(np.diff(documents.sentences).max())) > _longest(settings):
        least = 2 * longest + 3
        raise SettingError(f"{place}: max_pieces is {settings.max_pieces}, but its sentences need {least}")
    train, held_out = hold_out(documents, settings.held_out, settings.seed)
    report = _start(model, tokenizer, documents, sources, settings.seed)
    objective = MaskedObjective(model, tokenizer, train, held_out, settings, teacher)
    return objective, {
        "text": {**asdict(facts), "line_documents": len(facts.line_documents)},
        "vocabulary": len(tokenizer),
        "vectors": report,
        "notes": [] if started is None else list(started.notes),
    }


def _taken_apart(
    text: RawText, settings: PretrainingSettings, place: Path, tokenizer: Any, progress: Progress
) -> Facts:
    """Write the pieces of the text into `place`."""
    folder = place / "text"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    given: dict[str, Any] = {"longest": _longest(settings), "segmenter": settings.segmenter}
    return write_documents(folder, text, tokenizer, **given, progress=progress)


def _longest(settings: PretrainingSettings) -> int:
    """Pieces of a sentence, at most: a row has room for two."""
    return (settings.max_pieces - 3) // 2


def _start(
    model: Any, tokenizer: Any, documents: Documents, sources: Sources, seed: int
) -> dict[str, Any] | None:
    """Word vectors into the embedding layer, where they are given; how many pieces they cover."""
    if sources.vectors is None:
        return None
    counts = np.zeros(piece_count(tokenizer), dtype=np.int64)
    for start in range(0, len(documents.pieces), _COUNTED):
        counts += np.bincount(documents.pieces[start : start + _COUNTED], minlength=len(counts))
    vectors = WordVectors.of(read_vectors(sources.vectors, unicode_errors=sources.unicode_errors))
    found = start_from_vectors(model, tokenizer, vectors, bridge=sources.bridge, seed=seed, counts=counts)
    told = {"told": str(found), "notes": list(vectors.notes)}
    return {"file": str(sources.vectors), **found.to_json(), **told}


def _tokenizer(
    text: RawText, settings: PretrainingSettings, work: Path, given: Any, progress: Progress
) -> Any:
    """The tokenizer of the run: the one given, that of a folder, the one of before, or a new one."""
    place = work / "tokenizer"
    if place.is_dir():
        known = open_tokenizer(place)
        if given is not None and known.get_vocab() != given.get_vocab():
            raise SettingError(f"{place}: the model to go on from has other pieces")
        return known
    kind = settings.tokenizer or ("sentencepiece" if settings.kind == "albert" else "wordpiece")
    size = settings.vocabulary_size or settings.shape.vocabulary
    if given is not None:
        tokenizer = given
    elif settings.teacher is not None and settings.tokenizer is None:
        whole = open_tokenizer(Path(settings.teacher))
        tokenizer = cut_vocabulary(text, whole, size, progress=progress)
    elif kind in ("wordpiece", "sentencepiece"):
        tokenizer = train_vocabulary(
            text,
            kind,  # type: ignore[arg-type]
            size,
            lowercase=settings.drops_case,
            progress=progress,
        )
    elif Path(kind).is_dir():
        tokenizer = open_tokenizer(Path(kind))
    else:
        raise SettingError(
            f"tokenizer is {kind!r}; it can be wordpiece, sentencepiece, or a folder with a tokenizer.json"
        )
    fresh = work / "tokenizer.new"
    shutil.rmtree(fresh, ignore_errors=True)
    tokenizer.save_pretrained(fresh)
    os.replace(fresh, place)
    return open_tokenizer(place)


def _elmo(
    text: RawText, settings: PretrainingSettings, work: Path, sources: Sources, progress: Progress
) -> tuple[Objective, dict[str, Any]]:
    """The objective of an ELMo, and what is to be told of it."""
    chosen: dict[str, Any] = {
        "size": settings.size,
        "segmenter": settings.segmenter or "characters",
        "window": settings.max_pieces,
        "batch_words": settings.batch,
        "held_out": settings.held_out,
        "continue_from": sources.continue_from,
        "seed": settings.seed,
    }
    if settings.dropout:
        chosen["dropout"] = settings.dropout
    if settings.vocabulary_size is not None:
        chosen["vocabulary"] = settings.vocabulary_size
    objective = elmo_objective(
        text.files, ElmoSettings(**chosen), field=text.field, folder=work, progress=progress
    )
    facts = objective.facts()
    return objective, {
        "text": {**facts, "line_documents": 0},
        "vocabulary": facts["vocabulary"],
        "vectors": None,
        "notes": [],
    }
