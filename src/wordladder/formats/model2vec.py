"""model2vec folders: `config.json`, `tokenizer.json` and `model.safetensors`, read and written.

A folder that is written here splits texts as `text` does, except for rare emoji, so `StaticModel` gives a
text the mean of its words' vectors. The layouts of sentence-transformers are read, too.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import OutputError, VectorsError
from ..files.folders import atomic_folder
from ..files.json_files import read_json
from ._table import Table, check_table
from .safetensors import read_header, tensor, write_tensors

_CONFIG, _TOKENIZER, _TENSORS = "config.json", "tokenizer.json", "model.safetensors"
_OTHERS = {"README.md", "modules.json", ".gitattributes"}  # that a folder may have beside them
_LAYOUTS = (("", "embeddings"), ("", "embedding.weight"), ("0_StaticEmbedding", "embedding.weight"))
_SETTINGS_KEY = "wordladder"
_LETTER = r"[[\p{L}\p{N}]&&[^\p{Han}]][\p{M}\x{AD}\x{200C}\x{200D}\x{FE0E}\x{FE0F}]*"
_INNER = r"(?<=[\p{L}\p{M}])['\x{2019}](?=\p{L})"
_EMOJI = r"\p{Extended_Pictographic}[\p{M}\x{FE0F}\x{1F3FB}-\x{1F3FF}]*"
_WORD = (
    rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|(?![\x{{0}}-\x{{FF}}]){_EMOJI}(?:\x{{200D}}{_EMOJI})*"
    rf"|(?:{_LETTER}|{_INNER})+|[^\s\p{{Cc}}\p{{Cf}}][\p{{M}}\x{{FE0E}}\x{{FE0F}}]*"
)


def is_model2vec(folder: Path) -> bool:
    """Whether a folder has a model2vec model, in one of its layouts."""
    return any((folder / part / _TENSORS).is_file() for part, _ in _LAYOUTS)


def is_own_folder(folder: Path) -> bool:
    """Whether a model2vec folder was written here, so that its words are wordladder's."""
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and _SETTINGS_KEY in config


def read_model2vec(folder: Path) -> Table:
    """The words of the tokenizer ordered by id, with their vectors.

    Raises:
        VectorsError: a file is missing or broken, or they do not fit together.
    """
    for part, name in _LAYOUTS:
        path = folder / part / _TENSORS
        if path.is_file():
            header, base, size = read_header(path)
            if name in header:
                break
    else:
        raise VectorsError(
            f"{folder}: a model2vec folder has a {_TENSORS} with the tensor 'embeddings'; this one has not."
        )
    names = [one for one in (name, "weights", "mapping") if one in header]
    tensors = {one: tensor(path, one, header[one], base, size) for one in names}
    words = _vocabulary(folder / part / _TOKENIZER)
    config = read_json(folder / _CONFIG, dict, VectorsError) if (folder / _CONFIG).is_file() else {}
    vectors = _vectors(path, tensors, name, len(words))
    settings = config.get(_SETTINGS_KEY)
    if isinstance(settings, dict):  # written here: the last word stands for all unknown ones
        words, vectors = words[:-1], vectors[:-1]
    table = Table(words, vectors, None, settings if isinstance(settings, dict) else {})
    return check_table(table, lambda row: f"{path}, row {row}")


def _vectors(path: Path, tensors: Mapping[str, np.ndarray], name: str, words: int) -> np.ndarray:
    embeddings, weights, mapping = tensors[name], tensors.get("weights"), tensors.get("mapping")
    rows = len(embeddings) if mapping is None else len(mapping)
    if embeddings.ndim != 2 or rows != words or (weights is not None and weights.shape != (words,)):
        raise VectorsError(f"{path}: {words} words do not fit {name} of shape {embeddings.shape}.")
    if mapping is not None:
        if mapping.dtype.kind not in "iu" or int(mapping.min()) < 0 or int(mapping.max()) >= len(embeddings):
            raise VectorsError(f"{path}: the mapping leads past the {len(embeddings)} rows of {name}.")
        embeddings = embeddings[mapping]
    embeddings = embeddings.astype(np.float32, copy=False)
    return embeddings if weights is None else embeddings * weights.astype(np.float32)[:, None]


def _vocabulary(path: Path) -> list[str]:
    """The words of a tokenizer, and those added to it, ordered by id."""
    tokenizer = read_json(path, dict, VectorsError)
    try:
        vocabulary = tokenizer["model"]["vocab"]
        if isinstance(vocabulary, list):  # of (word, score)
            vocabulary = {word: row for row, (word, _) in enumerate(vocabulary)}
        tokens = [*vocabulary.items()]
        tokens += [(token["content"], token["id"]) for token in tokenizer.get("added_tokens") or []]
        words = {int(number): str(word) for word, number in tokens}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise VectorsError(f"{path} is no tokenizer whose vocabulary can be read: {error!r}.") from None
    for row in range(len(words)):
        if row not in words:
            raise VectorsError(f"{path}: no word has the number {row}, of {len(words)} words.")
    return [words[row] for row in range(len(words))]


def write_model2vec(folder: Path, table: Table) -> None:
    """Write a folder that model2vec opens; an existing one is replaced when the new one is complete.

    Raises:
        VectorsError: a word is not valid Unicode.
        OutputError: the folder cannot be written, or holds something else.
    """
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    ours = _TENSORS in names and names <= _OTHERS | {_CONFIG, _TOKENIZER, _TENSORS}
    if folder.is_file() or (names and not ours):
        raise OutputError(f"{folder}: something else is there already, and it is left alone.")
    if not folder.absolute().parent.is_dir():
        raise OutputError(f"{folder} cannot be written: there is no folder {folder.parent}")
    dim = table.vectors.shape[1]
    vectors = np.concatenate([np.asarray(table.vectors, "<f4"), np.zeros((1, dim), "<f4")])
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "hidden_dim": dim,
        "embedding_dtype": "float32",
        "normalize": False,
        "max_length": None,
        _SETTINGS_KEY: dict(table.settings),
    }
    with atomic_folder(folder, _TENSORS) as new:
        (new / _CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
        (new / _TOKENIZER).write_text(_tokenizer(table), encoding="utf-8", newline="\n")
        with open(new / _TENSORS, "wb") as file:
            write_tensors(file, {"embeddings": vectors}, {})


def _tokenizer(table: Table) -> str:
    """A tokenizer of whole words as JSON; the last id is that of unknown words, whose vector is zero."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Split, WhitespaceSplit

    numbers = {word: row for row, word in enumerate(table.words)}
    unknown = "[UNK]"
    while unknown in numbers:
        unknown = f"[{unknown}]"
    numbers[unknown] = len(numbers)
    for word in table.words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise VectorsError(f"The word {word!r} is not valid Unicode, which a tokenizer requires.")
    tokenizer = Tokenizer(WordLevel(numbers, unknown))
    if table.settings.get("lowercase"):
        tokenizer.normalizer = Lowercase()  # type: ignore[assignment]
    text = table.settings.get("text")
    spaced = isinstance(text, Mapping) and text.get("segmenter") == "whitespace"
    words = WhitespaceSplit() if spaced else Split(Regex(_WORD), "removed", invert=True)
    tokenizer.pre_tokenizer = words  # type: ignore[assignment]
    return tokenizer.to_str()
