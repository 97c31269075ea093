"""Finds the pretrained encoder of each rung: folders given by the user, or names on the Hugging Face hub.

Only small JSON files are read here; the models themselves are loaded when a rung is trained.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from http.client import HTTPException
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..embedders._encoder_sources import ENCODER_HALVES, STARTER, starter_encoder
from ..errors import SettingError
from ..files.json_files import read_json
from ..recipe import Recipe

ADVICE = "Add one with --encoder FOLDER; `wordladder pretrain` makes such a folder from your own text."
TITLES = {"bert": "BERT", "albert": "ALBERT", "elmo": "ELMo"}
WEIGHTS = tuple(
    f"{name}{end}" for name in ("model.safetensors", "pytorch_model.bin") for end in ("", ".index.json")
)
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet")  # their positions start after the padding index
TIMEOUT = 3.0  # seconds
NO_ANSWER = "the hub does not answer"
_failed: list[str] = []  # the address that the hub did not answer


class LeftOut(NamedTuple):
    """A rung that is not climbed; why, and what to do about it."""

    name: str
    why: str


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder that rungs can use.

    Attributes:
        source: Its absolute folder, or its name on the Hugging Face hub.
        family: The rungs that it is for: `"albert"`, `"elmo"`, or `"bert"` for every other transformer.
        limit: The longest input in subword tokens, special tokens included; None if there is no limit.
    """

    source: str
    family: str
    limit: int | None = None

    def into(self, recipe: Recipe, positions: Iterable[int] | None = None) -> Recipe:
        """The recipe with this encoder in the embedders at `positions` (None: all of its kind), and with
        windows that it can read.

        Raises:
            SettingError: There is no such embedder.
        """
        kind = "elmo" if self.family == "elmo" else "transformer"
        tables = recipe.tables.get("embedders", ())
        if positions is None:
            positions = [i for i, table in enumerate(tables) if table["kind"] == kind]
        changes: dict[str, Any] = {}
        for i in positions:
            changes[f"embedders.{i}.source"] = self.source
            if self.limit is not None and (tables[i].get("max_pieces") or 0) > self.limit:
                changes[f"embedders.{i}.max_pieces"] = self.limit
            if self.limit is not None and tables[i].get("overlap", 0) > self.limit // 2:
                changes[f"embedders.{i}.overlap"] = self.limit // 4
        if not changes:
            raise SettingError(
                f"--encoder {self.source}: {recipe.name} has no embedder for it; choose a rung with an "
                f"embedder of the kind {kind!r} (see `wordladder rungs`)"
            )
        return recipe.with_settings(changes)


def needed_families(recipe: Recipe) -> dict[int, str]:
    """The family of the encoder that each embedder still needs, by the position of the embedder.

    An embedder whose source is an existing folder needs none.
    """
    needed = {}
    for position, table in enumerate(recipe.tables.get("embedders", ())):
        family = encoder_family(table)
        if family is not None and not (recipe.folder / table["source"]).is_dir():
            needed[position] = family
    return needed


def encoder_family(table: Mapping[str, Any]) -> str | None:
    """The encoder family of an embedder's table; None if its kind uses none, or the starter encoder."""
    if table["kind"] == "transformer" and table["source"] != STARTER:
        return "albert" if "albert" in table["source"].lower() else "bert"
    return "elmo" if table["kind"] == "elmo" else None


def with_encoders(recipe: Recipe, encoders: Sequence[Encoder]) -> list[Recipe]:
    """The recipe with an encoder for every embedder that needs one; several if a family has several encoders.

    These are named `RUNG@FOLDER`. Empty if there is no encoder for an embedder.
    """
    needed = needed_families(recipe)
    choices = [[e for e in encoders if e.family == family] for family in dict.fromkeys(needed.values())]
    recipes = []
    for chosen in product(*choices):
        one = recipe
        for encoder in chosen:
            one = encoder.into(one, [i for i, family in needed.items() if family == encoder.family])
        several = [encoder for encoder, choice in zip(chosen, choices) if len(choice) > 1]
        name = "@".join([recipe.name, *(Path(encoder.source).name for encoder in several)])
        recipes.append(Recipe(one.tables, name, recipe.folder))
    return recipes


def missing_encoder(recipe: Recipe, encoders: Sequence[Encoder], hub_error: Callable[[str], str]) -> str:
    """Why a recipe has no encoder; empty if it has one.

    Args:
        recipe: A recipe that none of the encoders is for.
        encoders: The encoders that the user gave. If there are none, the hub is asked.
        hub_error: Says why a name on the hub is not available, as `hub_error` does.
    """
    for position, family in needed_families(recipe).items():
        if family == "elmo" or encoders:
            error = "" if family in [e.family for e in encoders] else f"no {TITLES[family]} was given"
        else:
            error = hub_error(recipe.tables["embedders"][position]["source"])
        if error:
            return error
    return ""


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """The rungs that are not climbed, a line for each reason."""
    rungs: dict[str, list[str]] = {}
    for name, why in left_out:
        rungs.setdefault(why, []).append(name)
    return [f"not climbed: {', '.join(names)} – {why}" for why, names in rungs.items()]


def read_encoder(source: str | Path) -> Encoder:
    """The encoder in a folder, or with a name on the hub.

    Raises:
        SettingError: There is no encoder that can be read.
    """
    folder, where = Path(source), f"--encoder {source}"
    if not folder.is_dir():
        return _read_hub(str(source), where)
    if (folder / "recipe.toml").is_file():
        inside = sorted(path.parent for path in folder.glob("embedders/*/config.json"))
        hint = f"; its encoder is in {inside[0]}" if inside else " without a transformer"
        raise SettingError(f"{where}: this is a model that wordladder trained{hint}")
    if (folder / "options.json").is_file():
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
    return None if folder is None else replace(read_encoder(folder), source=STARTER)


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
