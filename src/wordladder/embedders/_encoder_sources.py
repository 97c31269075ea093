"""Where pretrained encoders come from: those that come with wordladder, one ALBERT a language, which are used
with `source = "starter"` (`tools/starter_encoder.py` makes them), and models of the Hugging Face hub.
"""

from collections.abc import Sequence
from pathlib import Path

from ..extras import require
from ..text.vocabulary import Vocabulary
from ..text.words import tokenize
from ..vectors._starter import language_of

STARTER = "starter"
FOLDER = Path(__file__).parents[1] / "starters"
ENCODER_HALVES = ("mt5", "t5", "umt5")  # with a decoder, but transformers has the encoder alone
FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")
PICKLED = "pytorch_model*.bin"  # PyTorch's own files, where there are no others
_OTHERS = ("onnx/*", "openvino/*", "coreml/*")
_TEXTS = 2000  # whose words show the language


def starter_encoder(language: str | None) -> Path | None:
    """The folder of a language's encoder, or None where there is none."""
    folder = FOLDER / f"albert-{language}"
    return folder if (folder / "config.json").is_file() else None


def starter_languages() -> list[str]:
    """The languages that have one."""
    languages = (folder.name.removeprefix("albert-") for folder in FOLDER.glob("albert-*"))
    return sorted(language for language in languages if starter_encoder(language))


def text_language(texts: Sequence[str]) -> str | None:
    """The language of texts; None where it is unknown, or no encoder comes with wordladder at all."""
    if not starter_languages():
        return None
    return language_of(Vocabulary.count(tokenize(texts[:_TEXTS]).surfaces(lowercase=True)))


def hub_folder(name: str) -> Path:
    """The folder of a model in the local cache, downloaded from the hub if necessary.

    Raises:
        OSError: there is none, or the hub cannot be reached.
        ValueError: the name is invalid.
    """
    hub = require("huggingface_hub", "train", "a model from the Hugging Face hub")
    folder = Path(hub.snapshot_download(name, allow_patterns=FILES, ignore_patterns=_OTHERS))
    if not any(folder.rglob("*.safetensors")):
        hub.snapshot_download(name, allow_patterns=[PICKLED, f"*/{PICKLED}"])
    return folder
