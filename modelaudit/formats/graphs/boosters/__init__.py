"""Trees of XGBoost, LightGBM and CatBoost: numbers that run nothing, read for what their loaders believe of them."""

from modelaudit.formats.graphs.boosters import catboost, lightgbm, ubjson, xgboost_binary, xgboost_text
from modelaudit.wire.base import Reader

READERS: tuple[Reader, ...] = (ubjson.READER, xgboost_binary.READER, catboost.READER)
"""Told by their bytes alone."""

JSON: Reader = xgboost_text.READER
"""Reads JSON as JSON is read, and the trees in it besides."""

TEXT: Reader = lightgbm.READER

__all__ = ["JSON", "READERS", "TEXT"]
