"""Evaluation: how good a model is on labelled rows, with an interval."""
