"""Pretrained encoders for recipes: what a folder or a name on the Hugging Face hub holds.

Only small JSON files are read here; the models themselves are loaded when a recipe is trained.
"""

from collections.abc import Sequence
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..embedders._encoder_sources import ENCODER_HALVES, STARTER, starter_encoder
from ..errors import SettingError
from ..files.json_files import read_json
from ..recipe import Encoder
from .sources import kind_of

WEIGHTS = tuple(
    f"{name}{end}" for name in ("model.safetensors", "pytorch_model.bin") for end in ("", ".index.json")
)
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet")  # their positions start after the padding index
TIMEOUT = 3.0  # seconds
NO_ANSWER = "the hub does not answer"
_failed: list[str] = []  # the address that the hub did not answer


def read_encoder(source: str | Path) -> Encoder:
    """The encoder in a folder, or with a name on the hub.

    Raises:
        SettingError: There is no encoder that can be read.
    """
    folder, where = Path(source), f"--encoder {source}"
    if not folder.is_dir():
        return _read_hub(str(source), where)
    kind = kind_of(folder)
    if kind == "model":
        inside = sorted(path.parent for path in folder.glob("embedders/*/config.json"))
        hint = f"; its encoder is in {inside[0]}" if inside else " without a transformer"
        raise SettingError(f"{where}: this is a model that wordladder trained{hint}")
    if kind == "elmo":
        return Encoder(str(folder.absolute()), "elmo")
    if not (folder / "config.json").is_file():
        raise SettingError(
            f"{where}: this folder has neither a transformer (config.json) nor an ELMo (options.json)"
        )
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise SettingError(f"{where}: it has no weights; {' or '.join(WEIGHTS[::2])} is expected")
    paths = (folder / name for name in ("config.json", "tokenizer_config.json"))
    config, tokenizer = (read_json(path, dict, SettingError) if path.is_file() else {} for path in paths)
    return _parse_config(str(folder.absolute()), config, tokenizer, where)


def read_starter(language: str | None) -> Encoder | None:
    """The encoder of a language that comes with wordladder, or None if there is none."""
    folder = starter_encoder(language)
    return None if folder is None else read_encoder(folder)._replace(source=STARTER)


def _read_hub(name: str, where: str) -> Encoder:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise SettingError(f"{where}: there is no such folder")
    if error := hub_error(name):
        raise SettingError(f"{where}: there is no such folder, and as a name on the hub: {error}")
    cached = try_to_load_from_cache(name, "config.json")
    try:
        path = Path(cached if isinstance(cached, str) else hf_hub_download(name, "config.json"))
    except OSError as error:
        raise SettingError(f"{where}: it cannot be downloaded from the hub ({error})") from None
    return _parse_config(name, read_json(path, dict, SettingError), {}, where)


def _parse_config(source: str, config: dict[str, Any], tokenizer: dict[str, Any], where: str) -> Encoder:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise SettingError(f"{where}: its config.json has no model_type, so it is not a transformer")
    if config.get("is_encoder_decoder") and kind not in ENCODER_HALVES:
        raise SettingError(f"{where}: an encoder with a decoder ({kind}); give an encoder, such as BERT")
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if isinstance(positions, int) and kind in SHIFTED:
        padding = config.get("pad_token_id")
        positions -= (padding if isinstance(padding, int) else 1) + 1
    limits = (positions, tokenizer.get("model_max_length"))
    limit = min((one for one in limits if isinstance(one, int) and one > 0), default=None)
    return Encoder(source, "albert" if kind == "albert" else "bert", limit)


def hub_error(name: str) -> str:
    """Why a model on the Hugging Face hub is not available; empty if it is.

    It is available if it is in the local cache, or if the hub answers within seconds. If the hub did not
    answer once, it is not asked again.
    """
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return f"{name} is not a valid name on the hub"
    if all(_is_cached(name, files) for files in (("config.json",), WEIGHTS, TOKENIZERS)):
        return ""
    missing = f"{name} is not in the local cache of the Hugging Face hub"
    if constants.HF_HUB_OFFLINE:
        return f"{missing}, and HF_HUB_OFFLINE is set"
    error = _download_error(hf_hub_url(name, "config.json"))
    return error and f"{missing}, and {error}"


@cache
def _download_error(address: str) -> str:
    """Why the hub does not provide a file; empty if it does."""
    if _failed:
        return NO_ANSWER
    try:
        with urlopen(Request(address, method="HEAD"), timeout=TIMEOUT):
            return ""
    except HTTPError as error:
        return f"the hub does not provide it ({error.code} {error.reason})"
    except (OSError, HTTPException):
        _failed.append(address)
        return NO_ANSWER


def _is_cached(name: str, files: Sequence[str]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(name, file), str) for file in files)
