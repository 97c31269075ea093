"""Which pretrained encoder a rung reads: folders given by the user, hub names, and what to tell without one.

Nothing is loaded here but small JSON files; the models themselves are read where a rung is trained.
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

ADVICE = "Add it with --encoder FOLDER; `wordladder pretrain` makes such a folder from your own text."
TITLES = {"bert": "BERT", "albert": "ALBERT", "elmo": "ELMo"}
WEIGHTS = tuple(
    f"{name}{end}" for name in ("model.safetensors", "pytorch_model.bin") for end in ("", ".index.json")
)
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet")  # positions counted from behind the padding's
SECONDS = 3.0  # that the hub has to answer
SILENT = "the hub does not answer"
_silent: list[str] = []  # what it has not answered


class LeftOut(NamedTuple):
    """A rung that is not climbed; why, and what to do about it."""

    name: str
    why: str


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder that rungs can read.

    Attributes:
        source: Its absolute folder, or its name on the Hugging Face hub.
        family: The rungs that it is for: `"albert"`, `"elmo"`, or `"bert"` for every other transformer.
        limit: The most pieces that it reads at once, special ones included; None where there is no limit.
    """

    source: str
    family: str
    limit: int | None = None

    def fits(self, table: Mapping[str, Any]) -> bool:
        """Whether an embedder of this kind can read it."""
        return table["kind"] == ("elmo" if self.family == "elmo" else "transformer")

    def into(self, recipe: Recipe, places: Iterable[int] | None = None) -> Recipe:
        """The recipe with this encoder in its embedders number `places`, in windows that it can read.

        Left out, all that fit.

        Raises:
            SettingError: There is no such embedder.
        """
        changes: dict[str, Any] = {}
        if places is None:
            places = [i for i, table in enumerate(recipe.tables.get("embedders", ())) if self.fits(table)]
        for place in places:
            key, table = f"embedders.{place}", recipe.tables["embedders"][place]
            changes[f"{key}.source"] = self.source
            if self.limit is None or self.family == "elmo":
                continue
            if table.get("max_pieces") is not None and table["max_pieces"] > self.limit:
                changes[f"{key}.max_pieces"] = self.limit
            if table.get("overlap", 0) > self.limit // 2:
                changes[f"{key}.overlap"] = self.limit // 4
        if not changes:
            needed = "an elmo" if self.family == "elmo" else "a transformer"
            raise SettingError(
                f"--encoder {self.source}: {recipe.name} has no embedder for it; take a rung with {needed} "
                "embedder (see `wordladder rungs`)"
            )
        return recipe.with_settings(changes)


def families(recipe: Recipe) -> dict[int, str]:
    """The family of the encoder that each embedder still needs, by the embedder's number.

    An embedder whose source is a folder that exists needs none.
    """
    found = {}
    for place, table in enumerate(recipe.tables.get("embedders", ())):
        needed = family(table)
        if needed is not None and not (recipe.folder / table["source"]).is_dir():
            found[place] = needed
    return found


def family(table: Mapping[str, Any]) -> str | None:
    """The family of encoder that an embedder's table names; None if its kind reads none, or the starter."""
    if table["kind"] == "transformer" and table["source"] != STARTER:
        return "albert" if "albert" in table["source"].lower() else "bert"
    return "elmo" if table["kind"] == "elmo" else None


def with_encoders(recipe: Recipe, encoders: Sequence[Encoder]) -> list[Recipe]:
    """The recipe with an encoder for every embedder that needs one; several, if encoders of a family are.

    They are then called `RUNG@FOLDER`. Empty if an embedder finds none.
    """
    needed = families(recipe)
    choices = [[e for e in encoders if e.family == family] for family in dict.fromkeys(needed.values())]
    made = []
    for chosen in product(*choices):
        one = recipe
        for encoder in chosen:
            one = encoder.into(one, [place for place, family in needed.items() if family == encoder.family])
        several = [e for e, choice in zip(chosen, choices) if len(choice) > 1]
        name = "@".join([recipe.name, *(Path(encoder.source).name for encoder in several)])
        made.append(Recipe(one.tables, name, recipe.folder))
    return made


def lack(recipe: Recipe, encoders: Sequence[Encoder], ask: Callable[[str], str]) -> str:
    """Why a rung cannot be climbed, for want of an encoder; empty if it can.

    Args:
        recipe: One whose encoder none of `encoders` is.
        encoders: What the user gave. If that is nothing, the hub is asked.
        ask: Tells why a name on the hub cannot be had, as `hub_trouble` does.
    """
    troubles = []
    for place, family in families(recipe).items():
        if family == "elmo" or encoders:
            if not any(encoder.family == family for encoder in encoders):
                troubles.append(f"no {TITLES[family]} was given")
        else:
            troubles.append(ask(recipe.tables["embedders"][place]["source"]))
    return next((trouble for trouble in troubles if trouble), "")


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """What to tell of the rungs that are not climbed, a line for each reason."""
    rungs: dict[str, list[str]] = {}
    for one in left_out:
        rungs.setdefault(one.why, []).append(one.name)
    return [f"not climbed: {', '.join(names)} – {why}" for why, names in rungs.items()]


def read_encoder(source: str | Path) -> Encoder:
    """What the folder, or the name on the hub, holds.

    Raises:
        SettingError: There is no encoder that can be read.
    """
    folder, where = Path(source), f"--encoder {source}"
    if not folder.is_dir():
        return _from_hub(str(source), where)
    if (folder / "recipe.toml").is_file():
        inside = sorted(path.parent for path in folder.glob("embedders/*/config.json"))
        hint = f"; the encoder inside it lies in {inside[0]}" if inside else " without a transformer inside"
        raise SettingError(f"{where}: this is a model that wordladder trained{hint}")
    if (folder / "options.json").is_file():
        return Encoder(str(folder.absolute()), "elmo")
    if not (folder / "config.json").is_file():
        raise SettingError(
            f"{where}: neither a transformer (config.json) nor an ELMo (options.json) lies there"
        )
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise SettingError(f"{where}: it has no weights; {' or '.join(WEIGHTS[::2])} is expected")
    paths = (folder / name for name in ("config.json", "tokenizer_config.json"))
    config, tokenizer = (read_json(path, dict, SettingError) if path.is_file() else {} for path in paths)
    return _encoder(str(folder.absolute()), config, tokenizer, where)


def read_starter(language: str | None) -> Encoder | None:
    """The encoder of a language that comes with wordladder, or None where there is none."""
    folder = starter_encoder(language)
    return None if folder is None else replace(read_encoder(folder), source=STARTER)


def _from_hub(name: str, where: str) -> Encoder:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise SettingError(f"{where}: there is no such folder")
    if trouble := hub_trouble(name):
        raise SettingError(f"{where}: there is no such folder, and as a name on the hub: {trouble}")
    known = try_to_load_from_cache(name, "config.json")
    try:
        path = Path(known if isinstance(known, str) else hf_hub_download(name, "config.json"))
    except OSError as error:
        raise SettingError(f"{where}: it cannot be fetched from the hub ({error})") from None
    return _encoder(name, read_json(path, dict, SettingError), {}, where)


def _encoder(source: str, config: dict[str, Any], tokenizer: dict[str, Any], where: str) -> Encoder:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise SettingError(f"{where}: its config.json names no model_type, so it is no transformer")
    if config.get("is_encoder_decoder") and kind not in ENCODER_HALVES:
        raise SettingError(f"{where}: an encoder with a decoder ({kind}); give an encoder, such as BERT")
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    longest = tokenizer.get("model_max_length")
    limits = []
    if isinstance(positions, int) and positions > 0:
        padding = config.get("pad_token_id")
        shift = (padding if isinstance(padding, int) else 1) + 1
        limits.append(positions - (shift if kind in SHIFTED else 0))
    if isinstance(longest, int) and longest > 0:
        limits.append(longest)
    return Encoder(source, "albert" if kind == "albert" else "bert", min(limits, default=None))


def hub_trouble(name: str) -> str:
    """Why a model of the Hugging Face hub cannot be had; empty if it can.

    It can if it lies in the local cache, or the hub answers within seconds. A hub that did not is not asked
    again.
    """
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return f"no model on the hub can be called {name}"
    if _cached(name, ("config.json",)) and _cached(name, WEIGHTS) and _cached(name, TOKENIZERS):
        return ""
    missing = f"{name} is not in the local cache of the Hugging Face hub"
    if constants.HF_HUB_OFFLINE:
        return f"{missing}, and HF_HUB_OFFLINE is set"
    told = _asked(hf_hub_url(name, "config.json"))
    return told and f"{missing}, and {told}"


@cache
def _asked(address: str) -> str:
    """Why the hub does not give a file; empty if it does."""
    if _silent:
        return SILENT
    try:
        with urlopen(Request(address, method="HEAD"), timeout=SECONDS):
            return ""
    except HTTPError as error:
        return f"the hub does not give it ({error.code} {error.reason})"
    except (OSError, HTTPException):
        _silent.append(address)
        return SILENT


def _cached(name: str, files: Sequence[str]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(name, file), str) for file in files)
