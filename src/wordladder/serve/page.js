// The page that tries the served models.
"use strict";
const WORDS = {
  en: {
    skip: "To the answers", model: "Model", beside: "Beside it", none: "none", rerank: "Ranked again by", reader: "Answered by",
    send: "Ask", keys: "Ctrl+Enter", key: "API key", keyHint: "Kept in this tab only.", requests: "All requests",
    classify: "Label", tag: "Entities", answer: "Answer", similarity: "Similarity", neighbors: "Neighbors",
    search: "Search", translate: "Translate", generate: "Write",
    text: "Text", first: "First text", second: "Second text", question: "Question", passage: "Passage", word: "Words",
    query: "Query", prompt: "Beginning", nothing: "Nothing found.", noAnswer: "No answer in this passage.",
    empty: "Type something first.", away: "The server does not answer.", wait: "Computing…", noModels: "No model is served that this page can try.",
    same: "Both say the same.", other: "They differ.",
  },
  zh: {
    skip: "跳到结果", model: "模型", beside: "对照模型", none: "无", rerank: "重排模型", reader: "阅读模型",
    send: "运行", keys: "Ctrl+Enter", key: "API 密钥", keyHint: "只保存在当前标签页。", requests: "全部接口",
    classify: "分类", tag: "实体", answer: "问答", similarity: "相似度", neighbors: "近邻词",
    search: "检索", translate: "翻译", generate: "写作",
    text: "文本", first: "第一段文本", second: "第二段文本", question: "问题", passage: "段落", word: "词语",
    query: "查询", prompt: "开头", nothing: "没有结果。", noAnswer: "该段落中没有答案。",
    empty: "请先输入内容。", away: "服务器没有响应。", wait: "计算中…", noModels: "没有可在此页面试用的模型。",
    same: "两个模型答案相同。", other: "两个模型答案不同。",
  },
};

// Of each task: the labels of its fields, what is sent, and how an answer is shown.
const TASKS = {
  classify: {
    fields: (model) => (model.pairs ? ["first", "second"] : ["text"]),
    body: (first, second, model) => ({ texts: [model.pairs ? [first, second] : first], top: 5 }),
    show: (found) => labels(found.answers[0]),
    essence: (found) => JSON.stringify(found.answers[0].label ?? found.answers[0].value),
  },
  tag: {
    fields: () => ["text"],
    body: (text) => ({ texts: [text] }),
    show: (found, text) => marked(text, spansOf(found.answers[0])),
    essence: (found) => JSON.stringify(spansOf(found.answers[0]).map((one) => [one.start, one.end, one.type])),
  },
  answer: {
    fields: () => ["question", "passage"],
    body: (question, passage) => ({ questions: [{ question, passage }] }),
    show: (found, _, passage) => answered(found.answers[0].answer, passage),
    essence: (found) => found.answers[0].answer.text,
  },
  similarity: {
    fields: () => ["first", "second"],
    body: (first, second) => ({ pairs: [[first, second]] }),
    show: (found) => bars([[words.similarity, found.values[0]]]),
  },
  neighbors: {
    fields: () => ["word"],
    body: (words) => ({ words: words.split(/\s+/), top: 10 }),
    show: (found) => each(found.neighbors, (near) => bars(near.map((one) => [one.word, one.cosine]))),
  },
  search: {
    fields: () => ["query"],
    body: (query) => ({ queries: [query], k: 10, rerank: chosen("rerank"), reader: chosen("reader") }),
    show: (found) => hits(found.results[0]),
  },
  translate: {
    fields: () => ["text"],
    body: (text) => ({ texts: [text] }),
    show: (found) => element("p", { className: "text" }, found.answers[0].text),
    essence: (found) => found.answers[0].text,
  },
  generate: { fields: () => ["prompt"], body: (prompt) => ({ prompt, length: 60, temperature: 0.8, stream: true }) },
};

const $ = (id) => document.getElementById(id);
let models = [], task = "", words = WORDS.en, asked = 0;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const chosen = (id) => $(id).value || null;
// Those whose purpose it is come first: a classifier also has vectors of texts.
const aside = (model, operation) => operation === "similarity" && model.task !== null && model.task !== "similarity";
const able = (operation) =>
  models
    .filter((model) => model.operations.includes(operation))
    .sort((one, other) => aside(one, operation) - aside(other, operation));
const each = (rows, show) => element("ol", {}, ...rows.map((row) => element("li", {}, show(row))));
const spansOf = (answer) => answer.entities ?? answer.words ?? [];

// Numbers from 0 to 1, each with its name; those that were chosen are bold.
function bars(rows, bold = []) {
  const list = element("dl", { className: "bars" });
  for (const [name, value] of rows) {
    const className = bold.includes(name) ? "chosen" : "";
    const meter = element("meter", { min: 0, max: 1, value: Math.max(0, value) });
    meter.setAttribute("aria-hidden", "true");
    list.append(element("dt", { className }, name), element("dd", {}, meter), element("dd", { className }, value.toFixed(3)));
  }
  return list;
}

function labels(answer) {
  if (answer.probabilities === undefined) return element("p", { className: "text" }, String(answer.value));
  const bold = [answer.label].flat().filter((one) => one !== null);
  return bars(Object.entries(answer.probabilities).slice(0, 10), bold);
}

// A text with marks at places that are counted in code points.
function marked(text, spans) {
  const letters = Array.from(text), shown = element("p", { className: "text" });
  let at = 0;
  for (const { start, end, type } of [...spans].sort((one, other) => one.start - other.start)) {
    if (start < at) continue;
    const mark = element("mark", {}, letters.slice(start, end).join(""));
    if (type) mark.append(element("small", {}, type));
    shown.append(letters.slice(at, start).join(""), mark);
    at = end;
  }
  shown.append(letters.slice(at).join(""));
  return shown;
}

function answered(answer, passage) {
  if (!answer.text) return element("p", {}, words.noAnswer);
  const head = element("p", {}, element("strong", {}, answer.text), ` ${answer.score.toFixed(3)}`);
  return element("div", {}, head, marked(passage, [answer]));
}

function hits(result) {
  if (!result.hits.length) return element("p", {}, words.nothing);
  const list = each(result.hits, (hit) => {
    const head = element("p", { className: "quiet" }, element("strong", {}, hit.id), ` ${hit.score.toFixed(3)}`);
    const spans = hit.marks.map(([start, end]) => ({ start, end }));
    return element("div", {}, head, marked(hit.text, spans));
  });
  const best = result.answer;
  if (best === undefined) return list;
  const text = best ? `${best.text} (${best.id}, ${best.score.toFixed(3)})` : words.noAnswer;
  return element("div", {}, element("p", {}, element("strong", {}, text)), list);
}

async function send(path, body) {
  const headers = { "Content-Type": "application/json" };
  if ($("key").value) headers.Authorization = `Bearer ${$("key").value}`;
  const response = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (response.ok) return response;
  const found = await response.json().catch(() => ({}));
  const error = new Error(found.error?.message ?? found.error ?? response.statusText);
  error.status = response.status;
  throw error;
}

// The events of a text that grows.
async function grow(response, shown) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "", text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (left + value).split("\n\n");
    left = events.pop();
    for (const event of events) {
      const said = JSON.parse(event.slice("data: ".length));
      if (said.error) throw new Error(said.error);
      text = said.instead ?? text + said.more;
      shown.textContent = text;
    }
  }
}

// One card a model: its answer, and how long it took.
async function ask(model, first, second) {
  const time = element("span"), shown = element("div", {}, words.wait);
  const card = element("article", { className: "card" }, element("header", {}, element("h2", {}, model.id), time), shown);
  $("answers").append(card);
  const started = performance.now(), operation = TASKS[task];
  try {
    const response = await send(task, { model: model.id, ...operation.body(first, second, model) });
    if (!operation.show) {
      const text = element("p", { className: "text" });
      shown.replaceChildren(text);
      await grow(response, text);
      time.textContent = `${Math.round(performance.now() - started)} ms`;
      return null;
    }
    const found = await response.json();
    time.textContent = `${Math.round(performance.now() - started)} ms`;
    shown.replaceChildren(operation.show(found, first, second));
    return operation.essence?.(found);
  } catch (error) {
    const text = error.status ? error.message : words.away;
    shown.replaceChildren(element("p", { className: "wrong" }, text));
    if (error.status === 401) $("key-field").open = true;
    return null;
  }
}

async function run(event) {
  event.preventDefault();
  const first = $("first").value.trim(), second = $("second").value.trim();
  const mine = ++asked;
  $("answers").replaceChildren();
  if ((!first && task !== "generate") || (!$("second-field").hidden && !second)) {
    $("answers").append(element("p", { className: "wrong" }, words.empty));
    return;
  }
  $("send").disabled = true;
  const said = [];
  for (const id of [chosen("model"), chosen("beside")]) {
    const model = models.find((one) => one.id === id);
    if (model && mine === asked) said.push(await ask(model, first, second)); // in turn: the times are each one's own
  }
  if (said.length === 2 && said.every((one) => one !== null && one !== undefined)) {
    $("answers").append(element("p", { className: "quiet" }, said[0] === said[1] ? words.same : words.other));
  }
  $("send").disabled = false;
}

function options(select, rows, none) {
  const before = select.value;
  select.replaceChildren(...(none ? [element("option", { value: "" }, words.none)] : []));
  select.append(...rows.map((row) => element("option", { value: row.id }, row.id)));
  if (rows.some((row) => row.id === before)) select.value = before;
}

function fields() {
  const model = models.find((one) => one.id === $("model").value);
  const names = TASKS[task].fields(model);
  document.querySelector("label[for=first]").textContent = words[names[0]];
  $("second-field").hidden = names.length < 2;
  document.querySelector("label[for=second]").textContent = words[names[1]] ?? "";
  const others = able(task).filter((one) => one !== model && (task !== "classify" || one.pairs === model.pairs));
  options($("beside"), others, true);
  $("beside-field").hidden = !others.length;
  for (const [id, operation] of [["rerank", "rerank"], ["reader", "answer"]]) {
    options($(id), able(operation), true);
    $(`${id}-field`).hidden = task !== "search" || !able(operation).length;
  }
}

function choose(name) {
  task = name;
  for (const tab of $("tabs").children) {
    const selected = tab.dataset.task === name;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = selected ? 0 : -1;
  }
  options($("model"), able(name), false);
  fields();
  asked++;
  $("answers").replaceChildren();
}

function say() {
  words = WORDS[$("language").value];
  document.documentElement.lang = $("language").value;
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = words[one.dataset.say];
  const names = Object.keys(TASKS).filter((name) => able(name).length);
  $("tabs").replaceChildren(
    ...names.map((name) => {
      const tab = element("button", { type: "button", onclick: () => choose(name) }, words[name]);
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", "form");
      tab.dataset.task = name;
      return tab;
    }),
  );
  $("form").hidden = !names.length;
  if (names.length) choose(names.includes(task) ? task : names[0]);
  else $("answers").replaceChildren(element("p", {}, words.noModels));
}

async function begin() {
  $("language").value = navigator.language.startsWith("zh") ? "zh" : "en";
  say();
  try {
    models = (await (await send("v1/models")).json()).data;
    $("version").textContent = (await (await send("health")).json()).version;
    say();
  } catch (error) {
    $("answers").replaceChildren(element("p", { className: "wrong" }, error.status ? error.message : words.away));
    if (error.status === 401) $("key-field").open = true;
  }
}

$("form").addEventListener("submit", run);
$("model").addEventListener("change", fields);
$("language").addEventListener("change", say);
$("key").addEventListener("change", begin);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("form").hidden) $("form").requestSubmit();
});
$("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...$("tabs").children], next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  choose(next.dataset.task);
  next.focus();
});
begin();
