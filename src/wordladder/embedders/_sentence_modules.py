"""The modules of sentence-transformers, read and written, all but Transformer and Pooling.

One table has what reads each kind. A configuration is kept as it is, and written back like that.
"""

import json
import string
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError, did_you_mean
from ..extras import require
from ._pieces import bare_tokenizer
from ._sentence_layout import Module

_FILES = (
    "config.json", "cnn_config.json", "lstm_config.json", "wordembedding_config.json",
    "whitespacetokenizer_config.json", "tokenizer.json", "tokenizer_config.json",
)  # fmt: skip
_WEIGHTS, _PICKLED = "model.safetensors", "pytorch_model.bin"
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (nn.GELU, nn.Identity, nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Tanh)
}
_INPUT, _OUTPUT = "module_input_name", "module_output_name"
VECTOR = "sentence_embedding"  # the name of the vector of a text
Ints = NDArray[np.int64]


class Files(NamedTuple):
    """The folder of a module, and the texts of its configuration files, by name."""

    place: Path
    texts: Mapping[str, str]

    def config(self, name: str = "config.json") -> dict[str, Any]:
        """What a configuration file holds."""
        config = json.loads(self.texts[name])
        if not isinstance(config, dict):
            raise ValueError(f"{name}: a JSON object is expected")
        return config

    def tensors(self) -> dict[str, Tensor]:
        """The weights, in float32."""
        path, pickled = self.place / _WEIGHTS, self.place / _PICKLED
        if path.is_file() or not pickled.is_file():
            tensors = load_file(path)
        else:
            tensors = torch.load(pickled, map_location="cpu", weights_only=True)
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"the weight {broken[0]} has numbers that are not finite")
        return {name: x.float() if x.is_floating_point() else x for name, x in tensors.items()}


class Part(NamedTuple):
    """A module: its kind, its configuration files, and what it computes."""

    kind: str
    texts: Mapping[str, str]
    layer: Any


def read_part(module: Module, folder: Path, *features: str) -> Part:
    """Read a module.

    Args:
        module: Its kind and its place.
        folder: The folder of the model.
        features: What it may write, by the name there; it must read the first one.

    Raises:
        ModelError: a file is missing or broken, or the module is not supported.
    """
    place = folder / module.place
    try:
        paths = [place / name for name in _FILES if (place / name).is_file()]
        files = Files(place, {path.name: path.read_text(encoding="utf-8") for path in paths})
        layer = MODULES[module.kind](files)
        if module.kind in ("Dense", "Normalize"):
            config = files.config() if files.texts else {}
            reads = config.get(_INPUT, VECTOR)
            writes = config.get(_OUTPUT) or reads
            if reads != features[0] or writes not in features:
                raise ValueError(f"{reads} to {writes} is not supported there")
    except KeyError as error:
        raise ModelError(f"{place}: the layer cannot be read: {error} is missing") from None
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{place}: the layer cannot be read: {error}") from None
    return Part(module.kind, files.texts, layer.requires_grad_(False).eval())


def write_part(part: Part, folder: Path) -> None:
    """Write what `read_part` and sentence-transformers read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in part.texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    if tensors := {name: tensor.cpu().contiguous() for name, tensor in part.layer.state_dict().items()}:
        save_file(tensors, folder / _WEIGHTS)


def write_parts(parts: Sequence[Part], folder: Path, first: int) -> tuple[Module, ...]:
    """Write modules into folders that are numbered from `first`; returns their places."""
    modules = tuple(Module(part.kind, f"{n}_{part.kind}") for n, part in enumerate(parts, first))
    for module, part in zip(modules, parts):
        write_part(part, folder / module.place)
    return modules


def dense_part(linear: nn.Linear, activation: nn.Module, output: str) -> Part:
    """A linear layer of a network as a module that writes the vector `output`."""
    config = {
        "in_features": linear.in_features,
        "out_features": linear.out_features,
        "bias": linear.bias is not None,
        "activation_function": f"{type(activation).__module__}.{type(activation).__name__}",
        _OUTPUT: output,
    }
    layer = nn.Sequential(OrderedDict(linear=linear))
    return Part("Dense", {"config.json": json.dumps(config, indent=2)}, layer)


def activation_named(name: str) -> nn.Module:
    """The activation function with the name of a class of torch.

    Raises:
        ValueError: it is not supported.
    """
    name = name.rsplit(".", 1)[-1]
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation_function {name!r} is not supported.{did_you_mean(name, _ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


# What reads texts: `ids` gives the numbers of a text's words or pieces, of which `limit` are read; `states`
# makes of those of several texts one vector a text or, in WordEmbeddings, one a word.


class StaticEmbedding(nn.Module):
    """The mean of the vectors of a text's pieces, `(texts, dim)`."""

    limit = None

    def __init__(self, files: Files) -> None:
        super().__init__()
        self.tokenizer, tensors = Tokenizer.from_str(files.texts["tokenizer.json"]), files.tensors()
        self.tokenizer.no_padding()
        weight = tensors.get("embedding.weight")
        if weight is None:  # as model2vec writes it
            weight = tensors["embeddings"]
            weight = weight[tensors["mapping"].long()] if "mapping" in tensors else weight
            weight = weight * tensors["weights"][:, None] if "weights" in tensors else weight
        if max(self.tokenizer.get_vocab().values(), default=-1) >= len(weight):
            raise ValueError(f"the tokenizer has more pieces than the {len(weight)} that have a vector")
        self.embedding, self.dim = nn.EmbeddingBag.from_pretrained(weight), weight.shape[1]

    def ids(self, texts: Sequence[str]) -> Sequence[Any]:
        """The encodings of texts."""
        return self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)

    def states(self, rows: Sequence[Ints]) -> Tensor:
        """The means; each text has a piece."""
        starts = np.cumsum([0, *map(len, rows[:-1])])
        device = self.embedding.weight.device
        return self.embedding(*(torch.from_numpy(x).to(device) for x in (np.concatenate(rows), starts)))


class WordEmbeddings(nn.Module):
    """The vectors of a text's words, `(words, dim)`, one text after another."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        config, weight = files.config("wordembedding_config.json"), files.tensors()["emb_layer.weight"]
        kind = str(config["tokenizer_class"]).rsplit(".", 1)[-1]
        if kind not in _TOKENIZERS:
            raise ValueError(f"its tokenizer, {kind}, is not supported; {' and '.join(_TOKENIZERS)} are")
        self.words = _TOKENIZERS[kind](files)
        if len(self.words.vocab) > len(weight):
            raise ValueError(f"{len(self.words.vocab)} words have only {len(weight)} vectors")
        self.emb_layer, self.limit = nn.Embedding.from_pretrained(weight), config.get("max_seq_length")
        self.dim = weight.shape[1]

    def ids(self, texts: Sequence[str]) -> Sequence[Any]:
        """The numbers of known words."""
        return list(map(self.words.ids, texts))

    def states(self, rows: Sequence[Ints]) -> Tensor:
        """The vectors."""
        return self.emb_layer(torch.from_numpy(np.concatenate(rows)).to(self.emb_layer.weight.device))


class BoW(nn.Module):
    """The weight of each word of the vocabulary where a text has it, `(texts, dim)`."""

    limit = None
    weights: Tensor

    def __init__(self, files: Files) -> None:
        super().__init__()
        config = files.config()
        self.words = Words(dict.fromkeys(config["vocab"]), ())
        self.once = config.get("cumulative_term_frequency") is False  # how often a word counts
        weights, self.dim = _word_weights(config | {"vocab": self.words.vocab}), len(self.words.vocab)
        self.register_buffer("weights", weights, persistent=False)

    ids = WordEmbeddings.ids

    def states(self, rows: Sequence[Ints]) -> Tensor:
        """Weights times counts."""
        counts = np.stack([np.bincount(row, minlength=self.dim) for row in rows])
        return torch.from_numpy(counts.clip(max=1) if self.once else counts).to(self.weights) * self.weights


class Words:
    """A tokenizer at white space: a word is looked up as it is, without punctuation, and in lower case.

    Args:
        vocab: The words in the order of their numbers.
        stop_words: Words that are left out.
        do_lower_case: Whether texts are put in lower case first.
    """

    def __init__(self, vocab: Iterable[str], stop_words: Iterable[str], do_lower_case: bool = False) -> None:
        self.vocab, self._stop, self._lower = list(vocab), frozenset(stop_words), do_lower_case
        self._numbers = {word: number for number, word in enumerate(self.vocab)}

    def ids(self, text: str) -> list[int]:
        """The numbers of a text's words; unknown ones are left out."""
        found = []
        for word in (text.lower() if self._lower else text).split():
            bare = word.strip(string.punctuation)
            forms = (word, bare, bare.lower())
            form = next((form for form in forms if form in self._stop or form in self._numbers), None)
            if form is not None and form not in self._stop:
                found.append(self._numbers[form])
        return found


class FastTokenizer:
    """A tokenizer of transformers; the special pieces around a text are read, too."""

    def __init__(self, files: Files) -> None:
        transformers = require("transformers", "train", "a tokenizer of transformers")
        self._tokenizer = bare_tokenizer(transformers.AutoTokenizer.from_pretrained(str(files.place)))
        self.vocab = self._tokenizer.get_vocab()

    def ids(self, text: str) -> list[int]:
        """The numbers of a text's pieces."""
        return self._tokenizer.encode(text).ids


_TOKENIZERS: dict[str, Callable[[Files], Words | FastTokenizer]] = {
    "WhitespaceTokenizer": lambda files: Words(**files.config("whitespacetokenizer_config.json")),
    "TransformersTokenizerWrapper": FastTokenizer,
}


# What changes vectors: of pieces `(texts, pieces, dim)`, or of texts `(texts, dim)`.


class Dense(nn.Module):
    """A linear layer with an activation function; what it reads can be added."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        config, tensors = files.config(), files.tensors()
        (out, size), self.residual = tensors["linear.weight"].shape, None
        if config.get("use_residual"):
            self.residual = nn.Identity() if out == size else nn.Linear(size, out, bias=False)
        self.linear = nn.Linear(size, out, "linear.bias" in tensors)
        self.activation = activation_named(str(config.get("activation_function", "Tanh")))
        self.load_state_dict(tensors)

    def forward(self, vectors: Tensor) -> Tensor:
        """`(…, in)` to `(…, out)`."""
        out = self.activation(self.linear(vectors))
        return out if self.residual is None else out + self.residual(vectors)


class Normalize(nn.Module):
    """Vectors of length one."""

    def __init__(self, files: Files) -> None:
        super().__init__()

    def forward(self, vectors: Tensor) -> Tensor:
        """Of the same shape."""
        return functional.normalize(vectors, dim=-1)


class CNN(nn.Module):
    """Convolutions of several widths over a text's pieces, concatenated; around the text are zeros."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        config, tensors = files.config("cnn_config.json"), files.tensors()
        kernels = [tensors[f"convs.{number}.weight"] for number in range(len(config["kernel_sizes"]))]
        strides = config.get("stride_sizes") or [1] * len(kernels)
        if len(set(strides)) != 1 or not all(kernel.shape[2] % 2 for kernel in kernels):
            raise ValueError("only odd kernel_sizes with the same stride are supported")
        self.convs = nn.ModuleList(
            nn.Conv1d(w.shape[1], w.shape[0], w.shape[2], stride, (w.shape[2] - 1) // 2)
            for w, stride in zip(kernels, strides)
        )
        self.load_state_dict(tensors)

    def forward(self, states: Tensor) -> Tensor:
        """`(texts, pieces, in)` to `(texts, pieces, out)`."""
        return torch.cat([conv(states.mT) for conv in self.convs], dim=1).mT


class LSTM(nn.Module):
    """An LSTM over a text's pieces."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        config, tensors = files.config("lstm_config.json"), files.tensors()
        self.encoder = nn.LSTM(
            tensors["encoder.weight_ih_l0"].shape[1],
            tensors["encoder.weight_hh_l0"].shape[1],
            config.get("num_layers", 1),
            bidirectional=config.get("bidirectional", True),
            batch_first=True,
        )
        self.load_state_dict(tensors)

    def forward(self, states: Tensor) -> Tensor:
        """`(texts, pieces, in)` to `(texts, pieces, out)`."""
        return self.encoder(states)[0]


def _norm(files: Files) -> nn.Module:
    """A layer norm (Ba et al. 2016)."""
    tensors = files.tensors()
    layer = nn.Sequential(OrderedDict(norm=nn.LayerNorm(len(tensors["norm.weight"]))))
    layer.load_state_dict(tensors)
    return layer


def _word_weights(config: dict[str, Any]) -> Tensor:
    """The weight of each word."""
    weights, rest = config["word_weights"], config.get("unknown_word_weight", 1)
    found = [weights.get(word, weights.get(word.lower(), rest)) for word in config["vocab"]]
    return torch.tensor(found, dtype=torch.float32)


def _weight_table(files: Files) -> nn.Module:
    """The numbers of words or pieces to their weights, `(texts, pieces, 1)`."""
    table = nn.Embedding.from_pretrained(_word_weights(files.config())[:, None])
    return nn.Sequential(OrderedDict(emb_layer=table))


MODULES: dict[str, Callable[[Files], nn.Module]] = {
    "BoW": BoW,
    "CNN": CNN,
    "Dense": Dense,
    "LayerNorm": _norm,
    "LSTM": LSTM,
    "Normalize": Normalize,
    "StaticEmbedding": StaticEmbedding,
    "WordEmbeddings": WordEmbeddings,
    "WordWeights": _weight_table,
}
