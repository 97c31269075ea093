"""Models saved by earlier versions load, and answer as they did."""

import json
from pathlib import Path

import numpy as np
import pytest

import wordladder

SAVED = Path(__file__).parent / "saved_by_0_1"
EXPECTED = json.loads((SAVED / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_model_of_version_0_1_answers_as_it_did(name, tmp_path):
    model, expected = wordladder.load(SAVED / name, device="cpu", threads=1), EXPECTED[name]
    texts = [tuple(text) if isinstance(text, list) else text for text in expected["ask"]]
    model.save(tmp_path / name)
    for one in (model, wordladder.load(tmp_path / name, device="cpu", threads=1)):
        predictions = [
            list(map(list, p)) if isinstance(p, list | tuple) else str(p) for p in one.predict(texts)
        ]
        assert predictions == expected["predict"]
        if "proba" in expected:
            np.testing.assert_allclose(one.predict_proba(texts), expected["proba"], atol=1e-5)
