"""Models of other programs as engines: fastText, transformers, sentence-transformers."""
