"""YDF (Yggdrasil Decision Forests): forests of trees, as messages of protocol buffers."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic, Sign

NODES: Final = "ydf-nodes"
"""The format that the reader states for the nodes of a forest, once they are decompressed."""

DECLARATIONS: Final = (
    Declaration(
        "ydf",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.recognition:recognises",
        # The first field: the name of a model, a column, or a number.
        signs=(Sign(among=b"\x08\x0a", path=("header.pb", "data_spec.pb", "multitasker.pb")),),
    ),
    Declaration(
        "ydf",
        read=f"{__name__}.nodes:read",
        # The version of a sequence of blobs, and whether it is compressed.
        recognise=Magic((b"BS\0\0\0\0\0\0", b"BS\1\0\0\0\0\0", b"BS\1\0\1\0\0\0")),
    ),
    Declaration(
        "ydf",
        read=f"{__name__}.nodes:read_content",
        recognise=f"{__name__}.recognition:recognises_content",
        signs=(Sign(contents=(NODES,)),),
    ),
)
