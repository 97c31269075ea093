// Runs classifiers of the report in the browser: words, features and answers are those of the package.
"use strict";
const [SPACE, LETTER, DIGIT, HAN, APOSTROPHE, EXTEND, EMOJI, MODIFIER, REGIONAL] = [0, 2, 3, 4, 6, 7, 8, 9, 10];
const JOINER = 0x200d, KEYCAP = 0x20e3, SELECTOR = 0xfe0f, MASK = (1n << 64n) - 1n;

async function bytesOf(id) {
  const text = atob(document.getElementById(id).textContent);
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// Words: where they start and end among the code points of a text.

let table = null;
function classes() {
  if (table) return table;
  table = new Uint8Array(0x110000);
  const runs = JSON.parse(document.getElementById("unicode-classes").textContent);
  for (let i = 0; i < runs.length; i += 2) table.fill(runs[i + 1], runs[i], runs[i + 2] ?? 0x110000);
  return table;
}

function wordsOf(codes, segmenter) {
  const known = classes(), line = [10, ...codes, 10], size = line.length;
  const kinds = line.map((code) => (segmenter === "whitespace" ? (known[code] === SPACE ? SPACE : LETTER) : known[code]));
  let bases = kinds, joined = null;
  if (kinds.some((kind) => kind >= EXTEND)) [bases, joined] = extend(line, kinds);
  for (let i = 1; i < size - 1; i++) {
    if (kinds[i] === APOSTROPHE && bases[i - 1] === LETTER && kinds[i + 1] === LETTER) kinds[i] = bases[i] = LETTER;
  }
  const run = (kind) => kind === LETTER || kind === DIGIT;
  const isWord = (i) => kinds[i] >= LETTER && !(joined && (kinds[i] === EXTEND || joined.has(i)));
  const opens = (i) => isWord(i) && !(run(kinds[i]) && run(bases[i - 1]));
  const words = [];
  for (let i = 1; i < size; i++) {
    const opening = opens(i);
    if (words.length && bases[i - 1] >= LETTER && (opening || bases[i] < LETTER)) words.at(-1)[1] = i - 1;
    if (opening) words.push([i - 1, i]);
  }
  return words;
}

function extend(line, kinds) {
  line.forEach((code, i) => {
    if (code !== KEYCAP) return;
    const sign = line[i - 1] === SELECTOR ? i - 2 : i - 1, letter = line[sign];
    if ((letter >= 0x30 && letter <= 0x39) || letter === 0x23 || letter === 0x2a) kinds[sign] = EMOJI;
  });
  const bases = [], joined = new Set();
  let owner = 0;
  kinds.forEach((kind, i) => {
    if (kind !== EXTEND) owner = i;
    bases.push(kinds[owner] === MODIFIER ? EMOJI : kinds[owner]);
  });
  let head = 0, order = 0;
  kinds.forEach((kind, i) => {
    const follows = bases[i - 1] === EMOJI;
    if (kind === EMOJI && line[i - 1] === JOINER && follows) joined.add(i);
    if (kind === MODIFIER && follows) joined.add(i);
    if (kind === REGIONAL) {
      if (kinds[i - 1] !== REGIONAL) head = order;
      if ((order - head) % 2 === 1) joined.add(i);
      order++;
    }
  });
  return [bases, joined];
}

// Chinese words: the most probable cut by the counts of known words; the single characters between these are
// cut by a hidden Markov model. Dictionary and model are those of jieba.

let dictionary = null;
async function openDictionary() {
  dictionary = JSON.parse(new TextDecoder().decode(await bytesOf("jieba")));
  const counts = (dictionary.counts = new Map());
  for (const line of dictionary.words.split("\n")) {
    const [word, count] = line.split(" ");
    counts.set(word, Number(count));
    for (let i = 1; i < word.length; i++) if (!counts.has(word.slice(0, i))) counts.set(word.slice(0, i), 0);
  }
}

function group(codes, places) {
  const known = classes(), joins = (i) => {
    const [before, word] = [places[i - 1], places[i]];
    return before && before[1] === word[0] && known[codes[before[0]]] === HAN && known[codes[word[0]]] === HAN;
  };
  const words = [], cuts = new Set();
  places.forEach(([start, end], i) => {
    if (!joins(i)) {
      let last = i;
      while (last + 1 < places.length && joins(last + 1)) last++;
      let at = start;
      const run = codes.slice(start, places[last][1]).map((code) => String.fromCodePoint(code));
      for (const size of cutRun(run)) {
        cuts.add(at);
        at += size;
      }
    }
    if (words.length && joins(i) && !cuts.has(start)) words.at(-1)[1] = end;
    else words.push([start, end]);
  });
  return words;
}

// The numbers of characters of the words of a run.
function cutRun(letters) {
  const sizes = [], known = (letter) => letter >= "\u4e00" && letter <= "\u9fd5" && letter.length === 1;
  for (let i = 0; i < letters.length; ) {
    let end = i;
    while (end < letters.length && known(letters[end])) end++;
    if (end === i) sizes.push(1);
    else sizes.push(...cutKnown(letters.slice(i, end).join("")));
    i = Math.max(end, i + 1);
  }
  return sizes;
}

function cutKnown(text) {
  const { counts, total } = dictionary, best = [];
  best[text.length] = [0, 0];
  for (let i = text.length - 1; i >= 0; i--) {
    let found = [];
    for (let end = i + 1; end <= text.length && counts.has(text.slice(i, end)); end++) {
      if (counts.get(text.slice(i, end))) found.push(end);
    }
    if (!found.length) found = [i + 1];
    for (const end of found) {
      const score = Math.log(counts.get(text.slice(i, end)) || 1) - Math.log(total) + best[end][0];
      if (!best[i] || score >= best[i][0]) best[i] = [score, end];
    }
  }
  const sizes = [];
  let single = "";
  const flush = () => {
    if (single) sizes.push(...(single.length === 1 || counts.get(single) ? Array(single.length).fill(1) : cutUnknown(single)));
    single = "";
  };
  for (let i = 0; i < text.length; i = best[i][1]) {
    if (best[i][1] - i === 1) {
      single += text[i];
    } else {
      flush();
      sizes.push(best[i][1] - i);
    }
  }
  flush();
  return sizes;
}

function cutUnknown(text) {
  const { start, trans, emit } = dictionary, before = { B: "ES", M: "BM", E: "BM", S: "ES" }, least = -3.14e100;
  let scores = {}, paths = {};
  for (const state of "BMES") [scores[state], paths[state]] = [start[state] + (emit[state][text[0]] ?? least), state];
  for (const letter of text.slice(1)) {
    const [last, lastPaths] = [scores, paths];
    [scores, paths] = [{}, {}];
    for (const state of "BMES") {
      const sent = emit[state][letter] ?? least;
      for (const from of before[state]) {
        const score = last[from] + (trans[from][state] ?? least) + sent;
        if (!(score < scores[state])) [scores[state], paths[state]] = [score, lastPaths[from] + state];
      }
    }
  }
  const path = scores.S >= scores.E ? paths.S : paths.E, sizes = [];
  let open = 0;
  for (const state of path) {
    open++;
    if (state === "E" || state === "S") {
      sizes.push(open);
      open = 0;
    }
  }
  return open ? [...sizes, open] : sizes;
}

const lower = (text) => text.replaceAll("\u0130", "i").toLowerCase();
const codesOf = (text) => Array.from(text, (letter) => letter.codePointAt(0));

// The words of a text that a model reads: the text, its code points, and the places of its words.
function read(model, text) {
  const whole = codesOf(text);
  let places = wordsOf(whole, model.segmenter);
  if (model.segmenter === "jieba" && dictionary) places = group(whole, places);
  places = places.slice(0, model.max_words ?? undefined);
  const codes = model.lowercase ? codesOf(lower(text)) : whole;
  return { whole, codes, places };
}

function surfaces({ codes, places }) {
  return places.map(([start, end]) => String.fromCodePoint(...codes.slice(start, end)));
}

// Models: each has open(), which unpacks what is in the page, and scores(texts).

const KINDS = {
  tfidf: {
    async open(model) {
      model.hashes = new BigUint64Array(await bytesOf(model.blobs.hashes));
      for (const name of ["idf", "coefficients", "intercepts"]) model[name] = new Float32Array(await bytesOf(model.blobs[name]));
    },
    async scores(model, texts) {
      return texts.map((text) => {
        const { codes, places } = read(model, text), scores = Array.from(model.intercepts), labels = scores.length;
        const parts = [countsOf(wordHashes(codes, places, model.ngrams)), countsOf(letterHashes(codes, places, model.characters))];
        const bounds = [[0, model.words], [model.words, model.hashes.length]];
        parts.forEach((counts, part) => {
          const found = [];
          for (const [hash, count] of counts) {
            const id = search(model.hashes, hash, ...bounds[part]);
            if (id < 0) continue;
            const term = model.sublinear ? 1 + Math.log(count) : count;
            found.push([id, model.weighting === "bayes" ? 1 : term * model.idf[id]]);
          }
          const norm = model.weighting === "bayes" ? 1 : Math.sqrt(found.reduce((sum, [, value]) => sum + value * value, 0));
          for (const [id, value] of found) {
            for (let j = 0; j < labels; j++) scores[j] += (value / norm) * model.coefficients[id * labels + j];
          }
        });
        return labels === 1 && model.labels.length === 2 ? [-scores[0] / 2, scores[0] / 2] : scores;
      });
    },
  },
  fasttext: {
    async open(model) {
      const words = new TextDecoder().decode(await bytesOf(model.blobs.words)).split("\n");
      model.index = new Map(words.map((word, row) => [word, row]));
      model.used = new Int32Array(await bytesOf(model.blobs.used));
      for (const name of ["rows", "outputs"]) model[name] = new Float32Array(await bytesOf(model.blobs[name]));
    },
    async scores(model, texts) {
      return texts.map((text) => {
        const forms = [...surfaces(read(model, text)), "</s>"].map((word) => new TextEncoder().encode(word));
        const decoder = new TextDecoder(), rows = [], { dim, buckets } = model, known = model.index.size;
        const bucket = (number) => {
          const place = search(model.used, number, 0, model.used.length);
          if (place >= 0) rows.push(known + place);
        };
        for (const form of forms) {
          const row = model.index.get(decoder.decode(form));
          if (row !== undefined) rows.push(row);
          if (model.max_n) letterBuckets(form, model.min_n, model.max_n, buckets).forEach(bucket);
        }
        const hashes = forms.map((form) => BigInt.asIntN(64, BigInt(fnv(form) | 0)));
        hashes.forEach((hash, first) => {
          let value = hash & MASK;
          for (const other of hashes.slice(first + 1, first + model.word_ngrams)) {
            value = (value * 116049371n + other) & MASK;
            bucket(Number(value % BigInt(buckets)));
          }
        });
        const mean = new Float64Array(dim);
        for (const row of rows) for (let i = 0; i < dim; i++) mean[i] += model.rows[row * dim + i];
        return model.labels.map((_, label) => {
          let sum = 0;
          for (let i = 0; i < dim; i++) sum += (mean[i] / Math.max(1, rows.length)) * model.outputs[label * dim + i];
          return sum;
        });
      });
    },
  },
  network: {
    async open(model) {
      const words = new TextDecoder().decode(await bytesOf(model.blobs.words)).split("\n");
      model.index = new Map(words.map((word, row) => [word, row]));
      model.ort = await openRuntime();
      model.session = await model.ort.InferenceSession.create(new Uint8Array(await bytesOf(model.blobs.graph)));
    },
    async scores(model, texts) {
      const rows = texts.map((text) => surfaces(read(model, text)).map((word) => rowOf(model, word)));
      const longest = Math.max(1, ...rows.map((row) => row.length)), shape = [texts.length, longest];
      const ids = new BigInt64Array(texts.length * longest), mask = new Uint8Array(texts.length * longest);
      rows.forEach((row, i) => row.forEach((id, j) => {
        ids[i * longest + j] = BigInt(id);
        mask[i * longest + j] = 1;
      }));
      const given = {
        "0.ids": new model.ort.Tensor("int64", ids, shape),
        "0.mask": new model.ort.Tensor("bool", mask, shape),
        widths: new model.ort.Tensor("int64", BigInt64Array.of(BigInt(longest), BigInt(longest)), [2]),
      };
      const feeds = Object.fromEntries(model.session.inputNames.map((name) => [name, given[name]]));
      const { data, dims } = (await model.session.run(feeds, ["scores"])).scores;
      return texts.map((_, i) => Array.from(data.slice(i * dims[1], (i + 1) * dims[1])));
    },
  },
};

function rowOf(model, word) {
  let row = model.index.get(word);
  if (row === undefined && model.steps.includes("lowercase")) row = model.index.get(lower(word));
  return row !== undefined ? row + model.special : model.steps.includes("zero") ? model.padding : model.unknown;
}

let runtime = null;
function openRuntime() {
  return (runtime ??= (async () => {
    const source = new Blob([await bytesOf("ort-code")], { type: "text/javascript" });
    const ort = await import(URL.createObjectURL(source));
    ort.env.wasm.wasmBinary = await bytesOf("ort-wasm");
    ort.env.wasm.numThreads = 1;
    return ort;
  })());
}

const PRIME = 0x100000001b3n;
function mixed(value) {
  value = ((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  value = ((value ^ (value >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return value ^ (value >> 31n);
}

function wordHashes(codes, places, run) {
  const own = places.map(([start, end]) => {
    let value = 0xcbf29ce484222325n;
    for (const code of codes.slice(start, end)) value = ((value ^ BigInt(code)) * PRIME) & MASK;
    return mixed(value);
  });
  return own.flatMap((_, first) => {
    let value = 0n;
    return own.slice(first, first + run).map((other) => (value = mixed((value * 0x9e3779b97f4a7c15n + other) & MASK)));
  });
}

function letterHashes(codes, places, longest) {
  const found = [];
  for (const [start, end] of places) {
    if (!longest || end - start < 2) continue;
    const framed = [32, ...codes.slice(start, end), 32];
    framed.forEach((_, left) => {
      let value = 0xd6e8feb86659fd93n;
      framed.slice(left, left + longest).forEach((code, place) => {
        value = ((value ^ BigInt(code)) * PRIME) & MASK;
        if (place >= 1) found.push(mixed(value));
      });
    });
  }
  return found;
}

function countsOf(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function search(sorted, value, first, last) {
  const end = last;
  while (first < last) {
    const middle = (first + last) >> 1;
    if (sorted[middle] < value) first = middle + 1;
    else last = middle;
  }
  return first < end && sorted[first] === value ? first : -1;
}

const hashed = (value, byte) => Math.imul(value ^ (byte >= 128 ? byte | 0xffffff00 : byte), 16777619) >>> 0;
const fnv = (bytes) => bytes.reduce(hashed, 2166136261);

function letterBuckets(form, least, longest, buckets) {
  const word = [60, ...form, 62], found = [], inside = (byte) => (byte & 0xc0) === 0x80;
  for (let first = 0; first < word.length; first++) {
    if (inside(word[first])) continue;
    let value = 2166136261, at = first;
    for (let n = 1; n <= longest && at < word.length; n++) {
      do value = hashed(value, word[at++]);
      while (at < word.length && inside(word[at]));
      if (n >= least && !(n === 1 && (first === 0 || at === word.length))) found.push(value % buckets);
    }
  }
  return found;
}

function probabilities(model, scores) {
  const scaled = scores.map((score) => score / model.temperature);
  if (model.multi_label) return scaled.map((score) => 1 / (1 + Math.exp(-score)));
  const most = Math.max(...scaled), powers = scaled.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function predicted(model, chances) {
  if (model.multi_label) return chances.flatMap((chance, i) => (chance >= model.thresholds[i] ? [i] : []));
  if (model.metric === "f1") return [chances[1] >= model.thresholds[1] ? 1 : 0];
  return [chances.indexOf(Math.max(...chances))];
}

const open = (model) => (model.opened ??= KINDS[model.kind].open(model));
const ready = document.getElementById("jieba") ? openDictionary() : null;

// What `Model.predict_proba` gives in Python, for texts; also used by tests.
async function classify(model, texts) {
  await ready;
  await open(model);
  return (await KINDS[model.kind].scores(model, texts)).map((scores) => probabilities(model, scores));
}

// How much less sure the model is of its answer without each word, of at most `MARKED` words.
const MARKED = 80;
async function influence(model, text, label, chance) {
  const { whole, places } = read(model, text), shown = places.slice(0, MARKED);
  const without = shown.map(([start, end]) => String.fromCodePoint(...whole.slice(0, start), 32, ...whole.slice(end)));
  if (!without.length) return [];
  const chances = await classify(model, without);
  return shown.map((place, i) => [place, chance - chances[i][label]]);
}

function marked(text, effects) {
  const whole = codesOf(text), parts = document.createDocumentFragment();
  const most = Math.max(0.02, ...effects.map(([, effect]) => Math.abs(effect)));
  let at = 0;
  const plain = (end) => parts.append(String.fromCodePoint(...whole.slice(at, end)));
  for (const [[start, end], effect] of effects) {
    plain(start);
    const mark = document.createElement("span");
    mark.textContent = String.fromCodePoint(...whole.slice(start, end));
    mark.className = effect >= 0 ? "for" : "against";
    mark.style.setProperty("--share", `${Math.round((100 * Math.abs(effect)) / most)}%`);
    mark.title = `${effect >= 0 ? "+" : "−"}${Math.abs(effect).toFixed(3)}`;
    parts.append(mark);
    at = end;
  }
  plain(whole.length);
  return parts;
}

const models = JSON.parse(document.getElementById("live-models").textContent);
const field = document.getElementById("live-text"), answers = document.getElementById("live-answers");
let turn = 0;

async function answer() {
  const mine = ++turn, text = field.value;
  if (!text.trim()) return answers.replaceChildren();
  const rows = [];
  for (const model of models) {
    const [chances] = await classify(model, [text]);
    if (mine !== turn) return;
    const labels = predicted(model, chances), best = labels[0] ?? chances.indexOf(Math.max(...chances));
    rows.push({ model, chances, labels, best });
    show(rows, text, null);
  }
  const [first] = rows;
  const effects = await influence(first.model, text, first.best, first.chances[first.best]);
  if (mine === turn) show(rows, text, effects);
}

function show(rows, text, effects) {
  const list = rows.map(({ model, chances, labels, best }) => {
    const row = document.createElement("div"), name = document.createElement("dt"), said = document.createElement("dd");
    name.textContent = `${model.name} · ${model.role}`;
    const label = labels.map((i) => model.labels[i]).join(", ") || "none";
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.style.setProperty("--share", `${(100 * chances[best]).toFixed(1)}%`);
    const sure = document.createElement("small");
    sure.textContent = `${(100 * chances[best]).toFixed(1)} % sure`;
    said.append(label, sure, bar);
    row.append(name, said);
    return row;
  });
  const shown = document.createElement("p");
  shown.className = "marked";
  if (effects) shown.append(marked(text, effects));
  answers.replaceChildren(...list, shown);
}

field.addEventListener("input", answer);
document.getElementById("live-examples").addEventListener("click", (event) => {
  if (event.target.tagName !== "BUTTON") return;
  field.value = event.target.textContent;
  answer();
});
globalThis.wordladder = { models, classify };
for (const model of models) await open(model); // so that the first answer is quick
