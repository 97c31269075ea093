"""Opening what pretraining goes on from: a BERT or an ALBERT with its heads, and a tokenizer."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..embedders._pretrained import load_weights, quiet_transformers
from ..errors import ModelError
from ..extras import require
from .settings import PretrainingSettings
from .vocabulary import piece_count

_CLASSES = {
    ("bert", True): "BertForPreTraining",
    ("bert", False): "BertForMaskedLM",
    ("albert", True): "AlbertForPreTraining",
    ("albert", False): "AlbertForMaskedLM",
}


class Started(NamedTuple):
    """A model with its heads, its tokenizer, and what a user should know of them."""

    model: Any
    tokenizer: Any
    notes: tuple[str, ...] = ()


def open_started(folder: Path, settings: PretrainingSettings) -> Started:
    """Read a model to go on from, in float32. A head that the folder lacks starts from random weights, which
    the seed decides.

    Raises:
        ModelError: there is no such folder, it holds neither a BERT nor an ALBERT of the kind that the
            settings name, or weights of its layers are missing.
    """
    transformers = require("transformers", "train", "pretraining")
    if not folder.is_dir():
        raise ModelError(f"{folder}: there is no such folder to go on from")
    with quiet_transformers(transformers):
        try:
            config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
            kind = config.model_type
            if kind != settings.kind:
                what = f"kind = {kind!r}" if kind in ("bert", "albert") else "a BERT or an ALBERT"
                raise ModelError(
                    f"{folder}: it holds a model of type {kind!r}, and {settings.kind!r} is to be "
                    f"pretrained; give {what}"
                )
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = settings.dropout
            torch.manual_seed(settings.seed)
            auto = getattr(transformers, _CLASSES[kind, settings.order is not None])
            model, missing, notes = load_weights(auto, str(folder), config)
        except Exception as problem:  # broken files are told of by many kinds, a plain Exception among them
            if isinstance(problem, (ModelError, MemoryError)):
                raise
            raise ModelError(f"{folder}: it cannot be read as a model with its weights ({problem})") from None
    lost = [n for n in sorted(missing) if n.startswith(f"{kind}.") and ".pooler." not in n]
    if lost:
        raise ModelError(
            f"{folder}: its weights lack {lost[0]}{f' and {len(lost) - 1} others' if lost[1:] else ''}; "
            f"they are not those of a {kind} that can go on"
        )
    tokenizer = open_tokenizer(folder)
    if piece_count(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ModelError(
            f"{folder}: its tokenizer has {piece_count(tokenizer)} pieces, its model only "
            f"{model.get_input_embeddings().num_embeddings}; they do not belong together"
        )
    return Started(model, tokenizer, notes)


def open_tokenizer(folder: Path) -> Any:
    """A fast tokenizer that has the pieces which masked language models need.

    Raises:
        ModelError: there is none, or it lacks one of these pieces.
    """
    transformers = require("transformers", "train", "pretraining")
    with quiet_transformers(transformers):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except Exception as problem:  # as above
            if isinstance(problem, MemoryError):
                raise
            raise ModelError(f"{folder}: it has no tokenizer that can be read ({problem})") from None
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"{folder}: its tokenizer is not a fast one; save it with a tokenizer.json")
    for name in ("cls", "sep", "pad", "mask", "unk"):
        if getattr(tokenizer, f"{name}_token_id") is None:
            raise ModelError(f"{folder}: its tokenizer has no {name} piece, which pretraining needs")
    return tokenizer


def check_continued(model: Any, settings: PretrainingSettings) -> None:
    """Find out before the text is read that the model cannot take rows of that length.

    Raises:
        ModelError: it reads fewer pieces at once.
    """
    limit = model.config.max_position_embeddings
    if settings.max_pieces > limit:
        raise ModelError(
            f"the model to go on from reads {limit} pieces at once, not max_pieces = {settings.max_pieces}"
        )
