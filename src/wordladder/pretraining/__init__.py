"""Pretraining from raw text: BERT, ALBERT and ELMo."""
