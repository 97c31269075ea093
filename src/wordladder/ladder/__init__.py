"""The ladder: rungs trained on the same data, measured, and the cheapest good one recommended.

A rung is a recipe with a name and a measured price. The recipes lie in `rungs/<task>/`.
"""
