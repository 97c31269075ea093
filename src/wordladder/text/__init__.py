"""Text: words, vocabularies, phrases, n-grams of characters, and corpora read as numbers of words."""
