"""Families of pretrained models that are read in a way of their own."""

ENCODER_HALVES = (
    "mt5",
    "t5",
    "umt5",
)  # an encoder and a decoder, of which transformers has the encoder alone
