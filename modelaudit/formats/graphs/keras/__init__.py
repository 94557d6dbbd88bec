"""Interpret Keras configurations: find the classes, functions, code and files that they name.

A configuration is JSON. It occurs as a file, in ``.keras`` archives, HDF5 attributes and SavedModels.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (Declaration("keras", interpreter=f"{__name__}.document:INTERPRETER"),)
