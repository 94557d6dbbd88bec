"""Pickles and the formats that carry them: pickle, torch, skops."""
