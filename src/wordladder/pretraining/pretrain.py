"""Pretraining from raw text to a folder: vocabulary, documents, model, loop, and what is saved of them.

While a run lasts, its files are in `OUTPUT.training`, from which an interrupted run is resumed; the output
appears when it is complete.

    OUTPUT/                 Hugging Face's layout: config.json, model.safetensors, tokenizer.json, …
      pretraining.json      what was done, and the figures
      log.jsonl             the log, a JSON object a line
      README.md             the same for people
"""

import json
import math
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import __version__
from ..errors import ModelError, SettingError
from ..extras import require
from ..files.folders import atomic_folder
from ..files.streams import disk_errors
from ..formats import UnicodeErrors, read_vectors
from ..layers.devices import choose_device
from ..model.checkpoint_folder import exclusive_output, open_checkpoint_folder, remove_checkpoint_folder
from ..processes import first_goes_first, process_count
from ..progress import Progress, quiet
from ..text.corpus import read_corpus
from ..text.words import TextSettings
from ..word_vectors import WordVectors
from .documents import Documents, Facts, hold_out, open_documents, write_documents
from .elmo import SOFTMAX, elmo_objective
from .initial_models import new_model, open_initial_model, open_tokenizer
from .loop import Objective, pretrain_network
from .model_card import pretraining_card
from .objective import MaskedObjective
from .raw_text import RawText
from .settings import SIZES, PretrainingSettings
from .teacher import open_teacher
from .vocabulary import TOKENIZERS, cut_vocabulary, piece_count, train_vocabulary
from .word_vectors import start_from_vectors

MARK, PREPARED = "pretraining.json", "text/facts.json"
_BLOCK = 1 << 22  # pieces counted at a time
_OF_TOKENIZER = ("tokenizer", "vocabulary_size", "lowercase")


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
        resume: Resume an interrupted run.
        continue_from: A folder with a BERT or ALBERT, or an ELMo, to continue from.
        vectors: A file of word vectors that the embedding layer starts from.
        unicode_errors: How its words that are not UTF-8 are handled; see `read_vectors`.
        bridge: How vectors of another length than the embeddings are mapped to them; see
            `start_from_vectors`.
        progress: Called with the progress.

    Returns:
        What `pretraining.json` holds: `settings`, `objectives`, `parameters`, `text`, `vocabulary`,
        `vectors`, `continue_from`, `notes` (on the model to continue from), `steps`, `tokens`, `passes`,
        `seconds`, `tokens_per_second`, `held_out` and `curve`.

    Raises:
        DataError: the text cannot be read.
        SettingError: a setting cannot be used, or the interrupted run had others.
        ModelError: the model to continue from cannot be opened.
        OutputError: the output cannot be written.
        TrainingError: the loss is not a number.
        KeyboardInterrupt: the user asked to stop; `resume=True` resumes.
    """
    require("transformers", "train", "pretraining")
    choose_device(settings.device)  # a device that is not there is an error before anything is read
    parts = math.ceil(settings.parts / process_count()) * process_count()  # each process has as many
    settings = replace(settings, parts=parts)
    prepared = Path(corpus[0]) if len(corpus) == 1 and (Path(corpus[0]) / PREPARED).is_file() else None
    job = Job(
        RawText(corpus, field), settings, progress, continue_from, vectors, unicode_errors, bridge, prepared
    )
    output = Path(output)
    with exclusive_output(output), disk_errors(output):
        return job.run(output, resume)


def prepare(
    corpus: Sequence[str | Path],
    output: str | Path,
    settings: PretrainingSettings,
    *,
    field: str | None = None,
    progress: Progress = quiet,
) -> Facts:
    """Make the vocabulary and tokenize the text, the first steps of `pretrain`, which takes the output as its
    corpus, also on another machine.

    Args:
        corpus: What `pretrain` takes.
        output: The folder to write: `tokenizer/` and `text/`.
        settings: What will be pretrained.
        field: The field of JSON lines that holds the text.
        progress: Called with the progress.

    Raises:
        DataError: the text cannot be read.
        SettingError: a setting cannot be used.
        ModelError: the teacher's tokenizer cannot be opened.
        OutputError: the output cannot be written.
    """
    require("transformers", "train", "pretraining")
    if settings.kind == "elmo":
        raise SettingError("only BERT's and ALBERT's text is prepared; ELMo needs no preparation")
    job, output = Job(RawText(corpus, field), settings, progress), Path(output)
    with exclusive_output(output), disk_errors(output), atomic_folder(output, PREPARED) as folder:
        return job.write_pieces(folder, job.tokenizer(folder, None))


@dataclass
class Job:
    """What is pretrained from which text, and what it starts from: see `pretrain`; `prepared` is a folder of
    `prepare`.

    Raises:
        SettingError: a setting would have no effect, given what the run starts from.
    """

    text: RawText
    settings: PretrainingSettings
    progress: Progress = quiet
    continue_from: str | Path | None = None
    vectors: str | Path | None = None
    unicode_errors: UnicodeErrors = "strict"
    bridge: Literal["pca", "projection"] = "pca"
    prepared: Path | None = None

    def __post_init__(self) -> None:
        settings, source, tokenizer = self.settings, self.continue_from, self.settings.tokenizer
        elmo, is_folder = settings.kind == "elmo", tokenizer is not None and Path(tokenizer).is_dir()
        if elmo and self.vectors is not None:
            raise SettingError("vectors start BERT's and ALBERT's embedding layer; ELMo has none to start")
        if elmo and self.prepared is not None:
            raise SettingError(f"{self.prepared}: a prepared text has pieces, and ELMo reads characters")
        if source is not None and self.vectors is not None:
            raise SettingError(
                "either continue from a model or start from vectors: a trained model has its own"
            )
        fixed = dict[str, tuple[str, ...]]()
        if source is not None and (not elmo or (Path(source) / SOFTMAX).is_file()):
            fixed["a model to continue from"] = _OF_TOKENIZER
        elif is_folder:
            fixed[f"the tokenizer in {tokenizer}"] = ("vocabulary_size", "lowercase")
        if self.prepared is not None:
            fixed[f"the prepared text in {self.prepared}"] = (*_OF_TOKENIZER, "segmenter")
        elif settings.teacher is not None and not is_folder:
            fixed["the teacher"] = ("tokenizer", "lowercase")
        for owner, names in fixed.items():
            for name in names:
                if (value := getattr(settings, name)) is not None:
                    raise SettingError(f"{name} is {value!r}, but {owner} has its own; leave it out")

    def run(self, output: Path, resume: bool) -> dict[str, Any]:
        """Pretrain, and write the output."""
        settings = self.settings
        settings.require_length()
        work = open_checkpoint_folder(output, self._identity(), [], resume, MARK)
        report: dict[str, Any] = {"wordladder": __version__, "settings": asdict(settings)}
        report["objectives"] = settings.aims
        report["continue_from"] = None if self.continue_from is None else str(self.continue_from)
        with ExitStack() as resources:
            with first_goes_first():
                elmo = settings.kind == "elmo"
                objective, facts = self._elmo(work, resources) if elmo else self.masked(work)
            learned = getattr(objective.network, "model", objective.network)  # without what a teacher adds
            report |= {**facts, "parameters": sum(p.numel() for p in learned.parameters())}
            if self.continue_from is not None:
                settings = replace(settings, learning_rate=continued_rate(settings, objective))
            outcome = pretrain_network(objective, settings, work, self.progress)
            report |= asdict(outcome)
            size = facts["text"]["pieces"]
            report["passes"] = outcome.tokens / size if size else 0.0
            speeds = [line["tokens_per_second"] for line in outcome.curve]
            report["tokens_per_second"] = sum(speeds) / max(1, len(speeds))
            with first_goes_first() as first:
                if first:
                    self._write(output, work, objective, report)
        return report

    def _write(self, output: Path, work: Path, objective: Objective, report: dict[str, Any]) -> None:
        """Write the output; the folder of the unfinished run is no longer needed then."""
        with atomic_folder(output, MARK) as folder:
            objective.keep(folder)
            shutil.copy(work / "log.jsonl", folder / "log.jsonl")
            (folder / MARK).write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
            (folder / "README.md").write_text(pretraining_card(report), encoding="utf-8")
        remove_checkpoint_folder(output)

    def _identity(self) -> dict[str, Any]:
        """All that decides what a run does: an interrupted one is resumed only with the same."""
        files = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in self.text.files]
        paths = (self.continue_from, self.vectors, self.settings.teacher)
        resolved = [None if path is None else str(Path(path).resolve()) for path in paths]
        sources = [self.unicode_errors, self.bridge, *resolved]
        settings = asdict(self.settings)
        return {"files": files, "settings": settings, "field": self.text.field, "sources": sources}

    def masked(self, work: Path) -> tuple[Objective, dict[str, Any]]:
        """The objective of a BERT or an ALBERT, and facts for the report."""
        settings, folder = self.settings, self.prepared or work
        model, own_tokenizer = None, None
        notes: tuple[str, ...] = ()
        if self.continue_from is not None:
            model, own_tokenizer, notes = open_initial_model(Path(self.continue_from), settings)
        tokenizer = self.tokenizer(folder, own_tokenizer)
        model = new_model(settings, tokenizer) if model is None else model
        if settings.max_pieces > (limit := model.config.max_position_embeddings):
            raise ModelError(
                f"the model to continue from reads {limit} pieces at once, not max_pieces = "
                f"{settings.max_pieces}"
            )
        teacher = open_teacher(settings, tokenizer, model.config.hidden_size)
        if not (folder / PREPARED).is_file():
            self.write_pieces(folder, tokenizer)
        documents, facts = open_documents(folder / "text", tokenizer)
        if (longest := int(np.diff(documents.sentences).max())) > settings.longest_sentence:
            least = 2 * longest + 3
            raise SettingError(
                f"{folder}: max_pieces is {settings.max_pieces}, but its sentences need {least}"
            )
        train, held_out = hold_out(documents, settings.held_out, settings.seed)
        vectors = self._start_from_vectors(model, tokenizer, documents)
        return MaskedObjective(model, tokenizer, train, held_out, settings, teacher), {
            "text": {**asdict(facts), "line_documents": len(facts.line_documents)},
            "vocabulary": len(tokenizer),
            "vectors": vectors,
            "notes": list(notes),
        }

    def _elmo(self, work: Path, resources: ExitStack) -> tuple[Objective, dict[str, Any]]:
        """The objective of an ELMo, and facts for the report."""
        words = TextSettings(segmenter=self.settings.segmenter or "characters")
        reading: dict[str, Any] = {"field": self.text.field, "folder": work, "progress": self.progress}
        corpus = resources.enter_context(read_corpus(self.text.files, text=words, min_count=1, **reading))
        objective = elmo_objective(corpus, self.settings, self.continue_from)
        text = objective.text.facts() | {"line_documents": 0}
        return objective, {"text": text, "vocabulary": text["vocabulary"], "vectors": None, "notes": []}

    def tokenizer(self, work: Path, own: Any) -> Any:
        """The tokenizer of the run: that of the model to continue from, that of a folder, the one from before
        an interruption, or a new one.
        """
        settings, text, progress, folder = self.settings, self.text, self.progress, work / "tokenizer"
        if folder.is_dir():
            saved = open_tokenizer(folder)
            if own is not None and saved.get_vocab() != own.get_vocab():
                raise SettingError(f"{folder}: the model to continue from has other pieces")
            return saved
        kind = settings.tokenizer or ("sentencepiece" if settings.kind == "albert" else "wordpiece")
        size = settings.vocabulary_size or settings.shape.vocabulary
        if own is not None:
            tokenizer = own
        elif settings.teacher is not None and settings.tokenizer is None:
            tokenizer = cut_vocabulary(text, open_tokenizer(Path(settings.teacher)), size, progress=progress)
        elif Path(kind).is_dir() and kind not in TOKENIZERS:
            tokenizer = open_tokenizer(Path(kind))
        else:
            lowercase = settings.lowercase is not False
            tokenizer = train_vocabulary(text, kind, size, lowercase=lowercase, progress=progress)
        fresh = work / "tokenizer.new"
        shutil.rmtree(fresh, ignore_errors=True)
        tokenizer.save_pretrained(fresh)
        os.replace(fresh, folder)
        return open_tokenizer(folder)

    def write_pieces(self, work: Path, tokenizer: Any) -> Facts:
        """Tokenize the text and write its pieces into `work`."""
        folder, settings = work / "text", self.settings
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        longest, segmenter = settings.longest_sentence, settings.segmenter
        return write_documents(folder, self.text, tokenizer, longest, segmenter, self.progress)

    def _start_from_vectors(self, model: Any, tokenizer: Any, documents: Documents) -> dict[str, Any] | None:
        """Write word vectors, where there are, into the embedding layer; how many pieces they cover."""
        if self.vectors is None:
            return None
        counts = np.zeros(piece_count(tokenizer), dtype=np.int64)
        for first in range(0, len(documents.pieces), _BLOCK):
            counts += np.bincount(documents.pieces[first : first + _BLOCK], minlength=len(counts))
        vectors = WordVectors.of(read_vectors(self.vectors, unicode_errors=self.unicode_errors))
        start = start_from_vectors(
            model, tokenizer, vectors, bridge=self.bridge, seed=self.settings.seed, counts=counts
        )
        return {"file": str(self.vectors), **start, "notes": list(vectors.notes)}


def continued_rate(settings: PretrainingSettings, objective: Any) -> float:
    """The highest learning rate of a model to continue from: its own size counts, not `settings.size`."""
    if settings.kind == "elmo":
        large = objective.network.bilm.options.dim >= 512
    else:
        large = objective.network.model.config.hidden_size >= SIZES["base"].hidden
    return (replace(settings, size="base") if large else settings).rate
