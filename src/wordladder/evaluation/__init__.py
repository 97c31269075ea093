"""Evaluation: what a model is worth on labelled rows, with an interval."""
