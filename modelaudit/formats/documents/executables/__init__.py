"""Declare executables: machine programs, installers, and scripts with an archive attached."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, Sign

_PROGRAM_STARTS: Final = (
    *(
        b"\x7fELF",
        b"MZ",
        b"jartsr='",
        b"\xfe\xed\xfa",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba",
        b"\0asm",
    ),
    *(b"dex\n", b"!<arch>\n", b"\xed\xab\xee\xdb", b"xar!", b"MSCF", b"\xd0\xcf\x11\xe0", b"\x4c\0\0\0"),
)


DECLARATIONS: Final = (
    Declaration(
        "executable",
        fixtures="format",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(
            Sign(_PROGRAM_STARTS, contents=ANY_CONTENT),
            # A script that unpacks what it carries, and a disk image, which its last bytes show.
            Sign((b"#!",)),
            Sign(is_text=False),
        ),
    ),
)
