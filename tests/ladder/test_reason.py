"""The sentence in every situation."""

import pytest
from made_up import price, rule, rung

from wordladder.ladder.choice import choose
from wordladder.ladder.result import Rung
from wordladder.ladder.sentences import reason

BEST = rung("bilstm", 0.902, 2.1, (0, 0, 0))
GOOD = rung("tfidf", 0.9, 0.4, (-0.002, -0.008, 0.004))
POOR = rung("mean", 0.8, 0.2, (-0.1, -0.12, -0.08))
DOUBTFUL = rung("gru", 0.897, 0.3, (-0.005, -0.02, 0.01))
DEAR = rung("bert", 0.93, 50.0, (0, 0, 0), over_budget=("50 ms a text",))


def told(rungs, by):
    return reason(rungs, choose(rungs, by), by)


@pytest.mark.parametrize(
    ("rungs", "limits", "sentence"),
    [
        (
            [GOOD, POOR, BEST],
            {},
            "tfidf: 0.4 ms a text and within 0.01 of bilstm (0.902), the best on dev, with 95 % confidence.",
        ),
        (
            [GOOD, DOUBTFUL, BEST],
            {},
            "tfidf: 0.4 ms a text and within 0.01 of bilstm (0.902), the best on dev, with 95 % confidence; "
            "1,000 test rows are too few to decide about the cheaper gru (0.897): about 9,000 are needed.",
        ),
        (
            [DOUBTFUL, BEST],
            {},
            "bilstm: the best on dev (accuracy 0.902 on test) at 2.1 ms a text, but 1,000 test rows are too "
            "few to decide whether the cheaper gru (0.897) is within 0.01 of it: about 9,000 are needed.",
        ),
        (
            [POOR, BEST],
            {},
            "bilstm: the best on dev (accuracy 0.902 on test) at 2.1 ms a text; every cheaper rung is "
            "worse by more than 0.01.",
        ),
        (
            [BEST, rung("lstm", 0.89, 3.0, (-0.012, -0.02, 0.0))],
            {},
            "bilstm: both the best on dev (accuracy 0.902 on test) and the cheapest (2.1 ms a text).",
        ),
        ([BEST], {}, "bilstm: accuracy 0.902 at 2.1 ms a text, the only rung that was measured."),
        (
            [rung("tfidf", 0.85, 0.4, (-0.05, -0.06, -0.04), over_budget=("500 MB on disk",)), BEST],
            {"max_size_mb": 100},
            "bilstm: the best on dev (accuracy 0.902 on test), and at 2.1 ms a text the cheapest "
            "within the budget.",
        ),
        (
            [rung("tfidf", 0.906, 0.4, (-0.024, -0.03, -0.018)), DEAR],
            {"max_latency_ms": 1},
            "No rung within the budget (at most 1 ms a text) is shown to be within 0.01 of the best (bert, "
            "0.930); the "
            "best that fits is tfidf (0.906, 0.4 ms a text), which is worse by 0.024 (0.018 to 0.030).",
        ),
        (
            [rung("tfidf", 0.925, 0.4, (-0.005, -0.02, 0.01)), DEAR],
            {"max_latency_ms": 1},
            "No rung within the budget (at most 1 ms a text) is shown to be within 0.01 of the best (bert, "
            "0.930); the "
            "best that fits is tfidf (0.925, 0.4 ms a text), which is worse by 0.005 (0.000 to 0.020); "
            "deciding whether it is good enough would take about 9,000 test rows, not 1,000.",
        ),
        (
            [DEAR, rung("gru", 0.9, 2.0, (-0.03, -0.04, -0.02), over_budget=("2 ms a text",))],
            {"max_latency_ms": 1},
            "No rung fits the budget (at most 1 ms a text): the closest is gru (2 ms a text, accuracy "
            "0.900); the best "
            "is bert (0.930).",
        ),
        (
            [Rung(name="tfidf", recipe="", error="the process was killed (SIGKILL)")],
            {},
            "No rung could be measured; tfidf: the process was killed (SIGKILL)",
        ),
        ([], {}, "No rung was measured."),
    ],
)
def test_the_sentence(rungs, limits, sentence):
    assert told(rungs, rule(**limits)) == sentence


def test_other_costs_have_their_own_words():
    small = rung("tfidf", 0.9, 0.4, (-0.002, -0.008, 0.004), price=price(0.4, size=12, train=400))
    big = rung("bilstm", 0.902, 2.1, (0, 0, 0), price=price(2.1, size=1200, train=4000))
    assert told([small, big], rule(cost="size")).startswith("tfidf: 12 MB on disk and within 0.01")
    assert told([small, big], rule(cost="train")).startswith("tfidf: 6.7 min to train and within 0.01")


def test_more_rows_than_anybody_has():
    doubtful = rung("gru", 0.892, 0.3, (-0.01, -0.02, 0.0))
    assert told([doubtful, BEST], rule()).endswith("more than 1,000,000 are needed.")
