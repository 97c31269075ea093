"""Raw text to pieces on disk: documents, sentences, words, vocabularies, what is held out."""

import gzip
import json

import numpy as np
import pytest
from transformers import AutoTokenizer

from made_up_text import write_corpus
from wordladder.errors import DataError, SettingError
from wordladder.pretraining.documents import Documents, hold_out, open_documents, write_documents
from wordladder.pretraining.raw_text import RawText
from wordladder.pretraining.vocabulary import train_vocabulary, word_openings
from wordladder.text.sentences import sentences


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = write_corpus(tmp_path_factory.mktemp("text") / "corpus.txt")
    path.write_text(path.read_text(encoding="utf-8") + "\nFirst, second, third.\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=["wordpiece", "sentencepiece"])
def tokenizer(corpus, request):
    return train_vocabulary(RawText([corpus]), request.param, 220, lowercase=True)


def read(text):
    rows = [row for block in text.blocks("reading") for row in block]
    return [paragraph for paragraph, _ in rows], [opens for _, opens in rows]


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("One thing. Another one! A third?", ["One thing.", "Another one!", "A third?"]),
        ("Mr. Smith met J. Doe at the U.S. Capitol. He left.", None),
        ('He said: "Go." Then he went.', ['He said: "Go."', "Then he went."]),
        ("it costs 3.14 dollars. not much", ["it costs 3.14 dollars. not much"]),
        ("他来了。“你好！”她说。再见", ["他来了。", "“你好！”", "她说。", "再见"]),
        ("no end", ["no end"]),
        ("他说：“好！”", ["他说：“好！”"]),
        ("真的？！太好了！！！他说。”", ["真的？！", "太好了！！！", "他说。”"]),
    ],
)
def test_sentences(paragraph, expected):
    expected = expected or ["Mr. Smith met J. Doe at the U.S. Capitol.", "He left."]
    assert sentences(paragraph) == expected


def test_blank_lines_part_documents(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Title\nfirst\n\n\nSecond\n \nThird\nmore\n\n", encoding="utf-8")
    text = RawText([path])
    paragraphs, opens = read(text)
    assert paragraphs == ["Title", "first", "Second", "Third", "more"]
    assert opens == [True, False, True, True, False]
    assert not text.line_documents


def test_without_blank_lines_each_line_is_a_document(tmp_path):
    path = tmp_path / "lines.txt.gz"
    path.write_bytes(gzip.compress(b"first\nsecond\nthird\n\n"))
    text = RawText([path])
    assert read(text) == (["first", "second", "third"], [True, True, True])
    assert text.line_documents == {str(path)}


def test_an_empty_text_among_json_lines_is_no_blank_line(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text(
        "".join(json.dumps({"text": t}) + "\n" for t in ("one", "", "two", "three")), encoding="utf-8"
    )
    text = RawText([path])
    assert read(text) == (["one", "two", "three"], [True, True, True])
    assert not text.line_documents


def test_json_lines(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in ("one\ntwo", "three")), encoding="utf-8")
    assert read(RawText([path])) == (["one two", "three"], [True, True])


def test_long_lines_and_many_blocks(tmp_path):
    path = tmp_path / "long.txt"
    line = "word " * 500_000
    path.write_text(f"{line}\n\nshort\n", encoding="utf-8")
    paragraphs, opens = read(RawText([path]))
    assert " ".join(paragraphs[:-1]).split() == line.split()
    assert paragraphs[-1] == "short"
    assert opens[0]
    assert opens[-1]


def test_the_tokenizer_is_one_of_transformers(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    text = "The Cat sees 中国电影."
    assert opened.is_fast
    assert opened(text, "a dog")["input_ids"] == tokenizer(text, "a dog")["input_ids"]
    assert opened(text, "a dog")["token_type_ids"][-1] == 1
    assert opened.mask_token == "[MASK]"
    pieces = [piece.lstrip("▁") for piece in opened.tokenize("中国")]
    assert [piece for piece in pieces if piece] == ["中", "国"], "each Chinese character stands alone"
    assert len(tokenizer) <= 220


def test_a_vocabulary_too_small_for_its_characters(corpus):
    with pytest.raises(SettingError, match=r"different characters; give at least \d+"):
        train_vocabulary(RawText([corpus]), "wordpiece", 50, lowercase=True)


def test_wordpiece_is_the_same_each_time(corpus):
    one, two = (train_vocabulary(RawText([corpus]), "wordpiece", 150, lowercase=True) for _ in range(2))
    assert one.get_vocab() == two.get_vocab()


def test_pieces_documents_sentences(corpus, tokenizer, tmp_path):
    facts = write_documents(tmp_path, RawText([corpus]), tokenizer, longest=50)
    documents, again = open_documents(tmp_path, tokenizer)
    assert again == facts
    assert facts.documents == len(documents) == 41
    paragraphs, opens = read(RawText([corpus]))
    expected, heads = [], []
    for paragraph, new in zip(paragraphs, opens):
        for number, one in enumerate(sentences(paragraph)):
            expected.append(tokenizer(one, add_special_tokens=False)["input_ids"])
            heads.append(new and number == 0)
    found = np.split(documents.pieces, documents.sentences[1:-1])
    assert [part.tolist() for part in found] == expected
    assert np.flatnonzero(heads).tolist() == documents.documents[:, 0].tolist()
    assert facts.pieces == sum(map(len, expected)) == documents.sizes.sum()


def test_long_sentences_are_cut_where_words_begin(tokenizer, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("unbelievable story " * 30 + "\n", encoding="utf-8")
    folder = tmp_path / "out"
    folder.mkdir()
    facts = write_documents(folder, RawText([path]), tokenizer, longest=40)
    documents, _ = open_documents(folder, tokenizer)
    assert facts.cut == 1
    assert np.diff(documents.sentences).max() <= 40
    assert documents.opens(documents.sentences[:-1]).all()


def test_words_of_pieces(tokenizer):
    opens = word_openings(tokenizer)
    ids = tokenizer("The gardens, an actor.", add_special_tokens=False)["input_ids"]
    pieces = tokenizer.convert_ids_to_tokens(ids)
    words: list[str] = []
    for piece, new in zip(pieces, opens[ids]):
        text = piece.removeprefix("##").lstrip("▁")
        if new:
            words.append(text)
        else:
            words[-1] += text
    assert words == ["the", "gardens", ",", "an", "actor", "."]


def test_chinese_words_by_a_segmenter(tokenizer, tmp_path):
    pytest.importorskip("jieba")
    path = tmp_path / "text.txt"
    path.write_text("她喜欢中国电影 the garden\n\n这个老师\n", encoding="utf-8")
    folder = tmp_path / "out"
    folder.mkdir()
    write_documents(folder, RawText([path]), tokenizer, longest=50, segmenter="jieba")
    documents, _ = open_documents(folder, tokenizer)
    opens = documents.opens(np.arange(len(documents.pieces)))
    pieces = [p.removeprefix("##").lstrip("▁") for p in tokenizer.convert_ids_to_tokens(documents.pieces)]
    words: list[str] = []
    for piece, new in zip(pieces, opens):
        words = [*words, piece] if new else [*words[:-1], words[-1] + piece]
    assert "中国" in words or "中国电影" in words
    assert "garden" in words


def test_what_is_held_out(corpus, tokenizer, tmp_path):
    write_documents(tmp_path, RawText([corpus]), tokenizer, longest=50)
    documents, _ = open_documents(tmp_path, tokenizer)
    train, held_out = hold_out(documents, 0.1, seed=1)
    both = np.concatenate([train.documents, held_out.documents])
    assert np.array_equal(np.sort(both, axis=0), documents.documents)
    assert 0.1 <= held_out.sizes.sum() / documents.sizes.sum() < 0.2
    assert not np.array_equal(hold_out(documents, 0.1, seed=2)[1].documents, held_out.documents)
    few, end = hold_out(documents, 0.01, seed=1)
    assert few.sizes.sum() + end.sizes.sum() == documents.sizes.sum()
    assert end.documents[-1, 1] == documents.documents[-1, 1], "of few documents, the end of the text"
    assert hold_out(documents, 0.0, seed=1) == (documents, None)


def test_a_document_longer_than_the_share_is_learned_from():
    lengths = np.full(40, 10)
    lengths[7] = 5000
    sentences, rows = np.append(0, np.cumsum(lengths)), np.arange(40)
    pieces, words = np.zeros(lengths.sum(), np.uint16), np.ones(1, bool)
    documents = Documents(pieces, sentences, np.stack([rows, rows + 1], axis=1), words)
    for seed in range(40):
        train, held_out = hold_out(documents, 0.1, seed)
        assert 7 in train.documents[:, 0]
        assert len(train) + len(held_out) == 40


def test_no_text(tmp_path, tokenizer):
    path = tmp_path / "empty.txt"
    path.write_text("\n\n", encoding="utf-8")
    with pytest.raises(DataError, match="no text"):
        write_documents(tmp_path, RawText([path]), tokenizer, longest=50)
    with pytest.raises(DataError, match="no text"):
        train_vocabulary(RawText([path]), "wordpiece", 100, lowercase=True)
