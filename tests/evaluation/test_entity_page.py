"""The page of entities: what is marked, escaped, coloured and switched, and what is refused."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.errors import DataError
from wordladder.evaluation.entity_marks import COLOURS, colour_numbers, pieces
from wordladder.evaluation.entity_page import entity_page


def entity(start, end, type="PER", **more):
    return {"type": type, "start": start, "end": end, "text": "", **more}


def page(*rows, title="Entities"):
    return entity_page([text for text, _ in rows], [{"entities": found} for _, found in rows], title)


class Reader(HTMLParser):
    """What a browser would show: paragraphs without labels, marks, check boxes, and what would be loaded."""

    def __init__(self, source):
        super().__init__()
        self.open, self.paragraphs, self.marks, self.boxes, self.loaded = [], [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.loaded += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag in {"meta", "input"}:
            self.boxes += [attributes] if tag == "input" else []
            return
        self.open.append(f"{tag}.{attributes.get('class', '')}")
        if tag == "p" and "li" in [name.split(".")[0] for name in self.open]:
            self.paragraphs.append("")
        if tag == "mark":
            self.marks.append([attributes, "", ""])

    def handle_endtag(self, tag):
        assert self.open.pop().split(".")[0] == tag

    def handle_data(self, data):
        if "mark" in [name.split(".")[0] for name in self.open]:
            self.marks[-1][2 if "span.type" in self.open else 1] += data
        if "li." in self.open or "li.bare" in self.open:
            self.paragraphs[-1] += data if "span.type" not in self.open and self.paragraphs else ""


def test_marks_stand_where_the_entities_are():
    text = "Ana lives in New York."
    read = Reader(page((text, [entity(13, 21, "LOC", confidence=0.875), entity(0, 3)])))
    assert [(shown, type) for _, shown, type in read.marks] == [("Ana", "PER"), ("New York", "LOC")]
    assert [attributes["title"] for attributes, _, _ in read.marks] == ["PER", "LOC, confidence 87.5%"]
    assert [attributes.get("style") for attributes, _, _ in read.marks] == [None, "--sure:0.88"]
    assert read.paragraphs == [text]


@given(
    st.lists(
        st.tuples(
            st.text(alphabet="a<>&\"'$ \n北א", min_size=1, max_size=8), st.sampled_from([None, "<b>", "LOC"])
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_every_text_comes_out_as_it_is(parts):
    text, found = "", []
    for part, type in parts:
        if type:
            found.append(entity(len(text), len(text) + len(part), type, confidence=0.5))
        text += part
    read = Reader(page((text, found)))
    assert read.paragraphs == [text]
    assert [(shown, type) for _, shown, type in read.marks] == [(part, type) for part, type in parts if type]
    assert not read.open


def test_the_page_needs_nothing_from_elsewhere():
    source = page(("<script>alert(1)</script>", [entity(0, 25, "<i>")]), title='<img src="x">')
    read = Reader(source)
    assert not read.loaded
    assert "<script" not in source
    assert "<img" not in source
    assert "<i>" not in source
    assert not re.search(r"url\(|@import|https?:", source)
    assert "prefers-color-scheme: dark" in source
    assert "@media print" in source


def test_a_switch_for_each_type_and_for_texts_without():
    source = page(("ab", [entity(0, 1, "X"), entity(1, 2, "Y")]), ("c", [entity(0, 1, "Y")]), ("d", []))
    read = Reader(source)
    assert [(box["id"], box["aria-label"]) for box in read.boxes] == [
        ("type-0", "Y"), ("type-1", "X"), ("bare", "Texts without entities"),
    ]  # fmt: skip
    assert all("checked" in box for box in read.boxes)
    assert ["in-0" in a["class"] for a, _, type in read.marks if type == "Y"] == [True, True]
    assert "#type-0:not(:checked) ~ main mark.in-0" in source
    labels = re.findall(r'<label for="([^"]+)".*?class="count">([^<]+)<', source)
    assert labels == [("type-0", "2"), ("type-1", "1"), ("bare", "1")]
    assert "3 texts · 3 entities · 2 types" in source


def test_the_unsure_are_dotted():
    read = Reader(page(("ab", [entity(0, 1, confidence=0.59), entity(1, 2, confidence=0.61)])))
    assert ["unsure" in attributes["class"].split() for attributes, _, _ in read.marks] == [True, False]


def test_chinese_is_told_from_japanese():
    source = page(("北京", []), ("東京の", []), ("Paris", []))
    assert re.findall(r"<p dir=\"auto\"([^>]*)>", source) == [' lang="zh"', "", ""]


def test_no_texts_and_no_entities():
    assert "No texts." in page()
    source = page(("a", []))
    assert "No entities were found." in source
    assert not Reader(source).boxes


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([entity(0, 9)], "text 2: the entity 0:9 .PER. is not inside the text of 5 characters"),
        ([entity(-1, 2)], "is not inside"),
        ([entity(2, 2)], "is not inside"),
        ([entity(0, 3), entity(2, 4, "LOC")], "text 2: the entity 2:4 .LOC. overlaps .* ends at 3"),
    ],
)
def test_entities_that_cannot_be_marked(found, message):
    with pytest.raises(DataError, match=message):
        page(("first", []), ("abcde", found))


def test_answers_of_another_kind():
    with pytest.raises(DataError, match="text 1: its answer has no 'entities', only 'label', 'confidence'"):
        entity_page(["a"], [{"label": "x", "confidence": 1.0}], "t")
    with pytest.raises(DataError, match="2 texts, but 1 answers"):
        entity_page(["a", "b"], [{"entities": []}], "t")


@given(st.lists(st.text(alphabet="abcABC", min_size=1, max_size=3), max_size=40))
@settings(max_examples=60, deadline=None)
def test_types_share_a_colour_only_when_there_are_more_than_colours(types):
    numbers = colour_numbers(types)
    assert set(numbers) == set(types)
    assert len(set(numbers.values())) == len(numbers)
    assert not numbers or max(numbers.values()) < -(-len(numbers) // COLOURS) * COLOURS


def test_the_usual_types_have_the_same_colour_everywhere():
    assert colour_numbers(["LOC", "PER", "ORG", "MISC"]) == {"PER": 0, "LOC": 1, "ORG": 2, "MISC": 3}
    many = colour_numbers(["LOC", *(f"a{number}" for number in range(30))])
    assert many["LOC"] == 1
    assert colour_numbers(["date"])["date"] == colour_numbers(["LOC", "date"])["date"]


def test_pieces_are_the_text():
    text = "one two three"
    found = [entity(8, 13), entity(0, 3), entity(3, 4)]
    assert [piece for piece, _ in pieces(text, found)] == ["one", " ", "two ", "three"]
    assert [piece for piece, _ in pieces("", [])] == []
