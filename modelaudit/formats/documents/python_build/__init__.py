"""Build files of Python packages, ``pyproject.toml`` and ``setup.cfg``: code that an installation runs."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

NAMES: Final = ("pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "pdm.toml", "hatch.toml")
"""The names of build files."""

DECLARATIONS: Final = (
    Declaration(
        "python-build",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=NAMES, is_text=True),),
        extensions=TEXT_EXTENSIONS,
    ),
)
