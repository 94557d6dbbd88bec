"""Formats that hold tensors, arrays and vocabularies."""
