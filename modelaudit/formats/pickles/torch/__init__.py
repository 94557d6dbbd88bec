"""Members of torch archives other than pickles: sources, bytecode, graphs, storages and old records."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign
from modelaudit.model.content import TORCH_EXPORT, TORCH_TAR, TORCH_WEIGHT, TORCHSCRIPT

DECLARATIONS: Final = (
    Declaration(
        "torchscript",
        read=f"{__name__}.script:read",
        recognise=f"{__name__}.script:recognises",
        signs=(Sign(contents=(TORCHSCRIPT,)),),
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "torch-bytecode",
        read=f"{__name__}.bytecode:read",
        recognise=f"{__name__}.bytecode:recognises",
        signs=(Sign(contents=(TORCHSCRIPT,)),),
    ),
    Declaration(
        "torch-export",
        read=f"{__name__}.graph:read",
        recognise=f"{__name__}.graph:recognises",
        signs=(Sign(contents=(TORCH_EXPORT,)),),
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "torch-weight",
        fixtures="torch-export",
        read=f"{__name__}.weight:read",
        recognise=f"{__name__}.weight:recognises",
        signs=(Sign(contents=(TORCH_WEIGHT,)),),
    ),
    Declaration(
        "torch-tar-records",
        read=f"{__name__}.tar_records:read",
        recognise=f"{__name__}.tar_records:recognises",
        signs=(Sign(contents=(TORCH_TAR,)),),
    ),
)
