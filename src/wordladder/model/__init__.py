"""Models: one class with the verbs fit, predict, encode, evaluate, save and load."""
