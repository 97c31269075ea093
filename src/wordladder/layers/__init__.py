"""Parts of networks that several kinds are made of. None of them is a kind, and none depends on a recipe."""
