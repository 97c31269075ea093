"""The layout of sentence-transformers: the modules that a folder lists, read and written.

    modules.json                       the order of the modules, and their folders
    config_sentence_transformers.json  prompts, and how vectors are compared
    sentence_bert_config.json          with the encoder: the most pieces of a text
    1_Pooling/config.json              how the vectors of the pieces are pooled
    2_Dense/                           a linear layer after it

A cross-encoder has the same layout; its last layer, or the head of its transformer, makes scores of a pair.
Old ones have no modules.json. This file computes nothing; `_sentence_modules` reads the layers.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from ..errors import ModelError, did_you_mean
from ..files.json_files import read_json

Pooled = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]

_MODULES, _SETTINGS = "modules.json", "config_sentence_transformers.json"
_ENCODER = "sentence_{}_config.json"  # old folders name it after the encoder's family
_TYPES = "sentence_transformers.models."
_FAMILIES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
_POOLING_KEYS = {  # in the order in which several are concatenated
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


# The kinds of modules: those that read texts, and whether they give a text a vector without a Pooling; those
# that change the vectors of pieces; and those that change the vector of a text.
_READERS = {"Transformer": False, "WordEmbeddings": False, "StaticEmbedding": True, "BoW": True}
_BEFORE, _AFTER = ("WordWeights", "CNN", "LSTM", "Dense", "Normalize"), ("Dense", "LayerNorm", "Normalize")
_REASONS = {
    "Router": "it reads queries and documents with different modules, and a model here has one way to read",
    "WeightedLayerPooling": "it mixes all layers of the encoder",
}


class Module(NamedTuple):
    """The kind of a module, and its folder within that of the model."""

    kind: str
    place: str


class SentenceLayout(NamedTuple):
    """How the vector of a text, or the score of a pair, is computed step by step.

    Attributes:
        encoder: The folder of what reads a text: an encoder and its tokenizer, or vectors of words.
        reader: Its kind of module.
        before: The modules that change the vectors of pieces.
        pooling: How the vectors of the pieces, special ones included, are pooled; several are concatenated;
            empty where the first module gives the vector of a text, or the scores of a pair.
        after: The modules that change the vector of a text.
        max_pieces: The most pieces of a text, special ones included; None for as many as the encoder reads.
        lowercase: Whether texts are put in lower case before the tokenizer.
        prompts: What can be put before a text, by name.
        prompt: The name of the prompt that is put before every text, or None.
        similarity: How two vectors are compared.
        include_prompt: Whether the pooling includes the pieces of a prompt.
        truncate_dim: The numbers that are kept of a vector in the end; None for all.
        activation: The activation function of a cross-encoder's scores, empty for its default; None for an
            encoder of texts.
    """

    encoder: str = ""
    reader: str = "Transformer"
    before: tuple[Module, ...] = ()
    pooling: tuple[Pooled, ...] = ("mean",)
    after: tuple[Module, ...] = ()
    max_pieces: int | None = None
    lowercase: bool = False
    prompts: Mapping[str, str] = MappingProxyType({})
    prompt: str | None = None
    similarity: Similarity = "cosine"
    include_prompt: bool = True
    truncate_dim: int | None = None
    activation: str | None = None


def is_sentence_folder(folder: Path) -> bool:
    """Whether a folder is laid out for sentence-transformers."""
    return (folder / _MODULES).is_file()


def pair_activation(folder: Path) -> str | None:
    """The name of the activation function of a cross-encoder, empty for its default; None if this is none."""
    contents: list[Any] = []
    for name in (_SETTINGS, "config.json"):
        try:
            contents.append(json.loads((folder / name).read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            contents.append(None)
    settings, config = (content if isinstance(content, dict) else {} for content in contents)
    inner = config.get("sentence_transformers")
    found = settings.get("activation_fn") or (isinstance(inner, dict) and inner.get("activation_fn"))
    found = found or config.get("sbert_ce_default_activation_function")
    return str(found or "") if found or settings.get("model_type") == "CrossEncoder" else None


def read_layout(folder: Path) -> SentenceLayout:
    """Read `modules.json` and what it refers to.

    Raises:
        ModelError: a file is missing or broken, or there is a module that is not supported.
    """
    activation = pair_activation(folder)
    modules = list(_modules(folder)) if is_sentence_folder(folder) else [Module("Transformer", "")]
    reader, place = modules[0]
    if reader not in _READERS:
        raise _unsupported(folder, 0, reader)
    has_head = activation is not None and all(kind != "Pooling" for kind, _ in modules)
    pooled = has_head or _READERS[reader]
    layout = SentenceLayout(place, reader, pooling=() if pooled else ("mean",), activation=activation)
    if reader == "Transformer":
        paths = (folder / place / _ENCODER.format(family) for family in _FAMILIES)
        settings = next((read_json(path, dict) for path in paths if path.is_file()), {})
        limit, lowercase = settings.get("max_seq_length"), bool(settings.get("do_lower_case"))
        layout = layout._replace(max_pieces=limit, lowercase=lowercase)
    for number, module in enumerate(modules[1:], start=1):
        if module.kind == "Pooling" and not pooled:
            path, pooled = folder / module.place / "config.json", True
            config = read_json(path, dict)
            include_prompt = config.get("include_prompt") is not False
            layout = layout._replace(pooling=_pooling(path, config), include_prompt=include_prompt)
        elif module.kind in _AFTER and pooled:
            layout = layout._replace(after=(*layout.after, module))
        elif module.kind in _BEFORE and not pooled:
            layout = layout._replace(before=(*layout.before, module))
        elif module.kind != "Dropout":
            raise _unsupported(folder, number, module.kind)
    if not pooled:
        raise ModelError(f"{folder / _MODULES}: there is no Pooling, so a text has no vector")
    return _with_settings(folder / _SETTINGS, layout)


def _unsupported(folder: Path, number: int, kind: str) -> ModelError:
    kinds = (", ".join(kinds) for kinds in (_READERS, _BEFORE, _AFTER))
    order = "{} can be first, {} before a Pooling, {} after it".format(*kinds)
    reason = _REASONS.get(kind, order)
    return ModelError(
        f"{folder / _MODULES}: module {number} is {kind!r}, which is not supported there: {reason}"
    )


def _modules(folder: Path) -> Iterator[Module]:
    """The class of each module and its folder, which is within that of the model; no code in it is run."""
    path = folder / _MODULES
    modules = read_json(path, list)
    if not (modules and all(isinstance(module, dict) for module in modules)):
        raise ModelError(f"{path}: a list of modules is expected")
    for module in modules:
        kind, place = str(module.get("type")), str(module.get("path", ""))
        if not kind.startswith("sentence_transformers."):
            raise ModelError(f"{path}: the module {kind!r} is code of the folder's own, which is never run")
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise ModelError(f"{path}: the path {place!r} leads out of the folder")
        yield Module(kind.rsplit(".", 1)[1], place)


def _pooling(path: Path, config: dict[str, Any]) -> tuple[Pooled, ...]:
    modes = config.get("pooling_mode") or [key for flag, key in _POOLING_KEYS.items() if config.get(flag)]
    modes = [modes] if isinstance(modes, str) else modes or ["mean"]
    for mode in modes:
        if mode not in get_args(Pooled):
            hint = did_you_mean(mode, get_args(Pooled))
            raise ModelError(f"{path}: pooling {mode!r} is not supported.{hint}")
    return tuple(modes)


def _with_settings(path: Path, layout: SentenceLayout) -> SentenceLayout:
    settings = read_json(path, dict) if path.is_file() else {}
    similarity: Any = settings.get("similarity_fn_name") or "cosine"
    prompt, dim = settings.get("default_prompt_name"), settings.get("truncate_dim")
    prompts = {str(name): text or "" for name, text in (settings.get("prompts") or {}).items()}
    if similarity not in get_args(Similarity):
        hint = did_you_mean(similarity, get_args(Similarity))
        raise ModelError(f"{path}: similarity_fn_name = {similarity!r}.{hint}")
    if prompt is not None and prompt not in prompts:
        raise ModelError(f"{path}: default_prompt_name = {prompt!r} is not one of the prompts")
    if dim is not None and not (type(dim) is int and dim > 0):
        raise ModelError(f"{path}: truncate_dim = {dim!r}: a number above 0 is expected")
    return layout._replace(similarity=similarity, truncate_dim=dim, prompts=prompts, prompt=prompt)


def write_layout(folder: Path, layout: SentenceLayout, dim: int) -> None:
    """Write everything but the encoder and the weights of linear layers.

    Args:
        folder: The folder of the model.
        layout: The layout.
        dim: Numbers in a piece's vector.
    """
    modules = [Module(layout.reader, layout.encoder), *layout.before, *layout.after]
    place = f"{1 + len(layout.before)}_Pooling"
    if layout.pooling:
        modules.insert(1 + len(layout.before), Module("Pooling", place))
    pooling: dict[str, Any] = {flag: key in layout.pooling for flag, key in _POOLING_KEYS.items()}
    if layout.pooling != tuple(key for key in _POOLING_KEYS.values() if key in layout.pooling):
        pooling = {"pooling_mode": layout.pooling}  # in an order that the flags cannot express
    settings: dict[str, Any] = {"prompts": dict(layout.prompts), "default_prompt_name": layout.prompt}
    if layout.activation is None:
        settings |= {"similarity_fn_name": layout.similarity, "truncate_dim": layout.truncate_dim}
    else:
        settings |= {"model_type": "CrossEncoder", "activation_fn": layout.activation or None}
    files: dict[str, Any] = {
        _MODULES: [
            {"idx": i, "name": str(i), "path": path, "type": _TYPES + kind}
            for i, (kind, path) in enumerate(modules)
        ],
        _SETTINGS: settings,
    }
    if layout.pooling:
        pooling |= {"word_embedding_dimension": dim, "include_prompt": layout.include_prompt}
        files[f"{place}/config.json"] = pooling
    if layout.reader == "Transformer":
        limits = {"max_seq_length": layout.max_pieces, "do_lower_case": layout.lowercase}
        head = {} if layout.pooling else {"transformer_task": "sequence-classification"}
        files[f"{layout.encoder}/{_ENCODER.format('bert')}"] = limits | head
    for name, value in files.items():
        path = folder / name.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8", newline="\n")
