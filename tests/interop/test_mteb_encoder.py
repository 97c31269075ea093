"""MTEB runs models: small tasks made up here, without a network, and sentence-transformers as the twin."""

import numpy as np
import pytest

from conftest import reviews
from tiny_transformers import tiny_bert
from wordladder import Model, WordVectors
from wordladder.embedders._sentence_layout import SentenceLayout, write_layout

mteb = pytest.importorskip("mteb")

from datasets import Dataset, DatasetDict  # noqa: E402
from mteb.abstasks import AbsTaskClassification, AbsTaskSTS  # noqa: E402
from mteb.abstasks.task_metadata import TaskMetadata  # noqa: E402
from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper  # noqa: E402
from mteb.types import PromptType  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from wordladder.interop.mteb_encoder import MtebEncoder  # noqa: E402

ABOUT = {
    "description": "Made up.",
    "reference": None,
    "dataset": {"path": "none", "revision": "none"},
    "eval_langs": ["eng-Latn"],
}
TEXTS, LABELS = reviews(80, seed=3)
WORDS = [text.split() for text in TEXTS]
PAIRS = list(zip(TEXTS[::2], TEXTS[1::2]))
SHARED = [len({*one} & {*other}) / len({*one} | {*other}) for one, other in zip(WORDS[::2], WORDS[1::2])]


class MadeUpSTS(AbsTaskSTS):
    metadata = TaskMetadata(name="MadeUpSTS", type="STS", main_score="cosine_spearman", **ABOUT)
    min_score, max_score = 0, 1

    def load_data(self, **_):
        first, second = map(list, zip(*PAIRS))
        rows = Dataset.from_dict({"sentence1": first, "sentence2": second, "score": SHARED})
        self.dataset, self.data_loaded = DatasetDict({"test": rows}), True


class MadeUpClasses(AbsTaskClassification):
    metadata = TaskMetadata(name="MadeUpClasses", type="Classification", main_score="accuracy", **ABOUT)

    def load_data(self, **_):
        numbers = [int(label == "positive") for label in LABELS]
        parts = {"train": slice(0, 40), "test": slice(40, 80)}
        self.dataset = DatasetDict(
            {
                name: Dataset.from_dict({"text": TEXTS[part], "label": numbers[part]})
                for name, part in parts.items()
            }
        )
        self.data_loaded = True


def main_scores(model, cache=None):
    cache = None if cache is None else mteb.ResultCache(cache)
    found = mteb.evaluate(model, [MadeUpSTS(), MadeUpClasses()], cache=cache, show_progress_bar=False)
    return {one.task_name: one.scores["test"][0] for one in found.task_results}


@pytest.fixture
def folder(tmp_path):
    """A sentence encoder with prompts, compared by dot products."""
    place = tiny_bert(tmp_path / "bert")
    prompts = {"query": "good ", "STS": "the story ", "usual": "bad "}
    write_layout(place, SentenceLayout(prompts=prompts, prompt="usual", similarity="dot"), 16)
    return place


def test_scores_are_those_of_sentence_transformers(folder, tmp_path):
    there = main_scores(SentenceTransformer(str(folder), device="cpu"))
    model = MtebEncoder(Model.load(folder, precision="float32"), "me/bert")
    assert isinstance(model, mteb.EncoderProtocol)
    ours = main_scores(model, tmp_path / "results")
    assert len(list((tmp_path / "results").rglob("me__bert/**/MadeUp*.json"))) == 2
    assert ours.keys() == {"MadeUpSTS", "MadeUpClasses"}
    for name in ("spearman", "cosine_spearman", "euclidean_pearson"):
        assert ours["MadeUpSTS"][name] == pytest.approx(there["MadeUpSTS"][name], abs=1e-3)
    assert ours["MadeUpSTS"]["spearman"] != pytest.approx(ours["MadeUpSTS"]["cosine_spearman"], abs=1e-6)
    assert ours["MadeUpClasses"]["accuracy"] == pytest.approx(there["MadeUpClasses"]["accuracy"], abs=0.03)


@pytest.mark.parametrize("role", [None, PromptType.query, PromptType.document])
@pytest.mark.parametrize("task", [MadeUpSTS, MadeUpClasses])
def test_prompts_are_those_of_sentence_transformers(folder, role, task):
    model = MtebEncoder(Model.load(folder, precision="float32"), "me/bert", "1")
    assert (model.mteb_model_meta.name, model.mteb_model_meta.revision) == ("me/bert", "1")
    there = SentenceTransformerEncoderWrapper(SentenceTransformer(str(folder), device="cpu"))
    texts = DataLoader(Dataset.from_dict({"text": TEXTS}), batch_size=7)
    given = {"task_metadata": task.metadata, "hf_split": "test", "hf_subset": "default", "prompt_type": role}
    expected = there.encode(texts, **given, show_progress_bar=False)
    vectors = model.encode(texts, **given, batch_size=5)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    used = {None: "bad ", PromptType.query: "good ", PromptType.document: ""}[role]
    used = "the story " if task is MadeUpSTS else used
    np.testing.assert_allclose(vectors, model.model.encode(TEXTS, prompt=used), atol=1e-5)


def test_trained_models_and_word_vectors_run(small_model):
    assert main_scores(MtebEncoder(small_model, "me/bilstm"))["MadeUpClasses"]["accuracy"] > 0.8
    words = sorted({word for text in WORDS for word in text})
    vectors = WordVectors(words, np.eye(len(words), dtype=np.float32))
    assert main_scores(MtebEncoder(vectors, "me/words"))["MadeUpSTS"]["cosine_spearman"] > 0.8
