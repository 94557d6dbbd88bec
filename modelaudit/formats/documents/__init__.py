"""Texts, pictures, programs and other files that accompany a model."""
