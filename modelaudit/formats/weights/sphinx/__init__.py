"""Sphinx: models of CMU Sphinx and PocketSphinx, which are phones, states, numbers and n-grams of words."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration(
        "sphinx",
        read=f"{__name__}.reader:read",
        recognise=Magic(
            (b"s3\n", b"BMDF\x01\0\0\0", b"\x1e\0\0\0BEGIN FILE FORMAT DESCRIPTION\0", b"Trie Language Model")
        ),
    ),
)
