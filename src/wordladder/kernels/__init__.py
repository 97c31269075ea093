"""Numba kernels: arrays in, arrays out. They know no files and check nothing they are given."""
