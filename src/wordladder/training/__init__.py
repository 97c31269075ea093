"""Training: loop, optimizer groups, checkpoints. It takes modules, batches and a score function, and knows
no Model.
"""
