"""Trained models in forms that answer without PyTorch."""
