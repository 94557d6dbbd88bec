"""Zarr, versions 2 and 3: arrays whose metadata are JSON and whose chunks are files of their own."""

from __future__ import annotations

from modelaudit.formats.weights.zarr.interpreter import INTERPRETER

__all__ = ["INTERPRETER"]
