"""Maps of words: scikit-learn is the twin of the arithmetic; labels stay apart; pictures can be opened."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import MissingExtraError, SettingError, UserError, VectorsError
from wordladder.evaluation import label_fonts
from wordladder.evaluation.label_fonts import fonts_for
from wordladder.evaluation.label_placement import draw_labels
from wordladder.evaluation.word_map import word_map
from wordladder.evaluation.word_map_picture import draw_word_map, picture_format
from wordladder.text.subwords import Subwords
from wordladder.word_vectors import WordVectors

MAGIC = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


@pytest.fixture(scope="module")
def vectors():
    """Three groups of words, each around a direction of its own."""
    chance = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 12), 10, axis=0) * 3
    table = centres + chance.normal(scale=0.4, size=(30, 12))
    words = [f"{kind}{number}" for kind in ("cat", "sea", "law") for number in range(10)]
    return WordVectors(words, table.astype(np.float32), settings={"lowercase": True})


def run(*args, code=0):
    """What a command gave; an error of the user is raised as it is."""
    done = CliRunner().invoke(app, ["vectors", "map", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_components_are_those_of_scikit_learn(vectors):
    decomposition = pytest.importorskip("sklearn.decomposition")
    found = word_map(vectors, vectors.words)
    units = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    twin = decomposition.PCA(2)
    points = twin.fit_transform(units.astype(np.float64))
    points *= np.sign((points * found.points).sum(axis=0))
    np.testing.assert_allclose(found.points, points, atol=1e-6)
    np.testing.assert_allclose(found.explained, twin.explained_variance_ratio_, atol=1e-6)


def test_a_map_is_the_same_way_up_whatever_the_order(vectors):
    forward, backward = (word_map(vectors, words) for words in (vectors.words, vectors.words[::-1]))
    np.testing.assert_allclose(forward.points, backward.points[::-1], atol=1e-9)


def test_neighbours_come_along_with_the_nearest_word(vectors):
    found = word_map(vectors, ["cat0", "sea1", "cat1", "cat0"], neighbors=5)
    assert found.words[: found.asked] == ("cat0", "sea1", "cat1")
    assert len(set(found.words)) == len(found.words)
    for word, group in zip(found.words[3:], found.groups[3:]):
        cosines = [vectors.similarity(word, asked) for asked in ("cat0", "sea1", "cat1")]
        near = [dict(vectors.most_similar(asked, topn=5)) for asked in ("cat0", "sea1", "cat1")]
        assert group == max((i for i in range(3) if word in near[i]), key=lambda i: cosines[i])
    assert {word[:3] for word, group in zip(found.words, found.groups) if group == 1} == {"sea"}


def test_tsne_keeps_neighbours_together_and_repeats(vectors):
    pytest.importorskip("sklearn")
    found, again = (word_map(vectors, vectors.words, method="tsne", seed=3) for _ in range(2))
    np.testing.assert_array_equal(found.points, again.points)
    apart = np.linalg.norm(found.points[:, None] - found.points[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert all(found.words[near][:3] == word[:3] for word, near in zip(found.words, apart.argmin(axis=1)))
    assert found.perplexity == pytest.approx(29 / 3)
    assert found.explained is None


def test_tsne_without_scikit_learn_says_what_to_type(vectors, monkeypatch):
    def gone(name, *rest, **others):
        raise ModuleNotFoundError(f"No module named {name!r}", name="sklearn")

    monkeypatch.setattr("wordladder.extras.import_module", gone)
    with pytest.raises(
        MissingExtraError, match=r'by t-SNE needs .sklearn.*pip install "wordladder\[train\]"'
    ):
        word_map(vectors, vectors.words, method="tsne")


def test_words_that_cannot_be_mapped(vectors):
    with pytest.raises(SettingError, match="3 to 1,000 words; these are 2"):
        word_map(vectors, ["cat0", "cat1", "cat0"])
    with pytest.raises(SettingError, match="Did you mean 'tsne'"):
        word_map(vectors, vectors.words, method="tsn")
    with pytest.raises(VectorsError, match="no vector for 'cat99'"):
        word_map(vectors, ["cat0", "cat1", "cat99"])


def test_words_alike_have_places_too():
    flat = WordVectors(["a", "b", "c"], np.ones((3, 4), np.float32))
    found = word_map(flat, flat.words)
    np.testing.assert_allclose(found.points, 0, atol=1e-7)
    assert draw_word_map(found, "png").overlaps == 0
    line = WordVectors(["a", "b", "c"], np.array([[1], [-1], [2]], np.float32))
    assert word_map(line, line.words).explained == (pytest.approx(1), 0)


def test_a_word_never_seen_is_mapped_by_its_subwords(vectors):
    chance = np.random.default_rng(1)
    parts = Subwords(np.zeros((30, 12), np.float32), chance.normal(size=(50, 12)).astype(np.float32))
    whole = WordVectors(vectors.words, vectors.vectors, subwords=parts)
    found = word_map(whole, ["cat0", "sea0", "unseen"], neighbors=2)
    assert found.words[2] == "unseen"


def drawn(points, labels, size=(500, 400)):
    """The boxes of labels on a page of so many pixels, and how many pairs are said to overlap."""
    figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, size[0])
    axes.set_ylim(0, size[1])
    overlaps = draw_labels(axes, points, labels, (0.0, 0.0, *size), ["#000000"] * len(labels), textsize=8)
    return np.array([text.get_window_extent().extents for text in axes.texts]), overlaps


def touching(found):
    """Pairs of boxes that share room, one by one."""
    return sum(
        one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
        for number, one in enumerate(found)
        for other in found[number + 1 :]
    )


@pytest.mark.parametrize("seed", range(4))
def test_labels_touch_neither_each_other_nor_the_page(seed):
    chance = np.random.default_rng(seed)
    spots = chance.uniform((60, 30), (440, 370), size=(60, 2))
    spots[:12] = chance.normal((250, 200), 8, size=(12, 2))  # a crowd
    found, overlaps = drawn(spots, ["abcdefghij"[: chance.integers(3, 10)] for _ in spots])
    assert overlaps == touching(found) == 0
    assert (found >= -1e-6).all()
    assert (found[:, 2:] <= np.array((500, 400)) + 1e-6).all()


def test_a_lonely_label_stands_next_to_its_point():
    (box,), overlaps = drawn([(100, 100)], ["alone"], (300, 200))
    assert overlaps == 0
    assert np.hypot(max(box[0] - 100, 0, 100 - box[2]), max(box[1] - 100, 0, 100 - box[3])) < 12


def test_labels_without_room_are_counted():
    found, overlaps = drawn([(60, 20)] * 30, ["a long label"] * 30, (120, 40))
    assert overlaps == touching(found) > 0


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_pictures_are_what_they_say_and_repeat(vectors, format):
    found = word_map(vectors, ["cat0", "sea1", "law2"], neighbors=4)
    picture = draw_word_map(found, format, title="Cats & $seas$")
    assert picture.content.startswith(MAGIC[format])
    assert (picture.missing, picture.overlaps) == ("", 0)
    assert draw_word_map(found, format, title="Cats & $seas$").content == picture.content


def test_characters_without_a_font_are_told(vectors):
    words = ["cat", "\U0003fffe\u0378", "\ue123"]
    found = word_map(WordVectors(words, np.eye(3, dtype=np.float32)), words)
    assert "\ue123" not in fonts_for("plain é ß Ω")[1]
    assert fonts_for("plain é ß Ω") == (["DejaVu Sans"], "")
    assert "\ue123" in draw_word_map(found, "png").missing or fonts_for("\ue123")[1] == ""


def test_an_installed_font_with_the_characters_is_taken(monkeypatch):
    has = {"DejaVu Sans": "abc", "A Serif": "abc猫", "Noto Sans CJK SC": "a猫狗", "Last Resort": "abc猫狗兔"}
    monkeypatch.setattr(label_fonts, "_find_new_fonts", lambda manager: None)
    monkeypatch.setattr(label_fonts, "_files", lambda manager, family: [family])
    monkeypatch.setattr(label_fonts, "_characters", lambda file: {ord(one) for one in has.get(file, "")})
    monkeypatch.setattr(
        "matplotlib.font_manager.fontManager.ttflist", [type("", (), {"name": name}) for name in has]
    )
    assert fonts_for("cab") == (["DejaVu Sans"], "")
    assert fonts_for("cat猫") == (["DejaVu Sans", "Noto Sans CJK SC"], "t")
    assert fonts_for("猫狗兔") == (["DejaVu Sans", "Noto Sans CJK SC"], "兔")


def test_a_font_can_be_given(tmp_path):
    from matplotlib.font_manager import findfont

    assert fonts_for("abc", findfont("DejaVu Serif"))[0] == ["DejaVu Serif", "DejaVu Sans"]
    (tmp_path / "no.ttf").write_text("no font", encoding="utf-8")
    with pytest.raises(SettingError, match=r"no\.ttf is not a font file"):
        fonts_for("abc", tmp_path / "no.ttf")


def test_the_command_draws(vectors, tmp_path):
    vectors.save(tmp_path / "words.safetensors")
    (tmp_path / "list.txt").write_text("sea1\n\n law2 \n", encoding="utf-8")
    picture = tmp_path / "map.SVG"
    args = (tmp_path / "words.safetensors", "CAT0", "--words-file", tmp_path / "list.txt", "-o", picture)
    told = json.loads(run(*args, "--neighbors", 2, "--json").stdout)
    assert [one["word"] for one in told["words"][:3]] == ["cat0", "sea1", "law2"]
    assert {one["group"] for one in told["words"]} == {"cat0", "sea1", "law2"}
    assert len(told["words"]) == 9
    assert sum(told["explained"]) <= 1
    assert picture.read_bytes().startswith(MAGIC["svg"])
    assert "9 words" in run(*args, "--neighbors", 2).stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("cat0", "-o", "map.jpg"), r"map.jpg: the name of a picture must end with \.svg, \.png or \.pdf"),
        (("cat0", "cat1", "-o", "map.png"), "3 to 1,000 words"),
        (("cat0", "--words-file", "broken", "-o", "map.png"), "broken, line 2: .*0xFF at byte offset 4"),
        (("cat0", "--words-file", "none", "-o", "map.png"), "There is no file none"),
        (("cat0", "cat1", "cat2", "-o", "map.png", "--method", "umap"), "method is 'umap'"),
    ],
)
def test_mistakes_are_told(vectors, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    vectors.save("words.safetensors")
    (tmp_path / "broken").write_bytes(b"ab\nc\xff\n")
    with pytest.raises(UserError, match=message):
        run("words.safetensors", *args)
    assert not list(tmp_path.glob("map.*"))


def test_without_matplotlib_the_command_says_what_to_type(vectors, tmp_path, monkeypatch):
    def gone(name, *rest, **others):
        raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")

    vectors.save(tmp_path / "words.safetensors")
    monkeypatch.setattr("wordladder.extras.import_module", gone)
    with pytest.raises(MissingExtraError, match=r'pip install "wordladder\[plot\]"'):
        run(tmp_path / "words.safetensors", "cat0", "cat1", "cat2", "-o", tmp_path / "map.svg")


def test_a_missing_font_is_told_once(vectors, tmp_path, monkeypatch):
    vectors.save(tmp_path / "words.safetensors")
    monkeypatch.setattr(
        "wordladder.evaluation.word_map_picture.fonts_for", lambda text, font: (["DejaVu Sans"], "猫")
    )
    done = run(tmp_path / "words.safetensors", "cat0", "cat1", "cat2", "-o", tmp_path / "map.png")
    assert done.stderr.count("no installed font has '猫'") == 1


def test_picture_formats():
    assert [picture_format(name) for name in ("a.svg", "b.PNG", "c.d.pdf")] == ["svg", "png", "pdf"]
    with pytest.raises(SettingError, match="must end with"):
        picture_format("map")
