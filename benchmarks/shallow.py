"""The rung `tfidf` against scikit-learn's pipeline of bigram tf-idf and logistic regression, alternating.

    python benchmarks/shallow.py [SET ...]

Test accuracy, seconds to fit, and the median time for a single text. Both get the same rows, of which the
rung holds out a tenth to choose its settings, and both use wordladder's tokens, so that Chinese works.
"""

import statistics
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np

from _common import keep
from _sets import NAMES, load

ROWS, TEST_ROWS, ANSWERED = 25_000, 2500, 300


def pipeline() -> Any:
    """The usual scikit-learn pipeline."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from wordladder.text.words import tokenize

    def words(text: str) -> list[str]:
        return tokenize([text]).surfaces(lowercase=True)

    vectorizer = TfidfVectorizer(analyzer=_runs(words), min_df=2, sublinear_tf=True, dtype=np.float32)
    return make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=200))


def _runs(words: Any) -> Any:
    def found(text: str) -> list[str]:
        listed = words(text)
        return listed + [f"{one} {two}" for one, two in pairwise(listed)]

    return found


def measured(model: Any, train: Any, test: Any) -> dict[str, float]:
    """Accuracy, seconds to fit, milliseconds per text."""
    started = time.perf_counter()
    model.fit(train.texts, train.labels)
    seconds = time.perf_counter() - started
    accuracy = float(np.mean(np.array(model.predict(test.texts)) == np.array(test.labels)))
    times = []
    for text in test.texts[:ANSWERED]:
        began = time.perf_counter()
        model.predict([text])
        times.append(time.perf_counter() - began)
    return {"accuracy": accuracy, "fit_seconds": seconds, "p50_ms": 1000 * statistics.median(times)}


def compared(name: str) -> dict[str, Any]:
    """Run both on a data set."""
    from wordladder import Model

    train, test = load(name)
    train, test = train.first(ROWS), test.first(TEST_ROWS)
    ours = Model("tfidf", threads=1)
    row: dict[str, Any] = {"set": name, "rows": len(train.texts), "peer": measured(pipeline(), train, test)}
    row |= {"ours": measured(ours, train, test), "chosen": ours.report_["chosen"]}
    for who in ("peer", "ours"):
        one = row[who]
        print(
            f"{name:14}{row['rows']:6} {'sklearn' if who == 'peer' else 'tfidf':8}{one['accuracy']:.4f} "
            f"{one['fit_seconds']:6.1f} s {one['p50_ms']:6.3f} ms",
            flush=True,
        )
    return row


if __name__ == "__main__":
    keep("shallow", {"sets": [compared(name) for name in sys.argv[1:] or NAMES]})
