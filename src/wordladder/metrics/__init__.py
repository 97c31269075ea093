"""Metrics: pure functions from what is right and what was answered to numbers. They know no model."""
