"""Examples: how they are read from files, split, and put into batches."""
