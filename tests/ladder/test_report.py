"""The report: self-contained, escaped, complete; and pictures whose names do not hide each other."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from made_up import made_up_climb, rule

from wordladder.ladder.caveats import truths
from wordladder.ladder.labels import HEIGHT, Mark, place_labels
from wordladder.ladder.picture import NARROW, VARIABLES, WIDE, cost_picture
from wordladder.ladder.price import COSTS, unit_of
from wordladder.ladder.report import report

SPEC = {"tfidf": (0.86, 0.4), "vectors-mean": (0.80, 0.2), "bi<lstm>&": (0.90, 2.5), "gru": (0.88, 2.4)}
EMPTY = {"meta", "br", "input", "img", "link"}


class Outline(HTMLParser):
    """Collects tags and text, and checks that what is opened is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def climb(tmp_path_factory):
    return made_up_climb(tmp_path_factory.mktemp("c"), SPEC, broken=("elmo",))


@pytest.fixture(scope="module")
def page(climb):
    return report(climb)


def test_nothing_is_loaded_from_elsewhere(page):
    outline = Outline(page)
    for tag, attributes in outline.tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith("#")
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}


def test_the_ids_differ_and_every_reference_has_one(page):
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    references = set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r'href="#([^"]+)"', page))
    references |= {attributes["for"] for tag, attributes in outline.tags if tag == "label"}
    assert references <= set(outline.ids)


def test_what_the_user_named_is_escaped(page):
    assert "bi<lstm>" not in page
    assert "bi&lt;lstm&gt;&amp;" in page
    assert "&lt;cut&gt;" in page


def test_everything_is_on_the_page(climb, page):
    text = " ".join(Outline(page).text.split())
    rest = climb.reason.partition(": ")[2]
    for part in (
        rest[1:],
        "it broke",
        "tfidf",
        "3 of the 400 test texts",
        "A fifth was held out.",
        "a processor",
    ):
        assert part in text
    assert text.count("95 %") >= 2
    assert page.count("<details>") == len(climb.rungs)
    for kind in COSTS.values():
        assert kind.axis.format("text") in text


def test_the_first_picture_is_that_of_the_cost_that_chose(tmp_path):
    climb = made_up_climb(tmp_path, SPEC, chosen_by=rule(rows=400, cost="size"))
    inputs = [attributes for tag, attributes in Outline(report(climb)).tags if tag == "input"]
    assert [attributes["id"] for attributes in inputs if "checked" in attributes] == ["by-size"]


def test_the_budget_is_told_in_words(tmp_path):
    limits = {"max_size_mb": 50, "max_latency_ms": 1}
    page = report(made_up_climb(tmp_path, SPEC, chosen_by=rule(rows=400, **limits)))
    assert "The budget: at most 1 ms a text and 50 MB on disk." in page


@pytest.mark.parametrize(
    ("spec", "broken", "limits"),
    [
        ({"tfidf": (0.9, 0.5)}, (), {}),
        ({}, ("tfidf", "gru"), {}),
        (SPEC, (), {"max_latency_ms": 1}),
        (SPEC, (), {"max_latency_ms": 0.001, "max_size_mb": 1e6}),
        ({"a": (1.0, 0.5), "b": (1.0, 0.5)}, (), {}),
        ({f"rung-{n}": (0.9, 0.5) for n in range(15)}, (), {}),
    ],
)
def test_every_kind_of_climb_has_a_report(tmp_path, spec, broken, limits):
    climb = made_up_climb(tmp_path, spec, broken=broken, chosen_by=rule(rows=400, **limits))
    Outline(report(climb))
    assert truths(climb)


def test_pictures_take_their_colours_from_the_page(climb):
    for shape in (WIDE, NARROW):
        svg = cost_picture(climb, COSTS["latency"], shape)
        assert "var(--ink)" in svg
        assert "var(--accent)" in svg
        assert not set(re.findall(r"#[0-9a-f]{6}", svg)) & set(VARIABLES)
        assert re.findall(r"(?:fill|stroke): (?!none|var)[^;\"]+", svg) == []
        assert "font-family" not in svg
        assert f'viewBox="0 0 {shape.width:g} {shape.height:g}"' in svg


def test_names_hide_neither_points_nor_each_other():
    from matplotlib.figure import Figure

    axes = Figure(figsize=(5, 3), dpi=72).add_axes((0.1, 0.1, 0.8, 0.8))
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    places = [(1, 5), (1.2, 5.2), (1.4, 4.9), (5, 5), (5.3, 5), (9.8, 9.8), (9.9, 0.1), (5.1, 5.6)]
    marks = [Mark(x, y, y - 0.5, y + 0.5, f"a long name {n}", "#000000") for n, (x, y) in enumerate(places)]
    place_labels(axes, marks)
    boxes = []
    for note in axes.texts:
        box = note.get_window_extent()
        middle = (box.y0 + box.y1) / 2
        boxes.append((box.x0, middle - HEIGHT / 2, box.x1, middle + HEIGHT / 2))
    points = [axes.transData.transform(place) for place in places]
    for number, (left, bottom, right, top) in enumerate(boxes):
        for other in boxes[number + 1 :]:
            assert (
                right <= other[0] + 2 or other[2] <= left + 2 or top <= other[1] + 2 or other[3] <= bottom + 2
            )
        for x, y in points:
            assert not (left < x < right and bottom < y < top)


def test_truths_tell_the_figures_of_this_climb(climb):
    told = " ".join(truths(climb))
    assert "400 test rows" in told
    assert "vectors-mean did not" in told
    assert "mean over 2 seeds" in told


def test_a_rung_that_does_not_beat_the_baseline_may_still_be_cheaper(tmp_path):
    made = made_up_climb(tmp_path, {"tfidf": (0.86, 0.4), "fast": (0.80, 0.2), "slow": (0.81, 9.0)})
    told = " ".join(truths(made))
    assert "slow did not beat it here and cost more" in told
    assert "fast did not beat it either, but takes less time for one text (median)" in told


@pytest.mark.parametrize(
    ("task", "metric", "baseline", "name"),
    [
        ("tagging", "f1", "crf", "F1 of entities"),
        ("tagging", "accuracy", "crf", "Accuracy of words"),
        ("span_qa", "f1", "bidaf", "F1 of answers"),
        ("span_qa", "exact_match", "bidaf", "Exact match"),
        ("classification", "macro_f1", "tfidf", "Macro F1"),
    ],
)
def test_every_task_has_its_baseline_and_its_words(tmp_path, task, metric, baseline, name):
    made = made_up_climb(tmp_path, {baseline: (0.86, 0.4), "other": (0.80, 0.2)})
    unit = unit_of(task)
    made = replace(made, task=task, rule=replace(made.rule, metric=metric, unit=unit))
    assert f"{baseline} reaches" in " ".join(truths(made))
    page = report(made)
    assert f">{name}</th>" in page
    assert re.search(f"↑ {name} on 400", page, re.IGNORECASE)
    assert unit == {"tagging": "sentence", "span_qa": "question"}.get(task, "text")
    for told in (
        f"up to 200 {unit}s of",
        f">{unit.capitalize()}s a second</th>",
        f"time for one {unit} (median)",
    ):
        assert told in page
