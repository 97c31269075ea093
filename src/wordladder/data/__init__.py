"""Examples, where they come from, and how they are dealt into batches."""
