"""Encoders that OpenVINO runs give the vectors that they have in PyTorch."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("openvino")

from safetensors.numpy import load_file, save_file

from tiny_transformers import TEXTS, tiny_albert, tiny_bert, tiny_roberta
from wordladder import export, load
from wordladder.errors import ModelError, SettingError
from wordladder.interop.fast_encoder import FastEncoder

LATER = [*TEXTS, "", "good", " ".join(TEXTS * 9), "\ud83d half a pair"]
POOLINGS = ["mean", "cls", "lasttoken", "weightedmean", "mean_sqrt_len_tokens", ["cls", "mean"]]


def sentence_folder(make, folder, pooling="mean", **settings):
    """A model of sentence-transformers around a tiny encoder."""
    make(folder)
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [
        {"idx": number, "name": str(number), "path": f"{number}_{kind}" if number else "", "type": kind}
        for number, kind in enumerate(kinds)
    ]
    for module in modules:
        module["type"] = f"sentence_transformers.models.{module['type']}"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling} | settings))
    return folder


def both(folder, **more):
    fast = load(folder, engine="openvino", precision="float32", **more)
    assert isinstance(fast.engine_, FastEncoder)
    return fast, load(folder, engine="torch", precision="float32", **more)


@pytest.mark.parametrize("make", [tiny_bert, tiny_roberta])
def test_a_plain_encoder(make, tmp_path):
    make(tmp_path / "encoder")
    fast, slow = both(tmp_path / "encoder", threads=1)
    np.testing.assert_allclose(fast.encode(LATER), slow.encode(LATER), atol=2e-6)
    assert fast.texts_truncated == slow.texts_truncated == 1
    assert fast.notes == slow.notes
    assert fast.encode([]).shape == slow.encode([]).shape


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
@pytest.mark.parametrize("make", [tiny_bert, tiny_roberta])
def test_poolings_and_prompts(make, pooling, tmp_path):
    folder = sentence_folder(make, tmp_path / "encoder", pooling, include_prompt=False)
    fast, slow = both(folder)
    np.testing.assert_allclose(fast.encode(LATER), slow.encode(LATER), atol=2e-6)
    asked = {"prompt": "the good film: ", "batch_size": 2}
    np.testing.assert_allclose(fast.encode(LATER, **asked), slow.encode(LATER, **asked), atol=2e-6)


def test_what_is_saved_is_read_again(tmp_path):
    folder = sentence_folder(tiny_bert, tmp_path / "encoder")
    fast, _ = both(folder)
    fast.save(tmp_path / "saved")
    np.testing.assert_array_equal(both(tmp_path / "saved")[0].encode(LATER), fast.encode(LATER))


def test_others_are_left_to_pytorch(tmp_path):
    tiny_albert(tmp_path / "albert")
    assert not isinstance(load(tmp_path / "albert").engine_, FastEncoder)
    with pytest.raises(ModelError, match="BERT and RoBERTa"):
        load(tmp_path / "albert", engine="openvino")
    tiny_bert(tmp_path / "bert")
    weights = load_file(tmp_path / "bert" / "model.safetensors")
    name = next(name for name in weights if name.endswith("query.weight"))
    weights[name][0, 0] = np.nan
    save_file(weights, tmp_path / "bert" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="not finite"):
        load(tmp_path / "bert")


def test_a_small_encoder(tmp_path):
    pytest.importorskip("nncf")
    folder = sentence_folder(tiny_bert, tmp_path / "encoder")
    fast, _ = both(folder)
    texts = [" ".join(TEXTS[number % 4].split()[: 3 + number // 4]) for number in range(40)]
    costs = export(fast, tmp_path / "small", precision="int8", texts=texts)
    assert costs["least_cosine"] > 0.95
    assert costs == json.loads((tmp_path / "small" / "export_test.json").read_text())
    small = load(tmp_path / "small", threads=1)
    assert not (tmp_path / "small" / "model.safetensors").exists()
    assert (small.encode(LATER) * fast.encode(LATER)).sum(axis=1).min() > 0.9
    small.save(tmp_path / "again")
    np.testing.assert_array_equal(load(tmp_path / "again", threads=1).encode(LATER), small.encode(LATER))
    with pytest.raises(SettingError, match="20 or more"):
        export(fast, tmp_path / "none", precision="int8", texts=texts[:3])
    with pytest.raises(SettingError, match="as it is"):
        export(fast, tmp_path / "none")


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "config.json"])
def test_a_broken_file_is_an_error(name, tmp_path):
    tiny_bert(tmp_path / "bert")
    (tmp_path / "bert" / name).write_bytes(b"{nothing")
    with pytest.raises(ModelError):
        load(tmp_path / "bert")


def test_several_threads_at_once(tmp_path):
    tiny_bert(tmp_path / "bert")
    fast, _ = both(tmp_path / "bert")
    parts = [[text] * 40 + [f"{text} good"] for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fast.encode, parts * 5))
    for vectors, part in zip(together, parts * 5):
        np.testing.assert_allclose(vectors, fast.encode(part), atol=2e-6)


@pytest.mark.parametrize("make", [tiny_bert, tiny_roberta])
def test_pieces_are_those_of_the_tokenizer(make, tmp_path):
    from transformers import AutoTokenizer

    make(tmp_path / "encoder")
    texts = ["the good film", "", "一 好 电影!"]
    expected = AutoTokenizer.from_pretrained(tmp_path / "encoder")(
        texts, return_offsets_mapping=True, return_special_tokens_mask=True
    )
    for model in both(tmp_path / "encoder"):
        found = model.engine_.pieces(texts)
        assert [[one.id for one in row] for row in found] == expected["input_ids"]
        assert [[(one.start, one.end) for one in row] for row in found] == [
            [tuple(place) for place in row] for row in expected["offset_mapping"]
        ]
        assert [[one.special for one in row] for row in found] == [
            list(map(bool, row)) for row in expected["special_tokens_mask"]
        ]
        for text, row in zip(texts, found):
            assert all(one.special or one.text == text[one.start : one.end] for one in row)
