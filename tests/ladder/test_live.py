"""The report that answers: what is in the page, and that its answers are those of Python."""

import json
import os
import re
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model, climb
from wordladder.data.examples import Examples
from wordladder.errors import SettingError
from wordladder.ladder import live
from wordladder.ladder.climb_folder import ClimbFolder
from wordladder.ladder.live import live_section, pack
from wordladder.ladder.report import report
from wordladder.text.words import TextSettings, tokenize

ODD = [
    "", "  ", "Straße İstanbul ΣΑΣ ΟΔΟΣ", "don't ’tis 'quoted' rock'n'roll a''b", "1️⃣ #️⃣ 👩‍👩‍👧 👍🏽 🇩🇪🇫🇷🇮 ❤️",
    "e\u0301le\u0300ve \u200d x \u00adsoft\u00adhyphen", "𝔘nicode 𠀀字 我喜欢 it.", "3.5% of $10 (so) - yes!",
    "a\tb\nc\u2028d\u0085e", "\u0301 starts", "zzz\u200d", "A" * 300,
]  # fmt: skip
SHIM = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const element = (id) => id.startsWith("live-") || id in given.scripts
  ? { textContent: given.scripts[id], addEventListener() {} } : null;
globalThis.document = { getElementById: element };
"""
ASK = """
const found = { words: given.texts.map((text) => wordsOf(codesOf(text), "characters")) };
found.whitespace = given.texts.map((text) => wordsOf(codesOf(text), "whitespace"));
await ready;
found.jieba = given.chinese.map((text) => group(codesOf(text), wordsOf(codesOf(text), "jieba")));
for (const model of models) found[model.name] = await classify(model, given.texts);
console.log(JSON.stringify(found));
"""


class Scripts(HTMLParser):
    """The script elements of a page."""

    def __init__(self, page):
        super().__init__()
        self.data, self.code, self.at = {}, "", None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            assert "src" not in dict(attributes)
            self.at = dict(attributes).get("id", "code")

    def handle_endtag(self, tag):
        self.at = None

    def handle_data(self, data):
        if self.at == "code":
            self.code += data
        elif self.at is not None:
            self.data[self.at] = self.data.get(self.at, "") + data


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    texts, labels = reviews(300)
    texts = [f"{text} İ 我 don't" if n % 7 == 0 else text for n, text in enumerate(texts)]
    out = tmp_path_factory.mktemp("live") / "c"
    found = climb(Examples((texts,), labels), output=out, rungs=["tfidf", "fasttext"], seeds=1, threads=1)
    test = Examples(([*texts[:60], "</script><script>alert(1)</script>"],), None)
    section, notes = live_section(found, test, ClimbFolder(out))
    assert notes == []
    return found, out, section, texts[:60] + ODD


def test_the_page_has_its_models_and_loads_nothing(climbed):
    found, _, section, _ = climbed
    page = report(found, section)
    scripts = Scripts(page)
    models = json.loads(scripts.data["live-models"])
    assert {model["name"] for model in models} == {"tfidf", "fasttext"}
    assert models[0]["name"] == (found.recommended or found.best)
    for model in models:
        assert set(model["blobs"].values()) <= set(scripts.data)
    assert "alert(1)</script>" not in section.replace("&lt;/script&gt;", "")
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "<script" not in report(found)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_words_and_answers_are_those_of_python(climbed, tmp_path):
    _, out, section, texts = climbed
    scripts = Scripts(section)
    (tmp_path / "page.mjs").write_text(SHIM + scripts.code + ASK, encoding="utf-8")
    random = np.random.default_rng(1)
    letters = list(
        "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种"
    )
    chinese = ["".join(random.choice(letters, size)) for size in random.integers(1, 40, 300)]
    chinese += [
        *ODD,
        "我来到北京清华大学，他来到了网易杭研大厦。",
        "小明硕士毕业于中国科学院计算所3次",
        "𠀀龥鿕鿖一a二",
    ]
    scripts.data["jieba"] = live._text_of(live._jieba())
    given = {"scripts": scripts.data, "texts": texts, "chinese": chinese}
    (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8")
    command = ["node", str(tmp_path / "page.mjs"), str(tmp_path / "given.json")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    asked = {"words": ("characters", texts), "whitespace": ("whitespace", texts), "jieba": ("jieba", chinese)}
    for name, (segmenter, read) in asked.items():
        tokens = tokenize(read, TextSettings(segmenter=segmenter))
        for row, text in enumerate(read):
            here = slice(tokens.offsets[row], tokens.offsets[row + 1])
            expected = np.column_stack([tokens.starts[here], tokens.ends[here]]).tolist()
            assert found[name][row] == expected, (name, text)
    for name in ("tfidf", "fasttext"):
        model = Model.load(out / "runs" / name / "seed-1" / "model")
        assert np.array(found[name]) == pytest.approx(model.predict_proba(texts), abs=1e-5), name


def test_several_labels_whitespace_and_letters_of_words(tmp_path):
    texts, labels = reviews(120)
    several = [(label, "long") if len(text) > 40 else (label,) for text, label in zip(texts, labels)]
    text = {"segmenter": "whitespace", "max_words": 5}
    recipe = {"shallow": {"kind": "fasttext", "max_n": 4, "epochs": 2}, "text": text}
    Model(recipe).fit(texts, several, dev=(texts, several)).save(tmp_path / "m")
    packed = pack(tmp_path / "m")
    assert (packed.facts["segmenter"], packed.facts["max_words"], packed.facts["max_n"]) == (
        "whitespace",
        5,
        4,
    )
    assert packed.facts["multi_label"]
    assert len(packed.facts["thresholds"]) == 3


def test_what_the_page_cannot_run_is_said(climbed, tmp_path, small_model, monkeypatch):
    found, out, _, texts = climbed
    test = Examples((texts,), None)
    with pytest.raises(SettingError, match="live is for classification, not for tagging"):
        climb(test, output=tmp_path / "t", task="tagging", live=True)
    monkeypatch.setattr(live, "MOST_BYTES", 20_000)
    section, notes = live_section(found, test, ClimbFolder(out))
    assert section == ""
    assert {note.split(" is not in the page: it takes ")[0] for note in notes} == {"tfidf", "fasttext"}
    monkeypatch.setenv("WORDLADDER_ORT_WEB", str(tmp_path / "nowhere"))
    with pytest.raises(SettingError, match="networks in the page need onnxruntime-web: npm install"):
        live._runtime_folder()
    pytest.importorskip("onnx")
    small_model.save(tmp_path / "m")
    packed = pack(tmp_path / "m")
    assert packed.needs_runtime
    assert "film" in packed.blobs["words"].decode().split("\n")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """<script type="module">
const found = {};
try {
  const texts = %s;
  const { models, classify } = globalThis.wordladder;
  for (const model of models) found[model.name] = await classify(model, texts);
} catch (error) { found.error = String(error); }
await fetch("http://127.0.0.1:%d/", { method: "POST", mode: "no-cors", body: JSON.stringify(found) });
</script>"""


@pytest.mark.skipif(CHROMIUM is None or "CI" in os.environ, reason="needs Chromium, on a quiet machine")
def test_a_browser_gives_the_same_answers(climbed, tmp_path):
    found, out, section, texts = climbed
    told, came = [], threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            came.set()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    probe = PROBE % (json.dumps(texts), server.server_port)
    page = tmp_path / "page.html"
    page.write_text(report(found, section).replace("</body>", f"{probe}</body>"), encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([CHROMIUM, *flags, "--remote-debugging-port=0", page.as_uri()], **quiet)
    try:
        if not came.wait(60):
            pytest.skip("Chromium does not start here")
    finally:
        process.kill()
        process.wait()
        server.shutdown()
    answers = json.loads(told[0])
    assert "error" not in answers, answers
    for name in ("tfidf", "fasttext"):
        model = Model.load(out / "runs" / name / "seed-1" / "model")
        assert np.array(answers[name]) == pytest.approx(model.predict_proba(texts), abs=1e-5), name
