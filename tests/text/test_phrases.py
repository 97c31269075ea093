"""Phrases: the same pairs, counts and sentences as gensim, with little memory and in small pieces too."""

import json
import random
from collections import Counter

import numpy as np
import pytest
from gensim.models.phrases import ENGLISH_CONNECTOR_WORDS, Phrases
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import SettingError
from wordladder.text import phrases
from wordladder.text.corpus import read_corpus
from wordladder.text.phrases import ENGLISH_CONNECTORS, PhraseSettings
from wordladder.text.words import TextSettings, tokenize
from wordladder.word_vectors import WordVectors

MARKS = set(".,!-—。'’_&\u0301")
WORDS = "new york city of the and a bank london river 我 们 é É 9 2024 x".split()  # noqa: SIM905


def made_up_texts(seed=0, size=800):
    """Texts in which some words like each other, with marks between."""
    chance = random.Random(seed)
    texts = []
    for _ in range(size):
        words = []
        for _ in range(chance.randrange(30)):
            words.append(chance.choice([*WORDS, *["rare"] * 10, *sorted(MARKS)]))
            if words[-1] == "rare":
                words[-1] = f"w{chance.randrange(10**5)}"
            if words[-1] in ("new", "bank") and chance.random() < 0.8:
                words += ["york", "city"] if words[-1] == "new" else ["of", "the", "river"]
        texts.append(" ".join(words))
    return texts


def between_marks(lines):
    """The pieces of lines that marks separate, which gensim gets as sentences."""
    pieces = []
    for line in lines:
        pieces.append([])
        for word in line:
            if word in MARKS:
                pieces.append([])
            else:
                pieces[-1].append(word)
    return [piece for piece in pieces if piece]


def lines_of(corpus):
    lines = [[]]
    for number in corpus.ids.tolist():
        if number < 0:
            lines.append([])
        else:
            lines[-1].append(corpus.vocabulary.words[number])
    return lines


def gensim_joins(sentences, settings):
    for _ in range(settings.passes):
        found = Phrases(
            sentences,
            min_count=settings.min_count,
            threshold=settings.threshold,
            scoring=settings.scoring,
            connector_words=frozenset(settings.connectors),
        )
        sentences = [found[sentence] for sentence in sentences]
    return sentences


SETTINGS = {
    "default": PhraseSettings(threshold=1.5),
    "higher": PhraseSettings(threshold=4, min_count=12),
    "npmi": PhraseSettings(scoring="npmi", threshold=0.1, min_count=2),
    "two passes": PhraseSettings(threshold=3, passes=2),
    "connectors": PhraseSettings(threshold=1, connectors=ENGLISH_CONNECTORS),
    "all": PhraseSettings(scoring="npmi", threshold=0.3, passes=3, connectors=("of", "the", "absent")),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("piece", [3, 1 << 15])
def test_the_same_sentences_as_gensim(name, piece, monkeypatch):
    monkeypatch.setattr(phrases, "_PIECE", piece)
    monkeypatch.setattr(phrases, "_CHUNK", piece)
    texts, settings = made_up_texts(), SETTINGS[name]
    tokens = tokenize(texts)
    lines = [tokens.words_of(number) for number in range(len(texts))]
    with read_corpus(texts=texts, min_count=1, phrases=settings) as corpus:
        found = between_marks(lines_of(corpus))
        assert found == gensim_joins(between_marks(lines), settings)
        assert found != between_marks(lines)
        counts = Counter(word for line in lines_of(corpus) for word in line)
        assert dict(zip(corpus.vocabulary.words, corpus.vocabulary.counts.tolist())) == counts
        assert corpus.kept_words == counts.total() < corpus.words == len(tokens.starts)
        assert corpus.phrases["found"] == len(counts.keys() - {word for line in lines for word in line})


def test_the_same_scores_as_gensim(tmp_path):
    texts = made_up_texts(seed=3)
    tokens = tokenize(texts)
    sentences = between_marks([tokens.words_of(number) for number in range(len(texts))])
    numbers = {word: number for number, word in enumerate(dict.fromkeys(tokens.surfaces()))}
    ids = [[numbers[word] for word in tokens.words_of(number)] + [-1] for number in range(len(texts))]
    np.concatenate(ids).astype(np.int32).tofile(tmp_path / "ids")
    counts = np.array(list(Counter(tokens.surfaces()).values()))
    spelled = [word.encode() for word in numbers]
    begins = np.cumsum([0, *map(len, spelled)])
    known = phrases._Known(
        phrases.RawWords(np.frombuffer(b"".join(spelled), np.uint8), begins, counts), ("of", "the")
    )
    for settings in (PhraseSettings(threshold=0.4), PhraseSettings(scoring="npmi", threshold=-0.2)):
        table = phrases._Table(100_000)
        table.read(tmp_path / "ids", known, phrases.quiet, "counting")
        pairs, scores = table.phrases(known, settings)
        theirs = Phrases(
            sentences, min_count=5, threshold=settings.threshold, scoring=settings.scoring,
            connector_words=frozenset(["of", "the"]),
        )  # fmt: skip
        ours, joined = dict(zip(known.spelled(pairs), scores)), theirs.find_phrases(sentences)
        assert len(joined) > 5
        assert {phrase: ours[phrase] for phrase in joined} == pytest.approx(joined, rel=1e-12)


def test_marks_and_line_ends_part_neighbours_and_rare_words_too():
    texts = ["good, night", "good", "night", "good rare{} night", "Good night"] * 30
    texts = [text.format(number) for number, text in enumerate(texts)]
    settings = PhraseSettings(min_count=1, threshold=0.01)
    with read_corpus(texts=texts, min_count=5, phrases=settings) as corpus:
        assert corpus.vocabulary.words == ["good", "night", ",", "Good_night"]
        assert corpus.vocabulary.counts.tolist() == [90, 90, 30, 30]


def test_a_word_that_looks_like_a_phrase_is_that_phrase():
    texts = ["new york", "new_york", "york", "new_ york _"] * 10
    settings = PhraseSettings(min_count=1, threshold=0.01)
    with read_corpus(texts=texts, text=TextSettings(segmenter="whitespace"), phrases=settings) as corpus:
        counts = dict(zip(corpus.vocabulary.words, corpus.vocabulary.counts.tolist()))
        assert counts == {"new_york": 20, "york": 10, "_": 10, "new__york": 10}
        assert corpus.phrases["joined"] == 20


def test_phrases_that_overlap_are_joined_from_the_left_and_more_passes_make_one():
    texts = ["p q r"] * 20 + ["p", "q", "r"] * 3
    once, twice = (PhraseSettings(min_count=1, threshold=0.1, passes=passes) for passes in (1, 2))
    with read_corpus(texts=texts, min_count=1, phrases=once) as corpus:
        assert lines_of(corpus)[0] == ["p_q", "r"]
    with read_corpus(texts=texts, min_count=1, phrases=twice) as corpus:
        assert lines_of(corpus)[0] == ["p_q_r"]
        assert "p_q" not in corpus.vocabulary


def test_a_full_table_drops_the_rarest_pairs():
    chance = random.Random(1)
    texts = [f"often together w{chance.randrange(10**6)} w{chance.randrange(10**6)}" for _ in range(3000)]
    whole, little = PhraseSettings(threshold=1), PhraseSettings(threshold=1, max_pairs=100)
    with read_corpus(texts=texts, phrases=whole) as one, read_corpus(texts=texts, phrases=little) as other:
        assert one.phrases["dropped_up_to"] == 0 < other.phrases["dropped_up_to"]
        assert lines_of(one) == lines_of(other)
        assert one.vocabulary.words == ["often_together"]


def test_the_table_grows_and_counts_every_pair(tmp_path, monkeypatch):
    monkeypatch.setattr(phrases, "_SLOTS", 16)
    chance = np.random.default_rng(5)
    ids = chance.integers(-1, 300, 20_000).astype(np.int32)
    ids.tofile(tmp_path / "ids")
    words = phrases.RawWords(np.full(300, ord("a"), np.uint8), np.arange(301), np.ones(300, np.int64))
    known, table = phrases._Known(words, ()), phrases._Table(100_000)
    table.read(tmp_path / "ids", known, phrases.quiet, "counting")
    found = {tuple(entry[[0, 2]]): entry[3] for entry in table._slots.reshape(-1, 4) if entry[3]}
    wanted = Counter((a, b) for a, b in zip(ids[:-1].tolist(), ids[1:].tolist()) if a >= 0 and b >= 0)
    assert found == wanted
    assert table.pairs == len(wanted) > 1000


def test_what_was_done_is_told(tmp_path):
    (tmp_path / "text").write_text("\n".join(made_up_texts()), encoding="utf-8")
    told = []
    settings = PhraseSettings(passes=2, threshold=2)
    with read_corpus(
        [tmp_path / "text"], phrases=settings, progress=lambda *facts, **more: told.append(facts[0])
    ) as corpus:
        facts = corpus.phrases
    assert {"counting pairs of words, pass 2 of 2", "joining phrases, pass 1 of 2"} <= set(told)
    assert (facts["passes"], facts["threshold"], facts["connectors"]) == (2, 2, [])
    assert 0 < facts["found"] < facts["joined"]
    with read_corpus([tmp_path / "text"]) as corpus:
        assert corpus.phrases is None


def test_the_command_line(tmp_path):
    (tmp_path / "text").write_text("\n".join(made_up_texts()), encoding="utf-8")

    def train(*options):
        fixed = ["--output", tmp_path / "words.vec", "--dim", 4, "--epochs", 1, "--threads", 1, "--json"]
        given = ["vectors", "train", tmp_path / "text", *fixed, *options]
        done = CliRunner().invoke(app, list(map(str, given)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)["phrases"], WordVectors.load(tmp_path / "words.vec").words

    assert train()[0] is None
    options = ("--phrases", "--phrase-scoring", "npmi", "--phrase-threshold", 0.3, "--phrase-min-count", 9)
    made, words = train(*options, "--phrase-passes", 2, "--phrase-connectors", "english")
    assert (made["passes"], made["connectors"]) == (2, list(ENGLISH_CONNECTORS))
    assert "bank_of_the_river" in words
    with pytest.raises(SettingError, match="without --phrases"):
        train("--phrase-passes", 2)


def test_connectors_are_those_of_gensim():
    assert set(ENGLISH_CONNECTORS) == ENGLISH_CONNECTOR_WORDS


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"scoring": "nmpi"}, "Did you mean 'npmi'"),
        ({"min_count": 0}, "min_count of phrases is 0"),
        ({"passes": 0}, "passes of phrases is 0"),
        ({"max_pairs": 0}, "max_pairs of phrases is 0"),
        ({"threshold": 0}, "must be above 0"),
        ({"threshold": float("nan")}, "must be above 0"),
        ({"scoring": "npmi"}, "between -1 and 1"),
        ({"connectors": ("x",) * 201}, "201 connectors"),
    ],
)
def test_mistakes_are_named(settings, says):
    with pytest.raises(SettingError, match=says):
        PhraseSettings(**settings)
