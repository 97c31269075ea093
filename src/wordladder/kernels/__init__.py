"""Numba kernels: arrays in, arrays out. They read no files and check no arguments."""
