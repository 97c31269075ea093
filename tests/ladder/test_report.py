"""The report: self-contained, escaped, complete; and pictures whose names do not hide each other."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up import made_up_climb, rule

from wordladder.evaluation.label_placement import draw_labels
from wordladder.ladder.picture import NARROW, VARIABLES, WIDE, cost_picture
from wordladder.ladder.price import COSTS, UNITS
from wordladder.ladder.report import report
from wordladder.ladder.sentences import caveats

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
    assert caveats(climb)


def test_pictures_take_their_colours_from_the_page(climb):
    for shape in (WIDE, NARROW):
        svg = cost_picture(climb, COSTS["latency"], shape)
        assert "var(--ink)" in svg
        assert "var(--accent)" in svg
        assert not set(re.findall(r"#[0-9a-f]{6}", svg)) & set(VARIABLES)
        assert re.findall(r"(?:fill|stroke): (?!none|var)[^;\"]+", svg) == []
        assert "font-family" not in svg
        assert f'viewBox="0 0 {shape.width:g} {shape.height:g}"' in svg


def test_names_hide_neither_points_nor_lines_nor_each_other():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), dpi=72)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    points = [(1, 5), (1.2, 5.2), (1.4, 4.9), (5, 5), (5.3, 5), (9.8, 9.8), (9.9, 0.1), (5.1, 5.6)]
    for x, y in points:
        axes.plot([x, x], [y - 0.5, y + 0.5])
    names = [f"a long name {number}" for number in range(len(points))]
    assert draw_labels(axes, points, names, (0, 0, 360, 216), ["#000000"] * len(points), textsize=9) == 0
    boxes = [text.get_window_extent() for text in axes.texts]
    for number, box in enumerate(boxes):
        assert min(box.x0, box.y0, 360 - box.x1, 216 - box.y1) >= 0
        for other in boxes[number + 1 :]:
            assert not (box.x0 < other.x1 and other.x0 < box.x1 and box.y0 < other.y1 and other.y0 < box.y1)
        for x, y in points:
            for end in np.linspace(y - 0.5, y + 0.5, 9):
                left, bottom = axes.transData.transform((x, end))
                assert not (box.x0 < left < box.x1 and box.y0 < bottom < box.y1)


def test_caveats_tell_the_figures_of_this_climb(climb):
    told = " ".join(caveats(climb))
    assert "400 test rows" in told
    assert "vectors-mean did not" in told
    assert "mean over 2 seeds" in told


def test_a_rung_that_does_not_beat_the_baseline_may_still_be_cheaper(tmp_path):
    made = made_up_climb(tmp_path, {"tfidf": (0.86, 0.4), "fast": (0.80, 0.2), "slow": (0.81, 9.0)})
    told = " ".join(caveats(made))
    assert "slow did not beat it and cost more" in told
    assert "fast did not beat it, but is cheaper in latency" in told


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
    unit = UNITS.get(task, "text")
    made = replace(made, task=task, rule=replace(made.rule, metric=metric, unit=unit))
    assert f"{baseline} reaches" in " ".join(caveats(made))
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
