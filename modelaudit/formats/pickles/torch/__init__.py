"""Members of torch archives other than pickles: sources, bytecode, graphs, storages and old records."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration

DECLARATIONS: Final = (
    Declaration(
        "torchscript",
        read=f"{__name__}.script:read",
        recognise=f"{__name__}.script:recognises",
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "torch-bytecode",
        read=f"{__name__}.bytecode:read",
        recognise=f"{__name__}.bytecode:recognises",
    ),
    Declaration(
        "torch-export",
        read=f"{__name__}.graph:read",
        recognise=f"{__name__}.graph:recognises",
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "torch-weight",
        fixtures="torch-export",
        read=f"{__name__}.weight:read",
        recognise=f"{__name__}.weight:recognises",
    ),
    Declaration(
        "torch-tar-records",
        read=f"{__name__}.tar_records:read",
        recognise=f"{__name__}.tar_records:recognises",
    ),
)
