"""The model that pretraining starts from, a new one or one to continue from, and its tokenizer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..embedders._pretrained import Pretrained, load_weights, quiet_transformers
from ..errors import ModelError
from ..extras import require
from .settings import PretrainingSettings
from .vocabulary import piece_count


def _model_class(settings: PretrainingSettings) -> Any:
    """The class of transformers that has the heads of the objectives."""
    heads = "ForPreTraining" if settings.order else "ForMaskedLM"
    return getattr(_transformers(), settings.kind.capitalize() + heads)


def _transformers() -> Any:
    return require("transformers", "train", "pretraining")


@contextmanager
def _read_errors(message: str) -> Iterator[None]:
    """Raise any failure to read inside the block as a ModelError."""
    with quiet_transformers(_transformers()):
        try:
            yield
        except Exception as problem:  # transformers raises many kinds for broken files, plain Exception too
            if isinstance(problem, (ModelError, MemoryError)):
                raise
            raise ModelError(f"{message} ({problem})") from None


def new_model(settings: PretrainingSettings, tokenizer: Any) -> Any:
    """An encoder of transformers with pretraining heads and random weights, which the seed decides."""
    shape, model_class = settings.shape, _model_class(settings)
    options: dict[str, Any] = {
        "vocab_size": piece_count(tokenizer),
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": settings.max_pieces,
        "pad_token_id": tokenizer.pad_token_id,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }
    if settings.kind == "albert":
        options |= {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
        # The published activation under another name, that of the version which is one operation.
        options |= {"embedding_size": shape.embedding, "hidden_act": "gelu_pytorch_tanh"}
    torch.manual_seed(settings.seed)
    return model_class(model_class.config_class(**options))


def open_initial_model(folder: Path, settings: PretrainingSettings) -> Pretrained:
    """Read a model to continue from, with its heads, in float32. A head that the folder lacks starts from
    random weights, which the seed decides.

    Raises:
        ModelError: there is no such folder, it holds neither a BERT nor an ALBERT of the kind that the
            settings name, or weights of its layers are missing.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: there is no such folder to continue from")
    with _read_errors(f"{folder}: it cannot be read as a model with its weights"):
        config = _transformers().AutoConfig.from_pretrained(folder, trust_remote_code=False)
        kind = config.model_type
        if kind != settings.kind:
            right = f"kind = {kind!r}" if kind in ("bert", "albert") else "a BERT or an ALBERT"
            raise ModelError(
                f"{folder}: it holds a model of type {kind!r}, and the kind to pretrain is "
                f"{settings.kind!r}; give {right}"
            )
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = settings.dropout
        torch.manual_seed(settings.seed)
        model, missing, notes = load_weights(_model_class(settings), str(folder), config)
    missing_layers = [n for n in sorted(missing) if n.startswith(f"{kind}.") and ".pooler." not in n]
    if missing_layers:
        first, *rest = missing_layers
        others = f" and {len(rest)} others" if rest else ""
        raise ModelError(
            f"{folder}: its weights lack {first}{others}; they are not those of a {kind} to continue from"
        )
    tokenizer, rows = open_tokenizer(folder), model.get_input_embeddings().num_embeddings
    if (pieces := piece_count(tokenizer)) > rows:
        raise ModelError(
            f"{folder}: its tokenizer has {pieces} pieces, its model only {rows}; they do not belong together"
        )
    return Pretrained(model, tokenizer, notes)


def open_tokenizer(folder: Path) -> Any:
    """A fast tokenizer that has the pieces which masked language models need.

    Raises:
        ModelError: there is none, or it lacks one of these pieces.
    """
    with _read_errors(f"{folder}: it has no tokenizer that can be read"):
        tokenizer = _transformers().AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"{folder}: its tokenizer is not a fast one; save it with a tokenizer.json")
    for name in ("cls", "sep", "pad", "mask", "unk"):
        if getattr(tokenizer, f"{name}_token_id") is None:
            raise ModelError(f"{folder}: its tokenizer has no {name} piece, which pretraining needs")
    return tokenizer
