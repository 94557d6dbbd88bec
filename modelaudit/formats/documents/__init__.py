"""Formats of the files that accompany a model: text, configurations, scripts, programs, pictures and others."""
