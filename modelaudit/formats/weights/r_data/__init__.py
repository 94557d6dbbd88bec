"""Serialised objects of R: ``.rds``, ``.rda`` and ``.RData``."""

from modelaudit.formats.weights.r_data.reader import READER

__all__ = ["READER"]
