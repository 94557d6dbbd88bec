"""Declare media: images, audio, video, fonts, documents and data tables."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

_STARTS: Final = (
    *(
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"RIF",
        b"RF64",
        b"BM",
        b"\0\0\1\0",
        b"\0\0\2\0",
        b"II*\0",
        b"MM\0*",
        b"ID3",
    ),
    *(b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b"%PDF-", b"\0\1\0\0"),
    *(b"OTTO", b"true", b"ttcf", b"wOF", b"PAR1", b"ARROW1", b"SQLite format 3", b"\0\0\0\1Bud1", b"PILfont\n"),
)


DECLARATIONS: Final = (
    Declaration(
        "media",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(_STARTS), Sign((b"ftyp",), offset=4)),
    ),
)
