"""Named entities: quality of the rungs, and training and tagging speed of the BiLSTM-CRF against Flair.

    python benchmarks/tagging.py conll            CoNLL-2003, three seeds; vectors also trained on Wikipedia
    python benchmarks/tagging.py msra             MSRA, one seed: Chinese characters and character vectors
    python benchmarks/tagging.py cluener          CLUENER, one seed: the same
    python benchmarks/tagging.py flair PYTHON     speed against Flair, installed for PYTHON (transformers < 5)

Flair's `SequenceTagger` has the same parts as ours: 100-dimensional word vectors, a BiLSTM with 128 units per
direction, a CRF, batches of 32 sentences, two threads. Both read the same sentences, alternating.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import keep, need

HERE = Path(__file__).parent
RECIPES = HERE / "recipes"
THREADS, ROUNDS = 2, 3
SENTENCES = 6000  # read by both in a round of the speed test


def climbed(name: str, train: str, test: str, rungs: list[str], **more: Any) -> None:
    """Run a climb; figures go to results/NAME.json."""
    from wordladder import climb
    from wordladder.cli.climb import print_climb
    from wordladder.cli.console import progress_bar

    with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
        found = climb(
            need(train),
            test=need(test),
            task="tagging",
            rungs=rungs,
            output=folder,
            progress=progress,
            **more,
        )
    print_climb(found)
    rows = [{key: one[key] for key in one if key != "recipe"} for one in found.to_json()["rungs"]]
    keep(name, {"seconds": found.seconds, "rows": found.rows, "rungs": rows})


def conll() -> None:
    """CoNLL-2003: four rungs, the last with frozen MiniLM."""
    from contextual import minilm

    climbed(
        "tagging_conll2003",
        "ner/conll2003/eng.train.gz",
        "ner/conll2003/eng.testb.gz",
        ["crf", "bilstm-crf", "vectors+characters-bilstm-crf", "bert+vectors+characters-bilstm-crf"],
        dev=need("ner/conll2003/eng.testa.gz"),
        corpus=need("corpora/enwiki_sample.txt.xz"),
        encoders=[minilm()],
        seeds=3,
    )


def msra() -> None:
    """MSRA: character vectors trained on the Chinese sample."""
    rungs = ["crf", str(RECIPES / "chinese-bilstm-crf.toml")]
    corpus = need("corpora/zhwiki_sample.txt.xz")
    climbed("tagging_msra", "ner/msra/train.txt.gz", "ner/msra/test.txt.gz", rungs, corpus=corpus, seeds=1)


def cluener() -> None:
    """CLUENER: its dev set is the test set, since it is the only labelled part besides train."""
    rungs = ["crf", str(RECIPES / "chinese-bilstm-crf.toml")]
    files = ("ner/cluener/train.json.gz", "ner/cluener/dev.json.gz")
    climbed("tagging_cluener", *files, rungs, corpus=need("corpora/zhwiki_sample.txt.xz"), seeds=1)


# ── speed ──────────────────────────────────────────────────────────────────────────────────────────────────

FLAIR = '''
import json, sys, time
import torch
import flair, flair.embeddings
from flair.data import Dictionary, Sentence
from flair.models import SequenceTagger

rows, threads = json.load(open(sys.argv[1])), int(sys.argv[2])
torch.set_num_threads(threads)
flair.device = torch.device("cpu")
sentences = []
labels = Dictionary(add_unk=False)
labels.span_labels = True
for words, spans in rows:
    sentence = Sentence(words, use_tokenizer=False)
    for first, last, kind in spans:
        sentence[first:last].add_label("ner", kind)
        labels.add_item(kind)
    sentences.append(sentence)


class Random(flair.embeddings.token.TokenEmbeddings):
    """A table of trained 100-dimensional word vectors."""

    def __init__(self):
        super().__init__()
        self.name, self.static_embeddings = "random", False
        words = {word.lower() for row, _ in rows for word in row}
        self.places = {word: place for place, word in enumerate(sorted(words))}
        self.table = torch.nn.Embedding(len(words), 100)

    embedding_length = 100

    def _add_embeddings_internal(self, sentences):
        ids = [self.places[token.text.lower()] for sentence in sentences for token in sentence]
        vectors = iter(self.table(torch.tensor(ids)))
        for sentence in sentences:
            for token in sentence:
                token.set_embedding(self.name, next(vectors))


tagger = SequenceTagger(
    hidden_size=128, embeddings=Random(), tag_dictionary=labels, tag_type="ner",
    use_crf=True, use_rnn=True, reproject_embeddings=False, allow_unk_predictions=False,
)
words = sum(len(sentence) for sentence in sentences)
optimizer = torch.optim.Adam(tagger.parameters(), lr=1e-3)
tagger.train()
started = time.perf_counter()
for first in range(0, len(sentences), 32):
    batch = sentences[first : first + 32]
    optimizer.zero_grad()
    loss, count = tagger.forward_loss(batch)
    (loss / count).backward()
    torch.nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
    optimizer.step()
    for sentence in batch:
        sentence.clear_embeddings()
learning = words / (time.perf_counter() - started)
plain = [Sentence(words, use_tokenizer=False) for words, _ in rows]
tagger.eval()
started = time.perf_counter()
tagger.predict(plain, mini_batch_size=32)
print(json.dumps({"learning": learning, "tagging": words / (time.perf_counter() - started)}))
'''


def ours(words: list[list[str]], tags: list[list[str]]) -> dict[str, float]:
    """Words per second in training and in tagging."""
    from wordladder import Model, Recipe

    changes = {"training.epochs": 1, "training.batch_rows": 32, "encoders.0.hidden": 128}
    recipe = Recipe.load("bilstm-crf").with_settings({**changes, "text.segmenter": "whitespace"})
    count = sum(map(len, words))
    model = Model(recipe, threads=THREADS)
    model.fit(words[:64], tags[:64], dev=(words[:8], tags[:8]))  # one-time loading and compilation
    model.fit(words, tags, dev=(words[:8], tags[:8]))
    learning = count / model.report_["history"][0]["seconds"]
    texts = [" ".join(row) for row in words]
    started = time.perf_counter()
    model.predict(texts)
    return {"learning": learning, "tagging": count / (time.perf_counter() - started)}


def flair(python: str) -> None:
    """Run both alternately, several times."""
    from wordladder.data.tagged import read_tagged, tags_of_words
    from wordladder.data.tagged.schemes import spans_of_tags

    examples = read_tagged(need("ner/conll2003/eng.train.gz")).take(range(SENTENCES))
    words = [text.split(" ") for text in examples.texts]
    tags = tags_of_words(words, examples.labels)
    rows = [(row, spans_of_tags(some, "bio")) for row, some in zip(words, tags)]
    found: dict[str, list[dict[str, float]]] = {"ours": [], "flair": []}
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "rows.json", Path(folder) / "with_flair.py"
        data.write_text(json.dumps(rows))
        script.write_text(FLAIR)
        for _ in range(ROUNDS):
            found["ours"].append(ours(words, tags))
            call = [python, str(script), str(data), str(THREADS)]
            said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
            found["flair"].append(json.loads(said.strip().split("\n")[-1]))
            print(found["ours"][-1], found["flair"][-1])
    figures: dict[str, Any] = {"words": sum(map(len, words)), "sentences": len(words), "threads": THREADS}
    for job in ("learning", "tagging"):
        ratios = sorted(a[job] / b[job] for a, b in zip(found["ours"], found["flair"]))
        figures[job] = {name: sorted(one[job] for one in rounds) for name, rounds in found.items()}
        figures[job]["ratio"] = ratios[len(ratios) // 2]
        print(f"{job}: {ratios[len(ratios) // 2]:.2f} times Flair ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    keep("tagging_speed", figures)


if __name__ == "__main__":
    jobs = {"conll": conll, "msra": msra, "cluener": cluener}
    if sys.argv[1:2] == ["flair"] and len(sys.argv) == 3:
        flair(sys.argv[2])
    elif len(sys.argv) == 2 and sys.argv[1] in jobs:
        jobs[sys.argv[1]]()
    else:
        sys.exit(__doc__)
