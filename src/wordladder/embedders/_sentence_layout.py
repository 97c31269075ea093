"""The layout of sentence-transformers: which modules a folder names, read and written.

    modules.json                       what follows what, and in which folders
    config_sentence_transformers.json  prompts, and how vectors are compared
    sentence_bert_config.json          beside the encoder: the most pieces of a text
    1_Pooling/config.json              how the vectors of the pieces become one
    2_Dense/                           a linear layer behind it

This file computes nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast, get_args

from ..errors import ModelError, did_you_mean
from ..files.json_files import read_json

Pooled = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]

_MODULES, _SETTINGS, _ENCODER = (
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
)
_FAMILIES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
_POOLING_KEYS = {  # in the order in which several are concatenated
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


class SentenceLayout(NamedTuple):
    """What makes a vector of a text, one thing after another.

    Attributes:
        encoder: The folder of the encoder and its tokenizer, within that of the model.
        pooling: How the vectors of the pieces, special ones included, become one; several are concatenated.
        dense: The folders of the linear layers and layer norms behind it, which end in their kind.
        normalize: Whether vectors have length one in the end.
        max_pieces: The most pieces of a text, special ones included; None for as many as the encoder reads.
        lowercase: Whether texts are put in lower case before the tokenizer sees them.
        prompts: What can be put before a text, by name.
        prompt: The name of the prompt that is put before every text, or None.
        similarity: How two vectors are compared.
        include_prompt: Whether the pooling takes the pieces of a prompt too; where it does not, no prompt
            can be put before a text here.
        truncate_dim: The numbers that are kept of a vector in the end; None for all.
    """

    encoder: str = ""
    pooling: tuple[Pooled, ...] = ("mean",)
    dense: tuple[str, ...] = ()
    normalize: bool = False
    max_pieces: int | None = None
    lowercase: bool = False
    prompts: Mapping[str, str] = MappingProxyType({})
    prompt: str | None = None
    similarity: Similarity = "cosine"
    include_prompt: bool = True
    truncate_dim: int | None = None


def is_sentence_folder(folder: Path) -> bool:
    """Whether a folder is laid out for sentence-transformers."""
    return (folder / _MODULES).is_file()


def read_layout(folder: Path) -> SentenceLayout:
    """Read `modules.json` and what it names.

    Raises:
        ModelError: a file is missing or broken, or there is a module that is not known here.
    """
    layout, pooling = SentenceLayout(), None
    for number, module in enumerate(_modules(folder)):
        kind, place = _kind(folder, module), _inside(folder, module)
        if number == 0 and kind == "Transformer":
            settings = _encoder_settings(folder / place)
            layout = layout._replace(
                encoder=place,
                max_pieces=settings.get("max_seq_length"),
                lowercase=bool(settings.get("do_lower_case")),
            )
        elif number > 0 and kind == "Pooling" and pooling is None:
            pooling = _pooling(folder / place / "config.json")
            told = read_json(folder / place / "config.json", dict).get("include_prompt")
            layout = layout._replace(include_prompt=told is not False)
        elif kind in ("Dense", "LayerNorm") and pooling is not None and not layout.normalize:
            layout = layout._replace(dense=(*layout.dense, place))
        elif kind == "Normalize" and pooling is not None:
            layout = layout._replace(normalize=True)
        elif kind != "Dropout":
            raise ModelError(
                f"{folder / _MODULES}: module {number} is {kind!r}, which is not read here at that place; "
                "Transformer, Pooling, Dense or LayerNorm, and Normalize are, in this order"
            )
    if pooling is None:
        raise ModelError(f"{folder / _MODULES}: there is no Pooling, so a text has no vector")
    return _with_settings(folder, layout._replace(pooling=pooling))


def _modules(folder: Path) -> list[dict[str, Any]]:
    found = read_json(folder / _MODULES, list)
    if not (all(isinstance(one, dict) for one in found) and found):
        raise ModelError(f"{folder / _MODULES}: a list of modules is expected")
    return found


def _encoder_settings(folder: Path) -> dict[str, Any]:
    """What stands beside the encoder; old folders name the file after its family."""
    paths = (folder / f"sentence_{family}_config.json" for family in _FAMILIES)
    return next((found for path in paths if path.is_file() and (found := read_json(path, dict))), {})


def _kind(folder: Path, module: dict[str, Any]) -> str:
    """The class of a module of sentence-transformers; nothing else is ever run."""
    name = str(module.get("type"))
    if not name.startswith("sentence_transformers."):
        raise ModelError(
            f"{folder / _MODULES}: the module {name!r} is code of the folder's own, which is never run"
        )
    return name.rsplit(".", 1)[1]


def _inside(folder: Path, module: dict[str, Any]) -> str:
    """A module's folder, which lies within that of the model."""
    place = str(module.get("path", ""))
    if Path(place).is_absolute() or ".." in Path(place).parts:
        raise ModelError(f"{folder / _MODULES}: the path {place!r} leads out of the folder")
    return place


def _pooling(path: Path) -> tuple[Pooled, ...]:
    config = read_json(path, dict)
    modes = config.get("pooling_mode") or [key for flag, key in _POOLING_KEYS.items() if config.get(flag)]
    modes = [modes] if isinstance(modes, str) else modes or ["mean"]
    for mode in modes:
        if mode not in get_args(Pooled):
            raise ModelError(
                f"{path}: pooling {mode!r} is not known here.{did_you_mean(mode, get_args(Pooled))}"
            )
    return cast(tuple[Pooled, ...], tuple(modes))


def _with_settings(folder: Path, layout: SentenceLayout) -> SentenceLayout:
    path = folder / _SETTINGS
    settings = read_json(path, dict) if path.is_file() else {}
    similarity = settings.get("similarity_fn_name") or "cosine"
    prompt = settings.get("default_prompt_name")
    prompts = {str(name): text or "" for name, text in (settings.get("prompts") or {}).items()}
    if similarity not in get_args(Similarity):
        raise ModelError(
            f"{path}: similarity_fn_name = {similarity!r}.{did_you_mean(similarity, get_args(Similarity))}"
        )
    if prompt is not None and prompt not in prompts:
        raise ModelError(f"{path}: default_prompt_name = {prompt!r} is not one of the prompts")
    kept = settings.get("truncate_dim")
    if kept is not None and not (type(kept) is int and kept > 0):
        raise ModelError(f"{path}: truncate_dim = {kept!r}: a number above 0 is expected")
    layout = layout._replace(similarity=cast(Similarity, similarity), truncate_dim=kept)
    return layout._replace(prompts=prompts, prompt=prompt)


def write_layout(folder: Path, layout: SentenceLayout, dim: int) -> None:
    """Write all but the encoder and the weights of linear layers.

    Args:
        folder: The folder of the model.
        layout: What makes a vector of a text.
        dim: Numbers in a piece's vector.
    """
    parts = [("Transformer", layout.encoder), ("Pooling", "1_Pooling")]
    parts += [(place.rsplit("_", 1)[-1], place) for place in layout.dense]
    parts += [("Normalize", f"{len(parts)}_Normalize")] if layout.normalize else []
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(parts)
    ]
    pooling: dict[str, Any] = {flag: key in layout.pooling for flag, key in _POOLING_KEYS.items()}
    if layout.pooling != tuple(key for key in _POOLING_KEYS.values() if key in layout.pooling):
        pooling = {"pooling_mode": layout.pooling}  # in an order that the flags do not tell
    pooling |= {"word_embedding_dimension": dim, "include_prompt": layout.include_prompt}
    settings = {
        "prompts": dict(layout.prompts),
        "default_prompt_name": layout.prompt,
        "similarity_fn_name": layout.similarity,
        "truncate_dim": layout.truncate_dim,
    }
    encoder = {"max_seq_length": layout.max_pieces, "do_lower_case": layout.lowercase}
    _write(folder / _MODULES, modules)
    _write(folder / "1_Pooling" / "config.json", pooling)
    _write(folder / _SETTINGS, settings)
    _write(folder / layout.encoder / _ENCODER, encoder)


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8", newline="\n")
