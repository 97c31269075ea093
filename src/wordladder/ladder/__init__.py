"""The ladder: trains rungs on the same data, measures them, and recommends the cheapest good one.

A rung is a recipe with a name and a measured price. The recipes are in `rungs/<task>/`.
"""
