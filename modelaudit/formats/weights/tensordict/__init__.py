"""TensorDict: a folder of raw arrays, each with its type and shape in ``meta.json`` beside it."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (Declaration("tensordict", interpreter=f"{__name__}.interpreter:INTERPRETER"),)
