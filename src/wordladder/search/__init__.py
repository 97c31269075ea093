"""Search by vectors: nearest neighbours, and texts that are nearly the same."""
