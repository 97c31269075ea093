"""Model inside scikit-learn's tools."""

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import reviews
from wordladder import Model


def lowered(texts):
    return [text.lower() for text in texts]


def test_clone_copies_what_was_given(small_recipe):
    model = Model(small_recipe, device="cpu", threads=1)
    copy = clone(model)
    assert copy is not model
    assert copy.get_params(deep=False).keys() == {"recipe", "device", "threads"}
    assert copy.get_params()["training__epochs"] == 6
    assert is_classifier(model)


def test_set_params_reaches_into_the_recipe():
    model = Model("bilstm").set_params(training__batch_rows=2, encoders__0__hidden=16)
    assert model.get_params()["encoders__0__hidden"] == 16
    assert Model("bilstm").get_params()["training__batch_rows"] != 2


def test_cross_validation(small_recipe):
    texts, labels = reviews(200)
    scores = cross_val_score(Model(small_recipe), np.array(texts, dtype=object), labels, cv=3)
    assert scores.mean() > 0.85


def test_grid_search(small_recipe):
    texts, labels = reviews(200)
    search = GridSearchCV(
        Model(small_recipe), {"training__epochs": [0, 6]}, cv=2, scoring="f1_macro", error_score="raise"
    )
    search.fit(pd.Series(texts), pd.Series(labels))
    assert search.best_params_ == {"training__epochs": 6}


def test_pipeline(small_recipe):
    texts, labels = reviews(200)
    pipeline = Pipeline([("lower", FunctionTransformer(lowered)), ("model", Model(small_recipe))])
    pipeline.fit(texts, labels)
    assert pipeline.score(texts, labels) > 0.9
    assert pipeline.predict_proba(texts).shape == (200, 2)
    assert clone(pipeline).set_params(model__training__epochs=1).get_params()["model__training__epochs"] == 1
