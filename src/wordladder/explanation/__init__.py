"""How much each word of a text counts for an answer."""
