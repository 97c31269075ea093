from collections import Counter

import pytest

from wordladder.data.splits import overlap
from wordladder.data.tables import read_table

pytestmark = pytest.mark.data

TABLES = {
    "imdb_train.csv.gz": {"positive": 12_500, "negative": 12_500},
    "sst2/train.tsv.gz": {"1": 37_569, "0": 29_780},
    "sst2/dev.tsv.gz": {"1": 444, "0": 428},
    "sst2/test.tsv.gz": {"1": 909, "0": 912},
    "thucnews_titles/test.txt.gz": {str(topic): 1000 for topic in range(10)},
    "chnsenticorp/train.tsv.gz": {"1": 4_799, "0": 4_801},
    "chnsenticorp/dev.tsv.gz": {"1": 593, "0": 607},
    "chnsenticorp/test.tsv.gz": {"1": 608, "0": 592},
    "online_shopping_10_cats.csv.gz": {"1": 31_728, "0": 31_046},
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_as_published(data_folder, name):
    examples = read_table(data_folder / "classification" / name)
    assert Counter(examples.labels) == TABLES[name]
    assert len(examples.segments) == 1
    assert not any(text.startswith("\ufeff") for text in examples.texts)
    assert sum(map(len, examples.texts)) > 4 * len(examples)


def test_published_overlaps(data_folder):
    train, test = (
        read_table(data_folder / "classification" / "chnsenticorp" / f"{part}.tsv.gz")
        for part in ("train", "test")
    )
    assert overlap(train, test) == 331


@pytest.mark.parametrize("name", ["afqmc/train.txt.gz", "lcqmc/dev.txt.gz", "mrpc/msr-para-train.tsv.gz"])
def test_pairs_have_two_segments(data_folder, name):
    examples = read_table(data_folder / "pairs" / name)
    assert len(examples.segments) == 2
    assert set(examples.labels) == {"0", "1"}
