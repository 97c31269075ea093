"""Opening and keeping a pretrained encoder in Hugging Face's layout; no code of its own is run.

Weights are read from safetensors, or from PyTorch's own files with `weights_only=True` alone.
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

from ..errors import ModelError, RecipeError
from ..extras import require
from ._families import ENCODER_HALVES
from ._hub import hub_folder

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
    error: type[RecipeError] | type[ModelError] = RecipeError,
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
        where: What messages begin with; left out, the recipe's setting.

    Raises:
        RecipeError: there is no such model, it is not one of those that are read here, or its files are
            broken or lack weights; `error` where that is given.
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
                # A short text would change a BigBird to full attention for good, whatever comes next.
                config.attention_type = "original_full"
            loaded = load_weights(getattr(transformers, auto), name, config)
        except Exception as problem:  # broken files are told of by many kinds, a plain Exception among them
            if isinstance(problem, (error, MemoryError)):
                raise
            raise error(f"{where}: {_explained(problem, local)}") from None
    _check_tokenizer(loaded.model, tokenizer, where, error)
    _check_weights(loaded, tokenizer, where, error)
    return Pretrained(loaded.model.eval(), tokenizer, loaded.notes)


def load_weights(auto: Any, name: str, config: Any) -> Loaded:
    """Have transformers read a model, in float32 and without code of its own.

    Where all names of a file's weights begin with something that a program around the model has left, such as
    `module.bert.`, that is taken away, and told.

    Raises:
        ValueError: a weight is not a finite number.
        Exception: whatever transformers raises of broken files.
    """
    options: dict[str, Any] = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    options |= {"weights_only": True, "trust_remote_code": False}
    model, found = auto.from_pretrained(name, **options)
    notes: tuple[str, ...] = ()
    wanted = {name.removeprefix(f"{model.base_model_prefix}.") for name in found["missing_keys"]}
    if prefix := _prefix(wanted | set(found["missing_keys"]), found["unexpected_keys"]):
        options["key_mapping"] = {f"^{re.escape(prefix)}": ""}
        model, found = auto.from_pretrained(name, **options)
        notes = (f"{Path(name).name}: the names of its weights begin with {prefix!r}, which was taken away",)
    for weight, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"the weight {weight} has numbers that are not finite")
    return Loaded(model, frozenset(found["missing_keys"]), notes)


def _prefix(wanted: set[str], found: Iterable[str]) -> str:
    """What stands before most of the names that are wanted; empty where nothing does, or two models do."""
    counts = Counter[str]()
    for name in found:
        dots = [place.end() for place in re.finditer(r"\.", name)]
        counts.update([name[:dot] for dot in dots if name[dot:] in wanted][:1])
    (prefix, most), (_, next_most) = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    return prefix if most > next_most else ""


def _check_weights(loaded: Loaded, tokenizer: Any, where: str, error: type[Exception]) -> None:
    """All weights that a text's vectors are computed from are those of the file."""
    if not loaded.missing:
        return
    model = loaded.model.requires_grad_(True).eval()
    with torch.enable_grad():
        output = model(**tokenizer("a", return_tensors="pt"))
    used = reached(output[name] for name in _OUTPUTS if name in output)
    names = {name for name, parameter in model.named_parameters() if parameter in used}
    if lacking := sorted(loaded.missing & names):
        others = f" and {len(lacking) - 1} more" if lacking[1:] else ""
        raise error(f"{where}: the file has no weights for {lacking[0]}{others}")


def _set_dropouts(config: Any, shares: Mapping[str, float | None]) -> None:
    """Write the shares where models of all families look for them."""
    for part, share in shares.items():
        for name in _DROPOUTS[part]:
            if share is not None and hasattr(config, name):
                setattr(config, name, share)


def _explained(problem: Exception, local: bool) -> str:
    """What to tell, in one line."""
    said = shorten(str(problem), 300)
    if "trust_remote_code" in str(problem):
        return "it comes with code of its own, which is never run; give a model that transformers knows"
    if not local:
        return (
            "there is no such folder, and nothing came from the Hugging Face hub that can be read; "
            f"give the folder of a saved model with its weights and its tokenizer ({said})"
        )
    return f"the folder cannot be read as a transformer with weights and a tokenizer ({said})"


def _check_tokenizer(model: Any, tokenizer: Any, where: str, error: type[Exception]) -> None:
    """A fast tokenizer whose pieces the model knows."""
    if not getattr(tokenizer, "is_fast", False):
        raise error(
            f"{where}: its tokenizer ({type(tokenizer).__name__}) is not a fast one, which alone says where "
            "pieces stand in the text; save the model with a tokenizer.json"
        )
    rows, special = model.get_input_embeddings().num_embeddings, len(set(tokenizer.all_special_ids))
    if special >= len(tokenizer) or not tokenizer("a", add_special_tokens=False)["input_ids"]:
        raise error(f"{where}: it has no vocabulary; save its tokenizer beside it, with tokenizer.json")
    if len(tokenizer) > rows:
        raise error(
            f"{where}: its tokenizer has {len(tokenizer)} pieces, its model only {rows}; "
            "they do not belong together"
        )


def keep_pretrained(model: Any, tokenizer: Any, folder: Path, *, half: bool = False) -> None:
    """Write both so that `AutoModel.from_pretrained` and `AutoTokenizer.from_pretrained` open the folder.

    With `half`, the weights are in half precision, float16.
    """
    with quiet_transformers(require("transformers", "train", "the transformer embedder")):
        (deepcopy(model).half() if half else model).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def quiet_transformers(transformers: Any) -> Iterator[None]:
    """No progress bars and no warnings: what matters is raised."""
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


def piece_limit(model: nn.Module, tokenizer: Any) -> int | None:
    """The most pieces that a model reads at once, special ones included; None where there is no limit.

    Positions of RoBERTa and its kin are counted from behind the padding's number, and fewer are left.
    """
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < 1_000_000 else []
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            limits.append(part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1))
    stated = getattr(model.config, "max_position_embeddings", None)
    if isinstance(stated, int) and stated > 0:
        limits.append(stated)
    return min(limits, default=None)


def reached(outputs: Iterable[Tensor]) -> set[Tensor]:
    """The parameters that `outputs` were computed from."""
    found, seen, open_nodes = set(), set(), [output.grad_fn for output in outputs]
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(node.variable)
        open_nodes += [behind for behind, _ in node.next_functions]
    return found
