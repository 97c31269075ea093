"""Modules of sentence-transformers other than a transformer with pooling: the vectors are those it computes
for each text alone, and what is saved here opens there. Its own modules are the twins.
"""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

from tiny_transformers import tiny_bert, tiny_roberta
from wordladder import Model
from wordladder.errors import ModelError

pytest.importorskip("sentence_transformers")
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules as there
from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer

TEXTS = [
    "The good film, a very bad one! Was it the actor's best?",
    "我喜欢 the  good电影。这个故事真好！",
    "",
    "!?",
    "Film GOOD (good) the film 电影",
    "a half pair of the good story was unbelievable, " * 20,
]
WORDS = ["the", "good", "film", "电影", "a", "bad", "GOOD", "story", "of", "one"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


def shaken(module):
    """A module with other weights than it starts with."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module


def transformer(bert):
    module = there.Transformer(str(bert))
    module.max_seq_length = 40
    return module


def static(truncate=None):
    """Vectors of words and characters, without the special pieces around a text."""
    vocabulary = {word: row for row, word in enumerate(["[UNK]", *WORDS, *"喜欢这个故事,!"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if truncate is not None:
        tokenizer.enable_truncation(truncate)
    return there.StaticEmbedding(tokenizer, torch.randn(len(vocabulary), 6).numpy())


def words(**settings):
    tokenizer = WhitespaceTokenizer(["PADDING", *WORDS], stop_words={"a", "one"}, **settings)
    vectors = np.random.default_rng(1).normal(size=(11, 8))
    return there.WordEmbeddings(tokenizer, vectors, max_seq_length=12)


def pieces(bert):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    return there.WordEmbeddings(tokenizer, np.random.default_rng(1).normal(size=(len(tokenizer), 8)))


def weights(rest=0.5):
    return there.WordWeights(["PADDING", *WORDS], {"good": 2.0, "film": 0.1, "电影": 1.5}, rest)


MEANS = ("mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
MODULES = {
    "static": lambda bert: [static()],
    "static, truncated": lambda bert: [static(3)],
    "static, normalised": lambda bert: [static(), there.Normalize(), there.Dense(6, 4), there.Normalize()],
    "weightedmean": lambda bert: [transformer(bert), there.Pooling(16, "weightedmean")],
    "lasttoken": lambda bert: [transformer(bert), there.Pooling(16, "lasttoken")],
    "residual": lambda bert: [
        transformer(bert),
        there.Dense(16, 6, module_input_name="token_embeddings", use_residual=True),
        there.Pooling(6, ("cls", "max")),
        there.Dense(12, 12, activation_function=None, use_residual=True),
        there.LayerNorm(12),
        there.Dropout(0.5),
    ],
    "words": lambda bert: [words(), there.Pooling(8, MEANS)],
    "pieces": lambda bert: [pieces(bert), there.Normalize("token_embeddings"), there.Pooling(8, MEANS)],
    "lower": lambda bert: [words(do_lower_case=True), there.Pooling(8)],
    "weighted words": lambda bert: [words(), weights(), there.Pooling(8, MEANS)],
    "cnn": lambda bert: [words(), there.CNN(8, 3, [1, 3, 5]), there.Pooling(9), there.Dense(9, 2)],
    "strides": lambda bert: [words(), there.CNN(8, 3, [3], [2]), there.Pooling(3, "mean")],
    "transformer with cnn": lambda bert: [transformer(bert), there.CNN(16, 3, [1, 3]), there.Pooling(6)],
    "lstm": lambda bert: [words(), weights(), there.LSTM(8, 3, 2), there.Pooling(6, MEANS)],
    "one way": lambda bert: [words(), there.LSTM(8, 3, bidirectional=False), there.Pooling(3, "max")],
    "bow": lambda bert: [there.BoW(WORDS, {"good": 2.0, "film": 0.5}, 0.3)],
    "bow, normalised": lambda bert: [there.BoW(WORDS, cumulative_term_frequency=False), there.Normalize()],
}


def made(name, bert, folder):
    torch.manual_seed(1)
    parts = [shaken(part) for part in MODULES[name](bert)]
    SentenceTransformer(modules=parts, device="cpu").save_pretrained(str(folder), create_model_card=False)
    return SentenceTransformer(str(folder), device="cpu")


@pytest.mark.parametrize("name", MODULES)
def test_vectors_are_those_of_sentence_transformers(name, bert, tmp_path):
    twin = made(name, bert, tmp_path / "made")
    texts = TEXTS if name != "one way" else [text for text in TEXTS if text not in ("", "!?")]
    expected = twin.encode(texts, batch_size=1)  # padding changes what convolutions read there
    model = Model.load(tmp_path / "made", precision="float32", device="cpu", threads=1)
    np.testing.assert_allclose(model.encode(texts), expected, atol=1e-5)
    np.testing.assert_allclose(model.encode(texts[0]), expected[0], atol=1e-5)
    assert np.abs(expected).max() > 0.1
    model.save(tmp_path / "saved")
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu").encode(texts, batch_size=1)
    np.testing.assert_allclose(again, expected, atol=1e-5)
    again = Model.load(tmp_path / "saved", precision="float32", device="cpu")
    np.testing.assert_allclose(
        again.encode(texts), model.encode(texts), atol=1e-6
    )  # other threads, other rounding


@pytest.mark.parametrize("name", ["static", "weightedmean", "lasttoken", "words", "lstm", "bow"])
def test_padding_changes_nothing(name, bert, tmp_path):
    twin = made(name, bert, tmp_path)
    np.testing.assert_allclose(
        Model.load(tmp_path, precision="float32").encode(TEXTS), twin.encode(TEXTS), atol=1e-5
    )


def test_the_maximum_of_no_words_is_zero(bert, tmp_path):
    made("one way", bert, tmp_path)
    assert not Model.load(tmp_path).encode(["", "!?"]).any()  # there, minus infinity


def test_an_lstm_over_a_transformer_reads_its_pieces(bert, tmp_path):
    modules = [transformer(bert), shaken(there.LSTM(16, 3)), there.Pooling(6)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    expected = []
    for text in TEXTS:  # the model itself stops there: it lacks sentence_lengths
        states = modules[0](modules[0].preprocess([text]))["token_embeddings"]
        expected.append(modules[1].encoder(states)[0].mean(dim=1)[0].detach().numpy())
    np.testing.assert_allclose(Model.load(tmp_path, precision="float32").encode(TEXTS), expected, atol=1e-5)


def test_static_vectors_as_model2vec_writes_them(bert, tmp_path):
    from safetensors.numpy import save_file

    made("static", bert, tmp_path)
    chance = np.random.default_rng(1)
    tensors = {"embeddings": chance.normal(size=(5, 4)).astype(np.float16)}
    tensors |= {"mapping": chance.integers(0, 5, 19), "weights": chance.random(19)}
    save_file(tensors, tmp_path / "model.safetensors")
    model, twin = Model.load(tmp_path), SentenceTransformer(str(tmp_path), device="cpu")
    np.testing.assert_allclose(model.encode(TEXTS), twin.encode(TEXTS), atol=2e-3)
    assert model.texts_truncated == 0
    with pytest.raises(ModelError, match=r"no head for a task, so it cannot predict; it can encode$"):
        model.predict(["a"])
    tensors["mapping"] = tensors["mapping"][:9]
    save_file(tensors | {"weights": tensors["weights"][:9]}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="more pieces than the 9 that have a vector"):
        Model.load(tmp_path)


def test_weights_in_old_files(bert, tmp_path):
    modules = [words(), there.LSTM(8, 3), there.Pooling(6), there.Dense(6, 4)]
    twin = SentenceTransformer(modules=modules, device="cpu")
    twin.save(str(tmp_path), safe_serialization=False)
    assert not list(tmp_path.rglob("*.safetensors"))
    np.testing.assert_allclose(Model.load(tmp_path).encode(TEXTS), twin.encode(TEXTS), atol=1e-5)


def test_truncated_texts_are_counted(bert, tmp_path):
    made("static, truncated", bert, tmp_path / "static")
    made("words", bert, tmp_path / "words")
    for name, count in (("static", 4), ("words", 1)):
        model = Model.load(tmp_path / name)
        model.encode(TEXTS)
        assert model.texts_truncated == count


def test_prompts_are_put_before_texts(bert, tmp_path):
    made("words", bert, tmp_path)
    settings = tmp_path / "config_sentence_transformers.json"
    facts = json.loads(settings.read_text())
    settings.write_text(json.dumps(facts | {"prompts": {"film": "film "}, "default_prompt_name": "film"}))
    model, twin = Model.load(tmp_path), SentenceTransformer(str(tmp_path), device="cpu")
    np.testing.assert_allclose(model.encode(TEXTS), twin.encode(TEXTS), atol=1e-5)


class TestRefused:
    def refused(self, folder, message, **files):
        for name, value in files.items():
            path = next(folder.rglob(f"{name}.json"))
            path.write_text(json.dumps(json.loads(path.read_text()) | value))
        with pytest.raises(ModelError, match=message):
            Model.load(folder)

    def test_a_router_is_named(self, bert, tmp_path):
        modules = [transformer(bert), there.Pooling(16)]
        router = there.Router.for_query_document(modules, modules)
        SentenceTransformer(modules=[router], device="cpu").save_pretrained(str(tmp_path))
        self.refused(tmp_path, "'Router', which is not supported there: it reads queries and documents with")

    def test_tokenizers_and_sizes(self, bert, tmp_path):
        made("cnn", bert, tmp_path)
        self.refused(tmp_path, "only odd kernel_sizes", cnn_config={"stride_sizes": [1, 2, 1]})
        files = {"wordembedding_config": {"tokenizer_class": "sentence_transformers.models.PhraseTokenizer"}}
        self.refused(tmp_path, "its tokenizer, PhraseTokenizer, is not supported", **files)
        files["wordembedding_config"] = {"tokenizer_class": "x.WhitespaceTokenizer"}
        vocabulary = {"vocab": list("abcdefghijklmnop")}
        message = "16 words have only 11 vectors"
        self.refused(tmp_path, message, whitespacetokenizer_config=vocabulary, **files)

    def test_files_that_are_missing(self, bert, tmp_path):
        made("bow", bert, tmp_path)
        (tmp_path / "0_BoW" / "config.json").unlink()
        self.refused(tmp_path, r"0_BoW: the layer cannot be read: 'config.json' is missing")

    def test_layers_that_read_something_else(self, bert, tmp_path):
        made("residual", bert, tmp_path)
        (tmp_path / "1_Dense" / "config.json").replace(tmp_path / "3_Dense" / "config.json")
        self.refused(tmp_path, "1_Dense: the layer cannot be read: 'config.json' is missing")


def test_tokenizers_without_special_pieces(tmp_path):
    roberta = tiny_roberta(tmp_path / "roberta")
    modules = [there.Transformer(str(roberta)), there.Pooling(16, ("weightedmean", "lasttoken"))]
    twin = SentenceTransformer(modules=modules, device="cpu")
    twin.save_pretrained(str(tmp_path / "made"))
    model = Model.load(tmp_path / "made", precision="float32")
    np.testing.assert_allclose(model.encode(TEXTS[:5]), twin.encode(TEXTS[:5]), atol=1e-5)
