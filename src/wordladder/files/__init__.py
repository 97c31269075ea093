"""Files of any kind: compressed streams, checked JSON, and folders that are written whole or not at all."""
