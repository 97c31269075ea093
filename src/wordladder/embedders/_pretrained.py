"""Opening and saving a pretrained encoder in Hugging Face's layout; no code that comes with it is run.

Weights are read from safetensors, or from PyTorch's own files, only with `weights_only=True`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import RecipeError, UserError
from ..extras import require
from ._encoder_sources import ENCODER_HALVES, hub_folder

_DROPOUTS = {
    "attention": ("attention_probs_dropout_prob", "attention_dropout"),
    "hidden": ("hidden_dropout_prob", "hidden_dropout", "dropout", "embedding_dropout", "mlp_dropout"),
}
_OUTPUTS = ("last_hidden_state", "logits", "start_logits", "end_logits")


class Loaded(NamedTuple):
    """A model in float32, the parameters that its files have no weights for, and what a user should know."""

    model: Any
    missing: frozenset[str]
    notes: tuple[str, ...]


class Pretrained(NamedTuple):
    """An encoder, its fast tokenizer, and what a user should know of them."""

    model: Any
    tokenizer: Any
    notes: tuple[str, ...] = ()


def open_pretrained(
    source: str,
    base: Path = Path(),
    error: type[UserError] = RecipeError,
    dropouts: Mapping[str, float | None] | None = None,
    auto: str = "AutoModel",
    where: str | None = None,
) -> Pretrained:
    """Read an encoder in float32, and its tokenizer.

    Args:
        source: A folder, or a name on the Hugging Face hub.
        base: Where a relative folder starts.
        error: What to raise.
        dropouts: Shares that the `attention` and the `hidden` layers drop in training, instead of their own.
        auto: The class of transformers that opens it: the encoder alone, or with a head.
        where: How messages begin; left out, with the recipe's setting.

    Raises:
        RecipeError: there is no such model, it is of a kind that is not supported, or its files are broken or
            lack weights; `error` where that is given.
    """
    transformers = require("transformers", "train", "the transformer embedder")
    where, local = where or f'embedders: source = "{source}"', (base / source).is_dir()
    if not local and (Path(source).is_absolute() or source.startswith((".", "~")) or source.count("/") > 1):
        raise error(f"{where}: there is no such folder; give the folder of a saved model or a hub name")
    with quiet_transformers(transformers):
        try:
            name = str(base / source if local else hub_folder(source))
            config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
            _set_dropouts(config, dropouts or {})
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
            if config.model_type in ENCODER_HALVES and auto == "AutoModel":
                auto = "AutoModelForTextEncoding"
            elif getattr(config, "is_encoder_decoder", False):
                raise error(f"{where}: an encoder with a decoder; give an encoder, such as BERT or ALBERT")
            if getattr(config, "attention_type", "") == "block_sparse":
                # A short text would change a BigBird to full attention for good.
                config.attention_type = "original_full"
            loaded = load_weights(getattr(transformers, auto), name, config)
        except Exception as problem:  # broken files raise many kinds, a plain Exception among them
            if isinstance(problem, (error, MemoryError)):
                raise
            raise error(f"{where}: {_explain(problem, local)}") from None
    if wrong := _tokenizer_problem(loaded.model, tokenizer) or _weights_problem(loaded, tokenizer):
        raise error(f"{where}: {wrong}")
    return Pretrained(loaded.model.eval(), tokenizer, loaded.notes)


def load_weights(auto: Any, name: str, config: Any) -> Loaded:
    """Have transformers read a model, in float32 and without code of its own.

    Where all names of a file's weights begin with a prefix that a program around the model has left, such as
    `module.bert.`, it is removed, with a note.

    Raises:
        ValueError: a weight is not a finite number.
        Exception: whatever transformers raises of broken files.
    """
    options: dict[str, Any] = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    options |= {"weights_only": True, "trust_remote_code": False}
    model, info = auto.from_pretrained(name, **options)
    notes: tuple[str, ...] = ()
    missing = {name.removeprefix(f"{model.base_model_prefix}.") for name in info["missing_keys"]}
    if prefix := _prefix(missing | set(info["missing_keys"]), info["unexpected_keys"]):
        options["key_mapping"] = {f"^{re.escape(prefix)}": ""}
        model, info = auto.from_pretrained(name, **options)
        notes = (f"{Path(name).name}: the names of its weights begin with {prefix!r}, which was removed",)
    for weight, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"the weight {weight} has numbers that are not finite")
    return Loaded(model, frozenset(info["missing_keys"]), notes)


def _prefix(missing: set[str], names: Iterable[str]) -> str:
    """The prefix of most of the missing names; empty where there is none, or two models have one."""
    counts = Counter[str]()
    for name in names:
        dots = [match.end() for match in re.finditer(r"\.", name)]
        counts.update([name[:dot] for dot in dots if name[dot:] in missing][:1])
    (prefix, most), (_, next_most) = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    return prefix if most > next_most else ""


def _weights_problem(loaded: Loaded, tokenizer: Any) -> str | None:
    """Whether weights that a text's vectors depend on are missing in the file."""
    if not loaded.missing:
        return None
    model = loaded.model.requires_grad_(True).eval()
    with torch.enable_grad():
        output = model(**tokenizer("a", return_tensors="pt"))
    used = contributing_parameters(output[name] for name in _OUTPUTS if name in output)
    missing = sorted(
        name for name, weight in model.named_parameters() if weight in used and name in loaded.missing
    )
    others = f" and {len(missing) - 1} more" if missing[1:] else ""
    return f"the file has no weights for {missing[0]}{others}" if missing else None


def _set_dropouts(config: Any, shares: Mapping[str, float | None]) -> None:
    """Write the shares where models of all families look for them."""
    for part, share in shares.items():
        for name in _DROPOUTS[part]:
            if share is not None and hasattr(config, name):
                setattr(config, name, share)


def _explain(problem: Exception, local: bool) -> str:
    """An error message in one line."""
    message = shorten(str(problem), 300)
    if "trust_remote_code" in str(problem):
        return "it comes with code of its own, which is never run; give a model that transformers knows"
    if not local:
        return (
            "there is no such folder, and the Hugging Face hub has no such model that can be read; "
            f"give the folder of a saved model with its weights and its tokenizer ({message})"
        )
    return f"the folder cannot be read as a transformer with weights and a tokenizer ({message})"


def _tokenizer_problem(model: Any, tokenizer: Any) -> str | None:
    """Whether the tokenizer is not a fast one whose pieces the model knows."""
    if not getattr(tokenizer, "is_fast", False):
        return (
            f"its tokenizer ({type(tokenizer).__name__}) is not a fast one, and only those say where pieces "
            "are in the text; save the model with a tokenizer.json"
        )
    rows, special = model.get_input_embeddings().num_embeddings, len(set(tokenizer.all_special_ids))
    if special >= len(tokenizer) or not tokenizer("a", add_special_tokens=False)["input_ids"]:
        return "it has no vocabulary; save its tokenizer in the same folder, with tokenizer.json"
    if len(tokenizer) > rows:
        return (
            f"its tokenizer has {len(tokenizer)} pieces, its model only {rows}; they do not belong together"
        )
    return None


def save_pretrained(model: Any, tokenizer: Any, folder: Path, *, half: bool = False) -> None:
    """Write both so that `AutoModel.from_pretrained` and `AutoTokenizer.from_pretrained` open the folder.

    With `half`, the weights are in half precision, float16.
    """
    with quiet_transformers(require("transformers", "train", "the transformer embedder")):
        (deepcopy(model).half() if half else model).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def quiet_transformers(transformers: Any) -> Iterator[None]:
    """Turn off progress bars and warnings of transformers."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def position_tables(model: nn.Module) -> list[tuple[nn.Embedding, int]]:
    """The embeddings of positions, and the row of the first one: RoBERTa and its relatives count from the row
    after that of the padding.
    """
    return [
        (part, 0 if part.padding_idx is None else part.padding_idx + 1)
        for name, part in model.named_modules()
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding)
    ]


def piece_limit(model: nn.Module, tokenizer: Any) -> int | None:
    """The most pieces that a model reads at once, special ones included; None where there is no limit."""
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < 1_000_000 else []
    limits += [table.num_embeddings - first for table, first in position_tables(model)]
    config_limit = getattr(model.config, "max_position_embeddings", None)
    if isinstance(config_limit, int) and config_limit > 0:
        limits.append(config_limit)
    return min(limits, default=None)


def contributing_parameters(outputs: Iterable[Tensor]) -> set[Tensor]:
    """The parameters that `outputs` were computed from."""
    parameters, seen, nodes = set(), set(), [output.grad_fn for output in outputs]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            parameters.add(node.variable)
        nodes += [function for function, _ in node.next_functions]
    return parameters
