"""Word vectors into BERT and ALBERT: which piece gets what, lengths bridged, and what is told."""

import json

import numpy as np
import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForPreTraining,
    AutoTokenizer,
    BertConfig,
    BertForPreTraining,
    BertModel,
)

from tiny_transformers import tiny_albert, tiny_bert, tiny_roberta
from wordladder.errors import SettingError, VectorsError
from wordladder.pretraining._piece_vectors import COMPOSED, DIRECT, SPECIAL, WITHOUT, piece_vectors
from wordladder.pretraining.word_vectors import (
    map_to_dimension,
    merge_projection,
    random_orthonormal_rows,
    scale_to_rms,
    start_from_vectors,
)
from wordladder.text.subwords import Subwords
from wordladder.word_vectors import WordVectors

WORDS = ["the", "good", "Good", "film", "goods", "goodly", "un", "unable", "电影", "影", ",", "ω", "x" * 9]


def made_up(words=WORDS, dim=6, seed=0, counts=True):
    draw = np.random.default_rng(seed)
    frequencies = np.arange(len(words), 0, -1) ** 2 if counts else None
    return WordVectors(words, draw.standard_normal((len(words), dim)).astype(np.float32), frequencies)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return AutoTokenizer.from_pretrained(tiny_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture(scope="module")
def albert(tmp_path_factory):
    return AutoTokenizer.from_pretrained(tiny_albert(tmp_path_factory.mktemp("albert")))


def model(tokenizer, dim=16, kind="bert", seed=3):
    torch.manual_seed(seed)
    sizes = {
        "vocab_size": size(tokenizer),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": 32,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if kind == "albert":
        return AlbertForPreTraining(AlbertConfig(embedding_size=dim, **sizes)).eval()
    return BertForPreTraining(BertConfig(**sizes | {"hidden_size": dim})).eval()


def table_of(network):
    return network.get_input_embeddings().weight.detach().numpy().copy()


def known(tokenizer, word):
    """The pieces of a word; none if one of them is unknown."""
    pieces = tokenizer.tokenize(word)
    return [] if tokenizer.unk_token_id in tokenizer.convert_tokens_to_ids(pieces) else pieces


def size(tokenizer):
    """Rows that a model needs: a vocabulary may leave numbers out."""
    return max(tokenizer.get_vocab().values()) + 1


def slow_mean(tokenizer, vectors, piece):
    """The definition, word by word."""
    total, weights = np.zeros(vectors.dim), 0.0
    for row, word in enumerate(vectors.words):
        pieces = known(tokenizer, word)
        share = pieces.count(piece) * np.sqrt(vectors.counts[row])
        if pieces:
            total, weights = total + share * vectors.vectors[row], weights + share
    return total / weights


@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_a_piece_has_the_mean_of_the_words_that_it_is_a_part_of(kind, request):
    tokenizer, vectors = request.getfixturevalue(kind), made_up()
    found = piece_vectors(tokenizer, vectors)
    parts = {piece for word in WORDS for piece in known(tokenizer, word)}
    looked_up = {",", "影"}  # they stand in a text without a blank before them
    assert len(parts) > 10
    for piece in parts - looked_up:
        row = tokenizer.convert_tokens_to_ids(piece)
        np.testing.assert_allclose(found.vectors[row], slow_mean(tokenizer, vectors, piece), atol=1e-5)
        alone = any(tokenizer.tokenize(word) == [piece] for word in WORDS)
        assert found.kind[row] == (DIRECT if alone else COMPOSED)


def test_which_pieces_are_words_and_which_are_parts(bert):
    found = piece_vectors(bert, made_up())
    kinds = {piece: found.kind[row] for piece, row in bert.get_vocab().items()}
    assert [kinds[piece] for piece in ("the", "good", "film", "un", ",", "影")] == [DIRECT] * 6
    assert [kinds[piece] for piece in ("##able", "##s", "##ly")] == [COMPOSED] * 3
    assert [kinds[piece] for piece in ("story", "bad", "##ing")] == [WITHOUT] * 3
    assert all(kinds[piece] == SPECIAL for piece in ("[CLS]", "[PAD]", "[UNK]", "[MASK]"))
    assert not found.vectors[found.kind < COMPOSED].any()
    counts = made_up().counts
    assert found.weight[bert.convert_tokens_to_ids("##able")] == counts[WORDS.index("unable")]
    assert found.weight[bert.convert_tokens_to_ids("good")] == counts[[1, 2, 4, 5]].sum()


def test_marks_and_han_of_a_sentencepiece_vocabulary(albert):
    """A comma follows its word without a blank: the piece "," is what a text has, never "▁,"."""
    vocabulary = albert.get_vocab()
    bare = [piece for piece in (",", "!", "真", "喜") if piece in vocabulary]
    assert bare
    found = piece_vectors(albert, made_up([*bare, "the"]))
    vectors = made_up([*bare, "the"])
    for piece in bare:
        assert found.kind[vocabulary[piece]] == DIRECT
        np.testing.assert_array_equal(found.vectors[vocabulary[piece]], vectors[piece])


def test_a_cased_piece_takes_the_lower_case_word(tmp_path):
    from transformers import BertTokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Paris", "paris", "Rome", "##Rome"]
    tokenizer = BertTokenizer(vocab={p: row for row, p in enumerate(pieces)}, do_lower_case=False)
    vectors = made_up(["paris", "rome"])
    found = piece_vectors(tokenizer, vectors)
    np.testing.assert_array_equal(found.vectors[5], vectors["paris"])
    np.testing.assert_array_equal(found.vectors[7], vectors["rome"])
    assert found.kind.tolist()[5:] == [DIRECT, DIRECT, DIRECT, WITHOUT]


def test_pieces_of_no_word_take_the_vector_of_their_letters(bert):
    draw = np.random.default_rng(5)
    subwords = Subwords(
        draw.standard_normal((2, 4)).astype(np.float32),
        draw.standard_normal((50, 4)).astype(np.float32),
        min_n=2,
        max_n=4,
    )
    vectors = WordVectors(["the", "good"], subwords.vectors(["the", "good"], np.arange(2)), subwords=subwords)
    found = piece_vectors(bert, vectors)
    for piece, letters in (("##ing", "ing"), ("story", "story")):
        row = bert.convert_tokens_to_ids(piece)
        assert found.kind[row] == COMPOSED
        np.testing.assert_allclose(found.vectors[row], subwords.vectors([letters])[0], rtol=1e-6)
    assert (found.kind == SPECIAL).sum() == 5


@pytest.mark.parametrize(("kind", "dim"), [("bert", 16), ("albert", 8)])
@pytest.mark.parametrize("length", [5, 8, 16, 24])
def test_into_a_model(kind, dim, length, request):
    """Inner products are those of the vectors, as far as the room reaches; the rest is untouched."""
    tokenizer, vectors = request.getfixturevalue(kind), made_up(dim=length)
    network = model(tokenizer, dim, kind)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    start = start_from_vectors(network, tokenizer, vectors, seed=2)
    found = piece_vectors(tokenizer, vectors)
    has = found.kind >= COMPOSED
    after = table_of(network)
    name = next(name for name in before if name.endswith("word_embeddings.weight"))
    np.testing.assert_array_equal(after[~has], before[name].numpy()[~has])
    tied = {n for n in before if torch.equal(before[n], before[name])}
    changed = {n for n, weight in network.state_dict().items() if not torch.equal(weight, before[n])}
    assert changed == tied
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight
    assert np.sqrt(np.square(after[has]).mean()) == pytest.approx(0.02, rel=1e-4)
    wanted = found.vectors[has] - found.vectors[has].mean(axis=0)
    if length > dim:  # the best approximation of that rank, by singular values
        left, sizes, right = np.linalg.svd(wanted, full_matrices=False)
        wanted = (left[:, :dim] * sizes[:dim]) @ right[:dim]
    inner = wanted @ wanted.T
    scale = np.trace(after[has] @ after[has].T) / np.trace(inner)
    np.testing.assert_allclose(after[has] @ after[has].T, inner * scale, atol=2e-6)
    assert start["bridge"] == ("same" if length == dim else "pca" if length > dim else "turned")
    assert (start["dim"], start["embedding_dim"], start["words"]) == (length, dim, len(WORDS))


def test_random_rows_are_orthonormal_and_of_all_directions():
    for rows, columns in ((3, 3), (2, 7), (7, 7)):
        matrix = random_orthonormal_rows(rows, columns, seed=4)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(rows), atol=1e-12)
    first = np.mean([random_orthonormal_rows(2, 3, seed)[0] for seed in range(400)], axis=0)
    assert np.abs(first).max() < 0.1


def test_every_number_gets_its_share_of_the_variance():
    """Principal components alone would leave the last numbers nearly without."""
    draw = np.random.default_rng(0)
    vectors = (draw.standard_normal((4000, 40)) * np.geomspace(1, 0.01, 40)).astype(np.float32)
    variance = map_to_dimension(vectors, 32, seed=1).var(axis=0)
    assert variance.max() / variance.min() < 100
    assert scale_to_rms(vectors, 0.5).std() == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize(("kind", "dim"), [("bert", 16), ("albert", 8)])
@pytest.mark.parametrize("length", [5, 24])
def test_a_projection_is_learned_with_the_model_and_folded_into_it(kind, dim, length, request):
    tokenizer, vectors = request.getfixturevalue(kind), made_up(dim=length)
    network = model(tokenizer, dim, kind)
    plain = {name: weight.shape for name, weight in network.state_dict().items()}
    start = start_from_vectors(network, tokenizer, vectors, bridge="projection")
    assert start["bridge"] == "projection"
    has = piece_vectors(tokenizer, vectors).kind >= COMPOSED
    assert np.sqrt(np.square(table_of(network)[has]).mean()) == pytest.approx(0.02, rel=0.5)
    ids = torch.tensor([tokenizer("the good film, unable")["input_ids"]])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(8):
        scores = network(ids).prediction_logits
        loss = torch.nn.functional.cross_entropy(scores[0], ids[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weights = network.get_input_embeddings().parametrizations.weight
    assert weights.original.shape == (size(tokenizer), length)
    assert weights[0].matrix.grad.abs().sum() > 0
    assert losses[-1] < losses[0]
    before = network(ids).prediction_logits
    merge_projection(network)
    torch.testing.assert_close(network(ids).prediction_logits, before)
    assert {name: weight.shape for name, weight in network.state_dict().items()} == plain
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight
    merge_projection(network)  # nothing is left to do


def test_a_model_without_an_output_layer_and_with_rows_to_spare(bert):
    network = BertModel(BertConfig(vocab_size=size(bert) + 3, hidden_size=6, num_hidden_layers=0,
                                   num_attention_heads=1, intermediate_size=4))  # fmt: skip
    before = table_of(network)
    start_from_vectors(network, bert, made_up())
    np.testing.assert_array_equal(table_of(network)[size(bert) :], before[size(bert) :])
    assert not np.array_equal(table_of(network), before)


def test_the_same_seed_gives_the_same_start(bert):
    tables = []
    for seed in (1, 1, 2):
        network = model(bert)
        start_from_vectors(network, bert, made_up(), seed=seed)
        tables.append(table_of(network))
    np.testing.assert_array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])


def test_what_is_told(bert):
    vectors = made_up()
    start = start_from_vectors(model(bert), bert, vectors)
    kind = piece_vectors(bert, vectors).kind
    assert start["direct"] == (kind == DIRECT).sum()
    assert (
        start["pieces"]
        == start["direct"] + start["composed"] + start["random"] + start["special"]
        == size(bert)
    )
    assert start["direct_share"] + start["composed_share"] + start["random_share"] == pytest.approx(1)
    assert (start["random_share"], start["shares_from"]) == (0, "words")
    assert json.loads(json.dumps(start)) == start
    assert f"{start['direct']:,} of {size(bert)} pieces start from the vector of a word" in start["told"]
    counts = np.zeros(size(bert), dtype=np.int64)
    counts[bert.convert_tokens_to_ids(["good", "##able", "story", "[UNK]"])] = (5, 3, 2, 90)
    start = start_from_vectors(model(bert), bert, vectors, counts=counts)
    assert (start["direct_share"], start["composed_share"], start["random_share"]) == (0.5, 0.3, 0.2)
    assert start["shares_from"] == "pieces"
    assert start_from_vectors(model(bert), bert, made_up(counts=False))["shares_from"] == "ranks"


def test_what_cannot_start(bert, tmp_path):
    vectors = made_up()
    vectors.vectors[3, 2] = np.inf
    with pytest.raises(VectorsError, match="'film' has a number that is not finite"):
        start_from_vectors(model(bert), bert, vectors)
    with pytest.raises(VectorsError, match="none of the 2 words"):
        start_from_vectors(model(bert), bert, made_up(["слово", "ωωω"]))
    with pytest.raises(VectorsError, match="are the same"):
        start_from_vectors(model(bert), bert, made_up(["the"]))
    with pytest.raises(VectorsError, match="no word vectors"):
        start_from_vectors(model(bert), bert, WordVectors([], np.zeros((0, 4), np.float32)))
    with pytest.raises(SettingError, match='"pca" or "projection"'):
        start_from_vectors(model(bert), bert, made_up(), bridge="svd")
    small = BertModel(BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=0, num_attention_heads=1))
    with pytest.raises(SettingError, match=r"the tokenizer has a piece number \d+, the model 9;"):
        start_from_vectors(small, bert, made_up())
    roberta = AutoTokenizer.from_pretrained(tiny_roberta(tmp_path / "roberta"))
    with pytest.raises(SettingError, match="and this one is BPE"):
        start_from_vectors(model(roberta), roberta, made_up())
    with pytest.raises(SettingError, match="counts are those of 2 pieces"):
        start_from_vectors(model(bert), bert, made_up(), counts=np.ones(2, np.int64))
