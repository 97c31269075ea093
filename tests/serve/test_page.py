"""The page, in Chromium: every task answers, mistakes are told, keys are asked for, nothing overflows."""

import os
import re
import shutil

import pytest

from made_up_server import running, write_models

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or "CI" in os.environ, reason="needs Chromium, on a quiet machine"
)

TEXT = "the film was lovely"
# What is typed for each task, and what the answer has.
ASKED = {
    "classify": ((TEXT,), r"positive\s+\d\.\d{3}"),
    "tag": (("we met Ann in Rome .",), r"Ann\s*PER.*Rome\s*LOC"),
    "answer": (("car ?", "the old house red , car blue ,"), r"\d\.\d{3}"),
    "similarity": (("fox word1", "word2"), r"-?\d\.\d{3}"),
    "neighbors": (("fox",), r"word\d+\s+\d\.\d{3}"),
    "search": (("word1",), r"d\d+ \d\.\d{3}"),
    "translate": (("the film was",), r"."),
    "generate": (("the film",), r"the film"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(folders):
    with running(*folders.values()) as (address, _):
        yield address


def opened(browser, address, width=1200, **more):
    """The page, and what its console complains of."""
    page, complaints = browser.new_context(viewport={"width": width, "height": 800}, **more).new_page(), []
    page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page, complaints


def ask(page, *texts):
    for place, text in zip(("#first", "#second"), texts):
        page.fill(place, text)
    page.click("#send")
    playwright.expect(page.locator("#send")).to_be_enabled(timeout=30_000)


@pytest.mark.parametrize(("width", "locale", "scheme"), [(1200, "en", "light"), (360, "zh-CN", "dark")])
def test_every_task_answers(browser, address, width, locale, scheme):
    page, complaints = opened(browser, address, width, locale=locale, color_scheme=scheme)
    page.wait_for_selector("#tabs button")
    tabs = page.locator("#tabs button").evaluate_all("tabs => tabs.map(tab => tab.dataset.task)")
    assert tabs == list(ASKED)
    for task, (texts, answer) in ASKED.items():
        page.click(f'[data-task="{task}"]')
        ask(page, *texts)
        shown = page.locator("#answers .card").inner_text()
        assert re.search(answer, shown, re.DOTALL), (task, shown)
        assert re.search(r"\d+ ms", shown)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, task
    assert page.locator("html").get_attribute("lang") == locale[:2]
    assert not complaints


def test_two_models_beside_each_other_and_the_keyboard(browser, address):
    page, complaints = opened(browser, address)
    page.wait_for_selector("#tabs button")
    page.select_option("#beside", "cheap")
    page.fill("#first", TEXT)
    page.keyboard.press("Control+Enter")
    playwright.expect(page.locator("#answers .card")).to_have_count(2)
    playwright.expect(page.locator("#answers > p")).to_have_text("Both say the same.")
    page.locator('[data-task="classify"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.locator('[aria-selected="true"]').get_attribute("data-task") == "tag"
    named = page.locator("select:visible, textarea:visible, input:visible")
    assert all(named.evaluate_all("all => all.map(one => one.labels.length > 0)"))
    assert not complaints


def test_mistakes_are_told(browser, address):
    page, _ = opened(browser, address)
    page.wait_for_selector("#tabs button")
    page.click("#send")
    playwright.expect(page.locator("#answers .wrong")).to_have_text("Type something first.")
    page.click('[data-task="neighbors"]')
    ask(page, "unheard")
    assert "no vector for 'unheard'" in page.locator("#answers .wrong").inner_text()


def test_texts_are_no_markup_and_keys_are_asked_for(browser, folders, tmp_path):
    (tmp_path / "keys").write_text("secret", encoding="utf-8")
    with running(folders["tagger"], "--keys", tmp_path / "keys") as (address, _):
        page, _ = opened(browser, address)
        playwright.expect(page.locator("#answers .wrong")).to_contain_text("a key is needed")
        page.fill("#key", "secret")
        page.keyboard.press("Tab")
        page.wait_for_selector("#tabs button")
        ask(page, "<img src=x onerror=alert(1)> met Ann in Rome .")
        shown = page.locator("#answers .text")
        assert shown.inner_text().startswith("<img src=x onerror=alert(1)>")
        assert page.locator("#answers img").count() == 0
