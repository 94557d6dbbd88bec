"""Configurations of Keras: which classes, functions, code and files they name, in JSON of any place."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (Declaration("keras", interpreter=f"{__name__}.document:INTERPRETER"),)
