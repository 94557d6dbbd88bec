"""Tensor storages inside torch archives: numbers without a header."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign
from modelaudit.model.content import TENSOR_STORAGE

DECLARATIONS: Final = (
    Declaration(
        "tensor-storage",
        fixtures="torch-zip",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(contents=(TENSOR_STORAGE,)),),
    ),
)
